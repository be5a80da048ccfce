"""Log density and log likelihood of a model at given parameters, with labels summed out.

Labels whose rows separate are summed out by the soft pass, one label vector at a time; several label vectors that meet
in one factor by a sum over the product of their values. Everything else is a program of the machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels import labels as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.driver import run_machine, run_step
from mcmix.kernels.machine import MACHINE
from mcmix.kernels.soft import soft_pass
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Chain, Plan
from mcmix.steps.density import is_discrete
from mcmix.steps.labels import Pass
from mcmix.steps.plan import log_density
from mcmix.structure.evaluate import evaluate
from mcmix.structure.evidence import LabelBlock, Structure, structure_of
from mcmix.structure.expression import Expression, constant
from mcmix.structure.labels import LabelVector, SeparableFactor, looked_up
from mcmix.structure.recording import Factor, Recording
from mcmix.structure.rewrite import substitute
from mcmix.structure.shown import beside_labels, without_gaps


class Marginal:
    """A model's log density as a function of everything but its labels.

    Missing entries of data, and discrete unknowns, that nothing else depends on are left out: their law sums to one.
    Missing entries that something else depends on stay unknowns, and the likelihood is that of the data filled in with
    them.

    Parameters
    ----------
    recording : Recording

    Attributes
    ----------
    labels : list of Stochastic
        Label vectors that are summed out.
    left_out : list of Stochastic
        Unknowns that nothing depends on, integrated out.
    entangled : dict of Stochastic to str
        Label vectors that are not summed out, and why: they are read from memory like any other unknown.
    needed : list of Stochastic
        Unknowns that the log likelihood depends on.
    """

    def __init__(self, recording: Recording):
        self.recording = replace(recording)
        structure = structure_of(self.recording)
        gaps = beside_labels(structure)
        if gaps:
            self.recording = without_gaps(self.recording, gaps)
            structure = structure_of(self.recording)
        self.labels: list[Stochastic] = [b.label.node for b in structure.blocks]
        self.entangled: dict[Stochastic, str] = {c.node: why for c, why in structure.entangled.items()}
        self.left_out = [*_left_out(structure), *(f.node for f in gaps if isinstance(f.node, Stochastic))]
        plan = Plan(structure)
        for node, variable in recording.leaves.items():
            plan.layout.place(node, max(variable.size, 1))
        self._groups = [_Group(blocks, plan) for blocks in _connected(structure.blocks)]
        rest = [e for e in structure.evidence if not any(e.factor in g.served for g in self._groups)]
        rest += [e for e in structure.idle if e.factor.node not in self.left_out]
        data = log_density(Structure(self.recording, evidence=[e for e in rest if is_data(e.factor, recording)]))
        prior = log_density(Structure(self.recording, evidence=[e for e in rest if not is_data(e.factor, recording)]))
        programs = [plan.compiled([(data, "log likelihood")]), plan.compiled([(prior, "log prior")])]
        plan.finish()
        self.chain = Chain(plan.layout, np.random.SeedSequence(0))
        self._data, self._prior = (self.chain.bound(p).words for p in programs)
        for group in self._groups:
            group.bind(self.chain)
        self.needed = self._needed(data)

    def _needed(self, data: Expression) -> list[Stochastic]:
        leaves = data.leaves.union(*[g.leaves for g in self._groups if g.has_data])
        keys = {x.extra for x in leaves} - set(self.left_out)
        return [n for n in self.recording.leaves if n in keys and n not in self.labels]

    # ---------------------------------------------------------------- where

    def put(self, values: Mapping[Stochastic, Any]) -> None:
        """Go to these values (as users see them), by unknown."""
        for node, value in values.items():
            self.chain.put(node, value)

    def put_kept(self, values: Mapping[Stochastic, np.ndarray]) -> None:
        """Go to these values in the form in which a chain keeps them (simplexes as logarithms)."""
        for node, value in values.items():
            self.chain.view(node)[:] = np.ravel(value)

    # ---------------------------------------------------------------- how much

    def log_density(self) -> float:
        """Log density of everything at the present point; minus infinity where impossible or not a number.

        Raises
        ------
        Exception
            Whatever a user's function raised.
        """
        total = self._run(self._prior, "log prior") + self._run(self._data, "log likelihood")
        return _plain(total + sum(group.joint(self) for group in self._groups))

    def log_likelihood(self) -> float:
        """Log likelihood of the data at the present point; unknowns that share labels with data are given."""
        total = self._run(self._data, "log likelihood")
        return _plain(total + sum(group.likelihood(self) for group in self._groups if group.has_data))

    def most_probable_labels(self) -> dict[Stochastic, np.ndarray]:
        """The most probable labels of each unit at the present point, by label vector."""
        found: dict[Stochastic, np.ndarray] = {}
        for group in self._groups:
            found |= group.most_probable(self)
        return found

    def unit_logs(self) -> np.ndarray:
        """Log density of each unit at the present point, labels summed out, where every factor hangs on the labels.

        The array is filled anew by the next call.
        """
        (group,) = self._groups
        return group.unit_logs(self)

    def add_shares(self, node: Stochastic, out: np.ndarray) -> None:
        """Add each unit's label probabilities at the present point to `out`, shape (units, K)."""
        group = next(g for g in self._groups if any(label.node is node for label in g.labels))
        group.add_shares(self, node, out)

    def leaves(self) -> dict[Any, np.ndarray]:
        """The present point by leaf, in the form in which a chain keeps it."""
        return {n: self.chain.view(n).reshape(v.shape) for n, v in self.recording.leaves.items()}

    def _run(self, words: tuple[int, int], key: str) -> float:
        status = run_machine(MACHINE, *words)
        self.check()
        return float(self.chain.view(key)[0]) if status == 0 else -np.inf

    def check(self) -> None:
        """Raise what a user's function raised."""
        if self.chain.error is not None:
            error, self.chain.error = self.chain.error, None
            self.chain.stop[0] = 0
            raise error


