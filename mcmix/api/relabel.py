"""mc.relabel: one name for each component throughout all chains."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mcmix.api.arguments import at_least_one
from mcmix.api.export import Wanted, exported
from mcmix.api.given_clusters import INSTEAD, given_clusters, refuse_varying, varying
from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.api.sources import Source, elsewhere, is_sampler, names_in_container, opened, roles_elsewhere
from mcmix.api.symmetries import roles_of, rows_in
from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.report import arviz_bridge
from mcmix.report.labels.components import Components, Probabilities
from mcmix.report.labels.methods import METHODS
from mcmix.report.labels.relabelled import Named, exchanged, mixing_of, named, renamed_labels
from mcmix.report.labels.roles import LabelRoles
from mcmix.report.labels.trading import trades
from mcmix.sampling.label_draws import BUDGET, can_draw_labels, drawn_labels, label_bytes
from mcmix.sampling.pointwise import shares_of
from mcmix.screen import say
from mcmix.steps.plan import CompiledModel
from mcmix.traces.memory import Draws

GROUP = "constant_data"  # where ArviZ keeps what has neither chain nor draw
MOST_TOLD = 5  # pairs of components that traded places
NO_TRADING = "no components of different classes traded places"
WAY_OUT = "within='all' gives such components names in common"
ONE_CHAIN = "one chain: R-hat compares its halves, and says nothing of modes that other chains might find"


def relabel(
    draws: Any,
    method: str = "auto",
    *,
    by: str | None = None,
    label: str | None = None,
    compare: Sequence[str] = (),
    within: str = "classes",
    clusters: int | None = None,
    vars: Mapping[str, Any] | None = None,
    calls: str = "last",
) -> Any:
    """Undo label switching: give components consistent labels throughout all chains and draws.

    With exchangeable components, label switching occurs within and between chains, and means by component are
    meaningless. Each draw's components are permuted so that they fit each other best.

    Parameters
    ----------
    draws : MCMC, path, arviz.InferenceData, xarray.DataTree, or mapping of str to array_like
        A sampler after sampling; a netCDF file or ArviZ object that mcmix made, which says itself what its variables
        are; or draws from elsewhere, shape (chains, draws, ...), with ``vars=``.
    method : str
        ``"ecr"``, ``"ecr-iterative-1"``, ``"ecr-iterative-2"``, ``"data-based"`` (by labels), ``"stephens"`` (by label
        probabilities, from the model), ``"pra"``, ``"ordering"``, ``"point-process"`` (by parameters), or ``"auto"``.
    by : str, optional
        With ``"ordering"``: the parameter, such as ``"mu"``, or ``"mu[1]"`` for the second number of each component.
    label : str, optional
        Which label vector; by default all that have components that may change places.
    compare : sequence of str
        Other methods to compare with.
    within : {"classes", "all"}
        Where likelihood and priors treat only some components alike (differing priors, labels known for some units),
        these change places among themselves; with ``"all"``, any with any.
    clusters : int, optional
        Where the number of components is unknown, and only then: look at the draws with so many clusters, and at the
        components that hold units in these. Without it such draws are refused: of a varying number none keeps its name.
    vars : mapping, optional
        For draws from elsewhere: ``"labels"``, the name of the labels, or None; ``"components"``, names of variables
        whose first axis is the component; ``"weights"``, theirs; ``"data"``, rows that the labels part; and
        ``"n_components"`` and ``"first_label"`` (0 or 1), where labels alone do not say it. :func:`from_draws` knows
        more of them.
    calls : {"last", "all"}
        Draws of an MCMC object.

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        Draws under the new names. ``sample_stats`` holds ``permutation`` (which component got each name; dimensions
        chain, draw, component); the group constant_data the diagnostics of every variable that was permuted, before and
        after; attributes say method, reason, agreements with other methods, the share of draws without a clear
        permutation, within which classes components changed places, and which components of different classes seem to
        have traded places all the same.

    Raises
    ------
    ModelError
        If no two components are alike, a method needs what was not kept, or an argument would change nothing.

    Notes
    -----
    Which components may change places is read off the model: those that the likelihood and all priors treat alike; a
    known label gives its component a name of its own. Functions of components that were traced keep the value they had.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
    >>> mu, w = mc.Normal("mu", 0, 0.01, size=2), mc.Dirichlet("w", [1, 1])
    >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True), mu])
    >>> found = mc.relabel(m.sample(1500, 500, seed=1))
    >>> np.sort(found["posterior"]["mu"].values.mean((0, 1)).round().astype(int)).tolist()
    [0, 9]
    """
    known_method(method)
    if clusters is not None:
        at_least_one(clusters, "clusters", "relabel")
    compare = [compare] if isinstance(compare, str) else list(compare)
    unknown = [m for m in compare if m not in METHODS]
    if unknown:
        raise ModelError(f"relabel: compare= expected methods among {', '.join(METHODS)}, got {unknown}")
    wanted = Wish(method, by, compare, checked_within(within, "relabel"))
    if by is not None and method != "ordering":
        raise ModelError(f"relabel: by= expected method='ordering', which alone reads it, got method={method!r}")
    if is_sampler(draws):
        if vars is not None:
            raise ModelError("relabel: vars= is for draws without a model; a sampler knows its own, expected none")
        if clusters is not None:
            return _of_clusters(draws, draws.draws(calls), wanted, label, clusters)
        return _of_sampler(draws, draws.draws(calls), wanted, label)
    if clusters is not None:
        raise ModelError("relabel: clusters= is for a sampler whose number of components is unknown, expected none")
    return _of_source(opened(draws, "relabel"), wanted, label, vars)


@dataclass(frozen=True)
class Wish:
    """How components are to be named."""

    method: str
    by: str | None = None
    compare: Sequence[str] = ()
    over_all: bool = False


def known_method(method: str) -> None:
    """Refuse what is no way of relabelling."""
    if not isinstance(method, str) or method not in ("auto", *METHODS):
        raise ModelError(f"relabel: expected a method among auto, {', '.join(METHODS)}, got {method!r}")


def checked_within(within: Any, what: str) -> bool:
    """Whether all components may change places, or a refusal."""
    if within not in ("classes", "all"):
        raise ModelError(f"{what}: within= expected 'classes' or 'all', got {within!r}")
    return bool(within == "all")


def wished(roles: LabelRoles, over_all: bool) -> LabelRoles:
    """Roles with the classes that are wished for; what another label vector looks up too stays as it is."""
    return roles.over_all() if over_all and not roles.shared_with else roles


def chosen_roles(roles: Mapping[str, LabelRoles], label: str | None, over_all: bool, what: str) -> list[LabelRoles]:
    """The label vectors whose components may change places, each with the classes within which they do.

    Raises
    ------
    ModelError
        If there are none.
    """
    if label is not None and label not in roles:
        listed = ", ".join(map(repr, roles)) or "no label vector"
        raise ModelError(f"{what}: label= expected one of {listed}, got {label!r}")
    asked = [wished(r, over_all) for r in roles.values() if label in (None, r.name)]
    refuse_varying(asked, what, INSTEAD)
    found = [r for r in asked if r.permutable]
    if not found:
        raise ModelError(f"{what}: {why_none(asked)}")
    return found


def why_none(roles: Sequence[LabelRoles]) -> str:
    """Why there is nothing to relabel."""
    why = "; ".join(f"{r.name}: {r.why or 'no components are known'}" for r in roles)
    why = why or "the model has no label vector that the label update draws"
    return f"no components are exchangeable, so every name has a meaning of its own ({why})"


def names_in(c: Components, roles: LabelRoles, shape: tuple[int, int], wish: Wish) -> Named:
    """Names of one label vector's components, and whether others than those of one class trade places."""
    found = named(roles.name, c, shape, wish.method, wish.by, wish.compare)
    trading = [] if roles.whole else [str(t) for t in trades(c, roles.classes)]
    return replace(found, within=roles.within, trading=trading)


