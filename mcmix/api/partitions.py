"""Point estimates of partitions, credible balls, similarity of units, number of clusters: free of labels' names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.api.arguments import at_least_one, may_hold_draws, roles_from, sequence_from
from mcmix.api.sources import Source, is_sampler, labels_left_out, opened
from mcmix.api.symmetries import roles_of
from mcmix.errors import ModelError
from mcmix.kernels import partitions as kernels
from mcmix.kernels import streams
from mcmix.nodes.stochastic import Stochastic
from mcmix.notebook import shown
from mcmix.report import arviz_bridge
from mcmix.report.partitions.ball import Ball, ball
from mcmix.report.partitions.losses import adjusted_rand, compact, variation_of_information
from mcmix.report.partitions.search import least
from mcmix.sampling.axes import dimensions
from mcmix.sampling.label_draws import can_draw_labels, drawn_labels
from mcmix.traces.memory import Draws

MOST_EXACT = 20_000  # units of which all pairs are looked at
MOST_CLUSTERS = 50  # that a search tries beyond what draws have
BLOCK_ROWS = 256


@dataclass(frozen=True, repr=False)
class Partition:
    """A point estimate of a partition, and how sure it is.

    Attributes
    ----------
    labels : ndarray of int, shape (N,)
        Clusters from 0, the largest first.
    loss : str
        What was minimised: ``"vi"`` or ``"binder"``.
    expected : float
        Expected loss over all draws: nats, or share of pairs.
    ball : Ball
        The draws nearest to it that hold a given probability.
    units : ndarray, shape (N,), or None
        What units are called, such as a pandas index; None where they are only counted.
    """

    labels: np.ndarray
    loss: str
    expected: float
    ball: Ball
    units: np.ndarray | None = None

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.labels.max()) + 1

    @property
    def sizes(self) -> np.ndarray:
        """Units in each cluster."""
        return np.bincount(self.labels)

    def to_dataset(self) -> Any:
        """All of it as an xarray.Dataset with dimension ``observation``, for files and ArviZ; the ball's bounds too."""
        bounds = {"horizontal": self.ball.horizontal, "upper": self.ball.upper, "lower": self.ball.lower}
        arrays = {"cluster": self.labels, **{f"{name}_bound": x for name, x in bounds.items()}}
        dims = {"cluster": ["observation"]} | {f"{n}_bound": [f"{n}_partition", "observation"] for n in bounds}
        attributes = {
            "loss": self.loss, "expected_loss": self.expected, "ball_probability": self.ball.probability,
            "ball_held": self.ball.held, "ball_radius": self.ball.radius,
        }  # fmt: skip
        rows = np.arange(self.labels.size) if self.units is None else self.units
        return arviz_bridge.dataset(arrays, dims, attributes, {"observation": rows})

    def __repr__(self) -> str:
        sizes = ", ".join(map(str, self.sizes[:10])) + (", ..." if self.n_clusters > 10 else "")
        return f"<Partition of {self.labels.size} units into {self.n_clusters} clusters of {sizes}; {self.ball}>"

    def _repr_html_(self) -> str:
        sizes = self.sizes
        table = {"cluster": list(range(len(sizes))), "units": sizes.tolist(), "share": (sizes / sizes.sum()).tolist()}
        return shown(
            f"Partition of {self.labels.size} units into {self.n_clusters} clusters", table, str(self.ball).strip("<>")
        )


def partition(
    draws: Any,
    loss: str = "vi",
    *,
    probability: float = 0.95,
    starts: int = 16,
    most_clusters: int | None = None,
    label: str | None = None,
    vars: Mapping[str, Any] | None = None,
    calls: str = "last",
    seed: Any = 0,
) -> Partition:
    """The partition with the least expected loss under the posterior, with its credible ball.

    Parameters
    ----------
    draws : MCMC, path, arviz.InferenceData, xarray.DataTree, mapping of arrays, or array_like of int, shape (..., N)
        With draws of labels, whatever their names; the number of clusters may differ between draws.
    loss : {"vi", "binder"}
        Variation of information, or Binder's loss with equal costs. The first splits less.
    probability : float
        Of the ball.
    starts : int
        Random orders in which the search allocates units.
    most_clusters : int, optional
        By default ten more than any draw has, at most 50 more.
    label : str, optional
        Which label vector of a model; the first by default.
    vars : mapping, optional
        ``{"labels": name}`` for draws from elsewhere; those that mcmix made say it themselves.
    calls : {"last", "all"}
    seed : int or SeedSequence
        Of the search.

    Returns
    -------
    Partition

    Raises
    ------
    ModelError
        If labels were not kept, or arguments are impossible.

    Notes
    -----
    Wade and Ghahramani (2018), "Bayesian cluster analysis"; Dahl, Johnson and Mueller (2022), "Search algorithms and
    loss functions for Bayesian clustering". The search sees at most 1000 evenly thinned draws; loss and ball are of
    all.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> found = mc.partition([[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1]])
    >>> found.labels.tolist(), found.n_clusters
    ([0, 0, 1, 1], 2)
    """
    if not (isinstance(probability, (int, float, np.number)) and 0.0 < probability <= 1.0):
        raise ModelError(f"partition: probability: expected a number in (0, 1], got {probability!r}")
    draws = _found(draws, "partition")
    labels = labels_of(draws, label, vars, calls, "partition")
    in_draws = int(labels.max()) + 1
    extra = min(10, MOST_CLUSTERS, labels.shape[1])
    most = in_draws + extra if most_clusters is None else at_least_one(most_clusters, "most_clusters", "partition")
    n_starts = at_least_one(starts, "starts", "partition")
    found = least(labels, loss, n_starts, most, sequence_from(seed, "partition"))
    near = ball(found.labels, labels, loss, probability)
    return Partition(found.labels, loss, found.loss, near, _units_of(draws, label, vars, labels.shape[1]))


