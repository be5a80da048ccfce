"""Draws from files and from elsewhere put into a sampler of their model, so that everything works on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.api.sources import Source, opened
from mcmix.errors import ModelError
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.axes import labels_along
from mcmix.sampling.joint_density import functions_of, log_joint
from mcmix.steps.plan import CompiledModel, per_label_bytes
from mcmix.structure.columns import Column
from mcmix.traces.memory import Draws

CHECKED = 256  # draws whose values are looked at together
COMPARED = 3  # draws at which a file's log density is compared with the model's
LEAST = 1e-300  # weight that stands for one that was rounded to zero
APART = 1e-5  # relative difference of log densities that rounding does not explain


def read_draws(m: PosteriorDraws, given: Any, names: Mapping[str, str] | None) -> tuple[Draws, Source]:
    """Draws as this sampler would have kept them; see :meth:`MCMC.read`."""
    source = opened(given, "read")
    theirs = _under_our_names(source, names or {}, m)
    compiled = m.assembled
    _refuse_other_data(m, source)
    variables = _unknowns(compiled, theirs)
    if not source.own:
        variables |= {n.name: np.maximum(variables[n.name], LEAST) for n in _simplexes(compiled) if n.name in variables}
    if not variables:
        there = ", ".join(source.draws.variables)
        raise ModelError(f"read: none of the model's unknowns are among {there}; names={{'theirs': 'ours'}} maps names")
    statistics = {n: x for n, x in source.draws.statistics.items() if x.dtype.kind in "fiub"} if source.own else {}
    angles = compiled.model.angles
    draws = Draws(variables, statistics, angles=angles)
    labels = labels_along(compiled)
    draws = Draws(_with_functions(compiled, draws, theirs), statistics, angles=angles, labels=labels)
    draws.statistics |= _log_density(compiled, draws, source)
    return draws, source


def _under_our_names(source: Source, names: Mapping[str, str], m: PosteriorDraws) -> dict[str, np.ndarray]:
    if not isinstance(names, Mapping) or not all(isinstance(n, str) for pair in names.items() for n in pair):
        raise ModelError(f"read: names= expected a mapping such as {{'theirs': 'ours'}}, got {names!r}")
    source.known_names(list(names), "read")
    ours = {n.name for n in m.model.variables}
    unknown = [n for n in names.values() if n not in ours]
    if unknown:
        raise ModelError(f"read: names= expected names of the model, {', '.join(sorted(ours))}, got {unknown}")
    renamed = {**source.names, **names}
    taken = set(renamed.values())
    kept = {n: x for n, x in source.draws.variables.items() if n in renamed or n not in taken}
    return {renamed.get(n, n): x for n, x in kept.items()}


def _refuse_other_data(m: PosteriorDraws, source: Source) -> None:
    """Refuse draws that say they were made from other data."""
    back = source.names
    seen = {back.get(n, n): x for n, x in source.observed.items()}
    for name, own in m.observed_data().items():
        other = seen.get(name)
        if other is None or other.dtype.kind not in "fiub":
            continue
        if other.shape == (1,) and np.shape(own) == ():  # files give a single number an axis
            other = other[0]
        if other.shape != np.shape(own) or not np.allclose(other, own, rtol=1e-5, equal_nan=True):
            came = "others" if other.shape == np.shape(own) else f"shape {other.shape} instead of {np.shape(own)}"
            raise ModelError(f"read: expected draws made from the model's data, but the observed {name!r} are {came}")


# -------------------------------------------------------------------- variables


def _unknowns(compiled: CompiledModel, theirs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The unknowns' draws in the order and types in which a sampler keeps them."""
    labels = list(compiled.labels)
    needed = [n for n in compiled.model.stochastics if n not in labels and n.trace_by_default and n.mask is None]
    missing = [n.name for n in needed if n.name not in theirs]
    if missing:
        raise ModelError(
            f"read: no draws of {', '.join(missing)}; there are {', '.join(theirs)}. names={{'theirs': 'ours'}} maps "
            "names; an unknown that was not kept must have trace=False"
        )
    order = [n for n in compiled.model.stochastics if n not in labels] + labels
    return {n.name: _fitted(n, theirs[n.name], compiled) for n in order if n.name in theirs}


def _simplexes(compiled: CompiledModel) -> list[Stochastic]:
    """Weights: the density of one that was rounded to zero is not defined."""
    return [n for n in compiled.model.stochastics if n.family is not None and n.family.support.simplex]


