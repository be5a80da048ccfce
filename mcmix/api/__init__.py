"""The api of mcmix."""
