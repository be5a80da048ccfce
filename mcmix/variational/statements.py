"""What each distribution of a model says: expected log densities, and messages to the unknowns that it depends on.

Distributions of data on labels take part in a soft pass; the engine asks them for factors of it. Everything else speaks
through sums that are known, or through the moments of an unknown.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy.special import gammaln

from mcmix.distributions.family import Family, Sums
from mcmix.distributions.mv_normal import MV_NORMAL
from mcmix.kernels import expected, vectors
from mcmix.kernels.base import address_of
from mcmix.kernels.gaps import space_size
from mcmix.steps.gaps import GapLayout, columns_about
from mcmix.steps.row_factors import ColumnSums, RowFactor
from mcmix.structure.cells import missing_in
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.variational import families
from mcmix.variational.families import EXPECTED
from mcmix.variational.links import Link
from mcmix.variational.posteriors import Moments, Posterior
from mcmix.variational.priors import sums_of


class Statement(ABC):
    """One distribution, as a function of the unknowns it depends on.

    Attributes
    ----------
    name : str
        Of its node.
    links : mapping of str to Link
    """

    def __init__(self, name: str, links: Mapping[str, Link]):
        self.name, self.links = name, dict(links)

    def moments(self) -> dict[str, Moments]:
        """Expectations of its parameters, per cell."""
        return {k: link.moments() for k, link in self.links.items()}

    def about(self, posterior: Posterior) -> list[str]:
        """Its parameters that depend on an unknown."""
        return [k for k, link in self.links.items() if link.posterior is posterior]

    @abstractmethod
    def message(self, parameter: str) -> tuple[Any, Any]:
        """Natural parameters to one parameter, per cell."""

    def expected(self, starts: int) -> np.ndarray:
        """Expected log density for each start; zero where a pass or a divergence has it already."""
        return np.zeros(starts)


class Hyper(Statement):
    """The distribution of an unknown, speaking to its own parents; its expected log density is part of a divergence."""

    def __init__(self, family: Family, links: Mapping[str, Link], posterior: Posterior):
        super().__init__(posterior.node.name, links)
        self.family, self.posterior = family, posterior

    def message(self, parameter: str) -> tuple[Any, Any]:
        """From the moments of the unknown."""
        return families.messages(self.family, parameter, sums_of(self.posterior), self.moments())


class Known(Statement):
    """Data without unknown labels: their statistics are known once and for all."""

    def __init__(self, name: str, family: Family, links: Mapping[str, Link], sums: Sums, x: np.ndarray):
        super().__init__(name, links)
        self.family, self.sums = family, sums
        vectors_of = family.name == "MvNormal"
        self.base = 0.0 if vectors_of else float(np.sum(EXPECTED[family.name].base(x, self.moments())))

    def message(self, parameter: str) -> tuple[Any, Any]:
        """From the sums."""
        return families.messages(self.family, parameter, self.sums, self.moments())

    def expected(self, starts: int) -> np.ndarray:
        """From the sums."""
        m = self.moments()
        if self.family.name == "MvNormal":
            return np.asarray(families.vector_total(m, self.sums).reshape(starts, -1).sum(1))
        spec = EXPECTED[self.family.name]
        total = np.asarray(spec.form.total(spec.coefficients(m), self.sums))
        return self.base + total.reshape(starts, -1).sum(1)


class Counted(Statement):
    """Known categories: how often each came up in each cell.

    Parameters
    ----------
    counts : ndarray, shape (cells, categories)
    base : float
        Log multinomial coefficients.
    """

    def __init__(self, name: str, link: Link, counts: np.ndarray, base: float = 0.0):
        super().__init__(name, {"probabilities": link})
        self.counts, self.base = counts, base

    def message(self, parameter: str) -> tuple[Any, Any]:
        """The counts."""
        if self.links[parameter].kind == "beta":
            return self.counts.ravel(), np.zeros(self.counts.size)
        return self.counts, None

    def expected(self, starts: int) -> np.ndarray:
        """Counts times expected logs."""
        logs = self.links["probabilities"].moments().first
        with np.errstate(invalid="ignore"):
            total = np.where(self.counts > 0.0, self.counts * logs.reshape(self.counts.shape), 0.0)
        return self.base + total.reshape(starts, -1).sum(1)


class Weights(Statement):
    """The distribution of labels whose weights all units share; its expected log density is part of the pass."""

    def __init__(self, name: str, link: Link, counts: np.ndarray, yes_or_no: bool):
        super().__init__(name, {"weights": link})
        self.counts, self.yes_or_no = counts, yes_or_no  # of all starts, one after another

    def log_weights(self) -> np.ndarray:
        """Expected log weight of each label, those of all starts one after another."""
        m = self.links["weights"].moments()
        if self.yes_or_no:
            return np.column_stack([m.second, m.first]).ravel()
        return np.ravel(m.first)

    def message(self, parameter: str) -> tuple[Any, Any]:
        """Expected counts of labels."""
        if self.yes_or_no:
            return self.counts[1::2], self.counts[::2]
        if self.links[parameter].kind == "beta":
            return self.counts, np.zeros(self.counts.shape)
        return self.counts.reshape(self.links[parameter].rows.size, -1), None


# -------------------------------------------------------------------- data on labels


class Labelled(Statement):
    """Data whose rows depend on labels: part of a pass.

    Attributes
    ----------
    s : SeparableFactor
    rows : list of list of ndarray
        Its part of the pass's table, by start.
    base : float
        What is the same under every label, summed over rows.
    """

    def __init__(self, s: SeparableFactor, label: LabelVector, links: Mapping[str, Link], starts: int):
        super().__init__(s.factor.node.name, links)
        self.s, self.label, self.starts, self.base = s, label, starts, 0.0
        self.kept: list[Any] = []
        self.rows: list[list[RowFactor]] = [[] for _ in range(starts)]

    @property
    def cells(self) -> int:
        """Labels of all starts."""
        return self.starts * self.label.n_labels

    @property
    def width(self) -> int:
        """Columns of one row of data."""
        return 1

    @property
    @abstractmethod
    def collected(self) -> list[np.ndarray]:
        """What the pass adds up, label by label along the first axis: the arrays themselves."""

    @abstractmethod
    def refresh(self) -> None:
        """Write the coefficients for the next pass."""

    @abstractmethod
    def logs(self, x: np.ndarray) -> np.ndarray:
        """Expected log density of new rows, shape (rows, width), under each label: shape (rows, K)."""

    def _rows(self, kernel: Any, x: np.ndarray, tables: Sequence[np.ndarray], steps: Sequence[int]) -> list[RowFactor]:
        """Factors that add a kernel's value with one entry of each table per label: one for each start."""
        self.kept += [x, *tables]
        return self._factors(
            lambda start: RowFactor().by_density(kernel.address, address_of(x), self._tables(tables, steps, start))
        )

    def _factors(self, made: Callable[[int], RowFactor]) -> list[RowFactor]:
        found = [made(start).of_units(self.s.units, self.label.n_units) for start in range(self.starts)]
        for start, row in enumerate(found):
            self.rows[start].append(row)
        return found

    def _tables(self, tables: Sequence[np.ndarray], steps: Sequence[int], start: int) -> list[tuple[int, int]]:
        """One start's part of each table, as (address, step from label to label)."""
        n = self.label.n_labels
        return [(address_of(t) + 8 * start * n * step, step) for t, step in zip(tables, steps, strict=True)]

    def _collect(self, rows: list[RowFactor], count: np.ndarray, stride: int, columns: Sequence[Sequence[Any]]) -> None:
        """Where a factor's counts and sums go; each column is (data, shift, sums, squares or None)."""
        for start, row in enumerate(rows):
            part = partial(self._part, start)
            own = [ColumnSums(part(sums), part(squares), values, shift) for values, shift, sums, squares in columns]
            row.collects(count.reshape(self.starts, -1)[start], own, stride)

    def _part(self, start: int, x: np.ndarray | None) -> Any:
        """One start's part of an array."""
        return None if x is None else x.reshape(self.starts, -1)[start]

    def _ordered(self, x: np.ndarray) -> np.ndarray:
        return x if self.s.order is None else x[self.s.order]