# -------------------------------------------------------------------- a sampler's own draws


def _of_clusters(m: PosteriorDraws, draws: Draws, wish: Wish, label: str | None, clusters: int) -> Any:
    """The clusters of the draws that have so many, under one name each."""
    roles = varying(m, label)
    if roles is None:
        raise ModelError(
            "relabel: clusters= is for an unknown number of components (mc.NumberOfComponents); here it is known, "
            "expected none"
        )
    found = given_clusters(m, draws, roles, clusters)
    say(f"relabel: {found.share:.1%} of the draws have {clusters} clusters", error=True)
    source = opened(found.variables, "relabel")
    return source.container if clusters == 1 else _of_source(source, wish, found.roles.get("labels"), found.roles)


def _of_sampler(m: PosteriorDraws, draws: Draws, wish: Wish, label: str | None) -> Any:
    new, found, changed = renamed(m, draws, wish, label)
    data = exported(m, new, Wanted())
    there = {old: new for new, old in names_in_container(data).items()}
    shown = {there.get(n, n): (draws.variables[n], new.variables[n]) for n in changed if n not in roles_of(m)}
    return _with_report(data, found, shown, frozenset(there.get(n, n) for n in draws.angles))


def renamed(
    m: PosteriorDraws,
    draws: Draws,
    wish: Wish,
    label: str | None = None,
    looked_at: Callable[[Components], Components] | None = None,
) -> tuple[Draws, list[Named], list[str]]:
    """A sampler's draws under one name for each component, how these were found, and which variables changed.

    `looked_at` may leave out some of what names are found by.

    Raises
    ------
    ModelError
        As for :func:`relabel`.
    """
    roles = roles_of(m)
    chosen = _chosen(roles, label, wish, lambda r: r.components(draws, rows_in(m.observed_data(), r, draws.angles)))
    variables, statistics = dict(draws.variables), dict(draws.statistics)
    found = []
    for own in chosen:
        current = draws.changed(variables)
        c = with_the_model(m, current, own) if looked_at is None else looked_at(with_the_model(m, current, own))
        how = names_in(c, own, (draws.n_chains, draws.n_draws), wish)
        variables |= _renamed(variables, own, how.order)
        statistics[_permutation(own, chosen)] = how.order
        found.append(how)
    changed = [n for n, x in variables.items() if x is not draws.variables[n]]
    return draws.changed(variables, statistics), found, changed


