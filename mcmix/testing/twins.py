"""The label update once more in plain NumPy, from the same state and the same uniforms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.api.mcmc import MCMC
from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.kernels.driver import run_step
from mcmix.nodes.model import Model
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Chain, Step
from mcmix.structure.expression import Expression
from mcmix.structure.recording import Recording, record
from mcmix.structure.tempering import POWER_KEY, is_tempered
from mcmix.testing.many_points import evaluate_many
from mcmix.testing.simulate import refuse_other_shapes
from mcmix.testing.twin_sums import wrong_sums
from mcmix.testing.uniforms import uniforms_of

NEAR = 1e-9  # a uniform so near to where one label ends and the next begins decides nothing
CHUNK = 2_000_000  # numbers held at once


@dataclass(repr=False)
class TwinResult:
    """What came of drawing labels twice.

    Attributes
    ----------
    labels : int
        How many were compared.
    differing : int
        How many were not the same, bit for bit.
    near : int
        How many were left out, because the uniform lay within 1e-9 of a boundary. One in 1e8 or so is to be expected.
    wrong : list of str
        What else was wrong: the pass's status, counts, sums.

    Examples
    --------
    >>> TwinResult(labels=8).passed
    True
    """

    labels: int = 0
    differing: int = 0
    near: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything was the same, and next to nothing was left out."""
        return self.differing == 0 and not self.wrong and self.near <= 1 + 1e-6 * self.labels

    def __repr__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        said = f"<label twin: {verdict}, {self.differing} of {self.labels} labels differ, {self.near} near a boundary"
        return "\n".join([said, *[f"  {line}" for line in self.wrong]]) + ">"


def label_twin(m: MCMC, model: Any = None) -> TwinResult:
    """Draw all labels of a sampler once more in plain NumPy, and compare.

    From each chain's present state, every label update runs with the chain's own uniforms; the twin draws each label
    from its full conditional, the joint density of the recorded model with that one label at each of its values, with
    the same uniforms. Labels must be the same bit for bit, counts the same, sums the same but for rounding. The chains
    stay as they are.

    Parameters
    ----------
    m : MCMC
        Sampled, or not yet: then labels are drawn at the nodes' present values.
    model : Model, or anything a Model takes, optional
        What labels should follow, where it is another model with the same names and shapes (a planted fault).

    Returns
    -------
    TwinResult

    Raises
    ------
    ModelError
        If no step is a label update; if one integrates missing coordinates out, which has no plain full conditional; if
        the two models differ in names or shapes.

    Notes
    -----
    The work grows with the square of the number of rows: a thousand take a tenth of a second, ten thousand ten.

    Examples
    --------
    >>> import mcmix as mc, mcmix.testing
    >>> z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=4)
    >>> mu = mc.Normal("mu", 0, 0.1, size=2)
    >>> y = mc.Normal("y", mu[z], 1.0, value=[0.0, 0.5, 4.0, 5.0], observed=True)
    >>> m = mc.MCMC([y]).sample(10, chains=2, seed=1, progress_bar=False)
    >>> mcmix.testing.label_twin(m)
    <label twin: passed, 0 of 8 labels differ, 0 near a boundary>
    """
    m.rows.refuse_weighted("the twin")
    steps = [s for s in m.assembled.steps if s.label_pass is not None]
    if not steps:
        raise ModelError("the twin expects a sampler with a label update, got none; m.explain() says how labels move")
    for step in steps:
        if any(s.gaps is not None for s in step.label_pass.block.factors):
            raise ModelError(f"{step.variables[0].name}: expected complete rows, got some with missing coordinates")
    twin = m.model if model is None else model if isinstance(model, Model) else Model(model)
    refuse_other_shapes(m.model, twin)
    recording, result = record(twin), TwinResult()
    for chain in _chains(m):
        for step in steps:
            _compare(step, chain, recording, result)
    return result


def _chains(m: MCMC) -> Iterator[Chain]:
    """The chains of a sampler, those of a tempered one at all powers; of one that has not run, one where nodes are."""
    for runner in m._runners:
        yield from [runner.chain, *runner.hotter]
    if not m._runners:
        chain = Chain(m.assembled.plan.layout, streams.nobody())
        for node in m.model.stochastics:
            chain.put(node, node.value)
        yield chain


def _compare(step: Step, chain: Chain, recording: Recording, result: TwinResult) -> None:
    """One pass, and its twin from the state before it; the chain is put back."""
    block = step.label_pass.block
    label, call = block.label, step.bind(chain)[-1]
    memory, streams = chain.memory.copy(), [s.copy() for s in chain.row_states()]
    states = chain.row_streams(label.node, step.label_pass.number, label.n_units)
    logs = full_conditionals(label.node, label.values, chain, recording)
    expected, margins = drawn(logs, uniforms_of(states.copy(), label.n_units))
    status = run_step(call.kernel, call.words, call.reals, chain.stream)
    if status == 0:
        found = chain.view(label.node).copy() - label.lowest
        clear = margins > NEAR
        result.labels += len(found)
        result.near += int(np.sum(~clear))
        result.differing += int(np.sum(found[clear] != expected[clear]))
        result.wrong += wrong_sums(block, chain, found.astype(int))
    else:
        result.wrong.append(f"{label.node.name}: the pass ended with status {status}")
    chain.memory[:] = memory
    for stream, before in zip(chain.row_states(), streams, strict=True):
        stream[:] = before


# -------------------------------------------------------------------- labels


def full_conditionals(node: Stochastic, values: np.ndarray, chain: Chain, recording: Recording) -> np.ndarray:
    """Joint log density with each label at each of its values and the others where they are, shape (units, K)."""
    places = {n.name: n for n in chain.layout.places if isinstance(n, Stochastic)}
    leaves = {n: chain.view(places[n.name]).reshape(1, *n.state_shape) for n in recording.leaves}
    own = next(n for n in recording.leaves if n.name == node.name)
    power = float(chain.view(POWER_KEY)[0]) if POWER_KEY in chain.layout.places else 1.0
    factors = [(f.elements, power if is_tempered(f, recording) else 1.0) for f in recording.factors]
    factors = [(x, p) for x, p in factors if recording.leaves[own] in x.leaves]
    each = max(1, CHUNK // (len(values) * sum(x.size for x, _ in factors)))
    present, found = leaves[own][0], []
    for start in range(0, present.size, each):
        units = np.arange(start, min(start + each, present.size))
        moved = np.repeat(present[None], len(units) * len(values), axis=0)
        moved[np.arange(len(moved)), np.repeat(units, len(values))] = np.tile(values, len(units))
        known: dict[Expression, np.ndarray] = {}
        at = leaves | {own: moved}
        logs = sum(p * evaluate_many(x, at, known).reshape(len(moved), -1).sum(1) for x, p in factors)
        found.append(np.reshape(logs, (len(units), len(values))))
    return np.concatenate(found)


def drawn(logs: np.ndarray, uniforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the labels, and how far each uniform lies from the nearest boundary, both of shape (units,)."""
    shares = np.exp(logs - logs.max(1, keepdims=True))
    ends = np.cumsum(shares, axis=1) / shares.sum(1, keepdims=True)
    below = ends[:, :-1] < uniforms[:, None]
    return below.sum(1), np.abs(ends[:, :-1] - uniforms[:, None]).min(1, initial=np.inf)


__all__ = ["TwinResult", "drawn", "full_conditionals", "label_twin"]
