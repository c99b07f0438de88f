"""What the machine is asked for: files, memory, cores, hashes, a line of progress."""
