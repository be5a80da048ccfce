"""Posterior statistics of one variable under PyMC 2's names; NumPy only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mcmix.distributions.circle import circular_deviation, from_direction, mean_direction, wrapped

BLOCK_VALUES = 4_000_000  # float64 values worked on at a time: 32 MB, also where a million small labels were stored
QUANTILES = (2.5, 25, 50, 75, 97.5)


def node_statistics(
    array: np.ndarray,
    alpha: float = 0.05,
    batches: int = 100,
    quantiles: Sequence[float] = QUANTILES,
    circular: bool = False,
) -> dict[str, Any]:
    """Summarise the draws of one variable.

    Parameters
    ----------
    array : ndarray, shape (chains, draws, *shape)
    alpha : float in (0, 1)
        The interval holds a share 1 - alpha of the draws.
    batches : int
        Batches for the Monte Carlo error, all chains together; a batch never spans two chains.
    quantiles : sequence of float
        In percent.
    circular : bool
        Whether the draws are angles in radians. Then the mean is the circular one and the standard deviation that of
        the circle (see :mod:`mcmix.distributions.circle`), the error is that of the circular mean, quantiles are
        counted from the point opposite to it, and the interval is the shortest arc: all in (-pi, pi], so that an arc
        or a pair of quantiles across the seam has its lower end above its upper one.

    Returns
    -------
    dict
        ``n`` (int, chains times draws), ``mean``, ``standard deviation``, ``mc error`` (each of the shape of the
        variable), ``quantiles`` (dict from percent to an array of that shape) and, named after `alpha`,
        ``95% HPD interval`` (shape (2, *shape)).

    Raises
    ------
    ValueError
        If there are no draws or alpha is not between 0 and 1.

    Examples
    --------
    >>> node_statistics(np.zeros((2, 50, 3)))["95% HPD interval"].shape
    (2, 3)
    """
    shape = _checked(array, alpha).shape[2:]
    of_block = _circular_statistics if circular else _block_statistics
    parts = [of_block(block, alpha, batches, quantiles) for block in _blocks(array)]
    mean, deviation, error, marks, interval = (
        np.concatenate(part, axis=-1).reshape((*part[0].shape[:-1], *shape))[()] for part in zip(*parts, strict=True)
    )
    return {
        "n": array.shape[0] * array.shape[1],
        "mean": mean,
        "standard deviation": deviation,
        "mc error": error,
        "quantiles": dict(zip(quantiles, marks, strict=True)),
        interval_name(alpha): interval,
    }


def interval_name(alpha: float) -> str:
    """Key of the interval that leaves out a share alpha: ``95% HPD interval`` for 0.05."""
    return f"{100 * (1 - alpha):g}% HPD interval"


def hpd(x: np.ndarray, alpha: float = 0.05, circular: bool = False) -> np.ndarray:
    """Shortest interval that contains a share 1 - alpha of the draws (highest posterior density, one mode).

    Parameters
    ----------
    x : ndarray, shape (chains, draws, *shape)
    alpha : float in (0, 1)
    circular : bool
        Whether the draws are angles: the shortest arc then, whose lower end is above the upper one if it crosses the
        seam.

    Returns
    -------
    ndarray, shape (2, *shape)
        Lower and upper ends, each a draw; NaN for an element with a draw that is not a number.

    Raises
    ------
    ValueError
        If there are no draws or alpha is not between 0 and 1.

    Notes
    -----
    Chen and Shao (1999), "Monte Carlo estimation of Bayesian credible and HPD intervals".
    """
    shape = _checked(x, alpha).shape[2:]
    shortest = _shortest_arc if circular else _shortest
    ends = [shortest(_pooled(block), alpha) for block in _blocks(x)]
    return np.concatenate(ends, axis=-1).reshape(2, *shape)


def batch_error(x: np.ndarray, batches: int = 100) -> np.ndarray:
    """Monte Carlo standard error of the mean from the spread of batch means.

    Parameters
    ----------
    x : ndarray, shape (chains, draws, *shape)
    batches : int
        Batches in all; those of one chain are equally long, what does not fit is left out at its beginning.

    Returns
    -------
    ndarray, shape (*shape)
        NaN where a single batch is all there is.
    """
    chains, draws = x.shape[:2]
    per_chain = min(max(1, batches // chains), draws)
    # A batch that spans two chains would take the distance between chains for noise inside one.
    length = draws // per_chain
    kept = x[:, draws - per_chain * length :]
    means = kept.reshape(chains * per_chain, length, *x.shape[2:]).mean(axis=1)
    return _deviation(means) / np.sqrt(len(means))


def _block_statistics(block: np.ndarray, alpha: float, batches: int, quantiles: Sequence[float]) -> tuple:
    pooled = _pooled(block)
    marks = np.percentile(pooled, quantiles, axis=0)
    spread = np.zeros(pooled.shape[1]) if len(pooled) == 1 else _deviation(pooled)
    return pooled.mean(axis=0), spread, batch_error(block, batches), marks, _shortest(pooled, alpha)


def _circular_statistics(block: np.ndarray, alpha: float, batches: int, quantiles: Sequence[float]) -> tuple:
    pooled = _pooled(block)
    mean = mean_direction(pooled, axis=0)
    about = from_direction(pooled, mean)
    marks = wrapped(mean + np.percentile(about, quantiles, axis=0))
    length = np.hypot(np.cos(about).mean(axis=0), np.sin(about).mean(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):  # the mean turns by the mean sine over the resultant length
        error = batch_error(np.sin(from_direction(block, mean)), batches) / length
    return mean, circular_deviation(pooled, axis=0), error, marks, _shortest_arc(pooled, alpha)


def _shortest_arc(pooled: np.ndarray, alpha: float) -> np.ndarray:
    """As the shortest interval, of draws that go on after the last with the first."""
    ordered = np.sort(wrapped(pooled), axis=0)
    steps = _steps(len(ordered), alpha)
    # The same angles once more, a turn on: intervals may then begin anywhere on the circle.
    on = np.concatenate([ordered, ordered[:steps] + 2.0 * np.pi])
    ends = _shortest_between(on, steps)
    return np.where(np.isnan(pooled).any(axis=0), np.nan, wrapped(ends))


def _steps(total: int, alpha: float) -> int:
    """From the first to the last draw inside."""
    return min(int((1 - alpha) * total), total - 1)


def _shortest(pooled: np.ndarray, alpha: float) -> np.ndarray:
    ends = _shortest_between(np.sort(pooled, axis=0), _steps(len(pooled), alpha))
    return np.where(np.isnan(pooled).any(axis=0), np.nan, ends)


def _shortest_between(ordered: np.ndarray, steps: int) -> np.ndarray:
    total = len(ordered)
    with np.errstate(invalid="ignore"):
        widths = ordered[steps:] - ordered[: total - steps]
    first = np.argmin(np.where(np.isnan(widths), np.inf, widths), axis=0)
    columns = np.arange(ordered.shape[1])
    return np.stack([ordered[first, columns], ordered[first + steps, columns]])


def _deviation(values: np.ndarray) -> np.ndarray:
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return np.std(values, axis=0, ddof=1)


def _pooled(block: np.ndarray) -> np.ndarray:
    return block.reshape(block.shape[0] * block.shape[1], block.shape[2])


def _blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    chains, draws = array.shape[:2]
    flat = array.reshape(chains, draws, -1)
    step = max(1, BLOCK_VALUES // (chains * draws))
    for start in range(0, max(1, flat.shape[2]), step):
        yield flat[:, :, start : start + step].astype(np.float64)


def _checked(array: np.ndarray, alpha: float) -> np.ndarray:
    if array.ndim < 2 or array.shape[0] * array.shape[1] == 0:
        raise ValueError(f"expected draws of shape (chains, draws, ...), at least one, got shape {array.shape}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: expected a number between 0 and 1, got {alpha}")
    return array
