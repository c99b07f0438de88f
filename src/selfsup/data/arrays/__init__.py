"""Arrays in memory or in files, rows of them, and their statistics."""
