"""The steps of mcmix."""
