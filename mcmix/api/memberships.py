"""Which component rows belong to, under one name for each component throughout."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import xlogy

from mcmix.api.arguments import at_least_one, roles_from
from mcmix.api.foreign import posterior_of
from mcmix.api.given_clusters import INSTEAD, refuse_varying
from mcmix.api.partitions import row_labels, row_labels_in
from mcmix.api.relabel import (
    MOST_TOLD,
    WAY_OUT,
    checked_within,
    known_method,
    roles_in,
    why_none,
    wished,
    with_the_model,
)  # fmt: skip
from mcmix.api.sources import Source, is_sampler, labels_left_out, opened
from mcmix.api.symmetries import roles_of
from mcmix.errors import ModelError
from mcmix.kernels import cross
from mcmix.nodes.names import names_of as rows_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.notebook import shown
from mcmix.report import arviz_bridge
from mcmix.report.frames import index_of
from mcmix.report.labels.assignment import names_of
from mcmix.report.labels.components import Components
from mcmix.report.labels.relabelled import named
from mcmix.report.labels.roles import LabelRoles
from mcmix.report.labels.trading import trades
from mcmix.sampling.batch_means import Seen, averaged, batches
from mcmix.sampling.predictive_density import NewRows, chosen
from mcmix.sampling.replay import with_known_labels
from mcmix.structure.label_vectors import LabelVector
from mcmix.traces.memory import Draws


@dataclass(frozen=True, repr=False)
class Memberships:
    """Probabilities that rows belong to components: the responsibilities (allocation probabilities).

    Attributes
    ----------
    probabilities : ndarray, shape (rows, K)
        Means over draws of each draw's label probabilities (Rao-Blackwellised), under the names of one relabelling.
    errors : ndarray, shape (rows, K)
        Their Monte Carlo standard errors, from batch means.
    method : str
        How components were named; ``"as sampled"`` where every component has a name of its own.
    rows : ndarray, shape (rows,), or None
        What rows are called, such as a pandas index; None where they are only counted.
    """

    probabilities: np.ndarray
    errors: np.ndarray
    method: str
    rows: np.ndarray | None = None

    @property
    def classes(self) -> np.ndarray:
        """The most probable component of each row, shape (rows,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def doubt(self) -> np.ndarray:
        """Probability that each row is not in its class, shape (rows,)."""
        return 1.0 - self.probabilities.max(axis=1)

    @property
    def misclassification(self) -> float:
        """Expected share of rows that are not in their class; NaN of no rows."""
        return float(self.doubt.mean()) if self.doubt.size else np.nan

    @property
    def entropy(self) -> np.ndarray:
        """Of each row's probabilities, in nats, shape (rows,): 0 where the class is certain."""
        return np.asarray(-xlogy(self.probabilities, self.probabilities).sum(axis=1))

    def to_dataset(self) -> Any:
        """Everything as an xarray.Dataset with dimensions ``observation`` and ``component``, for files and ArviZ."""
        both, one = ("observation", "component"), ("observation",)
        arrays = {
            "probability": self.probabilities, "error": self.errors, "class": self.classes, "doubt": self.doubt,
            "entropy": self.entropy,
        }  # fmt: skip
        dims = {name: both if x.ndim == 2 else one for name, x in arrays.items()}
        rows, k = self.probabilities.shape
        coords = {"observation": np.arange(rows) if self.rows is None else self.rows, "component": np.arange(k)}
        attributes = {"naming": self.method, "expected_misclassification": self.misclassification}
        return arviz_bridge.dataset(arrays, dims, attributes, coords)

    def __repr__(self) -> str:
        rows, k = self.probabilities.shape
        if not rows:
            return f"<Memberships of no rows in {k} components (named by {self.method})>"
        sizes = ", ".join(map(str, np.bincount(self.classes, minlength=k)))
        return (
            f"<Memberships of {rows} rows in {k} components (named by {self.method}): classes of {sizes}, "
            f"{self.misclassification:.1%} expected in a wrong one>"
        )

    def _repr_html_(self) -> str:
        rows, k = self.probabilities.shape
        table = {
            "component": list(range(k)),
            "rows": np.bincount(self.classes, minlength=k).tolist(),
            "mean responsibility": self.probabilities.mean(axis=0).tolist() if rows else [np.nan] * k,
        }
        said = f"{self.misclassification:.1%} of rows are expected in a wrong class"
        title = f"Memberships of {rows} rows in {k} components, named by {self.method}"
        return shown(title, table, said if rows else "")


def classify(
    m: Any,
    new: Any = None,
    *,
    method: str = "auto",
    label: str | None = None,
    draws: int = 1000,
    calls: str = "last",
    within: str = "classes",
    vars: Mapping[str, Any] | None = None,
) -> Memberships:
    """Membership probabilities and classes, of the data's rows or of new ones.

    The probabilities are the responsibilities (allocation probabilities), averaged over draws.

    Parameters
    ----------
    m : MCMC, path, arviz.InferenceData, xarray.DataTree, or mapping of str to array_like
        A sampler after sampling; or draws without their model, from a file or elsewhere: shares are then how often each
        row had each label. For shares from the model's probabilities, and for new rows, put the draws into a sampler
        with :meth:`MCMC.read`, or say the distribution of a row with ``vars=``.
    new : array_like or dict of str to array_like, optional
        Rows as those of the data, by name where several data nodes depend on the labels; NaN for missing coordinates.
    method : str
        How components are named where their names mean nothing, as for :func:`relabel`.
    label : str, optional
        Which label vector; the only one, or the first.
    draws : int
        Kept draws whose label probabilities are averaged over; how often labels were drawn is counted in all.
    calls : {"last", "all"}
    within : {"classes", "all"}
        Which components may change places, as for :func:`relabel`.
    vars : mapping, optional
        For draws from elsewhere: ``"labels"`` as for :func:`relabel`; or ``"components"``, ``"weights"``,
        ``"distribution"`` and ``"data"`` as for :func:`from_draws`.

    Returns
    -------
    Memberships

    Raises
    ------
    ModelError
        If there are no labels, rows do not fit, or draws that are needed were not kept.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
    >>> mu, w = mc.Normal("mu", 0, 0.01, size=2), mc.Dirichlet("w", [1, 1])
    >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True), mu])
    >>> found = mc.classify(m.sample(1500, 500, seed=1), [0.0, 9.0, 0.5])
    >>> bool(found.classes[0] == found.classes[2] != found.classes[1]), found.misclassification < 0.01
    (True, True)
    """
    known_method(method)
    most, over_all = at_least_one(draws, "draws", "classify"), checked_within(within, "classify")
    if is_sampler(m):
        return _of_sampler(m, new, method, label, most, calls, over_all)
    said = roles_from(vars, "classify")
    if said.get("distribution") is not None:
        return _of_sampler(posterior_of(m, said), new, method, label, most, calls, over_all)
    if new is not None:
        raise ModelError(
            "classify: for new rows, draws without a model need "
            "vars={'components': ..., 'weights': ..., 'distribution': ..., "
            "'data': ...}; or put them into a sampler with mc.MCMC(model).read(draws) and classify that"
        )
    return _by_labels(opened(m, "classify"), said, method, label, over_all)


# -------------------------------------------------------------------- with a model


def memberships_with(m: Any, draws: int, calls: str, seen: Seen) -> Memberships:
    """Memberships of a sampler's rows; `seen` gets every draw's probabilities, shape (rows, K), under the same names.

    Raises
    ------
    ModelError
        As :func:`classify`.
    """
    return _of_sampler(m, None, "auto", None, draws, calls, False, seen)


def _of_sampler(
    m: Any, new: Any, method: str, label: str | None, most: int, calls: str, over_all: bool, seen: Seen | None = None
) -> Memberships:
    kept = m.draws(calls)
    vector, roles, order, how = named_components(m, kept, method, label, over_all)
    positions = kept.thinned(most)
    numbers = positions[:, 0] * kept.n_draws + positions[:, 1]
    shares = _of_data(m, kept, vector, roles, numbers) if new is None else _of_new(m, kept, vector, new, most)
    names = row_labels(m, vector.node.name) if new is None else _index_of(new)
    return Memberships(*averaged(shares, order[numbers], seen), how, names)


def named_components(
    m: Any, kept: Draws, method: str, label: str | None, over_all: bool
) -> tuple[LabelVector, LabelRoles, np.ndarray, str]:
    """The label vector, its roles, which component gets name j in each draw, shape (S, K), and how that was found."""
    vector = _vector(m, label)
    refuse_varying([roles_of(m)[vector.node.name]], "classify", INSTEAD)
    roles = wished(roles_of(m)[vector.node.name], over_all)
    shape = (kept.n_chains, kept.n_draws)
    return vector, roles, *_names(_components(m, kept, roles), roles, shape, method, _pinned(vector.known_counts))


def _index_of(new: Any) -> np.ndarray | None:
    """Row labels of new rows, where they came as a frame, a series or a labelled array."""
    given = next(iter(new.values()), None) if isinstance(new, Mapping) else new
    found = index_of(given)
    return rows_of(given).index if found is None else found


def _vector(m: Any, label: str | None) -> LabelVector:
    vectors = {b.label.node.name: b.label for b in m.assembled.label_blocks}
    if not vectors:
        raise ModelError(f"classify: expected labels that the label update draws, got none; {why_none([])}")
    if label is not None and label not in vectors:
        raise ModelError(f"classify: label= expected one of {', '.join(map(repr, vectors))}, got {label!r}")
    return vectors[label] if label is not None else next(iter(vectors.values()))


def _components(m: Any, kept: Draws, roles: LabelRoles) -> Components:
    return with_the_model(m, kept, roles)


def _names(
    c: Components, roles: LabelRoles, shape: tuple[int, int], method: str, pinned: Collection[int]
) -> tuple[np.ndarray, str]:
    """Which component gets name j in each draw, shape (S, K), and how that was found."""
    if not roles.whole:
        _refuse_trades(c, roles, pinned)
    if not roles.permutable:
        return np.tile(np.arange(roles.n_components), (shape[0] * shape[1], 1)), "as sampled"
    found = named(roles.name, c, shape, method, None, ())
    how = found.method if roles.whole else f"{found.method} within {roles.within}"
    return found.order.reshape(-1, roles.n_components), how


def _pinned(known_counts: np.ndarray) -> set[int]:
    """Components whose name is settled: some unit is known to be in them."""
    return set(np.flatnonzero(known_counts).tolist())


def _known_counts(known: np.ndarray, roles: LabelRoles) -> np.ndarray:
    """Units of known label by component; NaN stands for an unknown one."""
    numbers = known[~np.isnan(known)].astype(int) - roles.lowest
    return np.bincount(numbers, minlength=roles.n_components)


def _refuse_trades(c: Components, roles: LabelRoles, pinned: Collection[int]) -> None:
    """Refuse to average under names that components which are told apart did not keep.

    Raises
    ------
    ModelError
        Naming the pairs that traded places.
    """
    seen = trades(c, roles.classes or [[k] for k in range(roles.n_components)])
    unsettled = [str(t) for t in seen if not {t.first, t.second} & set(pinned)][:MOST_TOLD]
    if unsettled:
        why = f" ({roles.why})" if roles.why else ""
        way_out = f"{WAY_OUT}; " if roles.classes else ""
        raise ModelError(
            f"classify: {roles.name}: {', '.join(unsettled)}, so a class would be an average of several components, "
            f"whatever tells them apart{why}; {way_out}memberships() has probabilities under the names as sampled"
        )


def _of_data(m: Any, kept: Draws, vector: LabelVector, roles: LabelRoles, numbers: np.ndarray) -> Iterator[np.ndarray]:
    for shares in _components(m, kept, roles).known_probabilities("classify")(numbers):
        yield with_known_labels(vector, shares)


def _of_new(m: Any, kept: Draws, vector: LabelVector, new: Any, draws: int) -> Iterator[np.ndarray]:
    node: Stochastic = vector.node
    rows = NewRows(m.assembled, chosen(m.assembled, node, labels_needed=True), new)
    for shares in rows.shares_by_draw(kept, draws, node):
        yield shares[: rows.count]


def _from_batches(sums: Sequence[np.ndarray], batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    means = np.array([s / (batch == b).sum() for b, s in enumerate(sums)])
    error = means.std(axis=0, ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.full(means.shape[1:], np.nan)
    return np.asarray(sum(sums) / len(batch)), error


# -------------------------------------------------------------------- draws of labels alone


def _by_labels(source: Source, said: Mapping[str, Any], method: str, label: str | None, over_all: bool) -> Memberships:
    """How often each row had each label, under one naming."""
    if label in source.draws.variables and said.get("labels") is None and label not in source.labels:
        said = {**said, "labels": label}
    found, rows = roles_in(source, said, "classify")
    if label is not None and label not in found:
        raise ModelError(f"classify: label= expected one of {', '.join(map(repr, found))}, got {label!r}")
    roles = wished(found[label] if label is not None else next(iter(found.values())), over_all)
    c = roles.components(source.draws, rows.get(roles.name))
    if c.labels is None and roles.name in source.labels:
        raise labels_left_out(roles.name, "classify")
    if c.labels is None:
        raise ModelError(
            f"classify: expected draws of labels ({roles.name!r}), which are not there; say a row's "
            f"distribution by vars= "
            "(see mc.from_draws), or put the draws into a sampler with mc.MCMC(model).read(draws)"
        )
    known = np.ravel(np.asarray(source.observed.get(roles.name, ()), dtype=float))
    shape = (source.draws.n_chains, source.draws.n_draws)
    order, how = _names(c, roles, shape, method, _pinned(_known_counts(known, roles)))
    batch, names = batches(len(order)), names_of(order)
    sums = [np.zeros((c.labels.shape[1], roles.n_components)) for _ in range(batch[-1] + 1)]
    for b, total in enumerate(sums):
        cross.add_relabelled(c.labels[batch == b], names[batch == b], total)
    shares, errors = _from_batches(sums, batch)
    shares, errors = _with_known(shares, errors, roles, source.observed.get(roles.name))
    called = row_labels_in(source, roles.name, len(shares))
    return Memberships(shares, errors, f"{how}; label frequencies", called)


def _with_known(
    shares: np.ndarray, errors: np.ndarray, roles: LabelRoles, known: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose label is data have it for certain; `known` is NaN where a label is unknown."""
    if known is None:
        return shares, errors
    unknown = np.isnan(np.asarray(known, dtype=float))
    every = (np.asarray(known)[:, None] == roles.lowest + np.arange(roles.n_components)).astype(float)
    doubts = np.zeros(every.shape)
    every[unknown], doubts[unknown] = shares, errors
    return every, doubts


__all__ = ["Memberships", "classify", "named_components"]