def is_data(factor: Factor, recording: Recording) -> bool:
    """Whether a factor is the law of data; the rows whose own value is missing are none."""
    node = factor.node
    return isinstance(node, Stochastic) and node.holds_data and factor.x is not recording.leaves.get(node)


def _left_out(structure: Structure) -> list[Stochastic]:
    """Missing entries and discrete unknowns that nothing depends on."""
    found: list[Stochastic] = []
    for e in structure.idle:  # children come first
        node = e.factor.node
        assert isinstance(node, Stochastic)
        leaf = structure.recording.leaves[node]
        others = [o for o in structure.idle if o is not e and o.factor.node not in found]
        if (node.mask is not None or is_discrete(node)) and not any(o.touches(leaf) for o in others):
            found.append(node)
    gaps = {s.factor.node for b in structure.blocks for s in b.factors if s.gaps is not None}
    return [*found, *(n for n in structure.recording.leaves if n in gaps)]


def _plain(total: float) -> float:
    return float(total) if not np.isnan(total) else -np.inf


def _connected(blocks: Sequence[LabelBlock]) -> list[list[LabelBlock]]:
    """Label blocks that meet in a factor, together."""
    found: list[list[LabelBlock]] = []
    for block in blocks:
        met = [g for g in found if any(set(block.factors) & set(other.factors) for other in g)]
        found = [g for g in found if g not in met] + [[*[b for g in met for b in g], block]]
    return found


class _Group:
    """Label vectors that meet in a factor (mostly one), with all that depends on them."""

    def __init__(self, blocks: list[LabelBlock], plan: Plan):
        self.blocks = blocks
        self.labels = [b.label for b in blocks]
        self.factors = list(dict.fromkeys(s for b in blocks for s in b.factors))
        recording = plan.structure.recording
        own = [recording.own_factor(label.node) for label in self.labels]
        self.served: set[Factor] = {s.factor for s in self.factors} | set(own)
        self.has_data = any(is_data(s.factor, recording) for s in self.factors)
        given = [s for s in self.factors if not is_data(s.factor, recording)]
        needs_rest = self.has_data and any(s.factor not in own for s in given)  # label laws alone sum to one
        self._all = _summed(blocks, self.factors, plan)
        self._given = _summed(blocks, given, plan) if needs_rest else None

    @property
    def leaves(self) -> set[Expression]:
        """Leaves that its factors and weights depend on."""
        weights = [b.log_weights.leaves for b in self.blocks if b.log_weights is not None]
        return set[Expression]().union(*weights, *[s.rows.leaves for s in self.factors])

    def bind(self, chain: Chain) -> None:
        self._all.bind(chain)
        if self._given is not None:
            self._given.bind(chain)

    def joint(self, at: Marginal) -> float:
        """Log density of all its factors, summed over labels."""
        return float(self._all.unit_logs(at).sum())

    def likelihood(self, at: Marginal) -> float:
        """As above, of its data given the rest."""
        return self.joint(at) - (0.0 if self._given is None else float(self._given.unit_logs(at).sum()))

    def most_probable(self, at: Marginal) -> dict[Stochastic, np.ndarray]:
        return self._all.most_probable(at)

    def unit_logs(self, at: Marginal) -> np.ndarray:
        return self._all.unit_logs(at)

    def add_shares(self, at: Marginal, node: Stochastic, out: np.ndarray) -> None:
        self._all.add_shares(at, node, out)


def _summed(blocks: list[LabelBlock], factors: list[SeparableFactor], plan: Plan) -> _OneVector | _Product:
    return _OneVector(blocks[0], factors, plan) if len(blocks) == 1 else _Product(blocks, factors)


