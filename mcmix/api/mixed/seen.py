"""A table looked at: what each of its columns holds, by its type, its entries, and what the user says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.api.default_priors import PRIORS
from mcmix.api.mixed.kinds import (
    ANGLES,
    CATEGORIES,
    KINDS,
    ORDERED,
    VECTOR,
    YES_OR_NO,
    Holding,
    entries_of,
    is_missing,
    numbers_of,
)
from mcmix.errors import ModelError
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.names import columns_of

MOST_CATEGORIES = 200  # of a column of text: more are names of rows
DEGREES = np.pi / 180.0


def columns_by_name(table: Any, what: str = "from_frame") -> dict[str, Any]:
    """The columns of a frame or a mapping, by name.

    Raises
    ------
    ModelError
        If it is neither, has no columns, or columns of different lengths.
    """
    names = list(table) if isinstance(table, Mapping) else columns_of(table)
    if names is None:
        raise ModelError(f"{what}: expected a data frame, or columns by name, got {type(table).__name__}")
    found = {str(n): table[n] for n in names}
    lengths = {name: len(column) for name, column in found.items()}
    if not found or not all(lengths.values()):
        raise ModelError(f"{what}: expected columns with rows, got {lengths or 'no column'}")
    if len(set(lengths.values())) > 1:
        raise ModelError(f"{what}: expected columns of one length, got {lengths}")
    return found


def holdings(
    table: Any,
    distributions: Mapping[str, Any] | None = None,
    correlated: Sequence[Sequence[str]] = (),
    fixed: Mapping[str, Mapping[str, float]] | None = None,
) -> list[Holding]:
    """What the columns of a table hold, those that depend on one another in one.

    Raises
    ------
    ModelError
        If a column is constant, holds dates, text without categories, or what the distribution asked for cannot
        produce; or a column that is named is not there.
    """
    columns, wishes, known = columns_by_name(table), dict(distributions or {}), dict(fixed or {})
    groups = [(g,) if isinstance(g, str) else tuple(map(str, g)) for g in correlated]
    _refuse_absent(columns, wishes, known, groups)
    units = getattr(table, "attrs", {}).get("units", {})
    found: list[Holding] = []
    for name, column in columns.items():
        group = next((g for g in groups if name in g), None)
        if group is None:
            found.append(_held(name, column, wishes.get(name), known.get(name), units))
        elif name == next(n for n in columns if n in group):
            found.append(_vector(group, columns, wishes))
    return found


def _refuse_absent(columns: Mapping[str, Any], wishes: Any, known: Any, groups: Sequence[tuple[str, ...]]) -> None:
    asked = [*wishes, *known, *(n for g in groups for n in g)]
    absent = [n for n in asked if n not in columns]
    if absent:
        raise ModelError(f"from_frame: expected columns of the table ({', '.join(columns)}), got {absent[0]!r}")
    listed = [n for g in groups for n in g]
    twice = [n for n in listed if listed.count(n) > 1]
    if twice or any(len(g) < 2 for g in groups):
        came = f"{twice[0]!r} twice" if twice else f"{next(g for g in groups if len(g) < 2)}"
        raise ModelError(f"from_frame: correlated= expected groups of at least two columns each, got {came}")


def _vector(group: tuple[str, ...], columns: Mapping[str, Any], wishes: Mapping[str, Any]) -> Holding:
    for name in group:
        if name in wishes:
            raise ModelError(f"column {name!r}: expected a distribution or a place among correlated= columns, got both")
        _refuse_dates(name, columns[name])
        _refuse_constant(name, numbers_of(name, columns[name]))
    return Holding(group, VECTOR, KINDS[VECTOR].distribution)


def _held(name: str, column: Any, wish: Any, fixed: Mapping[str, float] | None, units: Any) -> Holding:
    _refuse_dates(name, column)
    if is_missing(column).all():
        raise ModelError(f"column {name!r}: expected some entries, got missing ones alone")
    unit = str(units.get(name, "")) if isinstance(units, Mapping) else ""
    asked = None if wish is None else _asked(name, wish)
    kind, categories = _kind(name, column, asked, unit)
    distribution = KINDS[kind].distribution if asked is None or asked == ORDERED else asked
    factor = DEGREES if kind == ANGLES and unit.startswith("deg") else 1.0
    found = Holding((name,), kind, distribution, categories, factor, fixed)
    if categories is None:
        _refuse_constant(name, found.numbers(column))
    elif len(categories) < 2:
        raise ModelError(f"column {name!r}: expected at least two different entries, got {categories[0]!r} alone")
    return found


def _asked(name: str, wish: Any) -> str:
    """The family that was asked for, by name, or "ordered"."""
    if isinstance(wish, str) and wish == ORDERED:
        return ORDERED
    if isinstance(wish, type) and issubclass(wish, Distribution):
        wish = getattr(getattr(wish, "family", None), "name", wish.__name__)
    plain = "".join(c for c in str(wish) if c.isalnum()).lower()
    found = next((n for n in PRIORS if n.lower() == plain), None)
    if found is None:
        raise ModelError(
            f"column {name!r}: expected a distribution that has a default prior ({', '.join(PRIORS)}), or "
            f"{ORDERED!r}, got {wish!r}"
        )
    return found


def _kind(name: str, column: Any, asked: str | None, unit: str) -> tuple[str, tuple[Any, ...] | None]:
    """The kind of a column and, where its entries are categories, these."""
    declared = getattr(getattr(column, "dtype", None), "categories", None)
    if declared is not None:
        ordered = bool(getattr(column.dtype, "ordered", False))
        return (ORDERED if (ordered and asked is None) or asked == ORDERED else CATEGORIES), tuple(declared.tolist())
    entries = [v for v, gone in zip(entries_of(column), is_missing(column), strict=True) if not gone]
    if all(isinstance(v, bool) for v in entries):
        return YES_OR_NO, None
    if any(isinstance(v, str) for v in entries) and asked not in (None, "Categorical", ORDERED):
        numbers_of(name, column)  # text is refused with its row
    if any(isinstance(v, str) for v in entries) or asked in ("Categorical", ORDERED):
        return (ORDERED if asked == ORDERED else CATEGORIES), _sorted(name, entries)
    if asked == "VonMises" or unit[:3] in ("deg", "rad"):
        return ANGLES, None
    x = numbers_of(name, column)
    x = x[~np.isnan(x)]
    return next(kind for kind, row in KINDS.items() if row.is_it is not None and row.is_it(x)), None


def _sorted(name: str, entries: Sequence[Any]) -> tuple[Any, ...]:
    different = set(entries)
    if len(different) > MOST_CATEGORIES:
        raise ModelError(
            f"column {name!r}: expected at most {MOST_CATEGORIES} categories, got {len(different)} different entries; "
            "leave a column that names rows out"
        )
    try:
        return tuple(sorted(different))
    except TypeError:
        return tuple(sorted(different, key=str))


def _refuse_dates(name: str, column: Any) -> None:
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if kind in ("M", "m"):
        raise ModelError(f"column {name!r}: expected numbers or categories, got dates; pass days since the first")
    if kind == "c":
        raise ModelError(f"column {name!r}: expected real numbers, got complex ones")


def _refuse_constant(name: str, x: np.ndarray) -> None:
    known = x[~np.isnan(x)]
    if known.size == 0 or np.ptp(known) == 0.0:
        came = f"{known[0]:g} alone" if known.size else "missing ones alone"
        raise ModelError(f"column {name!r}: expected at least two different entries, got {came}")


__all__ = ["columns_by_name", "holdings"]
