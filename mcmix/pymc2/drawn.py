"""Draws behind whatever PyMC 2's functions take: a sampler, a node, a trace, a dict, an array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.node import Node
from mcmix.traces.memory import Draws

FEW = 10  # elements up to which PyMC 2 plots a node unasked


def draws_of(source: Any, name: str | None = None, chain: int | None = None) -> Draws:
    """Draws of shape (chains, draws, *shape) by name.

    Parameters
    ----------
    source : sampler, node, trace, mapping of name to array, or array
        Arrays have the draws first; they are one chain.
    name : str, optional
        Of an array.
    chain : int, optional
        One chain of what has several; by default those as long as the last.

    Raises
    ------
    ModelError
        If there are no draws in it.
    """
    found = _found(source, name)
    if chain is None:
        return found
    return Draws({key: x[[chain]] for key, x in found.variables.items()}, angles=found.angles, labels=found.labels)


def _found(source: Any, name: str | None) -> Draws:
    if isinstance(source, Node):
        trace = source.trace
        if not hasattr(trace, "chains"):
            return _one(trace, source)
        return draws_of(type(trace)(trace.name, trace.chains, None, trace.circular))
    if isinstance(source, Mapping):
        return Draws({str(k): _as_chain(v) for k, v in source.items()})
    model = getattr(source, "model", None)
    if model is not None:
        return _of_sampler(source)
    if hasattr(source, "draws"):
        return source.draws()
    return Draws({name or "x": _as_chain(source)})


def _one(trace: Any, node: Node) -> Draws:
    """Draws of a trace of mcmix.MCMC: its chains are side by side already."""
    return Draws({trace.name: trace._draws}, angles=frozenset([trace.name] if node.is_circular else []))


def _as_chain(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim == 0 or len(array) == 0:
        raise ModelError(f"expected draws along the first axis, got shape {array.shape}")
    return array[None]


def _of_sampler(sampler: Any) -> Draws:
    """What reports show unasked, without labels; a Dirichlet as it is shown."""
    if not hasattr(sampler, "assembled"):
        return _of_approximation(sampler)
    draws = sampler.draws()
    names = getattr(sampler, "reported", None) or sampler._reported(draws)
    shown = {n: draws.variables[n] for n in names if n in draws.variables}
    for node in sampler.model.nodes:
        if getattr(node, "shown", node) is not node and node.name in shown:
            shown[node.name] = shown[node.name][..., :-1]
    return Draws(shown, angles=draws.angles, labels=draws.labels)


def _of_approximation(approximation: Any) -> Draws:
    """What a normal approximation drew."""
    draws = getattr(approximation, "_draws", None)
    if draws is None:
        raise ModelError(f"{type(approximation).__name__}: nothing was drawn yet; call sample() first")
    return draws


def plotted(source: Any) -> list[str] | None:
    """Variables of a sampler that PyMC 2 plots unasked: plot=True, or few elements and no plot=False."""
    model = getattr(source, "model", None)
    if model is None:
        return None
    flags = {node.name: node.plot for node in model.nodes if getattr(node, "plot", None) is not None}
    shown = _of_sampler(source).variables
    sizes = {name: int(np.prod(x.shape[2:], dtype=int)) for name, x in shown.items()}
    return [name for name in shown if flags.get(name, sizes[name] < FEW)]