def _arrays(sums: Sums) -> list[np.ndarray]:
    return [sums.n, *sums.sums, *[x for x in sums.squares if x is not None]]


def _wide(x: Any, n: int) -> np.ndarray:
    return np.array(np.broadcast_to(x, (n,)), dtype=float)


class Numbers(Labelled):
    """Rows of numbers of a conjugate family."""

    def __init__(self, s: SeparableFactor, label: LabelVector, links: Mapping[str, Link], starts: int, family: Family):
        super().__init__(s, label, links, starts)
        assert s.cells is not None
        self.family, self.spec, n = family, EXPECTED[family.name], self.cells
        self.tables = [np.zeros(n) for _ in range(3)]
        counts = np.zeros(n)
        columns = [np.asarray(c.known) for c in s.cells.columns]
        shifts = [np.array([float(shift.known)]) for shift in s.cells.sums.shifts]
        sums = tuple(np.zeros(n) for _ in columns)
        squares = tuple(np.zeros(n) if q else None for q in s.cells.squares)
        self.sums = Sums(counts, sums, squares, tuple(float(shift[0]) for shift in shifts))
        # a lognormal distribution's column is the logarithm; a gamma distribution's first is the number itself
        rows = self._rows(self.spec.form.kernel, columns[0], self.tables, (1, 1, 1))
        self._collect(rows, counts, 1, list(zip(columns, shifts, sums, squares, strict=True)))
        x = np.asarray(s.rows.arguments[0].known, dtype=float)
        base, counted = np.broadcast_to(self.spec.base(x, self.moments()), x.shape), label.node.row_weights
        self.base = float(np.sum(base if counted is None else base * counted))

    @property
    def collected(self) -> list[np.ndarray]:
        """See the base."""
        return _arrays(self.sums)

    def message(self, parameter: str) -> tuple[Any, Any]:
        """From the expected sums of the last pass."""
        return families.messages(self.family, parameter, self.sums, self.moments())

    def refresh(self) -> None:
        """Coefficients at the present moments."""
        for kept, values in zip(self.tables, self.spec.coefficients(self.moments()), strict=True):
            kept[:] = values

    def logs(self, x: np.ndarray) -> np.ndarray:
        """See the base."""
        m = self.moments()
        coefficients = [_wide(c, self.cells) for c in self.spec.coefficients(m)]
        assert self.family.statistics is not None
        column = np.asarray(self.family.statistics.columns[0].transform(x[:, :1]), dtype=float)
        return np.asarray(self.spec.form.value(column, *coefficients) + self.spec.base(x[:, :1], m))