class _OneVector:
    """The sum over one label vector, by the soft pass."""

    def __init__(self, block: LabelBlock, factors: list[SeparableFactor], plan: Plan):
        number = plan.structure.blocks.index(block)
        self.compiled = Pass(LabelBlock(block.label, block.log_weights, factors, block.counts), number, integrated=True)
        self.compiled.place_sums(plan)
        self.compiled.compile(plan)

    def bind(self, chain: Chain) -> None:
        label = self.compiled.label
        self._logs, self._shares = np.zeros(label.n_units), np.zeros((label.n_units, label.n_labels))
        self._words = self.compiled.descriptor(chain)
        self._words[kernels.PASS_UNIT_LOG], self._words[kernels.PASS_COLLECT] = address_of(self._logs), 0

    def unit_logs(self, at: Marginal) -> np.ndarray:
        status = run_step(soft_pass, self._words, np.zeros(1), at.chain.stream)
        at.check()
        return self._logs if status == 0 else np.full(1, -np.inf)

    def add_shares(self, at: Marginal, node: Stochastic, out: np.ndarray) -> None:
        self._words[kernels.PASS_MEMBERSHIP] = address_of(out)
        self.unit_logs(at)
        self._words[kernels.PASS_MEMBERSHIP] = 0

    def most_probable(self, at: Marginal) -> dict[Stochastic, np.ndarray]:
        self._shares[:] = 0.0
        self.add_shares(at, self.compiled.label.node, self._shares)
        return {self.compiled.label.node: self.compiled.label.values[self._shares.argmax(1)]}


class _Product:
    """The sum over the product of several label vectors' values, evaluated with NumPy."""

    def __init__(self, blocks: list[LabelBlock], factors: list[SeparableFactor]):
        self.blocks, self.labels = blocks, [b.label for b in blocks]
        grids = np.meshgrid(*[label.values for label in self.labels], indexing="ij")
        self.combinations = np.column_stack([g.ravel() for g in grids])
        self.rows = [[(s, with_labels(s, self._named(c))) for s in factors] for c in self.combinations]

    def _named(self, combination: np.ndarray) -> dict[LabelVector, int]:
        return dict(zip(self.labels, combination.tolist(), strict=True))

    def bind(self, chain: Chain) -> None:
        """Nothing is compiled."""

    def _logs(self, at: Marginal) -> np.ndarray:
        """Log density of each unit under each combination, shape (combinations, units)."""
        leaves, known, n = at.leaves(), dict[Expression, np.ndarray](), self.labels[0].n_units
        found = []
        for combination, rows in zip(self.combinations, self.rows, strict=True):
            total = np.zeros(n)
            for block, value in zip(self.blocks, combination, strict=True):
                if block.log_weights is not None:
                    total = total + evaluate(block.log_weights, leaves, known)[int(value) - block.label.lowest]
            for s, x in rows:
                logs = np.broadcast_to(evaluate(x, leaves, known), s.rows.shape)
                total = total + (logs if s.units is None else np.bincount(s.units, logs, n))
            found.append(total)
        return np.array(found)

    def unit_logs(self, at: Marginal) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.logaddexp.reduce(self._logs(at), axis=0)

    def add_shares(self, at: Marginal, node: Stochastic, out: np.ndarray) -> None:
        j = [label.node for label in self.labels].index(node)  # type: ignore[arg-type]
        logs = self._logs(at)
        highest = logs.max(0)
        shares = np.exp(logs - np.where(np.isfinite(highest), highest, 0.0))
        shares /= shares.sum(0)
        for values, share in zip(self.combinations, shares, strict=True):
            out[:, values[j] - self.labels[j].lowest] += share

    def most_probable(self, at: Marginal) -> dict[Stochastic, np.ndarray]:
        best = self.combinations[self._logs(at).argmax(0)]
        return {label.node: best[:, j] for j, label in enumerate(self.labels)}


def with_labels(s: SeparableFactor, values: Mapping[LabelVector, int]) -> Expression:
    """The rows' log density with each label vector at one value for all units."""
    replacements: dict[Expression, Expression] = {}
    for label, value in values.items():
        number = constant(int(value))  # a whole number: it may be part of a position
        replacements |= {label.variable: number, **dict.fromkeys(looked_up(s.rows, label.variable), number)}
    return substitute(s.rows, replacements)


def summable(marginal: Marginal, what: str) -> None:
    """Refuse discrete unknowns that cannot be summed out.

    Raises
    ------
    ModelError
        Naming each, and why.
    """
    reasons = []
    for node in marginal.recording.leaves:
        if node in marginal.entangled:
            reasons.append(f"{node.name} ({marginal.entangled[node]})")
        elif is_discrete(node) and node not in marginal.labels + marginal.left_out:
            reasons.append(f"{node.name} (a discrete unknown that is no vector of labels)")
    if reasons:
        raise ModelError(
            f"{what}: expected continuous unknowns, and labels that can be summed out, got {'; '.join(reasons)}; fix "
            "their values (value=..., observed=True), or sample with MCMC"
        )


__all__ = ["Marginal", "is_data", "summable"]
