"""Images: folders and files, decoded once, and their cache."""
