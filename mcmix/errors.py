"""The errors that mcmix raises on purpose. Each message says what was expected, what came, where, and what helps."""

from __future__ import annotations


class McmixError(Exception):
    """Anything that mcmix refuses or cannot go on with."""


class ModelError(McmixError, ValueError):
    """A model that cannot be built or sampled as written: shapes, names, missing pieces."""


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
