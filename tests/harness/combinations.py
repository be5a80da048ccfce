"""Which step serves which distribution with which prior: read off small models, covered by few of them, shown as a
table.

``python -m tests.harness.combinations`` prints the table of docs/reference/combinations.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from scipy import stats

import mcmix as mc
from mcmix.distributions.family import Family
from mcmix.distributions.table import FAMILIES
from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps import table
from mcmix.steps.base import Step
from mcmix.structure.contributions import structure_of
from mcmix.structure.recording import record
from mcmix.structure.unknown_number import with_unknown_numbers
from mcmix.testing import HarnessResult, joint_test
from tests.harness import gaps, grammar, structures
from tests.harness.grammar import Small

EXCHANGE = "LabelGibbs with label permutation move"
OWN, SCIPY = "a distribution of the user's", "a distribution of SciPy's"
NOTHING = "nothing"  # what a variable that no data depend on has below it
WRAPPERS = ("Censored", "Truncated")


class Combination(NamedTuple):
    """A step, a distribution that it meets as likelihood of what it draws, and the prior of what it draws."""

    step: str
    family: str
    prior: str


@dataclass(frozen=True)
class Found:
    """A small model and what is served in it."""

    small: Small
    combinations: frozenset[Combination]

    @property
    def pairs(self) -> frozenset[tuple[str, str, str]]:
        """What the fast part covers: each step with each distribution below it, and with each prior."""
        below = {("law", c.step, _short(c.family)) for c in self.combinations if c.family != NOTHING}
        return frozenset(below | {("prior", c.step, _short(c.prior)) for c in self.combinations})


def _short(family: str) -> str:
    """Censored and truncated distributions, and those of SciPy, are one class each for the fast part."""
    return next((w for w in WRAPPERS if family.startswith(w) and family not in FAMILIES), family)


# -------------------------------------------------------------------- what serves what


def smalls(families: Mapping[str, Family] = FAMILIES) -> Iterator[Small]:
    """Every small model."""
    for kind in (grammar.by_hand, grammar.alone, grammar.mixtures, grammar.many_rows, structures.bounded):
        yield from kind(families)
    yield from structures.of_their_own()


def assigned(small: Small) -> Found:
    """What is served in a model, without compiling it."""
    nodes, prepare = small.make()
    model = mc.Model(nodes)
    if prepare is None:
        structure = with_unknown_numbers(structure_of(record(model)))
        steps: Sequence[Step] = [table.step_for(n, structure) for n in model.stochastics]
    else:
        m = mc.MCMC(model)
        prepare(m)
        steps = m.step_methods
    return Found(small, frozenset(c for step in steps for c in _combinations(step, model)))


def _combinations(step: Step, model: mc.Model) -> Iterator[Combination]:
    name = type(step).__name__
    if step.label_pass is not None and step.counters():
        name = EXCHANGE
    for variable in step.variables:
        for child in _children(variable, model) or [NOTHING]:
            yield Combination(name, child, _family(variable))


def _children(node: Node, model: mc.Model) -> list[str]:
    """Distributions that a variable is a parameter of, functions between them passed over."""
    found = []
    for child in node.children:
        if child not in model.nodes:
            continue
        if isinstance(child, Deterministic):
            found += _children(child, model)
        elif isinstance(child, Stochastic):
            found.append(_family(child))
    return sorted(set(found))


def _family(node: Stochastic) -> str:
    family = getattr(node, "family", None)
    if family is None:
        return OWN
    return SCIPY if family.name not in FAMILIES and hasattr(stats, family.name) else family.name


@cache
def everything() -> tuple[Found, ...]:
    """Every small model of the package's families, with what is served in it."""
    return tuple(assigned(s) for s in smalls())


# -------------------------------------------------------------------- the test of one model


RESULTS: list[tuple[str, HarnessResult]] = []  # of this process, for tests/harness/results.py


def tested(small: Small, replications: int, seed: int, false_alarm: float) -> HarnessResult:
    """The joint test of a small model."""
    nodes, prepare = small.make()
    if small.has_gaps:
        result = gaps.joint_test(nodes, replications, false_alarm, seed)
    else:
        result = joint_test(
            nodes, prepare=prepare, sweeps=10, direct=7, replications=replications, false_alarm=false_alarm, seed=seed
        )
    RESULTS.append((small.name, result))
    return result


# -------------------------------------------------------------------- few models that cover all


@cache
def few() -> tuple[Found, ...]:
    """The fast part."""
    return tuple(cover(everything()))


@cache
def many() -> tuple[Found, ...]:
    """The slow part."""
    return tuple(one_of_each(everything()))


def cover(found: Iterable[Found]) -> list[Found]:
    """Models, each the one that adds most pairs, until every pair that any of them has is covered."""
    waiting, chosen = list(found), list[Found]()
    missing = {pair for f in waiting for pair in f.pairs}
    while missing:
        best = max(waiting, key=lambda f: len(f.pairs & missing))
        chosen.append(best)
        missing -= best.pairs
        waiting = [f for f in waiting if f.pairs & missing]
    return chosen


def one_of_each(found: Iterable[Found]) -> list[Found]:
    """Models until every combination has been met."""
    chosen, met = [], set[Combination]()
    for f in found:
        if f.combinations - met:
            chosen.append(f)
            met |= f.combinations
    return chosen


def uncovered(chosen: Iterable[Found], found: Iterable[Found]) -> set[tuple[str, str, str]]:
    """Pairs that some model has and no chosen one."""
    return {p for f in found for p in f.pairs} - {p for f in chosen for p in f.pairs}


def never_assigned(found: Iterable[Found]) -> list[str]:
    """Steps of the competence table that no model gets."""
    met = {c.step for f in found for c in f.combinations}
    return sorted({row.step.__name__ for row in table.TABLE} - met)


def never_met(found: Iterable[Found], families: Mapping[str, Family] = FAMILIES) -> list[str]:
    """Families that no data of a model have, and those that are the distribution of no unknown."""
    found = list(found)
    data = {c.family for f in found for c in f.combinations}
    unknown = {c.prior for f in found for c in f.combinations}
    return [f"{n} as data" for n in families if n not in data] + [f"{n} as prior" for n in families if n not in unknown]


# -------------------------------------------------------------------- the table


def markdown(found: Iterable[Found]) -> str:
    """The table of combinations: a row per step, what it draws, and the distributions below."""
    rows: dict[str, tuple[set[str], set[str]]] = {}
    for c in (c for f in found for c in f.combinations):
        priors, laws = rows.setdefault(c.step, (set(), set()))
        priors.add(_short(c.prior))
        laws.add(_short(c.family))
    lines = ["| step | draws what has the distribution | given rows of |", "|---|---|---|"]
    for step in sorted(rows):
        drawn, below = (", ".join(sorted(names - {NOTHING})) for names in rows[step])
        lines.append(f"| {step} | {drawn} | {below or NOTHING} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(everything()))
