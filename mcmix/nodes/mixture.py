"""Mixtures written in one line: labels or weights, a distribution (or several), and parameters by component."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.distributions.table import FAMILIES
from mcmix.errors import ModelError
from mcmix.nodes.bins import checked_bins, refuse_shared_ends
from mcmix.nodes.component import Component
from mcmix.nodes.constraints import as_array, check_constraint
from mcmix.nodes.distribution import Distribution, node_class
from mcmix.nodes.names import names_of, one_column
from mcmix.nodes.node import Node, holds_nodes, shape_of, short, value_of
from mcmix.nodes.normal_pairs import MeanAndPrecision
from mcmix.nodes.numbers import as_numbers
from mcmix.nodes.operators import Index
from mcmix.nodes.positions import COMMON, parents_of
from mcmix.nodes.row_weights import counting
from mcmix.nodes.stochastic import Stochastic
from mcmix.nodes.wrapped import Censored

# What data become that are not in memory, and are no object of ours either: each row answers with something that has
# ``rows_for``, or None. :mod:`mcmix.structure.on_disk` knows some.
LAZY: list[Callable[[Any], Any]] = []

_Categorical = node_class(FAMILIES["Categorical"])


def Mixture(  # noqa: N802  (a class to those who use it)
    name: str,
    labels: Any,
    distribution: Any,
    *parameters: Any,
    value: Any = None,
    observed: bool = False,
    size: Any = None,
    weights: Any = None,
    between: Any = None,
    **keywords: Any,
) -> Stochastic:
    """A node each of whose rows follows the component that its label names.

    ``Mixture("y", z, Normal, mu, tau)`` is ``Normal("y", mu[z], tau[z])``, and is sampled in the same way.

    Parameters
    ----------
    name : str
    labels : node or array of whole numbers, or weights
        One label per row (a Categorical), or the K weights themselves (a Dirichlet, a list such as ``[p, 1 - p]``, an
        array): the labels are then drawn inside the sampler and not kept; ``memberships()`` has their probabilities.
    distribution : distribution class, or list of K distributions, or Mixture
        Of all components; or one distribution for each, as nodes or as ``mc.Normal.dist(0, 1)``. Distributions of one
        mixture must all have densities, or all probability masses. ``Mixture`` itself nests: each component is a
        mixture of its own, and the inner labels or weights, the inner distribution and its parameters follow. Inner
        weights may have one row per component.
    *parameters, **keywords
        Of the distribution, in its order or by its names; a pair such as :func:`NormalWishart` gives counts as both of
        its nodes. A parameter whose first axis (before the axes of a vector or matrix) has length K is looked up by the
        label; the components share any other. A nested mixture looks up both axes of ``(K, inner K, ...)``; with one
        axis in front a parameter belongs to the inner label, with ``(K, 1, ...)`` to the outer one.
    value, observed, size, dims, coords
        As for every distribution (``plates`` is another word for `size`). With weights, the number of rows comes from
        `value` or `size`. Data in a file: :class:`OnDisk`.
    weights : array_like, shape (rows,), optional
        How often each row of data counts, where `labels` are the weights of components: the density of row i, its
        label summed out, goes into the likelihood at the power ``weights[i]``. Whole numbers say the same as that many
        equal rows, each with a label of its own; others are importance or survey weights (the posterior is as wide as
        that of ``weights.sum()`` rows). Labels are summed out throughout.

    between : tuple of two array_like, optional
        In the place of `value`: each row is only known to lie between two numbers, see :class:`Censored`. A histogram
        is ``between=(edges[:-1], edges[1:])`` with ``weights=counts``.

    Returns
    -------
    Stochastic

    Raises
    ------
    ModelError
        If nothing has one entry per component, the number of rows is not known, distributions with a density and
        distributions with a probability mass are mixed, or row weights are negative, missing (the row is named), not
        one for each row, or come with labels that are named.

    Examples
    --------
    >>> import mcmix as mc
    >>> w = mc.Dirichlet("w", [1.0, 1.0])
    >>> mu = mc.Normal("mu", 0, 0.01, size=2)
    >>> y = mc.Mixture("y", w, mc.Normal, mu, 1.0, value=[-2.0, -1.8, 2.1, 2.2], observed=True)
    >>> mc.MCMC([y]).model
    <Model: 3 unknown (mu, w, y label), data y>

    Outliers under a uniform background:

    >>> parts = [mc.Normal.dist(mu[0], 1.0), mc.Uniform.dist(-50, 50)]
    >>> z = mc.Categorical("z", [0.9, 0.1], size=4)
    >>> y = mc.Mixture("y", z, parts, value=[0.1, -0.4, 30.0, 0.6], observed=True)
    """
    if weights is not None and (distribution is Mixture or not _are_weights(labels)):
        raise ModelError(
            f"{name}: weights= expected weights of components in the place of labels, as a row that counts twice "
            "stands for two rows with a label each: mc.Mixture(name, w, ...) with w a Dirichlet, or numbers with sum 1"
        )
    parameters = tuple(part for p in parameters for part in (p if isinstance(p, MeanAndPrecision) else (p,)))
    several = [_component(c, name) for c in distribution] if isinstance(distribution, (list, tuple)) else None
    if several is not None and (parameters or set(keywords) - set(COMMON)):
        raise TypeError(f"{name}: each distribution of the list has its own parameters; got more beside the list")
    common = {k: keywords.pop(k) for k in COMMON if k in keywords}
    if between is not None:
        _refuse_beside_bins(name, distribution, value, size)
        value, observed = checked_bins(name, between)[0], True
    rows = common.get("plates") if size is None else size
    value = next((found for ask in LAZY if (found := ask(value)) is not None), value)
    few = _few_rows(name, labels, distribution, value, rows) if observed else None
    if few is not None:  # the number of rows is theirs
        value, size, rows = few.values, None, None
        common.pop("plates", None)
    z, n_labels = labels_of(name, labels, value, rows, None if several is None else len(several))
    if distribution is Mixture:
        return _nested(name, z, n_labels, parameters, keywords, value, observed, size, common)
    if several is not None:
        column = None if value is None else one_column(value, as_numbers(name, value))
        made = MixtureOfDistributions(name, z, several, value=column, observed=observed, size=rows, **common)
        made.data_names = names_of(value)
        return counting(made, z, weights)
    if (
        isinstance(distribution, type)
        and issubclass(distribution, Stochastic)
        and getattr(distribution, "family", None) is None
    ):
        raise TypeError(
            f"{name}: Mixture expected a distribution with parameters of its own, got "
            f"{distribution.__name__}, which wraps another; look "
            f"the parameters up yourself: z = mc.Categorical('z', w, size=n), then "
            f"mc.{distribution.__name__}({name!r}, mc.Normal, mu[z], tau[z], upper=..., value=...)"
        )
    if not (isinstance(distribution, type) and issubclass(distribution, Distribution)):
        raise TypeError(
            f"{name}: Mixture expected a distribution class such as mc.Normal, or a list of distributions, "
            f"got {distribution!r}"
        )
    given = parents_of(distribution.family, name, parameters, keywords)
    looked_up = _looked_up(name, distribution.family, given, z, n_labels)
    if between is not None:
        if weights is not None:
            refuse_shared_ends(name, *checked_bins(name, between), distribution.family)
        return counting(Censored(name, distribution, **looked_up, between=between, **common), z, weights)
    found = distribution(name, **looked_up, value=value, observed=observed, size=size, **common)
    if few is not None:
        found.row_weights, found.rows_counted, found.on_disk = few.weights, few.exact, few.on_disk
        z.row_weights = few.weights
    return counting(found, z, weights)


def _refuse_beside_bins(name: str, distribution: Any, value: Any, size: Any) -> None:
    if value is not None or size is not None:
        raise TypeError(f"{name}: between= says all that is known of the rows; got a value or a size beside it")
    if distribution is Mixture or isinstance(distribution, (list, tuple)):
        raise ModelError(
            f"{name}: between= expected one distribution class for all components, got "
            f"{'Mixture' if distribution is Mixture else 'a list of distributions'}"
        )


def _few_rows(name: str, labels: Any, distribution: Any, value: Any, size: Any) -> Any:
    """Weighted rows in the place of those on disk; None where all rows are data, on disk or not."""
    plain = isinstance(distribution, type) and issubclass(distribution, Distribution)
    if not (plain and hasattr(value, "rows_for") and hasattr(distribution, "family") and _are_weights(labels)):
        return None
    if size is not None and tuple(np.atleast_1d(size)) != value.shape:
        wanted = tuple(np.atleast_1d(size).tolist())
        raise ModelError(f"{name}: expected a value of shape {wanted}, got shape {value.shape}")
    return value.rows_for(name, distribution.family)


def _nested(
    name: str,
    outer: Any,
    n_outer: int,
    given: tuple[Any, ...],
    keywords: dict[str, Any],
    value: Any,
    observed: bool,
    size: Any,
    common: dict[str, Any],
) -> Stochastic:
    """A mixture of mixtures: rows with two labels."""
    if len(given) < 2 or not (isinstance(given[1], type) and issubclass(given[1], Distribution)):
        raise TypeError(
            f"{name}: a nested Mixture expected labels or weights, a distribution class and its parameters after it"
        )
    labels, kind, *parameters = given
    inner, n_inner = _inner_labels(name, labels, outer, n_outer, value, common.get("plates") if size is None else size)
    found = parents_of(kind.family, name, tuple(parameters), keywords)
    looked_up, axes = {}, {}
    for p in kind.family.parameters:
        whole = found[p.name]
        front = shape_of(whole)[: len(shape_of(whole)) - p.event_ndim]
        axes[p.name], at = front, f"{name} {p.name}"
        if front == (n_outer, n_inner):
            looked_up[p.name] = _at_both(at, whole, outer, inner)
        elif front == (n_outer, 1):
            looked_up[p.name] = _at_both(at, whole, outer, np.zeros(1, dtype=int))
        else:
            looked_up[p.name] = _at(at, whole, inner) if front == (n_inner,) else whole
    if all(looked_up[k] is found[k] for k in found):
        listed = ", ".join(f"{k} {front}" for k, front in axes.items())
        raise ModelError(
            f"{name}: expected a parameter with axes {(n_outer, n_inner)}, {(n_inner,)} or {(n_outer, 1)} in front for "
            f"its {n_outer} components of {n_inner}, got {listed}"
        )
    return kind(name, **looked_up, value=value, observed=observed, size=size, **common)


def _at_both(name: str, table: Any, outer: Any, inner: Any) -> Any:
    if not any(isinstance(part, Node) or holds_nodes(part) for part in (table, outer, inner)):
        return np.asarray(as_array(table))[np.asarray(outer).astype(int), np.asarray(inner).astype(int)]
    return Index(name, table, (1 * outer, 1 * inner), trace=False)


def _inner_labels(name: str, given: Any, outer: Any, n_outer: int, value: Any, size: Any) -> tuple[Any, int]:
    """The inner label vector; weights may have a row for each outer component."""
    if not _are_weights(given) or len(shape_of(given)) == 1:
        return labels_of(f"{name} inner", given, value, size, None)
    if shape_of(given)[0] != n_outer:
        raise ModelError(
            f"{name}: expected inner weights with {n_outer} rows, one per component, got {shape_of(given)}"
        )
    weights = _at(f"{name} inner weights", given, outer)
    return _Categorical(f"{name} inner label", weights, size=shape_of(outer)[0], trace=False), shape_of(given)[-1]


def _component(given: Any, name: str) -> Component:
    if isinstance(given, Component):
        return given
    if isinstance(given, Distribution):
        return Component(given.family, given.canonical_parents)
    raise TypeError(f"{name}: a component expected a distribution such as mc.Normal.dist(0, 1), got {given!r}")


def labels_of(name: str, given: Any, value: Any, size: Any, expected: int | None) -> tuple[Any, int]:
    """The label vector and the number of components."""
    if not _are_weights(given):
        plain = not (isinstance(given, Node) or holds_nodes(given))
        count = _count_of(name, given) if plain or expected is None else expected
        if expected is not None and count > expected:
            raise ModelError(f"{name}: expected labels below {expected}, the number of distributions, got {count - 1}")
        return (np.asarray(given).astype(int) if plain else given), (count if expected is None else expected)
    n_labels = shape_of(given)[-1]
    if expected not in (None, n_labels):
        raise ModelError(
            f"{name}: expected as many weights as distributions, got {n_labels} weights and {expected} distributions"
        )
    rows = np.shape(value)[:1] if value is not None else np.atleast_1d(size if size is not None else ())[:1]
    if len(rows) != 1:
        raise ModelError(f"{name}: with weights alone, the number of rows is not known; pass value=... or size=...")
    return _Categorical(f"{name} label", given, size=int(rows[0]), trace=False), n_labels


def _are_weights(given: Any) -> bool:
    """Numbers that are no whole ones, with sum 1 along the last axis."""
    values = np.asarray(as_array(value_of(given)))
    whole = isinstance(given, Stochastic) and np.dtype(given.dtype).kind in "iub"
    return not whole and values.dtype.kind == "f" and values.ndim > 0 and bool(np.allclose(values.sum(-1), 1.0))


def _count_of(name: str, labels: Any) -> int:
    """How many values labels may take."""
    family = getattr(labels, "family", None)
    if family is not None and family.name == "Categorical":
        return int(shape_of(labels.parents["probabilities"])[-1])
    if family is not None and family.name == "Bernoulli":
        return 2
    if family is not None and family.name == "DiscreteUniform" and not holds_nodes(labels.parents["upper"]):
        return int(np.max(as_array(labels.parents["upper"]))) + 1
    values = np.asarray(as_array(value_of(labels)))
    if values.size and (values == np.round(values)).all():
        if values.min() < 0:
            row = int(np.flatnonzero(np.ravel(values) < 0)[0])
            raise ModelError(f"{name}: expected labels 0, 1, ..., got {np.ravel(values)[row]:g} in row {row}")
        return int(values.max()) + 1
    raise ModelError(
        f"{name}: expected labels (whole numbers) or weights with sum 1, got {short(labels)} = {short(values)}"
    )


def _looked_up(name: str, family: Family, given: dict[str, Any], z: Any, n_labels: int) -> dict[str, Any]:
    """Parameters with one entry per component, looked up; others as they are."""
    found, shapes = {}, {}
    for parameter in family.parameters:
        whole = given[parameter.name]
        shape = shape_of(whole)
        shapes[parameter.name] = shape
        table = len(shape) > parameter.event_ndim and shape[0] == n_labels
        if table and not holds_nodes(whole) and (parameter.event_ndim < 2 or shape[-1] == shape[-2]):
            check_constraint(name, parameter.name, parameter.constraint, as_array(whole))
        found[parameter.name] = _at(f"{name} {parameter.name}", whole, z) if table else whole
    if all(found[k] is given[k] for k in found):
        listed = ", ".join(f"{k} {s}" for k, s in shapes.items())
        raise ModelError(
            f"{name}: expected a parameter with one entry per component (first axis {n_labels}), got shapes {listed}"
        )
    return found


def _at(name: str, table: Any, z: Any) -> Any:
    if not isinstance(z, Node) and not holds_nodes(table):
        return np.asarray(as_array(table))[np.asarray(z).astype(int)]
    yes_or_no = isinstance(z, Stochastic) and np.dtype(z.dtype).kind == "b"
    return Index(name, table, 1 * z if yes_or_no else z, trace=False)


class MixtureOfDistributions(Stochastic):
    """A node whose rows follow different distributions; see :func:`Mixture`."""

    def __init__(
        self,
        name: str,
        z: Any,
        components: Sequence[Component],
        value: Any = None,
        observed: bool = False,
        size: Any = None,
        trace: bool = True,
        doc: str | None = None,
        dims: Any = None,
        coords: Any = None,
        **unused: Any,
    ):
        _check_measures(name, [c.family for c in components])
        self.components = list(components)
        self._rows = np.shape(value) if value is not None else tuple(np.atleast_1d(size)) if size is not None else None
        self._rows = shape_of(z) if self._rows is None else self._rows
        parents: dict[str, Any] = {"labels": z}
        for k, component in enumerate(self.components):
            parents |= {f"{p} of {k}": v for p, v in component.parents.items()}
        dtype = int if components[0].family.support.discrete else float
        super().__init__(
            self._log_density, doc or "", name, parents, self._drawn, trace, value, dtype, observed=observed,
            dims=dims, coords=coords,
        )  # fmt: skip

    @property
    def is_circular(self) -> bool:  # type: ignore[override]
        """Whether all its components' values are angles."""
        return all(c.family.support.circular for c in self.components)

    @property
    def atoms(self) -> tuple[float, ...]:
        """Points with masses of their own, the same for all components."""
        return self.components[0].family.support.atoms

    def _of(self, k: int, parents: dict[str, Any]) -> list[Any]:
        return [_numbers(parents[f"{p} of {k}"]) for p in self.components[k].parents]

    def _log_density(self, value: Any, **parents: Any) -> Any:
        """Log density of all rows: recorded like any function of the user's."""
        each = [c.family.log_density(value, *self._of(k, parents)) for k, c in enumerate(self.components)]
        total = each[0]
        for k in range(1, len(each)):
            total = np.where(parents["labels"] == k, each[k], total)
        return np.sum(total)

    def _drawn(self, *, rng: np.random.Generator, **parents: Any) -> np.ndarray:
        labels = np.asarray(parents["labels"])
        draws = [c.family.draw(rng, self._rows, *self._of(k, parents)) for k, c in enumerate(self.components)]
        return np.choose(np.broadcast_to(labels.astype(int), np.shape(draws[0])), draws)


