"""The columns of a file that are fitted, and why others are left aside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.api.fit.kinds import MOST_MISSING, is_identifier
from mcmix.errors import ModelError
from mcmix.report import frames

if TYPE_CHECKING:
    from pandas import DataFrame

DATE = re.compile(
    r"\s*(\d{4}-\d{1,2}(-\d{1,2})?([T ].*)?|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}( .*)?|\d{4}/\d{1,2}/\d{1,2}.*)\s*"
)
LOOKED_AT = 200  # entries of a column of text
NAMELESS = "Unnamed: "  # as pandas calls a column that has no name


@dataclass(frozen=True)
class Table:
    """What a file holds.

    Attributes
    ----------
    frame : DataFrame of float64
        Columns to fit; NaN where missing.
    aside : dict of str to str
        Why a column was left aside, by name.
    raw : DataFrame
        All columns as they stand in the file.
    """

    frame: DataFrame
    raw: DataFrame
    aside: dict[str, str] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """On columns that were left aside; empty where there are none."""
        if not self.aside:
            return ""
        listed = "; ".join(f"{name} ({why})" for name, why in list(self.aside.items())[:12])
        more = f" and {len(self.aside) - 12} more" if len(self.aside) > 12 else ""
        return f"columns left aside: {listed}{more}; --columns names those to fit"


def table_of(path: Path, columns: Sequence[str] | None) -> Table:
    """Columns that were asked for, or all that hold numbers which may tell groups apart.

    Raises
    ------
    ModelError
        If the file cannot be read, or holds no such column.
    """
    raw = frames.parsed(path)
    named = [c for c in raw.columns if not c.startswith(NAMELESS)]
    if columns is None and named and len(raw) and not any(map(_is_number, named)):
        aside = {c: why for c in named if (why := _why_aside(c, raw[c])) is not None}
        usable = [c for c in named if c not in aside]
        if not usable:
            listed = "; ".join(f"{c!r}: {why}" for c, why in aside.items())
            raise ModelError(f"{path}: no column to fit: {listed}")
    else:
        usable, aside = list(columns) if columns else [], {}
        _refuse_dates(path, raw, usable)
    return Table(_numbers(path, raw, usable), raw, aside)


def _numbers(path: Path, raw: DataFrame, usable: Sequence[str]) -> DataFrame:
    """The columns as numbers; true and false are 1 and 0."""
    truths = [c for c in usable if c in raw.columns and raw[c].dtype.kind == "b"]
    others = [c for c in usable if c not in truths]
    frame = frames.read_table(path, others or None) if others or not usable else raw[truths].astype(float)
    for name in truths:
        frame[name] = raw[name].to_numpy(dtype=float)
    return frame[list(usable)] if usable else frame


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse_dates(path: Path, raw: DataFrame, columns: Sequence[str]) -> None:
    for name in columns:
        if name in raw.columns and (_is_date(raw[name])):
            first = raw[name].dropna().iloc[0]
            raise ModelError(
                f"{path}: expected numbers, got dates in column {name!r} ({first}); write them as numbers, such as "
                "days since the first"
            )


def _is_date(column: Any) -> bool:
    if column.dtype.kind == "M":
        return True
    if column.dtype.kind in "biufc":
        return False
    some = [str(v) for v in column.dropna().iloc[:LOOKED_AT]]
    return bool(some) and all(DATE.fullmatch(v) for v in some)


def _why_aside(name: str, column: Any) -> str | None:
    """Why a column that nobody asked for is not fitted; None where it is."""
    missing = int(column.isna().sum())
    if missing == len(column):
        return "no values"
    if _is_date(column):
        return "dates; numbers such as days since the first can be fitted"
    if column.dtype.kind not in "biuf":
        return _why_text(column)
    known = column.dropna().to_numpy(dtype=float)
    if known.size < 2 or np.ptp(known) == 0:
        return f"expected at least two different values, got {known[0]:g} alone"
    if missing > MOST_MISSING * len(column):
        return f"{missing} of {len(column)} cells missing"
    return "identifiers: whole numbers, all different" if is_identifier(name, known, missing) else None


def _why_text(column: Any) -> str | None:
    """None where most entries are numbers: a wrong one among them is refused by its line."""
    entries = column.dropna()
    some = [str(v) for v in entries.iloc[:LOOKED_AT]]
    decimal_commas = sum(re.fullmatch(r"\s*[+-]?[\d.]*,\d+\s*", v) is not None for v in some)
    if sum(map(_is_number, some)) + decimal_commas >= 0.5 * len(some):
        return None
    different = entries.nunique() == len(entries)
    return f"text, {'all different' if different else 'categories'}, such as {some[0][:30]!r}"


__all__ = ["Table", "table_of"]
