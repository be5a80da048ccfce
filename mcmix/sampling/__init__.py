"""The sampling of mcmix."""
