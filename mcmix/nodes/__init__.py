"""The nodes of mcmix."""