def similarity(
    draws: Any,
    *,
    rows: Any = None,
    label: str | None = None,
    vars: Mapping[str, Any] | None = None,
    calls: str = "last",
    at_most: int = 4000,
) -> np.ndarray:
    """How often each two units share a cluster.

    Parameters
    ----------
    draws, label, vars, calls
        As for :func:`partition`.
    rows : array_like of int, optional
        Units to look at; needed above 20,000 units, of which all pairs would not fit.
    at_most : int
        Draws, evenly thinned.

    Returns
    -------
    ndarray of float32, shape (units, units)
        Share of draws; exact in those looked at.

    Raises
    ------
    ModelError
        Above 20,000 units.

    Examples
    --------
    >>> import mcmix as mc
    >>> mc.similarity([[0, 0, 1], [1, 1, 1]]).tolist()
    [[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 0.5, 1.0]]
    """
    labels = labels_of(draws, label, vars, calls, "similarity")
    most = min(len(labels), at_least_one(at_most, "at_most", "similarity"))
    kept = np.unique(np.linspace(0, len(labels) - 1, most).round().astype(int))
    chosen = labels[kept] if rows is None else labels[np.ix_(kept, _units(rows, labels.shape[1]))]
    n = chosen.shape[1]
    if n > MOST_EXACT:
        raise ModelError(
            f"similarity: expected at most {MOST_EXACT} units, got {n}; pass rows= with some of them, such as "
            "np.random.default_rng(0).choice(n, 2000, replace=False)"
        )
    by_unit = np.ascontiguousarray(chosen.T)
    out = np.zeros((n, n), dtype=np.float32)
    for first in range(0, n, BLOCK_ROWS):
        last = min(first + BLOCK_ROWS, n)
        kernels.together(by_unit, first, last, out[first:last])
    return out


def _units(rows: Any, n: int) -> np.ndarray:
    """Numbers of units, or a mask of them, or a refusal."""
    try:
        found = np.asarray(rows if np.size(rows) else np.zeros(0, dtype=int))
    except ValueError:
        found = np.zeros(())  # ragged
    if found.dtype == bool and found.shape == (n,):
        return np.flatnonzero(found)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not ((found >= -n) & (found < n)).all():
        raise ModelError(f"similarity: rows= expected numbers of units from 0 to {n - 1}, got {rows!r}")
    return found.astype(int)


def occupied(
    draws: Any, *, label: str | None = None, vars: Mapping[str, Any] | None = None, calls: str = "last"
) -> np.ndarray:
    """Posterior probability of each number of occupied clusters.

    Returns
    -------
    ndarray, shape (largest number + 1,)
        Entry k is the share of draws with k clusters.

    Examples
    --------
    >>> import mcmix as mc
    >>> mc.occupied([[0, 0, 1], [1, 1, 1]]).tolist()
    [0.0, 0.5, 0.5]
    """
    labels = labels_of(draws, label, vars, calls, "occupied")
    numbers = np.array([np.count_nonzero(np.bincount(row)) for row in labels])
    return np.bincount(numbers) / len(numbers)


def labels_of(
    draws: Any, label: str | None, vars: Mapping[str, Any] | None, calls: str, what: str = "partition"
) -> np.ndarray:
    """Draws of labels, chain after chain, renumbered from 0: shape (S, N).

    Raises
    ------
    ModelError
        If there are none.
    """
    draws = _found(draws, what)
    if is_sampler(draws):
        return _of_sampler(draws, label, calls, what)
    if isinstance(draws, Source):
        return _of_source(draws, label, vars, what)
    if np.ma.isMaskedArray(draws) and np.ma.getmaskarray(draws).any():
        masked = int(np.ma.getmaskarray(draws).sum())
        raise ModelError(f"{what}: expected a label for each unit in each draw, got {masked} masked entries")
    try:
        array = np.asarray(draws)
    except ValueError as error:
        raise ModelError(
            f"{what}: labels: expected as many units in each draw, got rows of different lengths"
        ) from error
    return _whole(array, "labels", what)


def _found(draws: Any, what: str) -> Any:
    """What may hold draws by name, opened; anything else as it came."""
    return opened(draws, what) if not is_sampler(draws) and may_hold_draws(draws) else draws