class Vectors(Labelled):
    """Rows of normal vectors."""

    def __init__(self, s: SeparableFactor, label: LabelVector, links: Mapping[str, Link], starts: int):
        super().__init__(s, label, links, starts)
        columns, self.shift = columns_about(s)
        n, d = self.cells, len(self.shift)
        self.means, self.precisions, self.constants = np.zeros((n, d)), np.zeros((n, d, d)), np.zeros(n)
        counts, sums, squares = np.zeros(n), np.zeros((n, d)), np.zeros((n, d, d))
        self.sums = Sums(counts, (sums,), (squares,), (self.shift,))
        whitened, nothing = np.zeros(vectors.table_size(label.n_labels, d)), np.zeros(1)
        tables, steps = (self.means, self.precisions), (d, d * d)
        rows = self._factors(
            lambda start: RowFactor().by_vectors(
                vectors.BY_PRECISION, columns, self.shift, self._tables(tables, steps, start), address_of(whitened)
            )
        )
        if s.gaps is not None:
            self._gaps(rows, missing_in(s), label.n_labels)
        self._collect(rows, counts, 1, [(None, None, sums, squares)])
        # the constant of each label, once per row: the slope is zero, so any column will do
        self._rows(expected.LINEAR, columns, (self.constants, nothing, nothing), (1, 0, 0))
        self.kept.append(whitened)

    def _gaps(self, rows: list[RowFactor], mask: np.ndarray, n_labels: int) -> None:
        """Missing coordinates are integrated out; where labels are given, the columns' means stand for them."""
        layout = GapLayout(mask, integrated=True)
        entries, space = self.shift[np.nonzero(mask)[1]], np.zeros(space_size(n_labels, len(self.shift)))
        words = layout.record(address_of(entries), address_of(space))
        for row in rows:
            row.with_gaps(words)
        self.kept += [layout, entries, space]

    @property
    def width(self) -> int:
        """Dimension."""
        return len(self.shift)

    @property
    def collected(self) -> list[np.ndarray]:
        """See the base."""
        return _arrays(self.sums)

    def message(self, parameter: str) -> tuple[Any, Any]:
        """From the expected sums of the last pass."""
        return families.messages(MV_NORMAL, parameter, self.sums, self.moments())

    def refresh(self) -> None:
        """Expected means and precisions, and what is left."""
        m = self.moments()
        self.means[:], self.precisions[:] = m["mean"].first, m["precision"].first
        self.constants[:] = families.vector_constant(m)

    def logs(self, x: np.ndarray) -> np.ndarray:
        """See the base."""
        return families.vector_logs(x, self.moments())