def _check_atoms(name: str, families: Sequence[Family]) -> None:
    """Refuse point masses of some components alone: their densities are by different base measures."""
    first = families[0]
    other = next((f for f in families if f.support.atoms != first.support.atoms), None)
    if other is not None:
        plain, pointed = (first, other) if not first.support.atoms else (other, first)
        points = " and ".join(f"{point:g}" for point in pointed.support.atoms)
        raise ModelError(
            f"{name}: the components of a mixture expected point masses at the same values, got {pointed.name} (at "
            f"{points}) beside {plain.name}, which has others or none; write such a component with a known probability "
            "of nought for what it cannot be, such as mc.HurdleGamma.dist(0.0, shape, rate) for a gamma distribution"
        )


def _numbers(value: Any) -> Any:
    return as_array(value) if isinstance(value, (int, float, list, tuple, np.ndarray, np.generic)) else value


def _check_measures(name: str, families: Sequence[Family]) -> None:
    """Refuse a density beside a probability mass: the one cannot be weighed against the other."""
    if any(f.event_ndim for f in families):
        raise ModelError(
            f"{name}: a list of distributions expects distributions of single numbers, got {families[0].name}"
        )
    masses = [f.name for f in families if f.support.discrete]
    densities = [f.name for f in families if not f.support.discrete]
    if masses and densities:
        raise ModelError(
            f"{name}: the components of a mixture expected to all have densities or all probability masses, got "
            f"{', '.join(densities)} (density) beside {', '.join(masses)} (mass), which no number compares; for extra "
            "zeros among counts use ZeroInflatedPoisson or a hurdle distribution, for a point mass beside a density "
            "HurdleGamma, HurdleLognormal or ZeroOneInflatedBeta"
        )
    _check_atoms(name, families)
