"""Passes over few weighted rows in the place of all of them."""

from __future__ import annotations

import numpy as np

from mcmix.distributions.family import Family
from mcmix.kernels.base import apart
from mcmix.steps.all_rows import AllRows
from mcmix.structure import expression as ex
from mcmix.structure.by_component import few_values_of
from mcmix.structure.cells import known_mean, looked_up, rows_with_gaps
from mcmix.structure.contributions import LabelBlock
from mcmix.structure.expression import Expression, constant
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.structure.labels import parameter_tables
from mcmix.structure.rewrite import substitute
from mcmix.structure.streamed import SCALES
from mcmix.structure.weighted_cells import by_cells
from mcmix.structure.weighted_rows import MOST_VALUES, SAMPLE, WeightedRows, distinct, quadrature

NATS, IN_THE_PLANE = 1e-6, 5e-4  # that few rows may be off
FIRST_LEVEL = 2
SAVING = 2  # so many times fewer rows are worth it
FINEST = 10  # halvings of the widest bins
BINS = 8  # of the widest kind, in the middle of the data
ROWS_OF_A_VALUE = 100  # on average, from which on numbers of rows are drawn at once
FEWEST_POINTS = 50_000  # of the plane, of which few could stand for all


class Weighted(AllRows):
    """Weighted rows of a factor, in the place of its rows.

    Parameters
    ----------
    label : LabelVector
    rows : WeightedRows
        On the scale of the data.
    places : ndarray, shape (rows,) or (rows, 2)
        The values on a scale on which the density is smooth.
    """

    def __init__(self, label: LabelVector, rows: WeightedRows, places: np.ndarray):
        super().__init__(label)
        self.rows, self.places = rows, places
        self.weights = np.ascontiguousarray(rows.weights)
        self._values = constant(np.ascontiguousarray(rows.values))

    @property
    def n_units(self) -> int:
        """Number of weighted rows."""
        return self.rows.n_rows

    def values(self, s: SeparableFactor) -> Expression:
        """What a family's density is asked about."""
        return self._values

    def columns(self, s: SeparableFactor) -> list[np.ndarray]:
        """The statistic's columns at the weighted rows."""
        assert s.factor.family is not None and s.factor.family.statistics is not None
        columns = s.factor.family.statistics.columns
        return [np.ascontiguousarray(c.transform(self.rows.values), dtype=float) for c in columns]

    def centred(self, s: SeparableFactor) -> tuple[np.ndarray, np.ndarray]:
        """Weighted rows of vectors as columns about the mean of all rows; and that mean."""
        shift = np.ascontiguousarray(known_mean(*rows_with_gaps(s)))
        columns = apart((len(shift), self.n_units))
        np.subtract(self.rows.values.T, shift[:, None], out=columns)
        return columns, shift

    def under(self, s: SeparableFactor, slot: Expression) -> Expression:
        """Log density of the weighted rows under the one label that stands at a leaf."""
        variable = self.label.variable
        parameters = [
            substitute(p, {variable: slot, **dict.fromkeys(looked_up(p, variable), slot)}) for p in s.rows.arguments[1:]
        ]
        alike = [constant_of_all(p, s.rows.shape[0]) for p in parameters]
        return ex.density(s.rows.extra, self._values, alike)


def constant_of_all(x: Expression, count: int) -> Expression:
    """A parameter that is the same for all rows, as one number."""
    return x if x.size == 1 or x.shape != (count,) else ex.gather(x, np.array(0))


