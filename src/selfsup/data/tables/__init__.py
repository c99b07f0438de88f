"""Tables: files and frames to vectors, and back to the columns they are known by."""
