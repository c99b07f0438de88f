"""Word vectors in blocks of windows, in torch, on any device."""
