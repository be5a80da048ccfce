"""The traces of mcmix."""