def _chosen(
    roles: Mapping[str, LabelRoles], label: str | None, wish: Wish, components: Callable[[LabelRoles], Components]
) -> list[LabelRoles]:
    """As :func:`chosen_roles`; a refusal says too where components that priors tell apart trade places."""
    try:
        return chosen_roles(roles, label, wish.over_all, "relabel")
    except ModelError as refused:
        some = [r for r in roles.values() if label in (None, r.name) and r.classes and not r.shared_with]
        seen = [str(t) for r in some for t in trades(components(r), r.classes)[:MOST_TOLD]]
        if not seen:
            raise
        raise ModelError(f"{refused}; but {', '.join(seen)}: {WAY_OUT}") from refused


def _renamed(variables: Mapping[str, np.ndarray], roles: LabelRoles, order: np.ndarray) -> dict[str, np.ndarray]:
    """What a naming changes: tables, complements, labels."""
    new = exchanged(variables, roles.tables, roles.complements, order, roles.squares)
    if roles.name in variables:
        new[roles.name] = renamed_labels(variables[roles.name], order, roles.lowest)
    return new


def _permutation(roles: LabelRoles, chosen: Sequence[LabelRoles]) -> str:
    return "permutation" if len(chosen) == 1 else f"permutation {roles.name}"


def with_the_model(m: PosteriorDraws, draws: Draws, roles: LabelRoles) -> Components:
    """Components, with what the model adds to draws: data, label probabilities, labels that were not kept."""
    observed = m.observed_data()
    rows = rows_in(observed, roles_of(m)[roles.name], draws.angles)
    found = roles.components(draws, rows, probabilities_of(m.assembled, draws, roles.name))
    missing = _with_missing(observed, [n.name for n in m.assembled.labels])
    return replace(found, draw_labels=_drawing(m, draws, roles.name), missing=missing)


def _with_missing(observed: Mapping[str, np.ndarray], labels: Collection[str]) -> list[str]:
    """Data that have missing values, but for labels of which some are known."""
    numbers = {n: x for n, x in observed.items() if n not in labels and x.dtype.kind == "f"}
    return [n for n, x in numbers.items() if np.isnan(x).any()]


def _drawing(m: PosteriorDraws, draws: Draws, name: str) -> Callable[[], np.ndarray] | None:
    """What draws labels that were not kept; None where nothing can, or they would not fit."""
    node = next(n for n in m.assembled.labels if n.name == name)
    if not can_draw_labels(m.assembled, draws, node) or label_bytes(m.assembled, draws, node) > BUDGET:
        return None
    return lambda: drawn_labels(m.assembled, draws, node, m.seed_sequence or streams.nobody())


def probabilities_of(compiled: CompiledModel, draws: Draws, name: str) -> Probabilities | None:
    """Label probabilities of the units of any draw, other labels summed out."""
    node = next((n for n in compiled.labels if n.name == name), None)
    weighted = node is not None and node.row_weights is not None and not node.rows_given  # there parameters say
    return None if node is None or weighted else shares_of(compiled, draws, node)


# -------------------------------------------------------------------- draws without a model


