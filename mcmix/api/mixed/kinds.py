"""What a column of a table holds, and which distribution it gets where nobody says so. A new kind is a row of KINDS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.api.default_priors import PRIORS, VECTORS, are_amounts, are_positive, are_shares, are_shares_with_borders
from mcmix.errors import ModelError

MOST_COUNTED = 1000  # whole numbers above it are amounts
FEW_VALUES = 20  # whole numbers without a zero that take more different values are measurements that were rounded
DECADE = 10.0  # positive numbers from end to end of which so many times the least lies are taken by their logs


@dataclass(frozen=True)
class Kind:
    """What the entries of a column are.

    Attributes
    ----------
    words : str
        For a reader.
    distribution : str
        Of the components, by the name of its family.
    is_it : callable
        From the entries that are there, as numbers; kinds that a column's type decides have none.
    """

    words: str
    distribution: str
    is_it: Callable[[np.ndarray], bool] | None = None


def _counts(x: np.ndarray) -> bool:
    whole = bool((x == np.floor(x)).all()) and x.min() >= 0 and x.max() <= MOST_COUNTED
    return whole and (x.min() == 0 or np.unique(x).size <= FEW_VALUES)


def _amounts(x: np.ndarray) -> bool:
    return are_positive(x) and float(x.max()) > DECADE * float(x.min())


def _amounts_with_zeros(x: np.ndarray) -> bool:
    return are_amounts(x) and x.min() == 0.0 and _amounts(x[x > 0.0])


ORDERED, CATEGORIES, YES_OR_NO, ANGLES, VECTOR = "ordered", "categories", "yes/no", "angles", "vectors"
KINDS: dict[str, Kind] = {
    ORDERED: Kind("categories in order, as steps from the lowest", "BetaBinomial"),
    CATEGORIES: Kind("categories", "Categorical"),
    YES_OR_NO: Kind("yes or no", "Bernoulli", lambda x: set(np.unique(x)) <= {0.0, 1.0}),
    ANGLES: Kind("angles, in radians", "VonMises"),
    "counts": Kind("counts", "Poisson", _counts),
    "proportions": Kind("proportions between 0 and 1", "Beta", are_shares),
    "proportions with borders": Kind(
        "proportions from 0 to 1, some at a border", "ZeroOneInflatedBeta", are_shares_with_borders
    ),
    "amounts": Kind("positive amounts over more than a decade", "Lognormal", _amounts),
    "amounts with zeros": Kind(
        "positive amounts over more than a decade, and exact zeros", "HurdleLognormal", _amounts_with_zeros
    ),
    "numbers": Kind("numbers", "Normal", lambda x: True),
    VECTOR: Kind("numbers that depend on one another", "MvNormal"),
}


@dataclass(frozen=True)
class Holding:
    """What a column holds, and how its entries become numbers.

    Attributes
    ----------
    columns : tuple of str
        One, or several that depend on one another.
    kind : str
        Of KINDS.
    distribution : str
        By the name of its family.
    categories : tuple, or None
        In the order of their numbers 0, 1, ...
    factor : float
        What numbers of the table are multiplied by.
    fixed : mapping of str to float
        Parameters of the distribution that are known.
    """

    columns: tuple[str, ...]
    kind: str
    distribution: str
    categories: tuple[Any, ...] | None = None
    factor: float = 1.0
    fixed: Mapping[str, float] | None = None

    @property
    def name(self) -> str:
        """What its data are called."""
        return ", ".join(self.columns)

    @property
    def known(self) -> dict[str, float]:
        """Parameters that are known: those that were given, and the steps between ordered categories."""
        steps = {"trials": float(len(self.categories) - 1)} if self.kind == ORDERED and self.categories else {}
        return {**steps, **(self.fixed or {})}

    @property
    def prior(self) -> str:
        """In words."""
        return VECTORS if self.kind == VECTOR else PRIORS[self.distribution].words

    def numbers(self, column: Any) -> np.ndarray:
        """Entries of a column as numbers, NaN where missing.

        Raises
        ------
        ModelError
            If an entry is no number, or a category that the data do not have; it is named.
        """
        if self.categories is None:
            return numbers_of(self.name, column) * self.factor
        entries = entries_of(column)
        places = {c: i for i, c in enumerate(self.categories)}
        missing = np.array([_is_missing(v) for v in entries])
        unknown = [(row, v) for row, v in enumerate(entries) if not missing[row] and v not in places]
        if unknown:
            row, value = unknown[0]
            listed = ", ".join(map(str, self.categories[:12])) + (", ..." if len(self.categories) > 12 else "")
            raise ModelError(f"column {self.name!r}: expected one of {listed}, got {value!r} in row {row}")
        return np.array([np.nan if gone else float(places[v]) for v, gone in zip(entries, missing, strict=True)])

    def entries(self, numbers: np.ndarray) -> np.ndarray:
        """Entries of the table from numbers, shape (rows,)."""
        if self.categories is None:
            return np.asarray(numbers / self.factor)
        return np.array(self.categories, dtype=object)[np.asarray(numbers, dtype=int)]


def numbers_of(name: str, column: Any) -> np.ndarray:
    """A column's entries as doubles, NaN where missing.

    Raises
    ------
    ModelError
        If one is no number, or infinite.
    """
    entries = entries_of(column)
    try:
        found = np.array([np.nan if _is_missing(v) else float(v) for v in entries])
    except (TypeError, ValueError) as error:
        row = next(i for i, v in enumerate(entries) if not _is_missing(v) and not _is_number(v))
        raise ModelError(f"column {name!r}: expected numbers, got {entries[row]!r} in row {row}") from error
    if np.isinf(found).any():
        raise ModelError(f"column {name!r}: expected finite numbers, got {found[np.isinf(found)][0]} in row "
                         f"{int(np.flatnonzero(np.isinf(found))[0])}")  # fmt: skip
    return found


def entries_of(column: Any) -> list[Any]:
    """A column's entries as a list of plain objects."""
    listed = getattr(column, "tolist", None)
    return list(listed() if listed is not None else column)


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or str(type(value).__name__) in ("NAType", "NaTType")
        or (isinstance(value, float) and value != value)
    )


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def is_missing(column: Any) -> np.ndarray:
    """Where entries are missing, shape (rows,)."""
    return np.array([_is_missing(v) for v in entries_of(column)], dtype=bool)


__all__ = [
    "ANGLES", "CATEGORIES", "KINDS", "ORDERED", "VECTOR", "YES_OR_NO", "Holding", "Kind", "entries_of", "is_missing",
    "numbers_of",
]  # fmt: skip
