"""Parameters of a distribution from what a user wrote: positions, names, PyMC 2's names, other parametrisations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.errors import ModelError
from mcmix.nodes.constraints import as_array, check_constraint
from mcmix.nodes.node import Node, holds_nodes
from mcmix.nodes.numbers import as_numbers

COMMON = ("value", "observed", "size", "trace", "rseed", "doc", "debug", "plot", "verbose", "plates", "dtype",
           "dims", "coords", "weights")  # fmt: skip


def parents_of(family: Family, node: str, positional: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Canonical parameters from positions, canonical names, PyMC 2's names and alternative parameters.

    Raises
    ------
    TypeError
        If one is missing, given twice or unknown; the accepted names are listed.
    """
    names = [p.name for p in family.parameters]
    if len(positional) > len(names):
        raise TypeError(
            f"{node}: {family.name} takes {len(names)} parameters ({', '.join(names)}), got {len(positional)}"
        )
    found: dict[str, Any] = dict(zip(names, positional, strict=False))
    alternatives: dict[str, Any] = {}
    for keyword, value in keywords.items():
        _place(family, node, keyword, value, found, alternatives)
    for keyword, value in alternatives.items():
        target = family.alternatives[keyword].replaces
        if target in found:
            raise TypeError(f"{node}: expected one of {target} and {keyword}, got both")
        value, others = _plain(node, keyword, value), {k: _plain(node, k, v) for k, v in found.items()}
        if not holds_nodes(value):
            check_constraint(node, keyword, family.alternatives[keyword].constraint, value)
        found[target] = family.alternatives[keyword].convert(value, others)
    for parameter in family.parameters:
        if parameter.name not in found and parameter.default is None:
            raise TypeError(f"{node}: {family.name} needs {parameter.name}; {_accepted(family)}")
    return {p.name: _plain(node, p.name, found.get(p.name, p.default)) for p in family.parameters}


def _place(
    family: Family, node: str, keyword: str, value: Any, found: dict[str, Any], alternatives: dict[str, Any]
) -> None:
    for parameter in family.parameters:
        if keyword in (parameter.name, parameter.alias):
            if parameter.name in found:
                raise TypeError(f"{node}: {parameter.name} was given twice")
            found[parameter.name] = value
            return
    if keyword not in family.alternatives:
        raise TypeError(f"{node}: unknown keyword {keyword!r} for {family.name}; {_accepted(family)}")
    alternatives[keyword] = value


def _accepted(family: Family) -> str:
    parameters = [p.name + (f" (or {p.alias})" if p.alias and p.alias != p.name else "") for p in family.parameters]
    alternatives = [f"{k} (instead of {a.replaces})" for k, a in family.alternatives.items()]
    return f"accepted: {', '.join(parameters + alternatives + list(COMMON[:6]))}"


def _plain(node: str, parameter: str, value: Any) -> Any:
    """Numbers as arrays of a known type; everything with nodes as it is."""
    if isinstance(value, Node) or holds_nodes(value):
        return value
    numbers = as_numbers(f"{node}: {parameter}", value)
    if np.ma.getmaskarray(numbers).any():
        raise ModelError(
            f"{node}: {parameter} expected known numbers, got masked ones; make those that are unknown nodes"
        )
    return as_array(numbers) if isinstance(value, np.ndarray) else np.asarray(numbers, dtype=float)


__all__ = ["COMMON", "parents_of"]
