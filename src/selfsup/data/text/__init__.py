"""Text to numbers: sources, words, counting, phrases, vocabulary."""
