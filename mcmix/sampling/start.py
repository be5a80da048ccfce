"""Where chains start: over-dispersed, but sensible.

Unknowns without labels start from their prior. A mixture starts from a seeding (see `mcmix.sampling.seeding`) that
gives every row a label. A few sweeps over the component parameters follow with counts and sums shrunk to the size of
a small subsample, which leaves chains as spread as a posterior from so few rows; a few soft passes (EM with draws for
the M step, on shrunk expected sums) let the start settle. Values given by the user win.

Where none of that leads to a positive probability (a potential that counts all the data runs off where these are
shrunk), labels are drawn given draws from the prior as they are; at last chains begin at the nodes' own values, the
first just there, the others as far around them as the density allows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.errors import ZeroProbability
from mcmix.kernels import streams
from mcmix.kernels.driver import run_machine, run_step
from mcmix.kernels.machine import MACHINE
from mcmix.nodes.plate import members_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.failure import impossible_rows
from mcmix.sampling.numbers import put_numbers, searched
from mcmix.sampling.seeding import Pool, non_factorising_pool, pool, share_of
from mcmix.sampling.unconstrained import Unconstrained
from mcmix.steps.accumulators import Accumulator
from mcmix.steps.base import Call, Chain, Step
from mcmix.steps.bound_pass import BoundPass
from mcmix.steps.passes import Pass
from mcmix.steps.plan import CompiledModel
from mcmix.steps.targets import is_discrete
from mcmix.structure.unknown_number import UnknownNumber

TRIES = 100
ROUNDS = 5  # sweeps over the parameters at each stage
SOFT_ROUNDS = 3
NAMED_STARTS = 6  # where components cannot be exchanged later, the best of a few starts is taken
NON_FACTORISING_ROUNDS = 100
SPREADS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.001, 0.0)  # in free coordinates, around the nodes' own values


@dataclass(frozen=True)
class Seeds:
    """Seedings of every label vector, and which chain asks."""

    pools: Mapping[Stochastic, Pool | None]
    chain: int


def seeds_of(
    compiled: CompiledModel, sequence: np.random.SeedSequence, given: Collection[Stochastic] = ()
) -> dict[Stochastic, Pool | None]:
    """Seedings of every label vector that has no start of its own; they depend on the run's seed alone."""
    data = [np.asarray(compiled.rows.value_of(n), dtype=float) for n in compiled.model.data_nodes]
    found: dict[Stochastic, Pool | None] = {}
    for number, step in enumerate(compiled.steps):
        child = streams.of_seedings(sequence, number)
        if step.variables[0] in given:
            continue
        if step.label_pass is not None:
            found[step.variables[0]] = pool(step.label_pass, child)
        elif step.label_vector is not None:
            own = step.seeded_by()
            found[step.variables[0]] = non_factorising_pool(step.label_vector, data if own is None else [own], child)
    return found


def start(
    compiled: CompiledModel, chain: Chain, calls: Sequence[Call], given: Mapping[Stochastic, Any], seeds: Seeds
) -> None:
    """Put a chain at its start.

    Parameters
    ----------
    compiled : CompiledModel
    chain : Chain
    calls : sequence of Call
        The chain's bound sweep.
    given : mapping of Stochastic to array
        Start values that win.
    seeds : Seeds

    Raises
    ------
    ZeroProbability
        If no start with positive probability is found; the factor that forbids it is named.
    """
    wanted = NAMED_STARTS if any(c.step.names_may_stick for c in calls) else 1
    widths = [call.reals.copy() for call in calls]
    searched = _searched_numbers(compiled, chain, calls, given, seeds)
    found: list[tuple[float, np.ndarray]] = []
    for _ in range(TRIES):
        for node, value in {**compiled.model.draw_with(chain.rng, compiled.rows.others), **given}.items():
            chain.put(node, value)
        put_numbers(compiled, chain, given, seeds.chain, searched)
        _seed_labels(chain, calls, given, seeds)
        _seed_non_factorising(chain, calls, given, seeds)
        _restore_members(chain, calls, given)
        density = log_density_now(compiled, chain)
        if np.isfinite(density):
            found.append((density, chain.memory.copy()))
        if len(found) == wanted:
            break
    if found:
        chain.memory[:] = max(found, key=lambda start: start[0])[1]
        return
    why = _explained(compiled, chain)
    for call, own in zip(calls, widths, strict=True):
        call.reals[:] = own
    if not _from_plain_draws(compiled, chain, given) and not _beside_own_values(compiled, chain, given, seeds.chain):
        raise ZeroProbability(why)


