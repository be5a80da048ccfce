"""The structure of mcmix."""

from mcmix.structure import array_functions, indexing  # noqa: F401  (they give expressions look-ups, NumPy's functions)