class Levels:
    """How values of one distribution may be replaced by few weighted ones, from coarse to fine.

    Parameters
    ----------
    x : ndarray, shape (N,)
    family : Family
    weights : ndarray, shape (N,), optional
        How many rows each stands for, where it is not one.
    counted : bool
        Whether these are numbers of equal rows.

    Attributes
    ----------
    why_not : str
        Why all values are used, or nothing.
    exact : bool
        Whether it is by distinct values: there is one level, and nothing to be checked.
    """

    def __init__(self, x: np.ndarray, family: Family, weights: np.ndarray | None = None, counted: bool = False):
        self.x, self.weights, self.exact, self.why_not = x, weights, False, ""
        self._made: dict[int, tuple[WeightedRows, np.ndarray] | None] = {}
        rows = None
        if weights is not None and counted and (family.smooth is None or len(x) <= MOST_VALUES):
            rows = WeightedRows(x, weights, True)
        elif weights is None and _is_tied(x, family.support.discrete):
            rows = distinct(x)
        if rows is not None and (counted or SAVING * rows.n_rows <= len(x)):
            self.exact, self._made[0] = True, (rows, rows.values)
            return
        if family.support.discrete:
            self.why_not = "there are too many distinct values"
        elif family.support.atoms:
            self.why_not = f"{family.name} has point masses"
        elif family.smooth is None:
            self.why_not = f"the log density of {family.name} has kinks"
        else:
            self._to, self._back = SCALES[family.smooth]
            with np.errstate(all="ignore"):
                self.scaled = np.asarray(self._to(x), dtype=float)
            if not np.isfinite(self.scaled).all():
                self.why_not = "values lie at an end of the support"

    def level(self, number: int) -> tuple[WeightedRows, np.ndarray] | None:
        """Weighted values with bins halved so often, and where they are on the scale on which the density is smooth.

        None where they are hardly fewer, as from there on.
        """
        if self.why_not or number > FINEST:
            return None
        if number not in self._made:
            self._made[number] = self._binned(number)
        return self._made[number]

    def _binned(self, number: int) -> tuple[WeightedRows, np.ndarray] | None:
        low, high = self._spread()
        if not high > low:
            return None
        rows = quadrature(self.scaled, float(high - low) / (BINS * 2**number), weights=self.weights)
        if SAVING * rows.n_rows > len(self.x):
            return None
        return WeightedRows(np.asarray(self._back(rows.values), dtype=float), rows.weights, False), rows.values

    def _spread(self) -> tuple[float, float]:
        """Between what values 98 of 100 rows lie, from some of them."""
        if self.weights is None:
            low, high = np.quantile(self.scaled[:: max(1, len(self.scaled) // 10_000)], [0.01, 0.99])
            return float(low), float(high)
        order = np.argsort(self.scaled)
        share = np.cumsum(self.weights[order]) / self.weights.sum()
        low, high = self.scaled[order][np.searchsorted(share, [0.01, 0.99])]
        return float(low), float(high)


class PlaneLevels:
    """How points of the plane may be replaced by few weighted ones, from coarse to fine.

    Parameters
    ----------
    x : ndarray, shape (N, 2)

    Attributes
    ----------
    why_not : str
        Why all of them are used, or nothing.
    exact : bool
        Never: nodes stand for points near them.
    """

    def __init__(self, x: np.ndarray):
        self.x, self.exact, self.why_not = x, False, ""
        if len(x) < FEWEST_POINTS:
            self.why_not = "of points in the plane weighted ones are hardly fewer"
        some = x[:: max(1, len(x) // 10_000)]
        self._widths = (np.quantile(some, 0.99, axis=0) - np.quantile(some, 0.01, axis=0)) / BINS
        if not (self._widths > 0.0).all():
            self.why_not = "points lie on a line"

    def level(self, number: int) -> tuple[WeightedRows, np.ndarray] | None:
        """As of :class:`Levels`: cells with half the area of those of the level before."""
        if self.why_not or number > FINEST:
            return None
        rows = by_cells(self.x, self._widths / 2.0 ** (0.5 * number))
        return (rows, rows.values) if SAVING * rows.n_rows <= len(self.x) else None


class WeightedLevels:
    """How the rows of a label block may be replaced by few, from coarse to fine.

    Parameters
    ----------
    block : LabelBlock

    Attributes
    ----------
    why_not : str
        Why all rows are used, or nothing.
    exact : bool
        Whether it is by distinct values: there is one level, and nothing to be checked.
    nats : float
        By how many the log likelihood of few rows may differ from that of all where a chain starts.
    first : int
        Level that is tried first.
    """

    def __init__(self, block: LabelBlock):
        self.block, self.exact, self.nats, self.first = block, False, NATS, FIRST_LEVEL
        self._made: dict[int, Weighted | None] = {}
        self.why_not = self._obstacle()
        if not self.why_not:
            rows = block.factors[0].rows
            whole = AllRows.of(block)
            x = np.asarray(rows.arguments[0].known, dtype=float)
            self._values: Levels | PlaneLevels = (
                PlaneLevels(x) if rows.op == "events" else Levels(x, rows.extra, whole.weights, whole.counted)
            )
            self.why_not, self.exact = self._values.why_not, self._values.exact
            if rows.op == "events":
                self.nats, self.first = IN_THE_PLANE, 0

    def _obstacle(self) -> str:
        if self.block.distribution.ahead is not None:
            return "units follow one another"
        if len(self.block.factors) != 1:
            return "several things are observed of a unit"
        s = self.block.factors[0]
        x = s.rows.arguments[0]
        if s.units is not None or parameter_tables(s, self.block.label) is None:
            return "parameters vary by row"
        if not x.is_constant or s.gaps is not None:
            return "some rows are unknown"
        if s.rows.op == "events" and (s.cells is None or x.shape[1:] != (2,)):
            return "rows of vectors are replaced in the plane alone"
        return "" if s.rows.op in ("density", "events") else "parameters vary by row"

    def level(self, number: int) -> Weighted | None:
        """Weighted rows with bins halved so often; None where they are hardly fewer, as from there on."""
        if self.why_not:
            return None
        if number not in self._made:
            found = self._values.level(number)
            self._made[number] = None if found is None else Weighted(self.block.label, *found)
        return self._made[number]

    def some(self, chosen: np.ndarray) -> Weighted:
        """Some rows alone, each of which stands for itself."""
        values = self._values.x[chosen]
        return Weighted(self.block.label, WeightedRows(values, np.ones(len(values)), False), values)


def distinct_rows(block: LabelBlock) -> Weighted | None:
    """Distinct values in the place of rows, where these are many times as many and nothing else tells rows apart.

    Numbers of rows by label can then be drawn value by value.
    """
    s = block.factors[0] if len(block.factors) == 1 else None
    if AllRows.of(block).weights is not None:  # rows on disk are many more than these
        return None
    if s is None or block.tempered or block.distribution.by_row or block.log_weights is None:
        return None
    plain = s.rows.op == "density" and s.units is None and s.rows.arguments[0].is_constant
    few = few_values_of(s) if plain and parameter_tables(s, block.label) is not None else None
    if few is None or s.cells is None or s.cells.groups is not None or list(s.cells.strides) != [block.label]:
        return None
    if block.label.n_units < ROWS_OF_A_VALUE * len(few.values):
        return None
    counts = np.bincount(few.numbers, minlength=len(few.values)).astype(float)
    return Weighted(block.label, WeightedRows(few.values.astype(float), counts, True), few.values)


def _is_tied(x: np.ndarray, discrete: bool) -> bool:
    """Whether values repeat so much that one of each may stand for many: seen on some of them where they are reals."""
    if discrete:
        return True
    some = x[:: max(1, len(x) // SAMPLE)]
    return 2 * len(np.unique(some)) <= len(some)


__all__ = ["Levels", "PlaneLevels", "Weighted", "WeightedLevels", "distinct_rows"]
