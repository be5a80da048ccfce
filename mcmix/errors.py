"""The errors that mcmix raises on purpose. Each message says what was expected, what came, where, and what helps."""

from __future__ import annotations


class McmixError(Exception):
    """Anything that mcmix refuses or cannot go on with."""


class ModelError(McmixError, ValueError):
    """A model that cannot be built or sampled as written: shapes, names, missing pieces."""


class YesOrNoIndex(ModelError):
    """A yes/no variable used as an index, which NumPy would read as a mask."""

    def __init__(self, where: str):
        super().__init__(
            f"{where}: a variable of yes and no was used as an index, which NumPy reads as a mask; write "
            "table[1 * b] for a look-up, table[b == 1] for a mask (outside of functions table[np.equal(b, 1)])"
        )


class SupportError(ModelError):
    """A value or parameter outside where its distribution lives."""


class NoDrawsOfData(ModelError, AttributeError):
    """A trace was asked of a node that is data."""


class ZeroProbability(McmixError, ValueError):
    """The model gives a value (a start, a row of data) probability zero."""


class ImproperPosterior(McmixError, RuntimeError):
    """A scale collapsed because the posterior as written cannot be normalised."""


class TraceError(McmixError):
    """A user's function did something that cannot be recorded symbolically (it still works, evaluated as written)."""


class ImproperPosteriorWarning(UserWarning):
    """The posterior as written cannot be normalised; a chain may run into a collapsing scale."""
