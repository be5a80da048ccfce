"""Few weighted rows from one pass over rows that nobody keeps: distinct values, or moments of narrow bins.

Both are sums over rows, so blocks are added up by whichever thread is free, and merged in their order: the rows do not
depend on the number of threads. One thread reads while others add up.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import numpy as np
from scipy.special import expit, logit

from mcmix.distributions.family import Family
from mcmix.errors import ModelError, SupportError
from mcmix.kernels.bins import MOMENTS, STEPS, add_to_bins
from mcmix.kernels.crew import CREW
from mcmix.structure.weighted_rows import WeightedRows, distinct, from_moments, quadrature

SCALES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "line": (np.asarray, np.asarray),
    "log": (np.log, np.exp),
    "logit": (logit, expit),
}  # on which a family's log density is smooth
FEW = 2**18  # rows, up to which all are read
BLOCK = 2**21  # rows that one thread adds up at a time
HELD = 8  # blocks that are looked at, or wait for one before them
SEEN = 2**17  # rows from all over the file, by which bins are chosen
SAVING = 2  # so many rows of each distinct value are worth counting
FINEST = 8192  # bins where 98 % of the rows lie
BEYOND = 3  # times as far on each side, from where on numbers are kept one by one
MOST_BEYOND = 2**20  # of these, until they are brought to bins as well


class Blocks(Protocol):
    """Rows on disk."""

    @property
    def source(self) -> str:
        """Where they come from, in words."""
        ...

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def some(self, rows: int) -> np.ndarray:
        """About so many rows from all over."""
        ...

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        """All rows in order."""
        ...


def streamed(name: str, rows: Blocks, family: Family) -> WeightedRows | str:
    """Weighted rows that stand for single numbers of a family, or why all rows are needed.

    Parameters
    ----------
    name : str
        Of the node.
    rows : Blocks
    family : Family

    Raises
    ------
    ModelError
        If a row is no finite number: its number is said.
    SupportError
        If a row lies outside the support.
    """
    if family.event_ndim:
        return "rows are vectors"
    if len(rows) <= FEW:
        return f"they are no more than {FEW}"
    seen = rows.some(SEEN)
    check = _Checked(name, rows.source, family)
    if family.support.discrete or SAVING * len(np.unique(seen)) <= len(seen):
        found = _summed(rows, _Distinct(check)).weighted()
        if found is not None:
            return found
        if family.support.discrete:
            return f"there are more than {_Distinct.most} distinct values"
    if family.support.atoms:
        return f"{family.name} has point masses"
    if family.smooth is None:
        return f"the log density of {family.name} has kinks"
    to, back = SCALES[family.smooth]
    with np.errstate(all="ignore"):
        scaled = np.asarray(to(seen), dtype=float)
    finite = scaled[np.isfinite(scaled)]
    low, high = np.quantile(finite, [0.01, 0.99]) if len(finite) else (0.0, 0.0)
    if not high > low:
        return "hardly any two rows differ"
    return _summed(rows, _Bins(check, (to, back), low, high)).weighted()


class _Checked:
    """What refuses rows that a family cannot produce."""

    def __init__(self, name: str, source: str, family: Family):
        self._name, self._source, self._support = name, source, family.support

    def __call__(self, first: int, x: np.ndarray) -> None:
        """Refuse a block that begins at row `first`."""
        low, high = x.min(), x.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            self._refuse(ModelError, "finite values", first, x, ~np.isfinite(x))
        lower, upper = self._support.lower, self._support.upper
        if not isinstance(lower, str) and low < lower:
            self._refuse(SupportError, f"values of at least {lower:g}", first, x, x < lower)
        if not isinstance(upper, str) and high > upper:
            self._refuse(SupportError, f"values of at most {upper:g}", first, x, x > upper)
        if self._support.discrete and x.dtype.kind == "f" and (x != np.round(x)).any():
            self._refuse(SupportError, "whole numbers", first, x, x != np.round(x))

    def _refuse(self, kind: type[Exception], wanted: str, first: int, x: np.ndarray, wrong: np.ndarray) -> None:
        at = tuple(np.argwhere(wrong)[0])
        raise kind(f"{self._name}: expected {wanted}, got {x[at]:g} in row {first + at[0]} of {self._source}")


def refuse_wrong(name: str, rows: Blocks, family: Family) -> None:
    """Go over all rows to see that they are numbers that a family can produce.

    Raises
    ------
    ModelError
        If a row is no finite number: its number is said.
    SupportError
        If a row lies outside the support.
    """
    _summed(rows, _Nothing(_Checked(name, rows.source, family)))


class _Sums(ABC):
    """What blocks of rows are added up to."""

    @abstractmethod
    def of(self, first: int, x: np.ndarray) -> Any:
        """What a block says that begins at row `first`; asked on any thread."""

    @abstractmethod
    def add(self, found: Any) -> None:
        """Take what a block has said, in the order of the blocks."""


class _Nothing(_Sums):
    """No sums: rows are looked at alone."""

    def __init__(self, check: _Checked):
        self._check = check

    def of(self, first: int, x: np.ndarray) -> None:
        """Refuse wrong rows of a block."""
        self._check(first, x)

    def add(self, found: None) -> None:
        """Nothing to be added."""
        return


class _Distinct(_Sums):
    """Distinct values, and how many rows have each; none once they are too many."""

    most = 2**16

    def __init__(self, check: _Checked):
        self._check = check
        self._values, self._counts = np.zeros(0), np.zeros(0)

    def of(self, first: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Those of a block."""
        self._check(first, x)
        if len(self._values) > self.most:
            return None
        values, counts = np.unique(x, return_counts=True)
        return values.astype(float), counts.astype(float)

    def add(self, found: tuple[np.ndarray, np.ndarray] | None) -> None:
        """Values that are there already count once more."""
        if found is None or len(self._values) > self.most:
            return
        merged = distinct(*(np.concatenate(pair) for pair in zip((self._values, self._counts), found, strict=True)))
        self._values, self._counts = merged.values, merged.weights

    def weighted(self) -> WeightedRows | None:
        """The values, where they are not too many."""
        return None if len(self._values) > self.most else WeightedRows(self._values, self._counts, True)


