"""The posterior of the number of components and of clusters, as bars beside the lines of their priors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.plots.style import INK, PALETTE, canvas, root, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT_OUT = 0.0025  # of the posterior, at most, beyond the picture
BESIDE = 2  # numbers beyond the last one that is shown for its probability
MOST_TOLD = 12  # bars that carry their probability
PARTS = (
    ("clusters", "prior_clusters", "clusters (components with units)", "o"),
    ("components", "prior_components", "components", "D"),
)


def posterior_components(found: Any, *, ax: Any = None, **bars: Any) -> Figure:
    """Plot the posteriors of the number of clusters and of the number of components, each with its prior.

    Parameters
    ----------
    found : PosteriorComponents
        From ``mc.posterior_components``.
    ax : sequence of two Axes, optional
        Where to draw; a new figure by default.
    **bars
        Restyles the bars: anything that ``Axes.bar`` takes.

    Returns
    -------
    Figure
        Bars are the posterior, marks joined by a line the prior.

    Raises
    ------
    ModelError
        If it is something else, or there are not two axes.

    Examples
    --------
    >>> posterior_components(mc.posterior_components(m))  # doctest: +SKIP
    """
    if not all(hasattr(found, name) for part in PARTS for name in part[:2]):
        raise ModelError(
            f"posterior_components: expected a result of mc.posterior_components, got {type(found).__name__}"
        )
    axes = canvas(None, 3.4).subplots(1, 2, sharey=True) if ax is None else np.ravel(ax)
    if len(axes) != len(PARTS):
        raise ModelError(f"posterior_components: ax expected two axes, got {len(axes)}")
    last = _last(found)
    for i, (target, (posterior, prior, told, mark)) in enumerate(zip(axes, PARTS, strict=True)):
        _beside(target, getattr(found, posterior)[:last], getattr(found, prior)[:last], (PALETTE[i], mark), bars)
        target.set_xlabel(f"number of {told}")
    axes[0].set_ylabel("probability")
    axes[0].legend(frameon=False, fontsize=9, labelcolor=INK)
    return root(axes[0])


def _last(found: Any) -> int:
    """The last number that is shown."""
    last = max(int(np.searchsorted(p.cumsum(), 1.0 - LEFT_OUT)) for p in (found.components, found.clusters))
    return min(last + 1 + BESIDE, len(found.components))


def _beside(
    target: Axes, posterior: np.ndarray, prior: np.ndarray, look: tuple[str, str], bars: dict[str, Any]
) -> None:
    """Bars of a posterior, and the line of its prior."""
    from matplotlib.ticker import MaxNLocator

    numbers = np.arange(1, len(posterior) + 1)
    colour, mark = look
    target.bar(numbers, posterior, **{"color": colour, "width": 0.8, "label": "posterior", **bars})
    target.plot(numbers, prior, color=INK, marker=mark, markersize=4, linewidth=1.0, mfc="white", label="prior")
    if len(numbers) <= MOST_TOLD:
        for k, p in zip(numbers, posterior, strict=True):
            if p >= 0.005:
                target.annotate(f"{p:.2f}", (k, p), ha="center", va="bottom", fontsize=8, color=INK)
    target.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    target.set_xlim(0.4, len(posterior) + 0.6)
    target.set_ylim(bottom=0.0)
    tidy(target)


__all__ = ["posterior_components"]
