"""Steps written by users in Python: they read and write ``.value`` and ``.logp`` of the model's nodes.

During such a step the nodes show one chain's values, and what the step sets goes back into that chain. Chains of a
model with such a step run one after another.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import numpy as np

from mcmix.errors import ModelError, ZeroProbability
from mcmix.kernels.base import python_callback
from mcmix.kernels.records import TUNED, made, seen
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step
from mcmix.structure.contributions import Structure

NO_DATA: Mapping[Any, Any] = MappingProxyType({})

_own: list[weakref.ref[type[StepMethod]]] = []


class StepMethod(Step):
    """Base of a user's own step: write ``step()``, and ``competence`` to be chosen for nodes automatically.

    Parameters
    ----------
    variables : Stochastic or list of Stochastic
        What it moves.
    verbose, tally : optional
        Accepted for PyMC 2's sake.

    Attributes
    ----------
    stochastic : Stochastic
        The node, where it is one.
    stochastics : list of Stochastic
    children : list of nodes
        The random nodes and potentials whose density depends on them.
    markov_blanket : list of nodes
        Themselves, their children, and the parents of all these.
    rng : numpy.random.Generator
        The chain's own: draw from it, and the same seed gives the same draws.

    Examples
    --------
    >>> import mcmix as mc
    >>> class Walk(mc.StepMethod):
    ...     def step(self):
    ...         before = self.logp_plus_loglike
    ...         self.stochastic.value = self.stochastic.value + self.rng.normal()
    ...         if not self.logp_plus_loglike - before > -self.rng.exponential():
    ...             self.stochastic.revert()
    >>> mu = mc.Normal("mu", 0, 1)
    >>> y = mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)
    >>> m = mc.MCMC([mu, y])
    >>> m.use_step_method(Walk, mu)
    >>> _ = m.sample(2000, 200, chains=1, seed=1)
    >>> bool(abs(m.trace("mu")[:].mean() - 2 / 3) < 0.2)
    True
    """

    name = "step method"
    in_python = True
    several = False  # whether it takes a list of nodes also where there is one

    def __init__(self, variables: Stochastic | Sequence[Stochastic], verbose: int = -1, tally: bool = False):
        nodes = [variables] if isinstance(variables, Node) else list(variables)
        super().__init__(nodes, "written by the user")
        self.name = type(self).__name__
        self.verbose = verbose
        self.stochastics = nodes
        self.stochastic = nodes[0]
        self.rng = np.random.default_rng(0)
        self.again: Callable[[], StepMethod] = lambda: type(self)(variables)
        self._members: Sequence[Node] | None = None
        self._taken = False

    def __init_subclass__(cls, **keywords: Any):
        super().__init_subclass__(**keywords)
        if "competence" in cls.__dict__ and not cls.__module__.startswith("mcmix."):
            _own.append(weakref.ref(cls))

    # ---------------------------------------------------------------- what users write

    def step(self) -> None:
        """Move the variables once, leaving the posterior invariant."""
        raise NotImplementedError(f"{type(self).__name__}: a step method expects a step() method, got none")

    def tune(self, verbose: int = 0) -> bool:
        """Adapt; called every tune_interval sweeps of burn-in. Answers whether anything changed."""
        return False

    @staticmethod
    def competence(stochastic: Stochastic) -> int:
        """How fit the class is for a node: 0 not at all, 2 like Metropolis, 3 better than anything else."""
        return 0

    # ---------------------------------------------------------------- what they use

    @property
    def children(self) -> list[Node]:
        """Random nodes and potentials of the model whose density depends on the variables."""
        found = dict.fromkeys(c for s in self.stochastics for c in _by_name(s.extended_children))
        return [c for c in found if c not in self.stochastics and (self._members is None or c in self._members)]

    @property
    def markov_blanket(self) -> list[Node]:
        """The variables, their children, and the random parents of all these."""
        own = [*self.stochastics, *self.children]
        return list(dict.fromkeys([*own, *[p for n in own for p in _by_name(n.extended_parents)]]))

    @property
    def loglike(self) -> float:
        """Log density of the children at the present values.

        Raises
        ------
        ZeroProbability
            If it is minus infinity.
        """
        return sum(_log_density(c) for c in self.children)

    @property
    def logp_plus_loglike(self) -> float:
        """Log density of the variables and their children at the present values; raises ZeroProbability."""
        return sum(s.logp for s in self.stochastics) + self.loglike

    @property
    def current_state(self) -> dict[str, Any]:
        """Attributes that are plain numbers."""
        return {k: v for k, v in vars(self).items() if isinstance(v, (bool, int, float)) and not k.startswith("_")}

    # ---------------------------------------------------------------- how it runs

    def served_by(self, structure: Structure) -> Step:
        """What runs in a chain: itself, or a compiled step that does the same."""
        return self

    def compile(self, plan: Plan) -> None:
        """Nothing is compiled; the model's members are noted."""
        self._members = [f.node for f in plan.structure.recording.factors]
        self._unknown = list(plan.structure.recording.leaves)
        self._data = plan.structure.recording.rows.others
        covariates = [n.name for n in self._data if not isinstance(n, Stochastic)]
        if covariates:
            raise ModelError(f"a step in Python expected the nodes' own covariates, got others of {covariates[0]}")
        if self.counters():
            plan.layout.place(("counter", self), 2)

    def bind(self, chain: Chain) -> list[Call]:
        """A call of Python; each chain has an instance of its own, so that what it learns stays apart."""
        own = self if not self._taken else self.again()
        self._taken = True
        own._members, own._unknown, own._data = self._members, self._unknown, self._data
        descriptor = made(TUNED, tuning=0)
        callback, address = python_callback(lambda d, r, s: own._run(chain, descriptor, self), 3)
        chain.kept += [callback, descriptor]
        return [Call(address, descriptor, np.zeros(1), self, tuned=True)]

    def unbind(self) -> None:
        """Serve the next first chain itself again."""
        super().unbind()
        self._taken = False

    _unknown: list[Stochastic]
    _data: dict[Any, Any]
    _steps = 0

    def _run(self, chain: Chain, descriptor: np.ndarray, prototype: StepMethod) -> int:
        if chain.error is not None:  # the run is ending
            return 0
        try:
            with shown(self._data):
                show(chain, self._unknown)
                self.rng = chain.rng
                self.step()
                for node in self.stochastics:
                    chain.put(node, node.value)
            self._steps += 1
            if seen(TUNED, descriptor).tuning and self._steps % chain.tune_interval == 0:
                chain.changed[prototype] = bool(self.tune())
            if self.counters():
                counts = vars(self)["accepted"], vars(self)["rejected"]
                chain.view(("counter", prototype))[:] = sum(counts), counts[0]
        except BaseException as error:  # noqa: BLE001  handed to the loop, which raises it
            chain.report(error)
        return 0

    def counters(self) -> list[Any]:
        """Proposals and acceptances, of steps that count ``accepted`` and ``rejected``."""
        return [("counter", self)] if {"accepted", "rejected"} <= set(vars(self)) else []

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return "a call of Python; chains run one after another"