def _of_source(source: Source, wish: Wish, label: str | None, vars: Mapping[str, Any] | None) -> Any:
    roles, rows = roles_in(source, vars, "relabel")
    draws = source.draws

    def components(r: LabelRoles) -> Components:
        found = r.components(draws.changed(variables), rows.get(r.name))
        return replace(found, missing=_with_missing(source.observed, roles))

    variables, statistics = dict(draws.variables), {}
    chosen = _chosen(roles, label, wish, components)
    found = []
    for own in chosen:
        how = names_in(components(own), own, (draws.n_chains, draws.n_draws), wish)
        variables |= _renamed(variables, own, how.order)
        statistics[_permutation(own, chosen)] = how.order
        found.append(how)
    changed = {n: x for n, x in variables.items() if x is not draws.variables[n]}
    container = _axes_named(source, chosen)
    replaced = arviz_bridge.with_draws(container, changed, statistics, _dims_of(chosen))
    labels = {r.name for r in roles.values()}
    shown = {n: (draws.variables[n], x) for n, x in changed.items() if n not in labels}
    return _with_report(replaced, found, shown, draws.angles)


def _axes_named(source: Source, chosen: Sequence[LabelRoles]) -> Any:
    """The container, with names of the axes that ArviZ has only counted."""
    container = source.container
    for r in chosen:
        if r.name not in source.labels:
            variables = sorted({name for table in r.tables for name, _ in table})
            container = arviz_bridge.with_named_axis(container, variables, "component")
            labels = [r.name] if r.name in source.draws.variables else []
            container = arviz_bridge.with_named_axis(container, labels, "observation")
    return container


def _dims_of(chosen: Sequence[LabelRoles]) -> dict[str, list[str]]:
    """The last axis of permutations."""
    several = len(chosen) > 1
    return {_permutation(r, chosen): [f"component_{r.name}" if several else "component"] for r in chosen}


def roles_in(
    source: Source, vars: Mapping[str, Any] | None, what: str
) -> tuple[dict[str, LabelRoles], dict[str, np.ndarray]]:
    """What the labels and components of draws are, and the rows that labels part, as far as either is known.

    Raises
    ------
    ModelError
        If neither the draws nor ``vars=`` say it.
    """
    said = elsewhere(source, vars, what)
    only_label = said.labels in source.labels and not said.components and said.n_components is None
    if source.labels and (only_label or (said.labels is None and not said.components)):
        roles = {n: r for n, r in source.labels.items() if said.labels in (None, n)}
        angles = source.draws.angles
        known = {n: rows_in(source.observed, r, angles) if said.data is None else said.data for n, r in roles.items()}
        return roles, {n: rows for n, rows in known.items() if rows is not None}
    if not (said.components or said.labels):
        raise ModelError(
            f"{what}: draws from elsewhere need vars={{'labels': name, 'components': [names]}} (and perhaps 'data'), "
            f"got {dict(vars) if vars else 'none'}; variables: {', '.join(source.draws.variables)}"
        )
    own = roles_elsewhere(source, said, what)
    return {own.name: own}, {} if said.data is None else {own.name: said.data}


# -------------------------------------------------------------------- what is told


def _with_report(
    data: Any,
    found: Sequence[Named],
    changed: Mapping[str, tuple[np.ndarray, np.ndarray]],
    angles: Collection[str] = (),
) -> Any:
    arrays: dict[str, np.ndarray] = {}
    like: dict[str, str] = {}
    for name, (before, after) in changed.items():
        for when, values in (("before", before), ("after", after)):
            own = {f"{name}_{what}_{when}": x for what, x in mixing_of(values, name in angles).items()}
            arrays, like = arrays | own, like | dict.fromkeys(own, name)
    attributes: dict[str, Any] = {}
    for how in found:
        own_name = "" if len(found) == 1 else f" {how.label}"
        attributes |= {f"{what}{own_name}": value for what, value in _told(how).items()}
    return arviz_bridge.with_group(data, GROUP, arrays, attributes, like)


def _told(how: Named) -> dict[str, Any]:
    """What a naming did, by attribute."""
    told = {
        "relabelling": how.method,
        "relabelling reason": how.reason,
        "relabelling within": how.within,
        "relabelling changed": how.changed,
        "non-permutation rate": 1.0 - how.proper,
        "relabelling switching": f"{', '.join(how.trading)}: {WAY_OUT}" if how.trading else NO_TRADING,
        "relabelling chains": ONE_CHAIN if len(how.order) == 1 else f"{len(how.order)} chains",
    }
    return told | {f"agreement with {other}": share for other, share in how.agreement.items()}


__all__ = [
    "Wish", "checked_within", "chosen_roles", "known_method", "names_in",
    "relabel", "renamed", "roles_in", "why_none", "wished",
]  # fmt: skip