def log_density_now(compiled: CompiledModel, chain: Chain) -> float:
    """Log density of the chain's present point; counts and sums must be up to date."""
    assert compiled.record is not None
    bound = chain.bound(compiled.record)
    status = run_machine(MACHINE, *bound.words)
    chain.kept.pop()
    raise_reported(chain)
    return compiled.log_density_of(chain) if status == 0 else -np.inf


def raise_reported(chain: Chain) -> None:
    """Raise what was raised below compiled code: by a user's function, or by a signal."""
    if chain.error is not None:
        error, chain.error = chain.error, None
        chain.stop[0] = 0
        raise error


def _explained(compiled: CompiledModel, chain: Chain) -> str:
    """Name the factors without probability at the last start tried."""
    from mcmix.structure.evaluate import evaluate

    leaves = {key: chain.view(key).reshape(_shape(key, chain)) for key in chain.layout.places if not _is_scratch(key)}
    bad = []
    for e in compiled.structure.contributions:
        try:
            value = evaluate(e.elements, leaves)
        except Exception:  # noqa: BLE001  a user's function at a bad point
            value = np.array(np.nan)
        if not np.isfinite(value).all():
            bad.append(e.factor.node.name)
    names = ", ".join(dict.fromkeys(bad)) or "the joint density"
    rows = impossible_rows(compiled, chain)
    told = f" ({rows})" if rows else ""
    return (
        f"no start with positive probability in {TRIES} tries: {names} stayed impossible{told}, also at the nodes' own "
        "values; pass start={name: value}"
    )


def _shape(key: Any, chain: Chain) -> tuple[int, ...]:
    return key.state_shape if isinstance(key, Stochastic) else (chain.layout.places[key][1],)


def _is_scratch(key: Any) -> bool:
    return isinstance(key, tuple) and key[0] == "scratch"


# -------------------------------------------------------------------- plain starts


def _from_plain_draws(compiled: CompiledModel, chain: Chain, given: Mapping[Stochastic, Any]) -> bool:
    """Start where the prior drew, with labels given that; whether that is possible."""
    for _ in range(TRIES):
        values = {**compiled.model.draw_with(chain.rng, compiled.rows.others), **given}
        if _possible(compiled, chain, values, given):
            return True
    return False


def _beside_own_values(compiled: CompiledModel, chain: Chain, given: Mapping[Stochastic, Any], number: int) -> bool:
    """Start at the nodes' own values (the first chain) or around them; whether that is possible."""
    own = {node: np.array(node.value) for node in compiled.model.stochastics}
    moved_nodes = [n for n in own if n not in given and n.mask is None and not is_discrete(n)]
    if not moved_nodes:
        return _possible(compiled, chain, {**own, **given}, given)
    view = Unconstrained(moved_nodes)
    free = view.free(own)
    for width in (0.0,) if number == 0 else SPREADS:
        moved = view.values(np.where(np.isfinite(free), free + width * chain.rng.standard_normal(free.size), free))
        values = {**own, **(moved if width and np.isfinite(free).all() else {}), **given}
        if _possible(compiled, chain, values, given):
            return True
    return False


def _possible(
    compiled: CompiledModel, chain: Chain, values: Mapping[Stochastic, Any], given: Mapping[Stochastic, Any]
) -> bool:
    """Put a chain at some values, labels drawn given the rest or else as they are, and see whether that can be."""
    passes = {p.label.node: p.bound(chain) for p in compiled.label_passes}
    for drawn in (True, False) if passes else (False,):
        for node, value in values.items():
            chain.put(node, value)
        put_numbers(compiled, chain, given, 0)
        for node, one in passes.items():
            if drawn and node not in given:
                one.draw()
        for one in passes.values():
            one.collect()
        if np.isfinite(log_density_now(compiled, chain)):
            return True
    return False


# -------------------------------------------------------------------- labels


def _searched_numbers(
    compiled: CompiledModel, chain: Chain, calls: Sequence[Call], given: Mapping[Stochastic, Any], seeds: Seeds
) -> dict[Stochastic, int]:
    """Numbers of components to start with where units are many, for labels that change little then."""
    found: dict[Stochastic, int] = {}
    parameters = [c for c in calls if _is_given_labels(c.step) and not set(c.step.variables) & set(given)]
    for unknown in compiled.structure.numbers:
        p = next(p for p in compiled.label_passes if p.block is unknown.block)
        pool_of = seeds.pools.get(p.label.node)
        settled = {unknown.node, unknown.weights, p.label.node} & set(given)
        if pool_of is not None and not settled and not unknown.has_few_units:

            def settle(k: int, p: Pass = p, unknown: UnknownNumber = unknown) -> BoundPass:
                for node, value in {**compiled.model.draw_with(chain.rng, compiled.rows.others), **given}.items():
                    chain.put(node, value)
                put_numbers(compiled, chain, given, seeds.chain, {unknown.node: k})
                for other in compiled.label_passes:
                    _put_labels(other, chain, given, seeds)
                    other.bound(chain).collect()
                    other.sums.scale(chain, share_of(other))
                _rounds(parameters, chain, ROUNDS)
                return p.bound(chain)

            found[unknown.node] = searched(unknown, settle, lambda: _rounds(parameters, chain, 1))
    return found


