"""Log density and log likelihood of a model at given parameters, with labels summed out.

Labels whose rows separate are summed out by the soft pass, one label vector at a time; several label vectors that meet
in one factor by a sum over the product of their values. Everything else is a program of the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.kernels.driver import run_machine
from mcmix.kernels.machine import MACHINE
from mcmix.nodes.model import Model
from mcmix.nodes.node import Node
from mcmix.nodes.number_of_components import NumberOfComponents
from mcmix.nodes.plate import Plate
from mcmix.nodes.room import refuse_rooms, rooms_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.label_sums import LabelSum, RowsOf, connected, is_data, observed_places
from mcmix.steps.base import Chain, Plan
from mcmix.steps.log_density import log_density
from mcmix.steps.targets import is_discrete
from mcmix.structure.contributions import Structure, structure_of
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression
from mcmix.structure.label_vectors import LabelVector, label_candidates
from mcmix.structure.plates import gathered
from mcmix.structure.recording import Factor, Recording, record
from mcmix.structure.shown import beside_labels, without_gaps


class Marginal:
    """A model's log density and the likelihood of its data as functions of everything but its labels.

    This is the one home of the pointwise likelihood: labels summed out whichever step draws them, one entry for each
    unit in the order of the units (one whose label is known is one too), of what was observed alone. Missing entries of
    data, and discrete unknowns, that nothing else depends on are left out: their distribution sums to one. Missing
    entries that something else depends on stay unknowns, and the likelihood is that of the data given them.

    Parameters
    ----------
    recording : Recording
    model : Model, optional
        Of the recording: labels that are known for some units then are labels like others, with a factor that allows
        the known ones alone.
    rows_of : callable, optional
        From the block of a label vector to the rows that are gone over in the place of all.

    Attributes
    ----------
    labels : list of Stochastic
        Label vectors that are summed out.
    label_vectors : list of LabelVector
        The same, with a leaf for all units, those of known label among them.
    left_out : list of Stochastic
        Unknowns that nothing depends on, integrated out.
    non_factorising : dict of Stochastic to str
        Label vectors that are not summed out, and why: they are read from memory like any other unknown.
    needed : list of Stochastic
        Unknowns that the log likelihood depends on.
    """

    def __init__(self, recording: Recording, model: Model | None = None, rows_of: RowsOf | None = None):
        recording.rows.refuse_on_disk("the likelihood")
        self.recording = recording if model is None else _with_whole_labels(recording, model)
        self.recording = replace(gathered(self.recording, list(self.recording.leaves)))  # rows written as a loop
        structure = structure_of(self.recording)
        gaps = beside_labels(structure)
        if gaps:
            self.recording = without_gaps(self.recording, gaps)
            structure = structure_of(self.recording)
        recording = self.recording
        self.label_vectors = [b.label for b in structure.blocks]
        self.labels: list[Stochastic] = [label.node for label in self.label_vectors]
        self.non_factorising: dict[Stochastic, str] = {c.node: why for c, why in structure.non_factorising.items()}
        self.left_out = [*_left_out(structure), *(f.node for f in gaps if isinstance(f.node, Stochastic))]
        plan = Plan(structure)
        for node, variable in recording.leaves.items():
            plan.layout.place(node, max(variable.size, 1))
        self._groups = [LabelSum(blocks, plan, rows_of) for blocks in connected(structure.blocks)]
        served = set[Factor]().union(*[g.served for g in self._groups])
        rest = [e for e in structure.contributions if e.factor not in served]
        rest += [e for e in structure.forward_sampled if e.factor.node not in self.left_out]
        data = log_density(Structure(recording, contributions=[e for e in rest if is_data(e.factor, recording)]))
        prior = log_density(Structure(recording, contributions=[e for e in rest if not is_data(e.factor, recording)]))
        self._by_row = [f for f in recording.factors if is_data(f, recording) and f not in served]
        programs = [plan.compiled([(data, "log likelihood")]), plan.compiled([(prior, "log prior")])]
        plan.finish()
        self.chain = Chain(plan.layout, streams.nobody())
        self._data, self._prior = (self.chain.bound(p).words for p in programs)
        for group in self._groups:
            group.bind(self.chain)
        self.needed = self._needed(data)

    def _needed(self, data: Expression) -> list[Stochastic]:
        leaves = data.leaves.union(*[g.leaves for g in self._groups if g.has_data])
        keys = {x.extra for x in leaves} - set(self.left_out)
        return [n for n in self.recording.leaves if n in keys and n not in self.labels]

    def needed_by(self, node: Stochastic) -> list[Stochastic]:
        """Unknowns that the label probabilities of units depend on."""
        keys = {x.extra for x in self._group_of(node).leaves} - set(self.left_out)
        return [n for n in self.recording.leaves if n in keys and n not in self.labels]

    def _group_of(self, node: Stochastic) -> LabelSum:
        return next(g for g in self._groups if any(label.node is node for label in g.labels))

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
        # log p = log prior + log likelihood without labels + sum over units of log sum_k w_k f_k
        total = self._run(self._prior, "log prior") + self._run(self._data, "log likelihood")
        return _plain(total + sum(group.joint(self) for group in self._groups))

    def log_densities(
        self, kept: Mapping[Stochastic, np.ndarray], inside: np.ndarray, compared: bool = True
    ) -> np.ndarray:
        """Log density at many points.

        Parameters
        ----------
        kept : mapping of Stochastic to ndarray
            Values in the form in which a chain keeps them, one point after another.
        inside : ndarray of bool, shape (points,)
            Where to look; minus infinity elsewhere.
        compared : bool
            Whether few rows that stand for all are compared with all of them, where there are such.
        """
        found, where = np.full(len(inside), -np.inf), np.flatnonzero(inside)
        along = self._compared if compared else self._along
        found[where] = along(lambda i: self.put_kept(_at(kept, where[i])), len(where), Marginal.log_density)
        return found

    def log_likelihoods(self, values: Mapping[Stochastic, np.ndarray], count: int) -> np.ndarray:
        """Log likelihood at so many points, whose values (as users see them) stand one point after another."""
        return self._compared(lambda i: self.put(_at(values, i)), count, Marginal.log_likelihood)

    def _along(self, go: Callable[[int], None], count: int, asked: Callable[[Marginal], float]) -> np.ndarray:
        """What is asked, at one point after another."""
        found = np.empty(count)
        for i in range(count):
            go(i)
            found[i] = asked(self)
        return found

    _compared = _along

    def log_likelihood(self) -> float:
        """Log likelihood of the data at the present point; unknowns that share labels with data are given."""
        total = self._run(self._data, "log likelihood")
        return _plain(total + sum(group.likelihood(self) for group in self._groups if group.has_data))

    def pointwise(self) -> dict[str, np.ndarray]:
        """Log likelihood of each unit at the present point, by data node; those on one label vector make one entry.

        Without labels each element of the data is a unit (each vector of a distribution of vectors). Units of which
        nothing was observed are left out. The sum over everything is :meth:`log_likelihood`.

        Raises
        ------
        ModelError
            If labels of units are not summed out, or missing entries cannot be: entries would be conditional on them.
        """
        self.recording.rows.refuse_weighted("log_likelihood")
        self.refuse_conditional("log_likelihood")
        found = {g.name: g.pointwise(self) for g in self._groups if g.has_data}
        parts: dict[str, list[tuple[Factor, np.ndarray, np.ndarray]]] = {}
        leaves, known = self.leaves(), dict[Expression, np.ndarray]()
        for f in self._by_row:
            shown = observed_places(f)
            logs = np.ravel(evaluate(f.elements, leaves, known))[shown]
            if isinstance(f.node, Plate):
                found |= _by_member(f, logs)
                continue
            parts.setdefault(f.node.name, []).append((f, f.places_of(shown), logs))
        return found | {name: self._in_order(own) for name, own in parts.items()}

    def _in_order(self, parts: list[tuple[Factor, np.ndarray, np.ndarray]]) -> np.ndarray:
        """Parts of a node's elements in their order; in the shape of the elements where it is one part and whole."""
        factor, places, logs = parts[0]
        if len(parts) == 1:
            return logs.reshape(factor.elements.shape) if logs.size == factor.elements.size else logs
        places, logs = (np.concatenate(x) for x in zip(*[(p, x) for _, p, x in parts], strict=True))
        return np.asarray(logs[np.argsort(places, kind="stable")])

    @property
    def n_units(self) -> int:
        """Number of units of which something was observed: the n of information criteria."""
        self.recording.rows.refuse_weighted("the number of units")
        grouped = sum(int(g.observed.sum()) for g in self._groups if g.has_data)
        return grouped + sum(len(observed_places(f)) for f in self._by_row)

    def refuse_conditional(self, what: str) -> None:
        """Refuse a likelihood that would be conditional on labels of units.

        Raises
        ------
        ModelError
            Naming the labels, and why they cannot be summed out.
        """
        reasons = [
            f"{n.name} ({self.non_factorising.get(n, 'a label of its own, not an entry of a vector of labels')})"
            for n in self.recording.leaves
            if n not in self.labels and n not in self.left_out and self._is_of_units(n)
        ]
        if reasons:
            raise ModelError(
                f"{what}: expected labels that can be summed out; it would be conditional on the drawn labels of "
                f"{'; '.join(reasons)}. Write rows that look parameters up by their label, or compute from trace(...) "
                "what is wanted given the labels"
            )

    def _is_of_units(self, node: Stochastic) -> bool:
        """Whether a discrete unknown labels units, and is no parameter that all of them share.

        A vector with an entry for each row of data does; so does a single label where another one has other data.
        """
        touched = self._data_of(node)
        if node.state_shape and touched:
            return any(node.shape[:1] in (f.elements.shape[:1], _rows_of(f.node)) for f in touched)
        others = [self._data_of(n) for n in self.recording.leaves if n is not node and not n.state_shape]
        return bool(touched) and any(found and not found & touched for found in others)

    def _data_of(self, node: Stochastic) -> set[Factor]:
        """Factors of data that depend on labels (none for other unknowns)."""
        if getattr(node.family, "name", "") not in ("Categorical", "Bernoulli"):
            return set()
        leaf = self.recording.leaves[node]
        return {f for f in self.recording.factors if is_data(f, self.recording) and f.touches(leaf)}

    def most_probable_labels(self) -> dict[Stochastic, np.ndarray]:
        """The most probable labels of each unit at the present point, by label vector."""
        self.recording.rows.refuse_weighted("labels of units", given=False)
        found: dict[Stochastic, np.ndarray] = {}
        for group in self._groups:
            found |= group.most_probable(self)
        return found

    def label_of(self, node: Stochastic) -> LabelVector:
        """The label vector of a node that is summed out."""
        return next(label for label in self.label_vectors if label.node is node)

    def unit_logs(self) -> np.ndarray:
        """Log density of each unit at the present point, labels summed out, where every factor depends on the labels.

        The array is filled anew by the next call.
        """
        self.recording.rows.refuse_weighted("log densities of units")
        (group,) = self._groups
        return group.unit_logs(self)

    def add_shares(self, node: Stochastic, out: np.ndarray) -> None:
        """Add each unit's label probabilities at the present point to `out`, shape (all units, K)."""
        self.recording.rows.refuse_weighted("label probabilities of units", given=False)
        label = self.label_of(node)
        if out.shape != (label.n_units, label.n_labels):  # the kernel trusts it
            raise ValueError(f"expected an array of shape {(label.n_units, label.n_labels)}, got {out.shape}")
        self._group_of(node).add_shares(self, node, out)

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


