"""The kernels of mcmix."""
