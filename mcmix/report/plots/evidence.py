"""Models side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.plots.style import INK, PALETTE, canvas, root, tidy

PANELS = (
    ("log_evidence", "evidence_error", "log evidence (nats)", 1.0),
    ("loo", "loo_error", "leave-one-out score (nats)", 1.0),
    ("bic", None, "BIC (less is better)", -1.0),
    ("icl", None, "ICL (less is better)", -1.0),
)


def comparison(found: Any, *, figure: Any = None) -> Any:
    """Plot evidence, leave-one-out score, BIC and ICL of compared models, each below its best.

    Parameters
    ----------
    found : Comparison, or its table
        From ``mc.compare``.
    figure : Figure, optional
        Where to draw; a new one by default.

    Returns
    -------
    Figure

    Notes
    -----
    Every panel shows the distance to its best model, so that zero is best. Error bars of the evidence are Monte Carlo
    errors, those of the leave-one-out score say how it varies over rows: that is much the same for all models, and
    mostly more than what tells them apart.

    Examples
    --------
    >>> comparison(mc.compare(samplers))  # doctest: +SKIP
    """
    table = getattr(found, "table", found)
    missing = [c for c, _, _, _ in PANELS if c not in getattr(table, "columns", ())]
    if missing:
        raise ModelError(f"comparison: expected what mc.compare returns, got {type(found).__name__}")
    canvas_ = canvas(figure, 3.0)
    axes = canvas_.subplots(1, len(PANELS), sharex=True)
    places, names = np.arange(len(table)), [str(name) for name in table.index]
    for ax, (column, error, title, sign) in zip(axes, PANELS, strict=True):
        values = sign * table[column].to_numpy()
        best = int(np.nanargmax(values))
        below = values - values[best]
        bars = None if error is None else np.where(np.isfinite(table[error]), table[error], 0.0)
        ax.axhline(0.0, color=INK, linewidth=0.6, linestyle=":")
        ax.errorbar(places, below, yerr=bars, color=PALETTE[0], marker="o", markersize=4, linewidth=1.2, capsize=3)
        ax.plot(places[best], 0.0, marker="o", color=PALETTE[1], markersize=7, zorder=3)
        ax.set_title(title, fontsize=9, color=INK)
        ax.set_xticks(places, names, rotation=0 if max(map(len, names)) < 4 else 45)
        ax.set_xlabel("model")
        tidy(ax)
    axes[0].set_ylabel("distance to the best")
    return root(axes[0])


__all__ = ["comparison"]