def show(chain: Chain, nodes: Sequence[Stochastic]) -> None:
    """Let nodes show a chain's present values, and draw from its random stream."""
    for node in nodes:
        node._show(chain.get(node), chain.rng)


@contextmanager
def shown(data: Mapping[Any, Any]) -> Iterator[None]:
    """Let data nodes show other values than their own meanwhile: those of the rows that are sampled."""
    whole = [n for n in data if n.observed]
    for node in whole:
        node._show_data(data[node])
    try:
        yield
    finally:
        for node in whole:
            node._show_data(node.held)


def _by_name(nodes: set[Node]) -> list[Node]:
    return sorted(nodes, key=lambda n: n.name)


def _log_density(node: Any) -> float:
    found = float(node.logp)
    if found == -np.inf:
        raise ZeroProbability(f"{node.name}: probability zero")
    return found


def fittest_own(node: Stochastic) -> tuple[type[StepMethod] | None, int]:
    """The user's step class that is fittest for a node (of equals the last defined), and how fit it is."""
    best: type[StepMethod] | None = None
    most = 0
    for reference in _own:
        cls = reference()
        if cls is None:
            continue
        fitness = cls.competence(node)
        if not isinstance(fitness, (int, np.integer)):
            raise ModelError(
                f"{cls.__name__}.competence: expected a whole number 0 to 3 for {node.name}, got {fitness!r}"
            )
        if fitness > 0 and fitness >= most:
            best, most = cls, int(fitness)
    return best, most
