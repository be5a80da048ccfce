"""What refits over a grid of one hyperparameter say side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.report import arviz_measures
from mcmix.report.frames import table_frame

if TYPE_CHECKING:
    from pandas import DataFrame

PROBABILITY = 0.9
MOVES = 1.0  # posterior standard deviations: a quantity that moves farther over the grid depends on it
EVIDENCE, OCCUPIED = "log evidence", "occupied components"


@dataclass(frozen=True)
class Summary:
    """One quantity at one value of the hyperparameter: mean, 90 % interval, Monte Carlo error of the mean, spread."""

    mean: float
    low: float
    high: float
    error: float
    deviation: float = np.nan

    @classmethod
    def of(cls, draws: np.ndarray) -> Summary:
        """From draws, shape (chains, draws)."""
        low, high = np.quantile(draws, [0.5 - 0.5 * PROBABILITY, 0.5 + 0.5 * PROBABILITY])
        moves = np.ptp(draws) > 0
        error = float(arviz_measures.mcse(draws[..., None])[0]) if moves else 0.0
        return cls(float(draws.mean()), float(low), float(high), error, float(draws.std()))


@dataclass(frozen=True, repr=False)
class Refits:
    """Refits over a grid.

    Attributes
    ----------
    name : str
        Of the hyperparameter.
    values : tuple
        The grid.
    quantities : tuple of str
    table : DataFrame
        A row for each value and quantity: the value under the hyperparameter's name, ``quantity``, ``mean``, the ends
        ``low`` and ``high`` of its 90 % interval, and ``error``, the Monte Carlo error of the mean. Of the log
        evidence, ``mean`` is the estimate, and the interval 1.645 errors to either side; NaN where it cannot be had.
    verdicts : tuple of str
        What the runs' own verdicts found wrong, one for each value; empty where nothing.
    reading : str
        What the table says, in plain words.
    """

    name: str
    values: tuple[Any, ...]
    quantities: tuple[str, ...]
    table: DataFrame
    verdicts: tuple[str, ...]
    reading: str

    def __repr__(self) -> str:
        return f"{self.table.round(3).to_string(index=False)}\n{self.reading}"

    def _repr_html_(self) -> str:
        return f"{self.table.round(3).to_html(index=False)}<p>{escape(self.reading)}</p>"


def side_by_side(
    name: str, values: Sequence[Any], rows: Sequence[dict[str, Summary]], verdicts: Sequence[str], notes: Sequence[str]
) -> Refits:
    """The table and its reading; a quantity that some refits do not have is left out."""
    quantities = [q for q in rows[0] if all(q in row for row in rows)]
    each = [(v, q, row[q]) for q in quantities for v, row in zip(values, rows, strict=True)]
    column = name if name not in ("quantity", "mean", "low", "high", "error") else f"{name} (hyperparameter)"
    columns = {
        column: np.array([v for v, _, _ in each]),
        "quantity": np.array([q for _, q, _ in each]),
        **{c: np.array([getattr(s, c) for _, _, s in each]) for c in ("mean", "low", "high", "error")},
    }
    table = table_frame(columns, [str(i) for i in range(len(each))])
    reading = "; ".join([*_read(name, values, quantities, rows), *_troubles(name, values, verdicts), *notes])
    return Refits(name, tuple(values), tuple(quantities), table, tuple(verdicts), reading)


def _read(name: str, values: Sequence[Any], quantities: Sequence[str], rows: Sequence[dict[str, Summary]]) -> list[str]:
    moved = {q: _move([row[q] for row in rows]) for q in quantities if q != EVIDENCE}
    far = [q for q in sorted(moved, key=lambda q: -moved[q]) if moved[q] >= MOVES]
    words = ", ".join(f"{q} by {moved[q]:.1f}" for q in far[:6]) + (f" and {len(far) - 6} more" if len(far) > 6 else "")
    over = f"as {name} goes over {len(values)} values from {_short(values[0])} to {_short(values[-1])}"
    parts = [f"{over}, posterior means move by up to so many posterior standard deviations: {words}"]
    if not far:
        parts = [f"{over}, no posterior mean moves by as much as {MOVES:g} posterior standard deviation"]
    if EVIDENCE in quantities:
        logs = np.array([row[EVIDENCE].mean for row in rows])
        if np.isfinite(logs).any():
            best = int(np.nanargmax(logs))
            below = logs[best] - np.nanmin(logs)
            parts.append(f"the evidence is highest at {_short(values[best])} and {below:.1f} nats lower at its lowest")
    return parts


def _move(found: Sequence[Summary]) -> float:
    """How far means lie apart, in the typical posterior standard deviation."""
    means = np.array([s.mean for s in found])
    spread = float(np.sqrt(np.mean([s.deviation**2 for s in found])))
    apart = float(np.ptp(means))
    return apart / spread if spread > 0 else (np.inf if apart > 0 else 0.0)


def _troubles(name: str, values: Sequence[Any], verdicts: Sequence[str]) -> list[str]:
    bad = [f"{_short(v)} ({verdict})" for v, verdict in zip(values, verdicts, strict=True) if verdict]
    return [f"runs to distrust, {name} = {'; '.join(bad)}"] if bad else []


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)


__all__ = ["EVIDENCE", "OCCUPIED", "Refits", "Summary", "side_by_side"]
