"""What training gives: a model, its run folder, and its ways elsewhere."""
