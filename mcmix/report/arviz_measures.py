"""R-hat, effective draws, Monte Carlo errors and intervals by ArviZ, for lines and circles."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from mcmix.distributions.circle import mean_direction
from mcmix.report.arviz_bridge import arviz, checked, labelled, to_inference_data

TAIL = (0.05, 0.95)  # the quantiles of the tail ESS, given by name because the generations have different defaults


FEWEST_DRAWS = 4  # each half of a chain needs two


def rhat(x: np.ndarray, circular: bool = False) -> np.ndarray:
    """Rank-normalised split R-hat of each element.

    Parameters
    ----------
    x : ndarray, shape (chains, draws, *shape)
    circular : bool
        Whether these are angles: then of the worse of sine and cosine about the circular mean.

    Returns
    -------
    ndarray, shape (*shape)
        NaN for one chain, fewer than four draws, a constant, or draws that are not finite; infinite where every
        chain stands still at a place of its own.

    Notes
    -----
    Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), "Rank-normalization, folding, and localization".
    """
    array = checked(x)
    if circular:
        return np.fmax(*[rhat(part) for part in _on_two_lines(array)])
    if array.shape[0] < 2:
        return np.full(array.shape[2:], np.nan)
    still = _measurable(array) & (array == array[:, :1]).all(axis=(0, 1))
    return np.where(still, np.inf, _measure("rhat", array, method="rank"))


def ess(x: np.ndarray, kind: str = "bulk", circular: bool = False) -> np.ndarray:
    """Effective number of draws of each element.

    Parameters
    ----------
    x : ndarray, shape (chains, draws, *shape)
    kind : {'bulk', 'tail', 'mean'}
        For the centre of the distribution, for its 5 % and 95 % quantiles (the worse), or for the plain mean.
    circular : bool
        Whether these are angles: then of the worse of sine and cosine about the circular mean.

    Returns
    -------
    ndarray, shape (*shape)
        NaN for fewer than four draws, a constant, or draws that are not finite.
    """
    if circular:
        return np.fmin(*[ess(part, kind) for part in _on_two_lines(checked(x))])
    options = {"prob": TAIL} if kind == "tail" else {}
    return _measure("ess", checked(x), method=kind, **options)


def mcse(x: np.ndarray, kind: str = "mean", circular: bool = False) -> np.ndarray:
    """Monte Carlo standard error of the mean or of the standard deviation of each element.

    Parameters
    ----------
    x : ndarray, shape (chains, draws, *shape)
    kind : {'mean', 'sd'}
    circular : bool
        Whether these are angles: then of their circular mean or standard deviation.

    Returns
    -------
    ndarray, shape (*shape)
        In units of the draws; NaN where `ess` is.

    Notes
    -----
    The error of the standard deviation is that of the variance, carried over by the derivative of the root. It is
    written here because ArviZ 0.23 fails at it under NumPy 2.4. About the circular mean, the mean sine is zero and the
    mean cosine is the resultant length R: an error of the one turns the mean by 1 / R of it, an error of the other
    moves the circular standard deviation, the root of -2 log R, by 1 / R over that.
    """
    array = checked(x)
    if circular:
        return _circular_mcse(array, kind)
    if kind == "mean":
        return _measure("mcse", array, method="mean")
    with np.errstate(all="ignore"):
        squares = (array - array.mean(axis=(0, 1))) ** 2
        error_of_variance = np.sqrt(squares.var(axis=(0, 1)) / ess(squares, "mean"))
        return error_of_variance / (2 * np.sqrt(squares.mean(axis=(0, 1))))


def _circular_mcse(array: np.ndarray, kind: str) -> np.ndarray:
    sine, cosine = _on_two_lines(array)
    length = cosine.mean(axis=(0, 1))
    with np.errstate(all="ignore"):
        if kind == "mean":
            return mcse(sine) / length
        return mcse(cosine) / (length * np.sqrt(-2.0 * np.log(np.minimum(length, 1.0))))


def _on_two_lines(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of angles from their circular mean."""
    about = array - mean_direction(array, axis=(0, 1))
    return np.sin(about), np.cos(about)


def hdi(x: np.ndarray, probability: float = 0.95, circular: bool = False) -> np.ndarray:
    """Highest density interval of each element, as ArviZ finds it.

    Parameters
    ----------
    x : ndarray, shape (chains, draws, *shape)
    probability : float in (0, 1)
    circular : bool
        Whether these are angles; ArviZ opens the circle opposite to their circular mean.

    Returns
    -------
    ndarray, shape (2, *shape)
        Lower and upper ends; NaN where a draw is not finite.
    """
    array = checked(x)
    flat = array.reshape(*array.shape[:2], -1)
    ends = np.full((2, flat.shape[2]), np.nan)
    finite = np.isfinite(flat).all(axis=(0, 1))
    if finite.any():
        found = arviz().hdi(labelled(flat[:, :, finite]), probability, circular=circular)
        ends[:, finite] = found["x"].values.T
    return ends.reshape(2, *array.shape[2:])


def _measure(name: str, array: np.ndarray, **options: Any) -> np.ndarray:
    flat = array.reshape(*array.shape[:2], -1)
    measurable = _measurable(flat)
    result = np.full(flat.shape[2], np.nan)
    if measurable.any():
        with np.errstate(all="ignore"):
            measured = getattr(arviz(), name)(labelled(flat[:, :, measurable]), **options)
        result[measurable] = measured["x"].values
    return result.reshape(array.shape[2:])


def _measurable(array: np.ndarray) -> np.ndarray:
    if array.shape[1] < FEWEST_DRAWS:
        return np.zeros(array.shape[2:], dtype=bool)
    first = array[:1, :1]
    return np.isfinite(array).all(axis=(0, 1)) & (array != first).any(axis=(0, 1))


def loo(logs: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Leave-one-out from log likelihoods (chains, draws, units): score by unit, error of the sum, Pareto shapes."""
    places = np.broadcast_to(np.arange(logs.shape[1], dtype=float), logs.shape[:2])  # ArviZ asks for a posterior
    data = to_inference_data({"posterior": {"draw_number": places}, "log_likelihood": {"y": logs}})
    efficient = np.nanmean(ess(np.exp(logs - logs.max(axis=(0, 1))), "mean")) / (logs.shape[0] * logs.shape[1])
    with warnings.catch_warnings():  # large Pareto shapes are counted and told by whoever asked
        warnings.simplefilter("ignore")
        found = arviz().loo(data, pointwise=True, reff=float(np.clip(efficient, 0.01, 1.0)))
    each = found.loo_i if hasattr(found, "loo_i") else found.elpd_i
    return np.asarray(each).ravel(), float(found.se), np.asarray(found.pareto_k).ravel()
