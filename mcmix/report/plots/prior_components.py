"""The prior of the number of occupied clusters: bars of one, lines with marks of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.plots.style import INK, PALETTE, canvas, root, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT_OUT = 0.0025  # of the probability, at most, on either side of the picture
MOST_BARS = 30  # that carry their probability or stand apart
MOST_PRIORS = 7
MARKS = "osD^vPX"
WIDE, HALF = 100, 48  # characters across the picture, and in one of two columns of the legend


def prior_components(found: Any, *, ax: Axes | None = None, **style: Any) -> Figure:
    """Plot the prior of the number of occupied clusters, of one prior or of several.

    Parameters
    ----------
    found : PriorComponents, sequence of them, or mapping of names to them
        From ``mc.prior_components``; up to seven. Without names, priors are told in their own words.
    ax : Axes, optional
        Where to draw; a new figure by default.
    **style
        Restyles bars (anything that ``Axes.bar`` takes) or, of several, lines (``Axes.plot``).

    Returns
    -------
    Figure
        All but 0.25 % of each prior on either side. Lines between numbers guide the eye.

    Raises
    ------
    ModelError
        If it is something else, or too much to tell apart.

    Examples
    --------
    >>> sparse = mc.prior_components(200, components=10, concentration=0.05)  # doctest: +SKIP
    >>> prior_components({"sparse": sparse, "process": mc.prior_components(200, concentration=1)})  # doctest: +SKIP
    """
    named = _named(found)
    labels = ["\n".join(wrap(f"{name}{_beyond(prior)}", WIDE)) for name, prior in named]
    columns = 2 if max(map(len, labels)) <= HALF else 1
    lines = sum(label.count("\n") + 1 for label in labels) / columns
    target = ax if ax is not None else canvas(None, 3.2 + 0.2 * lines).subplots()
    ends = [_ends(prior) for _, prior in named]
    first, last = min(low for low, _ in ends), max(high for _, high in ends)
    if len(named) == 1:
        _bars(target, named[0][1], first, last, style)
    else:
        for i, (_, prior) in enumerate(named):
            _line(target, i, labels[i], prior, (first, last), style)
        above: Any = {"ncols": columns, "loc": "lower left", "bbox_to_anchor": (0.0, 1.0)}
        target.legend(frameon=False, fontsize=9, labelcolor=INK, **above)
    from matplotlib.ticker import MaxNLocator

    target.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    units = sorted({int(prior.n) for _, prior in named})
    among = f" among {units[0]} unit{'s' if units[0] > 1 else ''}" if len(units) == 1 else ""
    target.set(xlabel=f"occupied clusters{among}", ylabel="prior probability", xlim=(first - 0.6, last + 0.6))
    target.set_ylim(bottom=0.0)
    tidy(target)
    return root(target)


def _named(found: Any) -> list[tuple[str, Any]]:
    """Priors with what they are called, or a refusal."""
    if isinstance(found, Mapping):
        pairs = [(str(name), prior) for name, prior in found.items()]
    else:
        several = list(found) if isinstance(found, Sequence) and not isinstance(found, str) else [found]
        units = {getattr(prior, "n", None) for prior in several}
        pairs = [(_told(prior, len(units) > 1), prior) for prior in several]
    wrong = [prior for _, prior in pairs if not all(hasattr(prior, a) for a in ("n", "clusters", "probabilities"))]
    if wrong or not 1 <= len(pairs) <= MOST_PRIORS:
        came = type(wrong[0]).__name__ if wrong else f"{len(pairs)} of them"
        raise ModelError(f"prior_components: expected 1 to {MOST_PRIORS} results of mc.prior_components, got {came}")
    return pairs


def _told(prior: Any, with_units: bool) -> str:
    text = str(getattr(prior, "prior", ""))
    return f"{text}, {getattr(prior, 'n', 0)} units" if with_units else text


def _ends(prior: Any) -> tuple[int, int]:
    """The numbers between which a prior is shown; from 1 where that takes little room."""
    below = prior.probabilities.cumsum()
    at = np.minimum(np.searchsorted(below, [LEFT_OUT, 1.0 - LEFT_OUT]), len(below) - 1)
    first, last = (int(k) for k in prior.clusters[at])
    return 1 if first <= MOST_BARS // 2 else first, last


def _bars(target: Axes, prior: Any, first: int, last: int, style: Mapping[str, Any]) -> None:
    clusters, probabilities = prior.clusters[first - 1 : last], prior.probabilities[first - 1 : last]
    width = 0.8 if len(clusters) <= MOST_BARS else 1.0
    target.bar(clusters, probabilities, **{"color": PALETTE[0], "width": width, **style})
    if len(clusters) <= MOST_BARS // 2:
        for k, p in zip(clusters, probabilities, strict=True):
            target.annotate(f"{p:.2f}", (k, p), ha="center", va="bottom", fontsize=9, color=INK)
    told = "\n".join(wrap(f"{prior.prior}{_beyond(prior)}", WIDE))
    target.set_title(told, fontsize=10, color=INK, loc="left")


def _line(target: Axes, i: int, label: str, prior: Any, ends: tuple[int, int], style: Mapping[str, Any]) -> None:
    first, last = ends[0], min(ends[1], _ends(prior)[1])
    every = max(1, (ends[1] - first) // MOST_BARS)
    looks = {
        "color": PALETTE[i], "marker": MARKS[i], "markersize": 5.0, "linewidth": 1.2,
        "markevery": (min(i * every // MOST_PRIORS, last - first), every),
    }  # fmt: skip
    at = slice(first - 1, last)
    target.plot(prior.clusters[at], prior.probabilities[at], label=label, **{**looks, **style})


def _beyond(prior: Any) -> str:
    return f" (more than {prior.clusters[-1]}: {prior.beyond:.2f})" if prior.beyond >= 0.005 else ""


__all__ = ["prior_components"]
