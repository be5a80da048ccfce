"""PyMC 2's diagnostics by name, computed by ArviZ.

Each takes a sampler (the answer is a dict by name), a node, a trace, or an array with the draws first. For
`gelman_rubin` and `effective_n` the first axis of an array with two or more axes is the chains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.node import Node
from mcmix.pymc2.drawn import draws_of
from mcmix.pymc2.trace import Trace
from mcmix.report import arviz_measures

FEWEST = 4  # draws in a piece of a chain that says something of its error


def gelman_rubin(x: Any, return_var: bool = False) -> Any:
    """R-hat, rank-normalised and split (Vehtari and others 2021); near 1 where chains agree.

    Parameters
    ----------
    x : sampler or node with several chains, or array of shape (chains, draws, *shape)
        Call ``sample`` several times for several chains; those as long as the last count.
    return_var : bool
        Answer the pooled estimate of the posterior variance instead.

    Raises
    ------
    ModelError
        If there is one chain.

    Examples
    --------
    >>> float(gelman_rubin(np.random.default_rng(1).normal(size=(4, 1000)))) < 1.01
    True
    """
    return _each(x, _pooled_variance if return_var else _rhat, chains_first=True)


def effective_n(x: Any) -> Any:
    """Effective number of draws for the mean; arguments as for :func:`gelman_rubin`, one chain will do."""
    return _each(x, lambda draws: arviz_measures.ess(draws, "mean"), chains_first=True)


def iat(x: Any, maxlag: int | None = None) -> Any:
    """Integrated autocorrelation time: draws that are worth one independent draw, about 1 where they are independent.

    Parameters
    ----------
    x : sampler, node, trace or array of shape (draws, *shape)
    maxlag : optional
        Accepted for PyMC 2's sake: ArviZ finds where to stop.

    Examples
    --------
    >>> 0.8 < float(iat(np.random.default_rng(1).normal(size=2000))) < 1.25
    True
    """

    def time(draws: np.ndarray) -> np.ndarray:
        return np.asarray(draws.shape[0] * draws.shape[1] / arviz_measures.ess(draws, "mean"))

    return _each(x, time)


def geweke(x: Any, first: float = 0.1, last: float = 0.5, intervals: int = 20, maxlag: int = 20) -> Any:
    """Compare the beginning of a chain with its end, as more and more of the beginning is left out.

    Parameters
    ----------
    x : sampler, node, trace or array of shape (draws, *shape)
        Of several chains the last counts.
    first, last : float
        Shares of what remains that are compared.
    intervals : int
        Starts, evenly spaced over the first 1 - `last` of the chain.
    maxlag : optional
        Accepted for PyMC 2's sake.

    Returns
    -------
    list of (start, z), one such list per element of a vector, or a dict of these
        z is the difference of the means in its standard errors (Geweke 1992), these from ArviZ.

    Raises
    ------
    ModelError
        If the shares overlap or the chain is too short.
    """
    if not (0 < first < 1 and 0 < last < 1 and first + last <= 1):
        raise ModelError(f"geweke: first and last expected to be shares with sum at most 1, got {first} and {last}")

    def scores(draws: np.ndarray) -> Any:
        chain = draws[-1].reshape(draws.shape[1], -1)
        if len(chain) * min(first, last) * last < FEWEST:
            raise ModelError(f"geweke: {len(chain)} draws are too few for first={first}, last={last}")
        found = [_scores(column, first, last, intervals) for column in chain.T]
        return found[0] if draws.ndim == 2 else found

    return _each(x, scores)


def _scores(chain: np.ndarray, first: float, last: float, intervals: int) -> list[tuple[int, float]]:
    starts = np.linspace(0, len(chain) * (1 - last), intervals, endpoint=False).astype(int)
    return [(int(s), _score(chain[s:], first, last)) for s in starts]


def _score(chain: np.ndarray, first: float, last: float) -> float:
    ends = chain[: max(FEWEST, int(first * len(chain)))], chain[-max(FEWEST, int(last * len(chain))) :]
    variance = sum(float(arviz_measures.mcse(end[None])) ** 2 for end in ends)
    return float((ends[0].mean() - ends[1].mean()) / np.sqrt(variance))


def _rhat(draws: np.ndarray) -> np.ndarray:
    _refuse_one_chain(draws)
    return arviz_measures.rhat(draws)


def _pooled_variance(draws: np.ndarray) -> np.ndarray:
    """(n - 1) / n times the variance within chains plus that of their means (Gelman and Rubin 1992)."""
    _refuse_one_chain(draws)
    n = draws.shape[1]
    within = draws.var(axis=1, ddof=1).mean(axis=0)
    return np.asarray((n - 1) / n * within + draws.mean(axis=1).var(axis=0, ddof=1))


def _refuse_one_chain(draws: np.ndarray) -> None:
    if draws.shape[0] < 2:
        raise ModelError(
            "gelman_rubin: expected several chains of equal length, got one as long as the last; call sample() again"
        )


def _each(source: Any, function: Callable[[np.ndarray], Any], chains_first: bool = False) -> Any:
    """The answer for each variable of what has several, else for the one."""
    plain = not (isinstance(source, (Node, Mapping, Trace)) or hasattr(source, "draws"))
    if plain and chains_first and np.ndim(source) > 1:
        return function(np.asarray(source))
    found = {name: function(x) for name, x in draws_of(source).variables.items()}
    return found if isinstance(source, Mapping) or hasattr(source, "model") else next(iter(found.values()))


__all__ = ["effective_n", "gelman_rubin", "geweke", "iat"]
