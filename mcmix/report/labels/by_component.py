"""Numbers that every component has, before and after relabelling, from what a relabelling returned."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mcmix.distributions.circle import opened
from mcmix.errors import ModelError
from mcmix.report import arviz_bridge
from mcmix.report.elements import element_labels
from mcmix.report.labels.relabelled import Table, exchanged
from mcmix.report.labels.roles import LABELS, LabelRoles, from_text, tables_of

ORDER = "permutation"  # the statistic by draw: which component got each name
REPORTED = "_rhat_before"  # what a relabelling notes of every variable whose components it named


@dataclass(frozen=True)
class ByComponent:
    """One number that every component has; or the share of one of two, whose other has the rest (K is then 1).

    Attributes
    ----------
    variables : list of str
        Whose elements these are: mostly one.
    labels : list of str
        Of each component: ``mu[0]``, ``mu[1]``.
    before, after : ndarray, shape (chains, draws, K)
        As sampled, and under one name for each component. Angles are cut open where the circle is emptiest.
    circular : bool
        Whether these are angles.
    """

    variables: list[str]
    labels: list[str]
    before: np.ndarray
    after: np.ndarray
    circular: bool = False


def by_component(found: Any, label: str | None = None, names: Mapping[str, str] | None = None) -> list[ByComponent]:
    """Every number of every component in relabelled draws.

    Parameters
    ----------
    found : arviz.InferenceData or xarray.DataTree
        From ``mc.relabel``.
    label : str, optional
        Which label vector, where several were relabelled; by default all.
    names : mapping of str to str, optional
        What variables are called, where that is not their name in `found`.

    Returns
    -------
    list of ByComponent

    Raises
    ------
    ModelError
        If the draws were not relabelled, or hold no parameters by component.
    """
    after, statistics = arviz_bridge.draws_of(found)
    orders = {n: x for n, x in statistics.items() if n == ORDER or n.startswith(f"{ORDER} ")}
    if not orders:
        raise ModelError("expected relabelled draws: pass what mc.relabel returns, or the sampler itself")
    roles = _roles(found, after, orders)
    called = names or {}
    if label is not None and label not in roles:
        raise ModelError(f"label= expected one of {', '.join(map(repr, roles))}, got {label!r}")
    before = dict(after)
    for own, order in reversed(roles.values()):  # the last that was exchanged comes first
        before |= exchanged(before, own.tables, own.complements, np.argsort(order, axis=2), own.squares)
    asked = [own for name, (own, _) in roles.items() if label in (None, name)]
    angles = arviz_bridge.angles_in(found)
    numbers = [_on_a_line(n, angles) for own in asked for n in _numbers(own, before, after, called)]
    if not numbers:
        raise ModelError("expected draws of parameters by component, got those of labels alone")
    return numbers


def _on_a_line(n: ByComponent, angles: Collection[str]) -> ByComponent:
    """Angles cut open in one place for all components, before and after."""
    if not set(n.variables) <= set(angles):
        return n
    before, after = opened(np.stack([n.before, n.after]))
    return replace(n, before=before, after=after, circular=True)


def _roles(
    found: Any, variables: Mapping[str, np.ndarray], orders: Mapping[str, np.ndarray]
) -> dict[str, tuple[LabelRoles, np.ndarray]]:
    """Label vectors that were relabelled and their permutations, in the order in which they were."""
    noted = arviz_bridge.group_of(found, "constant_data")
    changed = [n for n in variables if f"{n}{REPORTED}" in noted]
    known = from_text(str(arviz_bridge.attributes_of(found).get(LABELS, "[]")))
    chosen = {}
    for name, own in known.items():
        order = orders.get(f"{ORDER} {name}", orders.get(ORDER))
        if order is not None and order.shape[2] == own.n_components and _whose(own, variables) <= {*changed}:
            chosen[name] = own, order
    if chosen:
        return chosen
    order = next(iter(orders.values()))
    k = order.shape[2]
    wide = [n for n in changed if variables[n].ndim > 2 and variables[n].shape[2] == k]
    own = LabelRoles("components", 0, k, [t for n in wide for t in tables_of(n, variables[n])])
    return {own.name: (own, order)}


def _whose(own: LabelRoles, variables: Mapping[str, np.ndarray]) -> set[str]:
    return ({n for t in own.tables for n, _ in t} | {*own.complements}) & {*variables}


def _numbers(
    own: LabelRoles, before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray], called: Mapping[str, str]
) -> list[ByComponent]:
    found = []
    for table in own.tables:
        if all(name in after for name, _ in table):
            names = list(dict.fromkeys(called.get(name, name) for name, _ in table))
            labels = _labels(table, after, called)
            found.append(ByComponent(names, labels, _stacked(table, before), _stacked(table, after)))
    for p in own.complements:
        if p in after:
            found.append(ByComponent([called.get(p, p)], [called.get(p, p)], _one(before[p]), _one(after[p])))
    order = [called.get(name, name) for name in after]
    return sorted(found, key=lambda n: min(order.index(v) for v in n.variables))


def _labels(table: Table, variables: Mapping[str, np.ndarray], called: Mapping[str, str]) -> list[str]:
    return [element_labels(called.get(name, name), variables[name].shape[2:])[element] for name, element in table]


def _stacked(table: Sequence[tuple[str, int]], variables: Mapping[str, np.ndarray]) -> np.ndarray:
    flat = [variables[name].reshape(*variables[name].shape[:2], -1)[:, :, element] for name, element in table]
    return np.stack(flat, axis=-1)


def _one(share: np.ndarray) -> np.ndarray:
    return share.reshape(*share.shape[:2], -1)[:, :, :1]


__all__ = ["ByComponent", "by_component"]
