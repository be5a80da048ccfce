"""Small functions of draws: intervals, quantiles, autocorrelation, the normal distribution's cumulative function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import scipy.special

from mcmix.errors import ZeroProbability
from mcmix.report import arviz_bridge, statistics


def hpd(x: Any, alpha: float) -> np.ndarray:
    """Shortest interval with a share 1 - alpha of the draws (first axis); shape (2, *shape)."""
    return statistics.hpd(np.asarray(x)[None], alpha)


def quantiles(x: Any, qlist: Sequence[float] = (2.5, 25, 50, 75, 97.5)) -> dict[float, Any]:
    """Quantiles of the draws (first axis) by percentage."""
    return dict(zip(qlist, np.percentile(np.asarray(x), qlist, axis=0), strict=True))


def autocorr(x: Any, lag: int = 1) -> Any:
    """Autocorrelation of the draws (first axis) at a lag."""
    return arviz_bridge.autocorrelation(np.asarray(x)[None], lag)[0, lag]


def normcdf(x: Any, log: bool = False) -> Any:
    """P(X <= x) of the standard normal distribution, or its logarithm (exact far below zero too)."""
    return scipy.special.log_ndtr(x) if log else scipy.special.ndtr(x)


def logp_of_set(nodes: Iterable[Any]) -> float:
    """Sum of the log densities of some nodes.

    Raises
    ------
    ZeroProbability
        If one of them is impossible, also where another one fails in another way.
    """
    total, failed = 0.0, None
    for node in sorted(nodes, key=lambda n: n.created):
        try:
            total += node.logp
        except ZeroProbability:
            raise
        except Exception as error:  # noqa: BLE001  whatever a user's function raises
            failed = failed or error
    if failed is not None:
        raise failed
    return total


def invcdf(p: Any) -> Any:
    """The point below which the standard normal distribution has mass p."""
    return scipy.special.ndtri(p)


__all__ = ["autocorr", "hpd", "invcdf", "logp_of_set", "normcdf", "quantiles"]