def _at(values: Mapping[Stochastic, np.ndarray], i: int) -> dict[Stochastic, np.ndarray]:
    return {n: x[i] for n, x in values.items()}


def _with_whole_labels(recording: Recording, model: Model) -> Recording:
    """A recording in which labels known for some units are unknown for all, where they can then be summed out."""
    some_known = [n for n in recording.leaves if n.mask is not None and is_discrete(n) and _is_looked_at(n, recording)]
    while some_known:
        found = record(model, some_known, recording.rows)
        stuck: list[Stochastic] = [c.node for c in structure_of(replace(found)).non_factorising if c.node in some_known]
        labels = {c.node for c in label_candidates(found)}
        stuck += [n for n in some_known if n not in labels]
        if not stuck:
            return found
        some_known = [n for n in some_known if n not in stuck]
    return recording


def _is_looked_at(node: Stochastic, recording: Recording) -> bool:
    """Whether anything else depends on a node's missing entries."""
    return any(f.node is not node and f.touches(recording.leaves[node]) for f in recording.factors)


def _by_member(factor: Factor, logs: np.ndarray) -> dict[str, np.ndarray]:
    """Elements of like nodes, by the nodes' own names and in their shapes."""
    assert isinstance(factor.node, Plate)
    of_each = logs.reshape(len(factor.node.members), -1)
    axes = len(factor.node.event_shape)
    return {
        n.name: row.reshape(n.shape[: len(n.shape) - axes]) for n, row in zip(factor.node.members, of_each, strict=True)
    }


