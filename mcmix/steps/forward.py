"""Draws of variables that no data depend on: from their own distribution, given the rest, at the end of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mcmix.kernels.base import python_callback
from mcmix.kernels.driver import run_machine
from mcmix.kernels.machine import MACHINE, PYTHON_FAILED
from mcmix.kernels.records import TUNED, made
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import mapped, nodes_in
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step
from mcmix.steps.density import Enumeration
from mcmix.steps.gibbs import ConjugateGibbs
from mcmix.steps.targets import values_of
from mcmix.structure.conjugacy import Conjugate, conjugate
from mcmix.structure.contributions import Structure
from mcmix.structure.expression import Expression

FEW_VALUES = 64  # evaluations up to which trying every value beats a call of NumPy's sampler


class DrawFromPrior(Step):
    """Draws a variable without data from its distribution given its parents.

    The draw is compiled where the distribution has a kernel; else the family's (or the user's) own ``random`` is
    called. `generations` is accepted for PyMC 2's sake: the order of a sweep has parents before children.

    Examples
    --------
    >>> import mcmix as mc
    >>> m = mc.MCMC([mc.Normal("x", 0.0, 1.0)])
    >>> type(m.step_methods[0]) is mc.DrawFromPrior
    True
    """

    name = "draw from prior"

    def __init__(
        self, variables: Sequence[Stochastic], structure: Structure, reason: str = "", generations: Any = None
    ):
        super().__init__(variables, reason or "no data depend on it")
        node = self.variables[0]
        if not structure.is_forward_sampled(node):
            raise TypeError(
                f"{node.name}: data depend on it, or it has no random(); a draw from its prior would ignore them"
            )
        self.inner = _inner(node, structure)

    def compile(self, plan: Plan) -> None:
        """What draws compiles itself."""
        self.inner.compile(plan)

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        return self.inner.bind(chain)

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return self.inner.cost


def _inner(node: Stochastic, structure: Structure) -> Step:
    # `conjugate` answers with the prior alone here, since no data depend on it.
    if isinstance(conjugate(node, structure), Conjugate):
        return ConjugateGibbs([node], structure)
    found = values_of(node)
    if found is not None and found[1] * int(np.prod(node.state_shape, dtype=int)) <= FEW_VALUES:
        return Enumeration([node], structure)
    return CalledDraw([node], structure)


class CalledDraw(Step):
    """Calls the distribution's own random function with the parents' present values."""

    name = "random() called"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure):
        super().__init__(variables, "its distribution has no compiled draw")
        node = self.variables[0]
        factor = structure.recording.own_factor(node)
        if isinstance(node, Distribution) and factor.x is structure.recording.sampled(node):
            self.needed: list[Expression] = list(factor.parameters.values())
            self.draw = _family_draw(node)
        else:
            nodes = list(dict.fromkeys(nodes_in(list(node.parents.values()))))
            self.needed = [structure.recording.values[n] for n in nodes]
            self.draw = _own_draw(node, nodes)

    def compile(self, plan: Plan) -> None:
        """The parents' values."""
        outputs = [(x, ("parent", self, i)) for i, x in enumerate(self.needed) if not x.is_constant]
        self.program = plan.compiled(outputs)

    def bind(self, chain: Chain) -> list[Call]:
        """One call: evaluate the parents, draw, write."""
        bound, node, draw = chain.bound(self.program), self.variables[0], self.draw
        parents = [_reader(x, ("parent", self, i), chain) for i, x in enumerate(self.needed)]

        def run(*unused: int) -> int:
            if chain.error is not None:  # the run is ending
                return 0
            try:
                if len(bound.code) and run_machine(MACHINE, *bound.words) != 0:
                    return PYTHON_FAILED
                chain.put(node, draw(chain.rng, [read() for read in parents]))
            except BaseException as error:  # noqa: BLE001  handed to the loop, which raises it
                chain.report(error)
            return 0

        callback, address = python_callback(run, 3)
        chain.kept.append(callback)
        return [Call(address, made(TUNED, tuning=0), np.zeros(1), self)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{int(np.prod(self.variables[0].state_shape, dtype=int))} draws by a call of Python"


def _reader(x: Expression, key: Any, chain: Chain) -> Callable[[], Any]:
    """Present value of a parent, as the kind of number that it is."""
    if x.is_constant:
        known = x.known[()] if x.ndim == 0 else x.known
        return lambda: known
    view = chain.view(key)[: x.size].reshape(x.shape)
    return lambda: view.astype(x.dtype)[()]


def _family_draw(node: Distribution) -> Callable[[np.random.Generator, list[Any]], Any]:
    return lambda rng, parameters: node.family.draw(rng, node.state_shape, *parameters)


def _own_draw(node: Stochastic, nodes: list[Any]) -> Callable[[np.random.Generator, list[Any]], Any]:
    def draw(rng: np.random.Generator, values: list[Any]) -> Any:
        given = dict(zip(nodes, values, strict=True))
        return node.state_of(node.draw_given(rng, {k: mapped(p, given.__getitem__) for k, p in node.parents.items()}))

    return draw


__all__ = ["CalledDraw", "DrawFromPrior"]
