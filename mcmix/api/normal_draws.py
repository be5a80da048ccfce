"""A normal mixture with priors on the data's scale, and what its draws say of rows, components matched by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import softmax

import mcmix as mc
from mcmix.nodes.row_weights import counting, standing_for


class Draws(NamedTuple):
    """Draws of a mixture's parameters; of a single draw, arrays have one axis less.

    Attributes
    ----------
    log_weights : ndarray, shape (draws, K)
    means : ndarray, shape (draws, K, D)
    precisions : ndarray, shape (draws, K, D, D)
    """

    log_weights: np.ndarray
    means: np.ndarray
    precisions: np.ndarray

    def each(self) -> Iterator[Draws]:
        """One after another."""
        return (Draws(*parts) for parts in zip(*self, strict=True))


def normal_mixture(
    rows: np.ndarray,
    n_components: Any,
    covariance_type: str,
    ridge: float,
    concentration: float | None = None,
    covering: float | None = None,
    counts: np.ndarray | None = None,
) -> mc.Stochastic:
    """The data node of the mixture that :class:`mcmix.NormalMixture` describes.

    Parameters
    ----------
    rows : ndarray, shape (rows, D)
        Of columns with standard deviation 1, or 0; NaN where a cell is missing.
    n_components : int or NumberOfComponents
    covariance_type : {"full", "tied", "diag", "spherical"}
    ridge : float
        Added to the rows' variances.
    concentration : float, optional
        Of the weights; by default ``1 / n_components``.
    covering : float, optional
        How many components' covariances together are as large as the data's one; by default `n_components`.
    counts : ndarray, shape (rows,), optional
        How often each row counts.
    """
    n, d = rows.shape
    every = standing_for(rows, counts)
    k, centre = n_components, np.nanmean(every, 0)
    share = (k if covering is None else covering) ** (-2.0 / d)  # of the data's covariance
    spread = _covariance(every) + max(ridge, 1e-12) * np.eye(d)
    prior = 1.0 / k if concentration is None else concentration
    z = mc.Categorical("label", mc.Dirichlet("weights", prior, size=k), size=n, trace=False)
    if covariance_type in ("full", "tied") or d == 1:  # of one column, all but tied ones are the same
        centres = mc.MvNormal("means", centre, np.linalg.inv(spread), size=k)
        wishart = mc.Wishart("precisions", d + 2, share * spread, size=None if covariance_type == "tied" else k)
        return counting(mc.Mixture("rows", z, mc.MvNormal, centres, wishart, value=rows, observed=True), z, counts)
    variances = np.diagonal(spread)
    means: Any = mc.Normal("means", centre, 1.0 / variances, size=(k, d))
    each = covariance_type == "diag"  # a precision for each column, or one for all
    size = (k, d) if each else k
    rate = 0.5 * share * (variances if each else variances.mean())
    precisions: Any = mc.Gamma("precisions", 1.5, rate, size=size)
    of_row = precisions[z] if each else precisions[z][:, None]
    return counting(mc.Normal("rows", means[z], of_row, value=rows, observed=True), z, counts)


def _covariance(rows: np.ndarray) -> np.ndarray:
    """Covariance of the columns; of incomplete ones that with means filled in, and the variances of what is there."""
    if not np.isnan(rows).any():
        return np.atleast_2d(np.cov(rows.T))
    found = np.atleast_2d(np.cov(np.where(np.isnan(rows), np.nanmean(rows, 0), rows).T))
    filled = np.diagonal(found)
    grown = np.sqrt(np.where(filled > 0.0, np.nanvar(rows, 0) / np.where(filled > 0.0, filled, 1.0), 1.0))
    return found * np.outer(grown, grown)


def in_one_form(variables: dict[str, np.ndarray], covariance_type: str) -> Draws:
    """Draws by name, first axis the draws, with a whole precision matrix for every component."""
    means, given = variables["means"], variables["precisions"]
    d = means.shape[-1]
    if given.ndim == 2:  # one number for each component
        given = given[:, :, None, None] * np.eye(d)
    elif given.ndim == 3:
        given = given[:, None] if covariance_type == "tied" else given[..., None] * np.eye(d)
    with np.errstate(divide="ignore"):  # weights of no size
        return Draws(np.log(variables["weights"]), means, np.broadcast_to(given, (*means.shape, d)))


def log_joint(rows: np.ndarray, draw: Draws) -> np.ndarray:
    """Log weight and log density of every component at every row, for a single draw: shape (rows, K)."""
    roots = np.linalg.cholesky(draw.precisions)
    about = np.matmul(rows - draw.means[:, None], roots)  # (K, rows, D)
    constants = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(1) - 0.5 * rows.shape[1] * np.log(2.0 * np.pi)
    return np.asarray(draw.log_weights + constants - 0.5 * np.einsum("knd,knd->nk", about, about))


def memberships(rows: np.ndarray, draw: Draws) -> np.ndarray:
    """Probability of every component for every row, for a single draw: shape (rows, K)."""
    return np.asarray(softmax(log_joint(rows, draw), axis=1))


def matched(draws: Draws, best: int, rows: np.ndarray) -> np.ndarray:
    """Orders of the components that make them mean the same in all draws.

    Each draw's components are assigned to those of a reference so that memberships of the rows overlap most: first to
    the memberships under draw number `best`, then to the average of the memberships so matched.

    Returns
    -------
    ndarray of int, shape (draws, K)
    """
    reference = memberships(rows, list(draws.each())[best])
    for _ in range(2):
        total, orders = np.zeros(reference.shape), []
        for draw in draws.each():
            shares = memberships(rows, draw)
            orders.append(linear_sum_assignment(reference.T @ shares, maximize=True)[1])
            total += shares[:, orders[-1]]
        reference = total
    return np.array(orders)


__all__ = ["Draws", "in_one_form", "matched", "memberships", "normal_mixture"]
