"""More room for the components of one chain, in the middle of an iteration, that loses nothing.

A kernel that finds no room stops the chain where it stands (:mod:`mcmix.kernels.growth`). The model is then laid out
for twice as many components, once for all chains that get there; values, random streams and what steps learned go over
to the larger memory, and the call that stopped is made again. New entries are draws from their prior given the rest:
that is what parameters of components without units are. Other chains stay as they are, so that no draw depends on them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mcmix.nodes.number_of_components import ComponentWeights
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.buffers import Buffers, own_buffers, point
from mcmix.sampling.runner import Runner, tell_calls
from mcmix.steps.base import Chain, Step
from mcmix.steps.plan import CompiledModel
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression
from mcmix.structure.recording import Recording, is_log_kept


def grow(r: Runner, at: int) -> int:
    """Give a chain more room for what a call of its sweep asked for; where that call stands in a sweep then."""
    step = r.swept_calls[at].step
    rooms, room = {**r.compiled.rooms}, step.room
    rooms[room] = room.larger(rooms[room])
    assert r.compiled.by_room is not None
    later = at - [c.step for c in r.swept_calls].index(step)
    with r.compiled.by_room.shown(rooms) as compiled:
        same = move(r, compiled)
    return [c.step for c in r.swept_calls].index(same[step]) + later


def move(r: Runner, compiled: CompiledModel) -> dict[Step, Step]:
    """Put a chain, as it stands, into the memory of a model with more room; which steps there are those of before."""
    before, steps = r.chain, _same_steps(r.compiled, compiled)
    chain = _with_streams(Chain(compiled.plan.layout, before.sequence), before, r.compiled, compiled)
    calls = [call for step in compiled.steps for call in step.bind(chain)]
    for old in r.compiled.steps:
        old.chains = [c for c in old.chains if c is not before]
    for new in compiled.steps:
        new.chains.append(chain)
    _carry_places(before, chain, steps)
    _carry_values(before, chain, r.compiled.structure.recording, compiled.structure.recording)
    for old, new in steps.items():
        pairs = ([c.reals for c in some if c.step is step] for some, step in ((r.calls, old), (calls, new)))
        for learned, larger in zip(*pairs, strict=True):
            new.carry(learned, larger)
    for p in compiled.label_passes:
        p.bound(chain).collect()
    r.compiled, r.chain, r.calls = compiled, chain, calls
    assert compiled.record is not None
    r.told.program, r.told.length = chain.bound(compiled.record).words
    r.tune(r.tunes)
    if r.out is not None:  # in the middle of a call
        give_buffers(r, r.out)
    return steps


def _same_steps(old: CompiledModel, new: CompiledModel) -> dict[Step, Step]:
    """Steps that move the same in both; a variable that is longer may be moved by another one."""
    left = list(new.steps)
    found: dict[Step, Step] = {}
    for step in old.steps:
        names = [v.name for v in step.variables]
        same = next((s for s in left if type(s) is type(step) and [v.name for v in s.variables] == names), None)
        if same is not None:
            found[step] = same
            left.remove(same)
    return found


def _with_streams(chain: Chain, before: Chain, old: CompiledModel, new: CompiledModel) -> Chain:
    """The chain with another one's random streams, stop word and place in the run."""
    chain.rng, chain.stream, chain.stop, chain.error = before.rng, before.stream, before.stop, before.error
    chain.tune_interval, chain.planned = before.tune_interval, before.planned
    own = {a.label.node: b.label.node for a, b in zip(old.label_passes, new.label_passes, strict=True)}
    chain._row_streams = {own.get(key, key): streams for key, streams in before._row_streams.items()}
    return chain


def _carry_places(before: Chain, chain: Chain, steps: Mapping[Step, Step]) -> None:
    """What steps keep between their calls, where it does not go by component."""
    for key, (_, size) in before.layout.places.items():
        if not (isinstance(key, tuple) and any(isinstance(part, (Step, Stochastic)) for part in key)):
            continue
        other = tuple(steps.get(part, part) if isinstance(part, Step) else part for part in key)
        if chain.layout.places.get(other, (0, -1))[1] == size:
            chain.view(other)[:] = before.view(key)


# -------------------------------------------------------------------- values


def _carry_values(before: Chain, chain: Chain, old: Recording, new: Recording) -> None:
    """Values of all unknowns, parents first; those of components that there was no room for are drawn."""
    for a, b in zip(old.leaves, new.leaves, strict=True):
        was, now = before.view(a), chain.view(b)
        if was.size < now.size:
            now[:] = _drawn(b, chain, new)
        now[: was.size] = was


def _drawn(node: Stochastic, chain: Chain, recording: Recording) -> np.ndarray | float:
    """A draw of a variable from its distribution given its parents, as a chain keeps it."""
    if isinstance(node, ComponentWeights):
        return -np.inf  # the log weight of a component that is not in use
    leaves = {n: chain.view(n).reshape(x.shape) for n, x in recording.leaves.items()}
    known: dict[Expression, np.ndarray] = {}
    parameters = [evaluate(p, leaves, known) for p in recording.own_factor(node).parameters.values()]
    value = np.ravel(node.family.draw(chain.rng, recording.leaves[node].shape, *parameters))
    with np.errstate(divide="ignore"):
        return np.log(value) if is_log_kept(node) else value


# -------------------------------------------------------------------- draws


def give_buffers(r: Runner, out: Buffers) -> None:
    """Let a chain's draws go where all chains' do, or where those with more room alone have theirs."""
    before, at = (out, r.number) if r.out is not out or r.own is None else (r.own, 0)
    r.out, r.own = out, None
    if not out.fits(r.compiled):
        r.own = own_buffers(r.compiled, before, at)
    elif before is not out:  # it has as much room as the others now
        out.take(r.number, own_buffers(r.compiled, before, at))
    to, number = (out, r.number) if r.own is None else (r.own, 0)
    r.kept = [None, point(r.told, to, r.compiled, r.chain, number), to]
    tell_calls(r, to)


__all__ = ["give_buffers", "grow", "move"]
