"""Word vectors: from text to ids, and from ids to vectors."""
