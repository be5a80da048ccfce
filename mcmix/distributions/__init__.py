"""The distributions of mcmix, one family a file."""
