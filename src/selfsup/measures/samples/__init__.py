"""What codes are worth beside their baselines: probe, nearest neighbours, and how far the model leads."""
