"""The command line: its entry, its words, and one file a verb."""