def _rows_of(node: Any) -> tuple[int, ...]:
    return tuple(np.shape(node.value)[:1])


def _left_out(structure: Structure) -> list[Stochastic]:
    """Missing entries and discrete unknowns that nothing depends on."""
    found: list[Stochastic] = []
    for e in structure.forward_sampled:  # children come first
        node = e.factor.node
        assert isinstance(node, Stochastic)
        leaf = structure.recording.leaves[node]
        others = [o for o in structure.forward_sampled if o is not e and o.factor.node not in found]
        if (node.mask is not None or is_discrete(node)) and not any(o.touches(leaf) for o in others):
            found.append(node)
    gaps = {s.factor.node for b in structure.blocks for s in b.factors if s.gaps is not None}
    return [*found, *(n for n in structure.recording.leaves if n in gaps)]


def _plain(total: float) -> float:
    return float(total) if not np.isnan(total) else -np.inf


def summable(marginal: Marginal, what: str) -> None:
    """Refuse discrete unknowns that cannot be summed out.

    Raises
    ------
    ModelError
        Naming each, and why.
    """
    reasons = []
    for node in marginal.recording.leaves:
        if node in marginal.non_factorising:
            reasons.append(f"{node.name} ({marginal.non_factorising[node]})")
        elif is_discrete(node) and node not in marginal.labels + marginal.left_out:
            reasons.append(f"{node.name} (a discrete unknown that is no vector of labels)")
    numbers = [n.name for n in marginal.recording.leaves if isinstance(n, NumberOfComponents)]
    if numbers:
        raise ModelError(
            f"{what}: expected a known number of components, got {numbers[0]}, which is unknown; sample with MCMC, "
            "whose mc.posterior_components(m) has the posterior and the evidence of each number"
        )
    refuse_rooms(rooms_of(n for n in marginal.recording.values if isinstance(n, Node)), f"{what}:")
    if reasons:
        raise ModelError(
            f"{what}: expected continuous unknowns, and labels that can be summed out, got {'; '.join(reasons)}; fix "
            "their values (value=..., observed=True), or sample with MCMC"
        )


__all__ = ["Marginal", "summable"]