class _Bins(_Sums):
    """Moments of bins, and numbers beyond them.

    Parameters
    ----------
    check : _Checked
    scale : pair of callable
        To where the log density is smooth, and back.
    low, high : float
        Between which most rows lie, on that scale.
    """

    def __init__(self, check: _Checked, scale: tuple[Any, Any], low: float, high: float):
        self._check, (self._to, self._back) = check, scale
        self._width, self._low = (high - low) / FINEST, low - BEYOND * (high - low)
        self._moments = np.zeros((FINEST * (1 + 2 * BEYOND), MOMENTS))
        self._beyond = WeightedRows(np.zeros(0), np.zeros(0), False)

    def of(self, first: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Moments of a block, and its numbers beyond."""
        self._check(first, x)
        with np.errstate(all="ignore"):
            scaled = np.ascontiguousarray(self._to(x), dtype=x.dtype if x.dtype == np.float32 else float)
        moments, places = np.zeros_like(self._moments), np.empty(len(x), np.int64)
        missed = add_to_bins(scaled, self._low, self._width, STEPS, moments, places)
        return moments, scaled[places[:missed]].astype(float)

    def add(self, found: tuple[np.ndarray, np.ndarray]) -> None:
        """Sums of moments; numbers beyond are brought to bins where they are many."""
        self._moments += found[0]
        values = np.concatenate([self._beyond.values, found[1]])
        weights = np.concatenate([self._beyond.weights, np.ones(len(found[1]))])
        many = len(values) > MOST_BEYOND and np.isfinite(values).all()
        self._beyond = (
            quadrature(values, self._width, weights=weights) if many else WeightedRows(values, weights, False)
        )

    def weighted(self) -> WeightedRows | str:
        """Nodes of all bins, and what lies beyond, in their order; or why there are none."""
        if not np.isfinite(self._beyond.values).all():
            return "rows lie at an end of the support"
        inside = from_moments(self._moments, self._low, self._width)
        values = np.concatenate([inside.values, self._beyond.values])
        weights = np.concatenate([inside.weights, self._beyond.weights])
        order = np.argsort(values, kind="stable")
        return WeightedRows(np.asarray(self._back(values[order]), dtype=float), weights[order], False)


Summed = TypeVar("Summed", bound=_Sums)


def _summed(rows: Blocks, sums: Summed) -> Summed:
    """Blocks added up: each thread reads the next one while the others add up what they have read."""
    adding, hands = _Adding(rows, sums), CREW.spare + 1
    CREW.share_out(-(-len(rows) // BLOCK), [adding.one] * hands)
    return sums


class _Adding:
    """Blocks that several threads read in turn, look at side by side, and add in their order."""

    def __init__(self, rows: Blocks, sums: _Sums):
        self._blocks, self._sums = enumerate(rows.blocks(BLOCK)), sums
        self._reading, self._merging = threading.Lock(), threading.Lock()
        self._room = threading.Semaphore(HELD)  # a thread that is slow must not let the others fill the memory
        self._found: dict[int, Any] = {}
        self._merged, self._failed = 0, False

    def one(self, _: int) -> None:
        """Read a block and add it, with whatever waited for it."""
        self._room.acquire()
        try:
            if not self._failed:
                self._read_and_add()
        except BaseException:
            self._failed = True
            raise
        finally:
            if self._failed:
                self._room.release(HELD)  # whoever waits, ends

    def _read_and_add(self) -> None:
        with self._reading:
            number, x = next(self._blocks, (0, None))
        if x is None:
            return
        own = self._sums.of(number * BLOCK, x)
        with self._merging:
            self._found[number] = own
            while self._merged in self._found:
                self._sums.add(self._found.pop(self._merged))
                self._merged += 1
                self._room.release()


__all__ = ["streamed"]
