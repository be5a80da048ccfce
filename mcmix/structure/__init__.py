"""The structure of mcmix."""
