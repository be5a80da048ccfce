"""Weights of components that depend on covariates of each row: a softmax of linear predictors."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.distributions.table import FAMILIES
from mcmix.errors import ModelError
from mcmix.nodes.covariates import Covariates
from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.distribution import node_class
from mcmix.nodes.node import Node
from mcmix.nodes.numbers import as_numbers

_NORMAL: Family = FAMILIES["Normal"]
SIGMA = 2.0  # standard deviation of a coefficient, for covariates whose standard deviations are about 1


class Gate(Deterministic):
    r"""Weights by row from covariates: mixtures of experts, regressions with concomitant variables.

    Row i belongs to component k with probability :math:`\exp(x_i' \gamma_k) / \sum_j \exp(x_i' \gamma_j)`. Every
    component has coefficients of its own, with one prior for all, so that components are exchangeable as they are in
    any mixture. Only differences between components are told by data; coefficients of a component of reference are
    zero after subtracting them: ``gamma[k] - gamma[0]``. Coefficients are drawn exactly given labels, by Polya-Gamma
    numbers.

    Parameters
    ----------
    name : str
        Of the weights; their coefficients are called ``"<name> coefficients"``.
    covariates : array_like, shape (rows, P) or (rows,), or Covariates
        Known numbers of each row, a column of ones for an intercept among them. New rows bring their own, under the
        name of the :class:`Covariates`, or ``"<name> covariates"``.
    size : int
        Number of components K.
    mean, precision : float or node
        Of the normal prior of coefficients; by default 0 and 1/4 (a standard deviation of 2), for covariates on a scale
        of about 1. Shapes that broadcast to (K, P): numbers by covariate, or a precision that is shared.

    Attributes
    ----------
    coefficients : Normal, shape (K, P)

    Raises
    ------
    ModelError
        If covariates are no numbers, or one is missing (the row is named), or `size` is no whole number of at least 2.

    See Also
    --------
    StickBreaking : weights that are the same for all rows.

    Notes
    -----
    Jacobs, Jordan, Nowlan and Hinton (1991), "Adaptive mixtures of local experts", Neural Computation 3; Polson, Scott
    and Windle (2013), "Bayesian inference for logistic models using Polya-Gamma latent variables", JASA 108.

    Weights that are written as a softmax by hand (``np.exp(X @ g.T) / np.sum(np.exp(X @ g.T), 1)[:, None]`` in a
    deterministic node) are seen to be the same. Where one component is a reference without coefficients they are
    sampled in the same way, and components keep their names.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.linspace(-2.0, 2.0, 60)
    >>> w = mc.Gate("w", np.column_stack([np.ones(60), x]), size=2)
    >>> z = mc.Categorical("z", w, size=60)
    >>> mu = mc.Normal("mu", 0, 0.01, size=2)
    >>> y = mc.Normal("y", mu[z], 1.0, value=np.where(x > 0, 5.0, -5.0), observed=True)
    >>> {s.step for s in mc.MCMC([y]).explain().steps if "w coefficients" in s.variables}
    {'Polya-Gamma Gibbs'}
    """

    def __init__(
        self,
        name: str,
        covariates: Any,
        *,
        size: Any,
        mean: Any = 0.0,
        precision: Any = 1.0 / SIGMA**2,
        doc: str = "",
        **keywords: Any,
    ):
        if isinstance(size, (bool, np.bool_)) or not isinstance(size, (int, np.integer)) or size < 2:
            raise ModelError(f"{name}: size expected a whole number of at least 2, got {size!r}")
        self.covariates = _checked(name, covariates)
        shape = (int(size), self.covariates.shape[1])
        self.coefficients = node_class(_NORMAL)(f"{name} coefficients", mean, precision, size=shape)
        parents = {"covariates": self.covariates, "coefficients": self.coefficients}
        super().__init__(
            _weights, doc or f"weights of {size} components by row", name, parents, **{"trace": False, **keywords}
        )


def _checked(name: str, covariates: Any) -> Any:
    if isinstance(covariates, Node):
        if not isinstance(covariates, Covariates):
            raise ModelError(f"{name}: covariates expected known numbers or mc.Covariates, got {covariates!r}")
        found = covariates
    else:
        found = Covariates(f"{name} covariates", _as_columns(name, covariates))
    if len(found.shape) != 2:
        raise ModelError(f"{name}: covariates expected shape (rows, P), got {found.shape}; x[:, None] is one column")
    return found


def _as_columns(name: str, covariates: Any) -> Any:
    """Numbers with two axes, none missing; what has names keeps them."""
    numbers = as_numbers(f"{name}: covariates", covariates)
    values = np.ma.filled(np.ma.asarray(numbers).astype(float), np.nan)
    gone = np.argwhere(~np.isfinite(values))
    if gone.size:
        where = f"row {gone[0][0]}" + (f", column {gone[0][1]}" if values.ndim > 1 else "")
        raise ModelError(
            f"{name}: covariates expected complete and finite numbers, got {values[tuple(gone[0])]} in {where}; fill "
            "it in, or leave the row out"
        )
    return values[:, None] if values.ndim == 1 else covariates


def _weights(covariates: Any, coefficients: Any) -> Any:
    """Softmax over components of each row's linear predictors."""
    predictors = np.exp(covariates @ np.transpose(coefficients))
    return predictors / np.sum(predictors, axis=1)[:, None]


__all__ = ["Gate"]
