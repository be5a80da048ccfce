"""mc.predictive: the distribution of one new row given the data, free of the names of components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mcmix.api.arguments import at_least_one, checked_sampler
from mcmix.api.given import covariates_given, needs_covariates
from mcmix.api.predictive_parts import Band, LogScore, _count, _data, _key, _numbers, _row_of, _shaped, _support, _width
from mcmix.errors import ModelError
from mcmix.nodes.ancestral import generator
from mcmix.nodes.covariates import Covariates
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.mixture import MixtureOfDistributions
from mcmix.notebook import shown
from mcmix.report import arviz_bridge
from mcmix.report.plots.sources import title_of
from mcmix.report.prediction.integrals import Stretch, integrated, summed
from mcmix.report.prediction.means import LogMean, log_mean
from mcmix.report.prediction.quantiles import quantiles
from mcmix.sampling.predictive_density import NewRows, Together, chosen, of_one
from mcmix.sampling.predictive_rows import RowDraws
from mcmix.structure.cumulative import cumulative
from mcmix.structure.other_rows import totals_by_row
from mcmix.traces.memory import Draws

MOST_BYTES = 2**30  # of curves by draw and point that a band is read from


def predictive(
    m: Any, name: Any = None, *, draws: int = 1000, calls: str = "last", column: int | None = None, given: Any = None
) -> Predictive:
    """The posterior predictive distribution of one new row.

    Labels are summed out and draws averaged over, so neither label switching nor relabelling changes anything.

    Parameters
    ----------
    m : MCMC
        After sampling.
    name : str or node, optional
        Which data node; by default the only one, or all of those that depend on the model's labels, whose rows are then
        given by name. A node that is named stands for itself: other data on its labels are left out.
    draws : int
        Kept draws that are averaged over, evenly spaced over all chains.
    calls : {"last", "all"}
    column : int, optional
        Of rows of vectors, the distribution of one coordinate by itself: independent columns, and normal vectors.
    given : dict of str to array_like, optional
        The new row's covariates (:class:`Covariates`), by name; of a single one without its name. Without it, densities
        take rows with their covariates by name (``distribution.logpdf({"y": y, "X": X})``), and ``rvs`` takes
        ``given=``.

    Returns
    -------
    Predictive
        With ``pdf``, ``logpdf``, ``band``, ``cdf``, ``cdf_band``, ``quantile``, ``log_score``, ``rvs`` and
        ``to_dataset``.

    Raises
    ------
    ModelError
        If the name or column is unknown, covariates do not fit, or a new row has no distribution because parameters
        belong to the data's own rows (arrays that are no :class:`Covariates`, censoring).

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
    >>> mu, w = mc.Normal("mu", 0, 0.01, size=2), mc.Dirichlet("w", [1, 1])
    >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True), mu])
    >>> distribution = mc.predictive(m.sample(1000, 500, chains=2, seed=1))
    >>> distribution.cdf([-5.0, 4.5, 14.0]).round(2).tolist()
    [0.0, 0.5, 1.0]
    >>> bool(abs(distribution.quantile(0.25)) < 0.5)
    True
    """
    checked_sampler(m, "predictive")
    kept, most = m.draws(calls), at_least_one(draws, "draws", "predictive")
    return Predictive(m, kept, _together(m, name), most, column, given)


def _again(m: Any, draws: Draws, name: str | None, most: int, column: int | None, given: Any = None) -> Predictive:
    return Predictive(m, draws, _together(m, name), most, column, given)


def _together(m: Any, name: Any) -> Together:
    """The data node, with the labels that its rows depend on; or all data on one set of labels."""
    data = m.model.data_nodes
    if not data:
        raise ModelError("predictive: the model has no data, so no new row is defined; look at the draws themselves")
    if name is not None or len(data) == 1:
        return of_one(m.assembled, data[0] if name is None else _data(m, name))
    try:
        return chosen(m.assembled, None, labels_needed=False)
    except ModelError as error:
        listed = ", ".join(n.name for n in data)
        raise ModelError(f"predictive: which data node? expected name= to be one of {listed}") from error


class Predictive:
    """The posterior predictive distribution of one new row; made by :func:`predictive`.

    Densities and probabilities are means over kept draws of what each draw says. Points are numbers, in any shape that
    the answer then has, where rows are numbers; rows of vectors have shape (points, columns), NaN for coordinates that
    are integrated out. Of whole numbers, "pdf" is the probability mass.
    """

    def __init__(
        self, m: Any, draws: Draws, together: Together, most: int, column: int | None = None, given: Any = None
    ):
        self._made, self._draws, self._together, self._most = m.assembled, draws, together, most
        self._node = together.data[0]
        self._width = _width(self._node)
        self.names = tuple(n.name for n in together.data)
        self.column = None if column is None else self._checked_column(column)
        self._given = None if given is None else covariates_given(together, given, "predictive", one=True)
        self._apart = bool(together.covariates) and given is None  # rows come with covariates of their own
        one = self._width is None or self.column is not None
        self._scalar = len(self.names) == 1 and one and not self._apart
        self._positions = draws.thinned(most)
        self._m = m
        self._refuse_without_distribution()

    def __reduce__(self) -> Any:
        """How to copy it: the distribution is seen again in a copy of the sampler."""
        name = self.names[0] if len(self.names) == 1 else None
        own = None if self._given is None else {c.name: x[0] for c, x in self._given.items()}
        return _again, (self._m, self._draws, name, self._most, self.column, own)

    # ---------------------------------------------------------------- densities

    def logpdf(self, x: Any) -> Any:
        """Log of the posterior mean of the density at x, in nats; see :meth:`pdf`."""
        points, shape = self._points(x)
        return _shaped(self._log_mean(points).log, shape)

    def pdf(self, x: Any) -> Any:
        """Posterior mean of the density (or mass) at x.

        Parameters
        ----------
        x : array_like, or dict of str to array_like for several data nodes
            In units of the data.

        Raises
        ------
        ModelError
            If x is of another width, or not finite numbers.
        """
        return np.exp(self.logpdf(x))

    def band(self, x: Any, probability: float = 0.95) -> Band:
        """The density at x with its uncertainty.

        Parameters
        ----------
        x : array_like
        probability : float in (0, 1)
            Of the draws whose density lies within the band, at each point by itself.

        Returns
        -------
        Band
            ``low``, ``mean``, ``high``, of the shape of x. Draws times points numbers are held meanwhile.
        """
        points, shape = self._points(x)
        return self._band((np.exp(logs) for logs in self._logs(points)), _count(points), probability, shape)

    def log_score(self, new: Any) -> LogScore:
        """Log predictive density of rows that were not among the data.

        Parameters
        ----------
        new : array_like, or dict of str to array_like for several data nodes
            Rows as those of the data.

        Returns
        -------
        LogScore

        Notes
        -----
        Errors are those of batch means by the delta method. The log of a mean over few effective draws is too low;
        where a row's error is above 0.1 or so, draw more.
        """
        points, _ = self._points(new)
        found = self._log_mean(points)
        spread = float(np.sqrt(len(found.log)) * found.log.std(ddof=1)) if len(found.log) > 1 else np.nan
        return LogScore(found.log, found.errors, float(found.log.sum()), found.total_error, spread)

    # ---------------------------------------------------------------- probabilities

    def cdf(self, x: Any) -> Any:
        """Posterior mean of P(row <= x), from the distributions' own cumulative functions where they have one.

        Where they do not, densities are integrated numerically or masses summed, and all mass must come out as 1.

        Parameters
        ----------
        x : array_like
            Numbers, infinite ones too.

        Raises
        ------
        ModelError
            For rows of vectors without ``column=``, and for several data nodes.
        """
        points, shape = self._points(x, infinite=True)
        self._refuse_vectors("cdf")
        total: Any = 0.0
        for values in self._probabilities(points):
            total = total + values
        return _shaped(total / len(self._positions), shape)

    def cdf_band(self, x: Any, probability: float = 0.95) -> Band:
        """P(row <= x) with its uncertainty; arguments as for :meth:`band`."""
        points, shape = self._points(x, infinite=True)
        self._refuse_vectors("cdf_band")
        return self._band(self._probabilities(points), _count(points), probability, shape)

    def quantile(self, q: Any) -> Any:
        """The smallest number with ``cdf(number) >= q``.

        Parameters
        ----------
        q : array_like
            Strictly between 0 and 1.

        Raises
        ------
        ModelError
            If q is not, or as for :meth:`cdf`.
        """
        self._refuse_vectors("quantile")
        levels = _numbers(q, "quantile: q")
        if not ((levels > 0.0) & (levels < 1.0)).all():
            raise ModelError(f"quantile: q expected probabilities strictly between 0 and 1, got {q!r}")
        if not levels.size:
            return levels
        at = self._stretch()
        found = quantiles(self.cdf, levels.ravel(), at.low, at.high, self.is_discrete, (at.lower, at.upper))
        return _shaped(found, levels.shape)

    # ---------------------------------------------------------------- draws, datasets

    def rvs(self, n: int = 1, seed: Any = None, *, given: Any = None) -> Any:
        """Draw new rows: labels anew from each kept draw's weights, then the data.

        Where rows of counts have totals of their own (trials that differ by row), a new row has the total of one of the
        data's rows, chosen evenly.

        Parameters
        ----------
        n : int
            Up to the number of kept draws that are used, each row has a draw of its own; beyond it, they take turns.
        seed : int, SeedSequence or Generator, optional
        given : dict of str to array_like, optional
            Covariates of so many new rows, by name: n draws of each of them, those of all rows from one kept draw.

        Returns
        -------
        ndarray, shape (n,) or (n, columns); a dict of these by name for several data nodes
            With `given`, of shape (n, rows) or (n, rows, columns).

        Raises
        ------
        ModelError
            If a node has no way to be drawn; if covariates are missing, or do not fit.
        """
        count, rng = at_least_one(n, "n", "rvs"), generator(seed, "rvs")
        if given is not None:
            return self._of_rows(covariates_given(self._together, given, "rvs", one=False), count, rng)
        if self._apart:
            raise ModelError(f"rvs: {needs_covariates(self._together)}, or rvs(n, given=...) for several rows")
        each = -(-count // len(self._positions))
        own = {c: np.repeat(x, each, axis=0) for c, x in (self._given or {}).items()}
        rows = RowDraws(self._made, self._together, each, own)
        used = rng.permutation(self._positions)[: -(-count // each)]
        parts = list(rows.at(self._draws, used, rng))
        return self._by_name({name: np.concatenate([p[name] for p in parts])[:count] for name in self.names})

    def _of_rows(self, covariates: dict[Covariates, np.ndarray], count: int, rng: np.random.Generator) -> Any:
        """Draws of rows with covariates of their own; kept draws take turns where there are fewer of them."""
        rows = RowDraws(self._made, self._together, len(next(iter(covariates.values()))), covariates)
        used = np.resize(rng.permutation(self._positions), (count, 2))
        parts = list(rows.at(self._draws, used, rng))
        return self._by_name({name: np.stack([p[name] for p in parts]) for name in self.names})

    def _by_name(self, found: dict[str, np.ndarray]) -> Any:
        if len(self.names) > 1:
            return found
        return found[self.names[0]] if self.column is None else found[self.names[0]][..., self.column]

    def to_dataset(self, x: Any, probability: float = 0.95) -> Any:
        """Density, and of numbers the cumulative probability, with bands, as an xarray.Dataset.

        Parameters
        ----------
        x : array_like
            Points (n,), or rows (n, columns); dimension ``point``, and ``coordinate`` for the columns.
        probability : float in (0, 1)

        Returns
        -------
        xarray.Dataset
        """
        points, _ = self._points(x)
        if self._apart:
            raise ModelError(f"to_dataset: {needs_covariates(self._together)}")
        if len(self.names) > 1:
            raise ModelError(f"to_dataset: expected one data node, got {', '.join(self.names)}; name one")
        curves = {"density": self.band(x, probability)}
        if self._scalar:
            curves["cdf"] = self.cdf_band(x, probability)
        arrays = {f"{n}{end}": getattr(b, side).ravel() for n, b in curves.items() for end, side in _ENDS.items()}
        attributes = {"data": self.names[0], "draws": len(self._positions), "band probability": probability}
        return arviz_bridge.by_point(arrays, points, attributes)

    @property
    def is_discrete(self) -> bool:
        """Whether a row takes whole numbers only."""
        node = self._node
        if isinstance(node, MixtureOfDistributions):
            return bool(node.components[0].family.support.discrete)
        return node.family.support.discrete if isinstance(node, Distribution) else np.dtype(node.dtype).kind in "iub"

    @property
    def data(self) -> np.ndarray:
        """Known entries of the data whose distribution it is, of the column that is meant, shape (entries,)."""
        rows = self._made.rows[self._node]
        if self.column is None:
            return rows.seen
        values = rows.with_gaps().reshape(-1, self._width or 1)[:, self.column]
        return values[~np.isnan(values)]

    @property
    def title(self) -> str:
        """What a row is called: the data node's name, with the column."""
        return ", ".join(self.names) + ("" if self.column is None else f"[{self.column}]")

    @property
    def axis_title(self) -> str:
        """What a row's number is called on an axis: by name and unit of its column where pandas gave them."""
        own = title_of(self._node, self.names[0], self.column)
        return own if len(self.names) == 1 else self.title

    def __repr__(self) -> str:
        kind = "masses of whole numbers" if self.is_discrete and self._scalar else "density"
        rows = (
            "rows with covariates"
            if self._apart
            else "numbers"
            if self._scalar
            else f"vectors of {self._width}"
            if len(self.names) == 1
            else "joint rows"
        )
        what = kind if kind.endswith("numbers") else f"{kind} of {rows}"
        labels = ", ".join(x.node.name for x in self._together.labels)
        summed_out = f"; {labels} summed out" if labels else ""
        return f"<Predictive of {self.title}: {what}, mean over {len(self._positions)} draws{summed_out}>"

    def _repr_html_(self) -> str:
        return shown(repr(self).strip("<>"), None, "methods: pdf, logpdf, cdf, quantile, rvs")

    # ---------------------------------------------------------------- at each draw

    def _rows(self, points: Any, of_cumulative: bool = False) -> NewRows:
        return NewRows(self._made, self._together, self._wide(points), cumulative=of_cumulative)

    def _logs(self, points: Any, of_cumulative: bool = False) -> Iterator[np.ndarray]:
        rows = self._rows(points, of_cumulative)
        for logs in rows.logs(self._draws, self._most):
            yield logs[: rows.count]

    def _log_mean(self, points: Any) -> LogMean:
        return log_mean(self._logs(points), len(self._positions))

    def _probabilities(self, points: np.ndarray) -> Iterator[np.ndarray]:
        """P(row <= x) at each draw; nothing below, all above where x is infinite."""
        inside = np.isfinite(points)
        some = points[inside] if inside.any() else points[:0]
        curves = self._cumulative_at(some) if some.size else (np.zeros(0) for _ in self._positions)
        for values in curves:
            found = np.where(points > 0, 1.0, 0.0)
            found[inside] = values
            yield found

    def _cumulative_at(self, points: np.ndarray) -> Iterator[np.ndarray]:
        if cumulative(self._node) is not None:
            whole = np.floor(points) if self.is_discrete else points
            return (np.minimum(np.exp(logs), 1.0) for logs in self._logs(whole, of_cumulative=True))
        if self.is_discrete:
            return summed(self._logs, points, self._stretch(), self.names[0])
        return integrated(self._logs, points, self._stretch(), self.data, self.names[0])

    def _band(
        self, curves: Iterator[np.ndarray], n_points: int, probability: float, shape: tuple[int, ...] | None
    ) -> Band:
        if not (isinstance(probability, (int, float)) and 0.0 < probability < 1.0):
            raise ModelError(f"band: probability expected a number strictly between 0 and 1, got {probability!r}")
        if 8 * n_points * len(self._positions) > MOST_BYTES:
            raise ModelError(
                f"band: {n_points} points at {len(self._positions)} draws would take more than 1 GiB; ask for fewer "
                "points, or make predictive(..., draws=) smaller"
            )
        values = np.array(list(curves))
        low, high = np.quantile(values, [0.5 - 0.5 * probability, 0.5 + 0.5 * probability], axis=0)
        return Band(_shaped(low, shape), _shaped(values.mean(axis=0), shape), _shaped(high, shape))

    # ---------------------------------------------------------------- points

    def _points(self, x: Any, infinite: bool = False) -> tuple[Any, tuple[int, ...] | None]:
        """Points as they are weighed, and the shape of the answer."""
        if not self._scalar:
            return x, None
        value = next(iter(x.values())) if isinstance(x, Mapping) and set(map(_key, x)) == set(self.names) else x
        points = _numbers(value, f"predictive of {self.names[0]}")
        if np.isnan(points).any() or not (infinite or np.isfinite(points).all()):
            came = "NaN" if np.isnan(points).any() else "infinity"
            raise ModelError(f"predictive of {self.names[0]}: expected numbers, got {came}")
        return points.ravel(), points.shape

    def _wide(self, points: Any) -> Any:
        """Points as new rows: of one column of a table, with the others missing; all with the covariates given."""
        rows = points
        if self.column is not None and not isinstance(points, Mapping):
            rows = np.full((len(points), self._width or 1), np.nan)
            rows[:, self.column] = points
        if self._given is None:
            return rows
        by_name = dict(rows) if isinstance(rows, Mapping) else dict.fromkeys(self.names, rows)
        count = self._count(rows)
        return by_name | {c.name: np.repeat(x, count, axis=0) for c, x in self._given.items()}

    def _count(self, rows: Any) -> int:
        """How many rows there are."""
        first: Any = next(iter(rows.values())) if isinstance(rows, Mapping) else rows
        found = np.asarray(first)
        return 1 if found.ndim == 0 or (found.ndim == 1 and (self._width or 1) > 1) else len(found)

    def _refuse_without_distribution(self) -> None:
        """Refuse rows without a distribution before anything is asked; rows with a total of their own can be drawn."""
        if any(totals_by_row(n) is not None for n in self._together.data):
            return
        try:
            self._rows(self._example())
        except ModelError as error:
            if self.column is None:
                raise
            raise ModelError(
                f"predictive: the distribution of column {self.column} of {self.names[0]} by itself is not "
                f"known here; leave "
                "column= out, and count draws of rvs()"
            ) from error

    def _example(self) -> Any:
        rows = self._made.rows
        values = {n.name: _row_of(rows[n], _width(n)) for n in self._together.data}
        if self._apart:
            return values | {c.name: rows[c].known[:1] for c in self._together.covariates}
        if len(values) > 1:
            return values
        row = values[self._node.name]
        return row if self.column is None else row[:, self.column]

    def _stretch(self) -> Stretch:
        """The range of the data, a quarter wider, within the support."""
        data = self.data
        low, high = float(data.min()), float(data.max())
        margin = 0.25 * (high - low) if high > low else max(1.0, 0.1 * abs(low))
        lower, upper = _support(self._node)
        return Stretch(lower, max(low - margin, lower), min(high + margin, upper), upper)

    def _checked_column(self, column: Any) -> int:
        whole = isinstance(column, (int, np.integer)) and not isinstance(column, bool)
        if len(self.names) > 1 or self._width is None or not whole or not 0 <= column < self._width:
            width = "rows of numbers, and no columns" if self._width is None else f"0 to {self._width - 1}"
            raise ModelError(f"predictive: column of {', '.join(self.names)} expected {width}, got {column!r}")
        return int(column)

    def _refuse_vectors(self, what: str) -> None:
        if self._apart:
            raise ModelError(f"{what}: {needs_covariates(self._together)}")
        if len(self.names) > 1:
            raise ModelError(f"{what}: expected one data node, got {', '.join(self.names)}; name one")
        if not self._scalar:
            raise ModelError(
                f"{what}: {self.names[0]} has rows of {self._width} numbers, which have no one order; pass column= to "
                "predictive, or count draws of rvs()"
            )


_ENDS = {"": "mean", "_low": "low", "_high": "high"}

__all__ = ["Predictive", "predictive"]
