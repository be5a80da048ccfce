"""Models side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.plots.style import INK, PALETTE, canvas, root, tidy

PANELS = (
    ("log_evidence", "evidence_error", "log evidence (nats)", 1.0),
    ("loo", "loo_difference_error", "leave-one-out score (nats)", 1.0),
    ("bic", None, "BIC (less is better)", -1.0),
    ("icl", None, "ICL (less is better)", -1.0),
)


def comparison(found: Any, *, label: str = "model", figure: Any = None) -> Any:
    """Plot evidence, leave-one-out score, BIC and ICL of compared models, each below its best.

    Parameters
    ----------
    found : Comparison, or its table
        From ``mc.compare``.
    label : str
        What the models' names are, for the axis.
    figure : Figure, optional
        Where to draw; a new one by default.

    Returns
    -------
    Figure

    Notes
    -----
    Every panel shows the distance to its best model, so that zero is best. Error bars of the evidence are Monte Carlo
    errors, those of the leave-one-out score standard errors of the distance over rows. Evidence that is unsure (its two
    estimates differ) has an open mark, and is not called the best where there is other.

    Examples
    --------
    >>> comparison(mc.compare(samplers))  # doctest: +SKIP
    """
    table = getattr(found, "table", found)
    needed = [c for column, error, _, _ in PANELS for c in (column, error) if c is not None]
    missing = [c for c in needed if c not in getattr(table, "columns", ())]
    if missing:
        raise ModelError(f"comparison: expected what mc.compare returns, got {type(found).__name__}")
    canvas_ = canvas(figure, 3.0)
    panels = [p for p in PANELS if table[p[0]].notna().any()]  # leave-one-out may not have been asked for
    axes = canvas_.subplots(1, len(panels), sharex=True, squeeze=False)[0]
    places, names = np.arange(len(table)), [str(name) for name in table.index]
    for ax, (column, error, title, sign) in zip(axes, panels, strict=True):
        values = sign * table[column].to_numpy()
        errors = np.zeros(len(table)) if error is None else table[error].to_numpy()
        sure = np.isfinite(errors) if np.isfinite(errors).any() else np.ones(len(table), dtype=bool)
        best = int(np.nanargmax(np.where(sure, values, -np.inf)))
        _panel(ax, places, values - values[best], np.where(np.isfinite(errors), errors, 0.0), np.isfinite(errors))
        ax.plot(places[best], 0.0, marker="o", color=PALETTE[1], markersize=7, zorder=3)
        ax.set_title(title, fontsize=9, color=INK)
        ax.set_xticks(places, names, rotation=0 if max(map(len, names)) < 4 else 45)
        ax.set_xlabel(label)
        tidy(ax)
    axes[0].set_ylabel("distance to the best")
    if not np.isfinite(table["evidence_error"]).all():
        canvas_.supxlabel("open marks: evidence that is unsure, its two estimates differ", fontsize=9, color=INK)
    return root(axes[0])


def _panel(ax: Any, places: np.ndarray, below: np.ndarray, errors: np.ndarray, sure: np.ndarray) -> None:
    """Distances with their errors; what is unsure open."""
    bars = errors if errors.any() else None
    ax.axhline(0.0, color=INK, linewidth=0.6, linestyle=":")
    ax.errorbar(places, below, yerr=bars, color=PALETTE[0], marker="o", markersize=4, linewidth=1.2, capsize=3)
    ax.plot(places[~sure], below[~sure], "o", markersize=6, markerfacecolor="white", color=PALETTE[0], zorder=3)


__all__ = ["comparison"]
