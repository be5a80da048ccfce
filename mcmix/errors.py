"""The errors that mcmix raises on purpose. Each message says what was expected, what came, where, and what helps.

Examples
--------
>>> import mcmix as mc
>>> issubclass(mc.errors.SupportError, mc.errors.ModelError)
True
"""

from __future__ import annotations


class McmixError(Exception):
    """Anything that mcmix refuses or cannot go on with.

    Examples
    --------
    >>> import mcmix as mc
    >>> try:
    ...     mc.Normal("x", 0.0, -1.0)
    ... except mc.McmixError as error:
    ...     print(type(error).__name__)
    SupportError
    """


class ModelError(McmixError, ValueError):
    """A model that cannot be built or sampled as written: shapes, names, missing pieces.

    Examples
    --------
    >>> import mcmix as mc
    >>> try:
    ...     mc.Normal("x", [0.0, 1.0], 1.0, size=3)
    ... except mc.ModelError as error:
    ...     print("x:" in str(error))
    True
    """


class YesOrNoIndex(ModelError):
    """A yes/no variable used as an index, which NumPy would read as a mask."""

    def __init__(self, where: str):
        super().__init__(
            f"{where}: a variable of yes and no was used as an index, which NumPy reads as a mask; write "
            "table[1 * b] for a look-up, table[b == 1] for a mask (outside of functions table[np.equal(b, 1)])"
        )


class SupportError(ModelError):
    """A value or parameter outside where its distribution lives.

    Examples
    --------
    >>> import mcmix as mc
    >>> try:
    ...     mc.Poisson("count", 2.0, value=[1, 4, -3], observed=True)
    ... except mc.SupportError as error:
    ...     print(error)
    count: expected whole numbers in [0.0, inf] (Poisson), got -3 in row 2
    """


class NoDrawsOfData(ModelError, AttributeError):
    """A trace was asked of a node that is data."""


class ZeroProbability(McmixError, ValueError):
    """The model gives a value (a start, a row of data) probability zero.

    Examples
    --------
    >>> import mcmix as mc
    >>> width = mc.Uniform("width", 0.0, 1.0, value=0.5)
    >>> x = mc.Uniform("x", 0.0, width, value=0.8, observed=True)
    >>> try:
    ...     x.logp
    ... except mc.ZeroProbability as error:
    ...     print(type(error).__name__)
    ZeroProbability
    """


class ImproperPosterior(McmixError, RuntimeError):
    """A scale collapsed because the posterior as written cannot be normalised.

    Examples
    --------
    >>> import mcmix as mc
    >>> issubclass(mc.ImproperPosterior, RuntimeError)  # raised by sample(), with the scale and what helps
    True
    """


class ClusterError(McmixError, RuntimeError):
    """A cluster that was lost while a run was on it: what was drawn is kept.

    Examples
    --------
    >>> import mcmix as mc
    >>> issubclass(mc.errors.ClusterError, mc.McmixError)
    True
    """


class TraceError(McmixError):
    """A user's function did something that cannot be recorded symbolically (it still works, evaluated as written).

    Examples
    --------
    >>> import mcmix as mc
    >>> try:
    ...     raise mc.TraceError("a branch on an unknown value")
    ... except mc.McmixError as error:
    ...     print(error)
    a branch on an unknown value
    """


class ImproperPosteriorWarning(UserWarning):
    """The posterior as written cannot be normalised; a chain may run into a collapsing scale.

    Examples
    --------
    Turn it into an error where a script must not go on:

    >>> import warnings, mcmix as mc
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", mc.ImproperPosteriorWarning)
    """
