"""Draws with a given number of clusters: the components that hold units side by side, so that they can be named."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.api.cluster_sizes import cluster_sizes
from mcmix.api.diagnosis import of_no_fixed_number
from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.api.symmetries import roles_of, rows_in
from mcmix.errors import ModelError
from mcmix.nodes.node import Node
from mcmix.report.labels.roles import LabelRoles
from mcmix.screen import say
from mcmix.traces.memory import Draws


@dataclass(frozen=True)
class GivenClusters:
    """Draws with one number of clusters.

    Attributes
    ----------
    variables : dict of str to ndarray, shape (chains, draws, ...)
        Unknowns of no component as they are; those of components with one entry for each cluster; labels from 0 on.
        Where a chain has fewer such draws than another, the others' are thinned evenly; where one has none, all draws
        are one chain.
    roles : dict
        What ``vars=`` of :func:`mcmix.relabel` takes.
    share : float
        Of all draws, those with so many clusters.
    places : ndarray, shape (chains, draws, 2)
        Chain and draw, among all, of each.
    """

    variables: dict[str, np.ndarray]
    roles: dict[str, Any]
    share: float
    places: np.ndarray


def varying(m: PosteriorDraws, label: str | None = None) -> LabelRoles | None:
    """The first label vector, of all or the one asked for, of whose components there is no fixed number."""
    return next((r for r in roles_of(m).values() if r.number and label in (None, r.name)), None)


def refuse_varying(roles: Collection[LabelRoles], what: str, instead: str) -> None:
    """Refuse to speak of components by name where there is no fixed number of them.

    Raises
    ------
    ModelError
        Saying what to ask instead.
    """
    found = next((r for r in roles if r.number), None)
    if found is not None:
        raise ModelError(
            f"{what}: expected components with names, but the number {found.number} of those of {found.name} varies "
            f"between draws, and none keeps its name; {instead}"
        )


def refuse_names(m: PosteriorDraws, label: Node | None, what: str) -> None:
    """Refuse to tell components of a label vector, or of all, by name where there is no fixed number of them."""
    roles = varying(m, None if label is None else label.name)
    refuse_varying([] if roles is None else [roles], what, INSTEAD)


INSTEAD = (
    "mc.relabel(m, clusters=k) names the clusters of the draws that have k of them, mc.partition(m) says which units "
    "belong together, mc.occupied(m) how many clusters there are"
)


def with_a_meaning(names: Collection[str], come_and_go: Collection[str], asked: bool, what: str) -> list[str]:
    """Variables without those of components of which there is no fixed number; what is left out is said.

    Raises
    ------
    ModelError
        If such variables were asked for by name, or there are no others.
    """
    gone = [n for n in names if n.partition("[")[0] in come_and_go]
    listed = ", ".join(gone)
    if gone and asked:
        raise ModelError(f"{what}: components of an unknown number have no names, and so {listed} none; {INSTEAD}")
    if gone and len(gone) == len(names):
        raise ModelError(f"{what}: expected some variable beside {listed}, which have no names that last; {INSTEAD}")
    if gone:
        say(f"{what}: left out, since components of an unknown number have no names: {listed}; {INSTEAD}", error=True)
    return [n for n in names if n not in gone]


def given_clusters(m: PosteriorDraws, draws: Draws, roles: LabelRoles, clusters: int) -> GivenClusters:
    """The draws that have so many clusters.

    Raises
    ------
    ModelError
        If labels were not kept, or no two draws have so many clusters.
    """
    counts = cluster_sizes(draws, roles.name, roles.n_components, roles.lowest)
    if counts is None:
        raise ModelError(
            f"relabel: neither draws of the labels {roles.name} nor the units of each component were kept, so that "
            "nobody knows which components hold units; raise label_budget=, or thin more"
        )
    number = (counts > 0).sum(-1)
    at = _positions(number == clusters)
    if at.shape[1] < 2:
        there = ", ".join(f"{k} ({share:.2g})" for k, share in enumerate(_shares(number)) if share > 0)
        raise ModelError(f"relabel: clusters= expected a number that two draws have, got {clusters}; there are {there}")
    inside = np.argsort(counts[at[..., 0], at[..., 1]] == 0, axis=-1, kind="stable")[..., :clusters]
    by_component = {name for table in roles.tables for name, _ in table} & set(draws.variables)
    left_out = of_no_fixed_number(m) - by_component
    variables = {n: x[at[..., 0], at[..., 1]] for n, x in draws.variables.items() if n not in left_out}
    variables |= {n: _of_clusters(variables[n], inside) for n in by_component}
    said: dict[str, Any] = {"components": sorted(by_component)}
    if roles.name in variables:
        labels = variables[roles.name].astype(np.int64) - roles.lowest
        variables[roles.name] = _renumbered(labels, inside, roles.n_components)
        said |= {"labels": roles.name, "first_label": 0}
    rows = rows_in(m.observed_data(), roles, draws.angles)
    said |= {} if rows is None else {"data": rows}
    return GivenClusters(variables, said, float((number == clusters).mean()), at)


def _shares(number: np.ndarray) -> np.ndarray:
    return np.bincount(number.ravel()) / number.size


def _positions(chosen: np.ndarray) -> np.ndarray:
    """Chain and draw of those that are chosen, shape (chains, draws, 2): as many of each chain, or all in one."""
    least = int(chosen.sum(axis=1).min())
    if least < 2:
        return np.argwhere(chosen)[None]
    of_each = [np.flatnonzero(row) for row in chosen]
    kept = [x[np.linspace(0, len(x) - 1, least).round().astype(int)] for x in of_each]
    return np.stack([np.column_stack([np.full(least, c), x]) for c, x in enumerate(kept)])


def _of_clusters(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Entries of the components that hold units; first axis after chain and draw the cluster."""
    places = inside.reshape(*inside.shape, *[1] * (values.ndim - 3))
    return np.take_along_axis(values, places, axis=2)


def _renumbered(labels: np.ndarray, inside: np.ndarray, k: int) -> np.ndarray:
    """Labels by the places of their components among those that hold units."""
    place = np.zeros((*inside.shape[:2], k), dtype=np.int64)
    np.put_along_axis(place, inside, np.broadcast_to(np.arange(inside.shape[-1]), inside.shape), axis=-1)
    return np.take_along_axis(place, labels, axis=-1)


__all__ = [
    "INSTEAD", "GivenClusters", "given_clusters", "refuse_names", "refuse_varying", "varying",
    "with_a_meaning",
]  # fmt: skip