def _seed_labels(chain: Chain, calls: Sequence[Call], given: Mapping[Stochastic, Any], seeds: Seeds) -> None:
    passes = dict.fromkeys(c.step.label_pass for c in calls if c.step.label_pass is not None)
    if not passes:
        return
    parameters = [c for c in calls if _is_given_labels(c.step) and not set(c.step.variables) & set(given)]
    for call in parameters:
        call.tune(call.step.repeats_at_start > 1)
    for p in passes:
        _put_labels(p, chain, given, seeds)
    bound = {p: p.bound(chain) for p in passes}
    for one in bound.values():
        one.collect()
    whole = {p: [(a, p.sums.stretch(chain, a).copy()) for a in p.others if a.whole_at_starts] for p in bound}
    for p in bound:
        _shrink(p, chain, whole[p])
    _rounds(parameters, chain, ROUNDS)
    for _ in range(SOFT_ROUNDS):
        for p, one in bound.items():
            one.weigh(collect=True)
            _shrink(p, chain, whole[p])
        _rounds(parameters, chain, 1)
    for p, one in bound.items():
        if p.label.node not in given:
            one.draw()
    for one in bound.values():
        one.collect()


def _is_given_labels(step: Step) -> bool:
    """Whether it moves parameters given labels, or sums that stand for them."""
    return step.label_pass is None and not step.before_labels and not step.needs_labels


def _shrink(p: Pass, chain: Chain, whole: Sequence[tuple[Accumulator, np.ndarray]]) -> None:
    """Counts and sums as if only the subsample had been seen, but for those that stay whole."""
    p.sums.scale(chain, share_of(p))
    for one, sums in whole:
        p.sums.stretch(chain, one)[:] = sums


def _restore_members(chain: Chain, calls: Sequence[Call], given: Mapping[Stochastic, Any]) -> None:
    """Labels that are single nodes and were given stay so: the others of their plate were seeded with them."""
    passes = dict.fromkeys(c.step.label_pass for c in calls if c.step.label_pass is not None)
    touched = [p for p in passes if set(members_of(p.label.node)) & set(given)]
    if not touched:
        return
    for node, value in given.items():
        chain.put(node, value)
    for p in touched:
        p.bound(chain).collect()


def _seed_non_factorising(chain: Chain, calls: Sequence[Call], given: Mapping[Stochastic, Any], seeds: Seeds) -> None:
    """Labels that are not seen through: seed them from data of their length, then let the rest settle."""
    non_factorising = [c for c in calls if c.step.label_vector is not None and c.step.label_pass is None]
    for call in non_factorising:
        node, label = call.step.variables[0], call.step.label_vector
        pool_of = seeds.pools.get(node)
        if node not in given and pool_of is not None and label is not None:
            chain.view(node)[:] = label.values[pool_of.labels(seeds.chain, chain.rng)]
    if non_factorising:
        rest = [c for c in calls if c not in non_factorising and not set(c.step.variables) & set(given)]
        for call in rest:
            call.tune(True)
        _rounds(rest, chain, NON_FACTORISING_ROUNDS)


def _rounds(parameters: Sequence[Call], chain: Chain, n: int) -> None:
    """A few sweeps over everything but labels; a step that fails here fails again, and is reported, in the run."""
    for _ in range(n):
        for call in parameters:
            for _ in range(call.step.repeats_at_start):
                run_step(call.kernel, call.words, call.reals, chain.stream)


def _put_labels(p: Pass, chain: Chain, given: Mapping[Stochastic, Any], seeds: Seeds) -> None:
    """Give every unit a label from the chain's seeding (the prior's labels stay where no data depend on them)."""
    found = seeds.pools.get(p.label.node)
    if p.label.node in given or found is None:
        return
    if p.block.number is None:
        numbers = found.labels(seeds.chain, chain.rng)
    else:
        numbers = found.grouped(seeds.chain, int(chain.get(p.block.number)), chain.rng)
    chain.view(p.label.node)[:] = p.label.values[numbers]


__all__ = ["Seeds", "log_density_now", "raise_reported", "seeds_of", "start"]