class Categories(Labelled):
    """Rows of categories, with weights that depend on the label."""

    def __init__(
        self, s: SeparableFactor, label: LabelVector, links: Mapping[str, Link], starts: int, n_categories: int
    ):
        super().__init__(s, label, links, starts)
        assert s.factor.x is not None
        x = np.ascontiguousarray(self._ordered(np.asarray(s.factor.x.known).ravel()), dtype=float)
        self.table = np.zeros((self.cells, n_categories))
        self.counts = np.zeros((self.cells, n_categories))
        length = np.array([float(n_categories)])
        rows = self._rows(expected.LOOKED_UP, x, (self.table, length, length), (n_categories, 0, 0))
        self._collect(rows, self.counts, n_categories, [])
        for row in rows:
            row.in_groups(x)

    @property
    def collected(self) -> list[np.ndarray]:
        """See the base."""
        return [self.counts]

    def message(self, parameter: str) -> tuple[Any, Any]:
        """Expected counts."""
        return self.counts, None

    def refresh(self) -> None:
        """Expected logs."""
        self.table[:] = self.links["probabilities"].moments().first

    def logs(self, x: np.ndarray) -> np.ndarray:
        """See the base."""
        table = np.broadcast_to(self.links["probabilities"].moments().first, self.table.shape)
        return np.asarray(table[:, x[:, 0].astype(int)].T)


class Counts(Labelled):
    """Rows of multinomial counts, with weights that depend on the label: a linear factor per category."""

    def __init__(self, s: SeparableFactor, label: LabelVector, links: Mapping[str, Link], starts: int, x: np.ndarray):
        super().__init__(s, label, links, starts)
        x = self._ordered(x)
        n, m = self.cells, x.shape[1]
        self.slopes = [np.zeros(n) for _ in range(m)]
        self.sums = np.zeros((m, n))
        nothing = np.zeros(1)
        for j in range(m):
            column = np.ascontiguousarray(x[:, j], dtype=float)
            rows = self._rows(expected.LINEAR, column, (nothing, self.slopes[j], nothing), (0, 1, 0))
            self._collect(rows, np.zeros(n), 1, [(column, nothing, self.sums[j], None)])
        self.base = coefficient(x)

    @property
    def width(self) -> int:
        """Number of categories."""
        return len(self.slopes)

    @property
    def collected(self) -> list[np.ndarray]:
        """See the base."""
        return [self.sums.T]

    def message(self, parameter: str) -> tuple[Any, Any]:
        """Expected counts."""
        return self.sums.T, None

    def _logs(self) -> np.ndarray:
        shape = (self.cells, self.width)
        return np.broadcast_to(self.links["probabilities"].moments().first, shape)

    def refresh(self) -> None:
        """Expected logs, never minus infinity times no count."""
        for slope, logs in zip(self.slopes, self._logs().T, strict=True):
            slope[:] = np.maximum(logs, -1e300)

    def logs(self, x: np.ndarray) -> np.ndarray:
        """See the base."""
        coefficients = gammaln(x.sum(1) + 1.0) - gammaln(x + 1.0).sum(1)
        return np.asarray(x @ np.maximum(self._logs(), -1e300).T + coefficients[:, None])


def coefficient(x: np.ndarray) -> float:
    """Log multinomial coefficients of all rows."""
    return float(np.sum(gammaln(x.sum(-1) + 1.0)) - np.sum(gammaln(x + 1.0)))


__all__ = [
    "Categories", "Counted", "Counts", "Hyper", "Known", "Labelled", "Numbers", "Statement", "Vectors", "Weights",
    "coefficient",
]  # fmt: skip
