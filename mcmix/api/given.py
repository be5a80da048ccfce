"""Covariates of new rows, as a user hands them in beside the distribution of a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.covariates import Covariates
from mcmix.nodes.node import Node
from mcmix.sampling.predictive_density import Together


def covariates_given(together: Together, given: Any, what: str, one: bool) -> dict[Covariates, np.ndarray]:
    """Covariates by node, shape (rows, ...), as many rows for each; one row where only one can be meant.

    Raises
    ------
    ModelError
        If names are missing or unknown, or rows do not fit.
    """
    nodes = {c.name: c for c in together.covariates}
    if not nodes:
        raise ModelError(f"{what}: given= expected covariates of the model (mc.Covariates), there are none")
    values = given if isinstance(given, Mapping) else dict.fromkeys(list(nodes)[:1], given)
    values = {key.name if isinstance(key, Node) else key: value for key, value in values.items()}
    if set(values) != set(nodes):
        listed = ", ".join(map(str, values)) if isinstance(given, Mapping) else "an array without its name"
        raise ModelError(f"{what}: given= expected covariates {', '.join(nodes)} by name, got {listed or 'none'}")
    found = {node: node.rows_like(values[name]) for name, node in nodes.items()}
    sizes = {n.name: len(x) for n, x in found.items()}
    if len(set(sizes.values())) > 1 or (one and max(sizes.values()) != 1):
        wanted = "one row" if one else "the same number of rows for each"
        listed = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise ModelError(f"{what}: given= expected {wanted}, got {listed}")
    return found


def needs_covariates(together: Together) -> str:
    """What to say where a row's covariates are missing."""
    data, names = (", ".join(n.name for n in nodes) for nodes in (together.data, together.covariates))
    return f"a row of {data} depends on its covariates; say predictive(m, given=...) for {names}"


__all__ = ["covariates_given", "needs_covariates"]
