"""The structure of mcmix."""

from mcmix.structure import array_functions, array_methods, indexing  # noqa: F401  (what makes expressions arrays)
