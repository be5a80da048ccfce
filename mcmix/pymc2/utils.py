"""Small functions of draws: intervals, quantiles, autocorrelation, the normal law's cumulative function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special

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


def normcdf(x: Any) -> Any:
    """P(X <= x) of the standard normal law."""
    return scipy.special.ndtr(x)


def invcdf(p: Any) -> Any:
    """The point below which the standard normal law has mass p."""
    return scipy.special.ndtri(p)


__all__ = ["autocorr", "hpd", "invcdf", "normcdf", "quantiles"]