def _fitted(node: Stochastic, values: np.ndarray, compiled: CompiledModel) -> np.ndarray:
    """Draws of one unknown, or a refusal that says what does not fit."""
    if node.mask is not None and values.shape[2:] == node.shape != node.state_shape:
        values = values[..., np.asarray(node.mask)]
    if values.shape[2:] != node.state_shape:
        raise ModelError(
            f"read: {node.name} expected shape {node.state_shape} in each draw, got {values.shape[2:]}"
            + (" (its missing entries alone are unknown)" if node.mask is not None else "")
        )
    _supported(node, values, compiled.rows.column_of(node))
    kind = np.dtype(node.dtype)
    if node in compiled.labels:
        whole = values.dtype if values.dtype.kind in "iu" else _label_type(node, compiled, values)
        return np.array(values, dtype=whole, order="C")  # a copy: whose draws these were may change theirs
    return np.array(values, dtype=kind if kind.kind in "iub" else float, order="C")


def _label_type(node: Stochastic, compiled: CompiledModel, values: np.ndarray) -> Any:
    small = values.min(initial=0) >= 0 and values.max(initial=0) < 256 ** per_label_bytes(node, compiled)
    return (np.uint8 if per_label_bytes(node, compiled) == 1 else np.uint16) if small else np.int32


def _supported(node: Stochastic, values: np.ndarray, column: Column | None) -> None:
    """Refuse values that the distribution cannot produce, some draws at a time."""
    flat = values.reshape(-1, *values.shape[2:])
    for start in range(0, len(flat), CHECKED):
        part = flat[start : start + CHECKED]
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            raise ModelError(f"read: {node.name} expected finite draws, got others from draw {start} on")
        if isinstance(node, Distribution):
            try:
                node.check_value(part if column is None else column.completed(part))
            except ModelError as error:
                raise ModelError(f"read: {error}{_hint(node, flat)}") from error


def _hint(node: Stochastic, flat: np.ndarray) -> str:
    family = node.family
    if family is not None and family.name == "Categorical" and flat.min() == 1:
        return "; labels begin with 0 here: subtract 1"
    return ""


def _with_functions(compiled: CompiledModel, draws: Draws, theirs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Deterministics as they came, and computed where they did not."""
    functions = {n.name: n for n in compiled.model.deterministics}
    came = {
        n: theirs[n].copy()
        for n, node in functions.items()
        if n in theirs and theirs[n].shape[2:] == np.shape(node.value)
    }
    wanted = [s.name for s in compiled.segments if s.kind == "variable" and s.name in functions and s.name not in came]
    found = {**draws.variables, **came, **functions_of(compiled, draws, [functions[n] for n in wanted])}
    order = [s.name for s in compiled.segments if s.kind == "variable" and s.name in found]  # as a sampler keeps them
    order += [n.name for n in compiled.labels if n.name in found and n.name not in order]
    return {n: found[n] for n in [*order, *[n for n in found if n not in order]]}


# -------------------------------------------------------------------- log density


def _log_density(compiled: CompiledModel, draws: Draws, source: Source) -> dict[str, np.ndarray]:
    """The log density of every draw: the file's own where mcmix wrote it for this model, else computed."""
    shape = (draws.n_chains, draws.n_draws)
    own = draws.statistics.get("lp") if source.own else None
    some = draws.thinned(draws.n_chains * (COMPARED if own is not None else draws.n_draws))
    try:
        found = log_joint(compiled, draws, some)
    except ModelError as error:
        if own is None:
            raise ModelError(f"read: {error}") from error
        found = None  # weights below any double: the file's own log density knows better
    if own is None:
        return {} if found is None else {"lp": found.reshape(shape)}
    if found is not None and not any(n.name not in draws.variables for n in compiled.model.stochastics):
        _refuse_other_model(own[some[:, 0], some[:, 1]], found)
    return {"lp": own}


def _refuse_other_model(theirs: np.ndarray, ours: np.ndarray) -> None:
    apart = np.abs(theirs - ours) > APART * (1.0 + np.abs(theirs))
    if apart.any():
        i = int(np.flatnonzero(apart)[0])
        raise ModelError(
            f"read: the draws are of another model: where theirs has log density {theirs[i]:.6g}, this one has "
            f"{ours[i]:.6g}; priors or distributions differ"
        )


__all__ = ["read_draws"]
