"""Coordinate ascent on the lower bound: passes over the data, then every unknown's factor in closed form.

The bound at a pass is the sum of the units' log totals minus the divergences of all factors from their priors: the
responsibilities are the best ones for these factors, and every update of a factor is the best one given the others, so
that it never falls (Bishop 2006, "Pattern recognition and machine learning", section 10.2). How steps are combined,
where an ascent ends and how it goes on to a higher place stand in `ascent`, `convergence` and `moves`; `search` puts
them together.

Several starts run side by side: on small data an update costs the calls of NumPy, not the arithmetic, so that thirty
starts take little longer than a few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.errors import McmixError
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.model import Model
from mcmix.structure.contributions import Structure
from mcmix.variational.convergence import LOOKED_AT, Tolerance
from mcmix.variational.joint_factors import ConditionalNormal
from mcmix.variational.passes import LabelPass
from mcmix.variational.posteriors import Posterior
from mcmix.variational.reading import read
from mcmix.variational.statements import Hyper, Statement

TOLERATED_FALL = 1e-9  # of the bound's size

State = list[tuple[np.ndarray, ...]]


class Engine:
    """The factorised posterior of a model, from one or several starts side by side.

    Parameters
    ----------
    model : Model
    structure : Structure
    starts : int

    Attributes
    ----------
    posteriors : dict of Distribution to Posterior
        Those of all starts one after another.

    Raises
    ------
    ModelError
        If the model is not conjugate.
    """

    def __init__(self, model: Model, structure: Structure, starts: int = 1):
        self.parts = read(model, structure, starts)
        self.starts = starts
        self.posteriors = self.parts.posteriors
        self.power = 1.0  # at which the likelihood counts: below one while annealing
        self._children: dict[Posterior, list[tuple[Statement, str]]] = {
            q: [(s, parameter) for s in self.parts.statements for parameter in s.about(q)]
            for q in self.posteriors.values()
        }
        self._known = [s for s in self.parts.statements if not _in_a_pass(s, self.passes)]

    @property
    def passes(self) -> list[LabelPass]:
        """One per label vector."""
        return self.parts.passes

    # ---------------------------------------------------------------- where

    def to_prior(self) -> None:
        """Every factor becomes its prior."""
        for node, q in self.posteriors.items():
            q.update(self.parts.priors[node](), None, None)

    def start_at(self, labels: Sequence[Mapping[Any, np.ndarray]]) -> None:
        """Start from hard labels (numbers 0 .. K-1) of each label vector; one mapping per start."""
        self.to_prior()
        for start, given in enumerate(labels):
            for p in self.passes:
                p.collect(given[p.label.node], start)
        for _ in range(2):  # factors that depend on each other see each other once
            self.update()

    def start_from_moments(self) -> None:
        """Start from the moments that stand, with nothing known yet of the labels."""
        self.weigh(range(self.starts))
        self.update()

    def state(self, start: int = 0) -> State:
        """The parameters of every factor of one start."""
        return [
            tuple(x[start * q.items : (start + 1) * q.items].copy() for x in q.state) for q in self.posteriors.values()
        ]

    def put(self, state: State) -> None:
        """Go to a state (of a single start)."""
        for q, parameters in zip(self.posteriors.values(), state, strict=True):
            q.put(parameters)

    # ---------------------------------------------------------------- one round

    def weigh(self, running: Sequence[int]) -> np.ndarray:
        """Passes over the data; returns what they and the known rows say, by start."""
        said = np.zeros(self.starts)
        for p in self.passes:
            said = said + p.run(running)
        for s in self._known:
            said = said + (1.0 if isinstance(s, Hyper) else self.power) * s.expected(self.starts)
        return said

    def update(self) -> None:
        """Every factor in turn, given the expected statistics of the last pass."""
        for node, q in self.posteriors.items():
            if node in self.parts.pairs:
                self.parts.pairs[node].update(self.parts.priors[node](), self.power)
            elif not isinstance(q, ConditionalNormal):
                self._update(node, q)

    def thin(self, units: int) -> None:
        """Let passes look at about so many labels times units, evenly spread over the rows; all of them if 0."""
        for p in self.passes:
            work = p.label.n_units * p.label.n_labels
            p.every = max(1, work // units) if units else 1

    def temper(self, power: float) -> None:
        """Count the likelihood (of rows and labels) `power` times: deterministic annealing, one at the end."""
        self.power = power
        for p in self.passes:
            p.power = power

    def _update(self, node: Distribution, q: Posterior) -> None:
        first: Any = None
        second: Any = None
        for statement, parameter in self._children[q]:
            message = self._tempered(statement, statement.message(parameter))
            parts = statement.links[parameter].collected(*message, self.starts * q.items)
            first = parts[0] if first is None else first + parts[0]
            second = parts[1] if second is None else second + parts[1]
        q.update(self.parts.priors[node](), first, second)

    def _tempered(self, statement: Statement, message: tuple[Any, Any]) -> tuple[Any, Any]:
        if self.power == 1.0 or isinstance(statement, Hyper):
            return message
        first, second = message
        return self.power * first, None if second is None else self.power * second

    def bound(self, running: Sequence[int] | None = None) -> np.ndarray:
        """Run the passes and return the lower bound of the log evidence, in nats, by start (NaN if not running)."""
        total = self.weigh(range(self.starts) if running is None else running)
        for node, q in self.posteriors.items():
            total = total - q.divergence(self.parts.priors[node]()).reshape(self.starts, -1).sum(1)
        return total

    def iterate(self, before: np.ndarray, iteration: int, running: Sequence[int]) -> np.ndarray:
        """The bounds at the present factors, and then an update of all.

        Raises
        ------
        McmixError
            If a bound is no number, or has fallen by more than rounding can explain.
        """
        now = self.bound(running)
        self.check(before, now, iteration, running)
        self.update()
        return now

    def check(self, before: np.ndarray, now: np.ndarray, iteration: int, running: Sequence[int]) -> None:
        """See :meth:`iterate`."""
        for start in running:
            old, new = before[start], now[start]
            if not np.isfinite(new):
                raise McmixError(f"VB: iteration {iteration}: the bound is {new}")
            if old - new > TOLERATED_FALL * max(abs(old), 1.0) + self._rounding(start, old - new):
                raise McmixError(f"VB: iteration {iteration}: the bound fell from {old:.12g} to {new:.12g}")

    def _rounding(self, start: int, fall: float) -> float:
        """How much of a fall rounding may explain: nearly collinear rows leave the bound known to no more than that."""
        if not fall > 0.0:
            return 0.0
        return float(sum(q.rounding().reshape(self.starts, -1)[start].sum() for q in self.posteriors.values()))


def ascend(engine: Engine, most: int, tolerance: Tolerance) -> np.ndarray:
    """Run every start until it converges, or for so many iterations.

    Returns
    -------
    ndarray, shape (iterations, starts)
        The bounds; NaN where a start had converged before.
    """
    last, running = np.full(engine.starts, np.nan), np.arange(engine.starts)
    history: list[np.ndarray] = []
    for iteration in range(1, most + 1):
        history.append(engine.iterate(last, iteration, running.tolist()))
        last = history[-1]
        running = running[~tolerance.reached(np.array(history[-LOOKED_AT:])[:, running])]
        if not running.size:
            break
    return np.array(history)


def _in_a_pass(statement: Statement, passes: list[LabelPass]) -> bool:
    return any(statement is p.weights or any(statement is s for s in p.statements) for p in passes)


__all__ = ["Engine", "State", "ascend"]
