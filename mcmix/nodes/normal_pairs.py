"""Means and precisions with one joint prior: normal-Wishart and normal-gamma pairs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mcmix.distributions.table import FAMILIES
from mcmix.errors import ModelError
from mcmix.nodes.distribution import Distribution, node_class
from mcmix.nodes.node import holds_nodes, shape_of

_DISTRIBUTIONS: dict[str, type[Distribution]] = {
    name: node_class(FAMILIES[name]) for name in ("MvNormal", "Wishart", "Normal", "Gamma")
}


class MeanAndPrecision(NamedTuple):
    """A mean and a precision with a joint prior; pass it on as ``*pair``, or to ``Mixture`` as it is.

    Attributes
    ----------
    mean : Stochastic
    precision : Stochastic
    """

    mean: Any
    precision: Any

    def __repr__(self) -> str:
        return f"<{self.mean.name} and {self.precision.name}, with a joint prior>"


def NormalWishart(  # noqa: N802  (a class to those who use it)
    name: str,
    mean: Any,
    relative_precision: Any,
    degrees_of_freedom: Any,
    inverse_scale: Any,
    size: Any = None,
    **keywords: Any,
) -> MeanAndPrecision:
    """A mean vector and a precision matrix with the conjugate joint prior of multivariate normal rows.

    The precision P has a Wishart distribution, and the mean given it a normal distribution with precision
    `relative_precision` times P. Both are drawn together, the mean integrated out of the draw of the precision.

    Parameters
    ----------
    name : str
        The nodes are called ``<name>_mean`` and ``<name>_precision``.
    mean : array_like or node, shape (..., D)
    relative_precision : float, array_like or node, positive
        Precision of the mean as a multiple of the precision of a row: as many rows as the prior mean is worth.
    degrees_of_freedom : float
        Of the Wishart distribution, above D - 1.
    inverse_scale : array_like or node, shape (..., D, D)
        Of the Wishart distribution: the prior mean of the precision is degrees_of_freedom times its inverse.
    size : int or tuple, optional
        How many pairs: the number of components.

    Returns
    -------
    MeanAndPrecision
        A pair of nodes: ``theta.mean``, ``theta.precision``.

    Notes
    -----
    Bishop (2006), "Pattern recognition and machine learning", section 2.3.6.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal(size=(40, 2))
    >>> z = mc.Categorical("z", [0.5, 0.5], size=40)
    >>> theta = mc.NormalWishart("theta", np.zeros(2), 0.1, 4, np.eye(2), size=2)
    >>> y = mc.Mixture("y", z, mc.MvNormal, theta, value=x, observed=True)
    >>> m = mc.MCMC([y]).sample(200, 100, seed=1, progress_bar=False)
    >>> m.trace("theta_mean")[:].shape
    (400, 2, 2)
    """
    made = _DISTRIBUTIONS["Wishart"](f"{name}_precision", degrees_of_freedom, inverse_scale, size=size, **keywords)
    times = _spread(relative_precision, 2)
    centre = _DISTRIBUTIONS["MvNormal"](f"{name}_mean", mean, times * made, size=size, **keywords)
    return _checked(name, centre, made, shape_of(made)[:-2])


def NormalGamma(  # noqa: N802
    name: str, mean: Any, relative_precision: Any, shape: Any, rate: Any, size: Any = None, **keywords: Any
) -> MeanAndPrecision:
    """A mean and a precision with the conjugate joint prior of normal numbers.

    Parameters
    ----------
    name : str
        The nodes are called ``<name>_mean`` and ``<name>_precision``.
    mean : float, array_like or node
    relative_precision : float, array_like or node, positive
        Precision of the mean as a multiple of the precision of a row: as many rows as the prior mean is worth.
    shape, rate : float, array_like or node, positive
        Of the gamma distribution of the precision.
    size : int or tuple, optional
        ``(K, D)`` for K components of D independent columns.

    Returns
    -------
    MeanAndPrecision

    Examples
    --------
    >>> import mcmix as mc
    >>> theta = mc.NormalGamma("theta", 0.0, 0.1, 2.0, 2.0, size=2)
    >>> theta
    <theta_mean and theta_precision, with a joint prior>
    """
    made = _DISTRIBUTIONS["Gamma"](f"{name}_precision", shape, rate, size=size, **keywords)
    centre = _DISTRIBUTIONS["Normal"](f"{name}_mean", mean, relative_precision * made, size=size, **keywords)
    return _checked(name, centre, made, shape_of(made))


def _spread(x: Any, axes: int) -> Any:
    """A number per pair, with axes for the matrix behind it."""
    if holds_nodes(x):
        return x[(..., *[None] * axes)] if shape_of(x) else x
    return np.asarray(x, dtype=float)[(..., *[None] * axes)] if np.ndim(x) else float(x)


def _checked(name: str, mean: Any, precision: Any, batch: tuple[int, ...]) -> MeanAndPrecision:
    own = shape_of(mean)[: len(batch)]
    if own != batch:
        raise ModelError(f"{name}: expected as many means as precisions, got {own} of them and {batch}; pass size=")
    return MeanAndPrecision(mean, precision)


__all__ = ["MeanAndPrecision", "NormalGamma", "NormalWishart"]