def _units_of(draws: Any, label: str | None, vars: Mapping[str, Any] | None, count: int) -> np.ndarray | None:
    """What units are called, as far as anything says it."""
    if is_sampler(draws):
        return row_labels(draws, label or draws.assembled.labels[0].name)
    if not isinstance(draws, Source):
        return None
    return row_labels_in(draws, _name_in(draws, label, vars, "partition"), count)


def row_labels(m: Any, name: str) -> np.ndarray | None:
    """What the units of a sampler's label vector are called, such as the data's pandas index."""
    dims, coords = dimensions(m.assembled)
    roles = roles_of(m).get(name)
    axes = [dims[n][0] for n in (name, *(roles.data if roles else ())) if n in dims]
    return _beyond_counting([coords.get(axis) for axis in axes])


def row_labels_in(source: Source, name: str, count: int) -> np.ndarray | None:
    """As above, of a label vector in draws without a model."""
    data = source.labels[name].data if name in source.labels else ()
    found = [arviz_bridge.row_labels(source.container, n) for n in (name, *data)]
    return _beyond_counting([x for x in found if x is not None and x.shape == (count,)])


def _beyond_counting(candidates: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """The first that does more than count from 0."""
    return next((x for x in candidates if x is not None and not np.array_equal(x, np.arange(len(x)))), None)


def _of_source(source: Source, label: str | None, vars: Mapping[str, Any] | None, what: str) -> np.ndarray:
    """Labels in draws without a model, by the name that is given or, where mcmix made them, known."""
    name = _name_in(source, label, vars, what)
    found, known = source.draws.variables[name], source.observed.get(name)
    if known is None or name not in source.labels:
        return _whole(found, name, what)
    mask = np.isnan(np.asarray(known, dtype=float))
    return _completed(_whole(found, name, what, renumbered=False), np.where(mask, 0, known).astype(int), mask)


def _name_in(source: Source, label: str | None, vars: Mapping[str, Any] | None, what: str) -> str:
    """The name of the labels among the draws."""
    variables = source.draws.variables
    said = label or roles_from(vars, what).get("labels")
    name = next((n for n in source.labels if n in variables), None) if said is None else said
    if isinstance(name, str) and name in variables:
        return name
    left_out = [n for n in source.labels if n not in variables and said in (None, n)]
    if left_out:
        raise labels_left_out(left_out[0], what)
    raise ModelError(f"{what}: expected vars={{'labels': one of {', '.join(map(repr, variables))}}}, got {name!r}")


def _whole(array: np.ndarray, name: str, what: str, renumbered: bool = True) -> np.ndarray:
    whole = array.dtype.kind in "biu" or (array.dtype.kind == "f" and np.array_equal(array, np.round(array)))
    if array.ndim < 2 or not array.size or not whole:
        raise ModelError(
            f"{what}: {name}: expected whole numbers, one row for each draw, got {array.dtype} of shape {array.shape}"
        )
    flat = array.reshape(-1, array.shape[-1])
    return compact(flat) if renumbered else flat


def _of_sampler(m: Any, label: str | None, calls: str, what: str) -> np.ndarray:
    kept = m.draws(calls)
    nodes: list[Stochastic] = list(m.assembled.labels)
    if not nodes:
        raise ModelError(f"{what}: the model has no labels to make a partition of")
    named = {n.name: n for n in nodes}
    node = nodes[0] if label is None else named.get(label)
    if node is None:
        raise ModelError(f"{what}: label= expected one of {', '.join(map(repr, named))}, got {label!r}")
    found = kept_or_drawn(m, kept, node, what)
    if node.mask is None:
        return compact(found)
    column = m.rows[node]
    return _completed(found, np.ravel(column.known), np.ravel(column.missing))


def kept_or_drawn(m: Any, kept: Draws, node: Stochastic, what: str) -> np.ndarray:
    """Draws of the unknown labels; where they were not kept, drawn again given all else."""
    if node.name in kept.variables:
        return kept.variables[node.name].reshape(-1, kept.variables[node.name].shape[-1])
    m.rows.refuse_weighted(what)
    if not can_draw_labels(m.assembled, kept, node):
        raise ModelError(
            f"{what}: {node.name}: draws of the labels were not kept, nor of all that they depend on; raise "
            "label_budget=, thin more, or keep the parameters (trace=True)"
        )
    values = next(b.label.values for b in m.assembled.structure.blocks if b.label.node is node)
    small = np.asarray(values, dtype=np.result_type(*map(np.min_scalar_type, (min(values), max(values)))))
    return small[drawn_labels(m.assembled, kept, node, m.seed_sequence or streams.nobody())]


def _completed(found: np.ndarray, known: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draws of unknown labels together with those that are data."""
    every = np.broadcast_to(known, (len(found), mask.size)).copy()
    every[:, mask] = found
    return compact(every)


__all__ = ["Partition", "adjusted_rand", "occupied", "partition", "similarity", "variation_of_information"]
