"""The likelihood to a power: what a tempered chain sees of the data.

The target of a chain at power b is the complete-data one: p(unknowns) p(labels | weights) times
p(data | unknowns, labels)**b.
Only distributions of known data count a power; priors, label priors and potentials stay. Sums that stand for rows are
scaled, so that conjugate messages and densities follow; counts of labels, which say something about weights alone, are
not.
"""

from __future__ import annotations

from dataclasses import replace

from mcmix.distributions.family import Sums
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.expression import Expression, as_expression, leaf
from mcmix.structure.recording import Factor, Recording

POWER_KEY = ("power",)
POWER = leaf(POWER_KEY, ())


def is_tempered(factor: Factor, recording: Recording) -> bool:
    """Whether it is the distribution of data that are all known."""
    node = factor.node
    if not isinstance(node, Stochastic) or not node.holds_data:
        return False
    own = recording.leaves.get(node)
    return own is None or not factor.touches(own)


def scaled(sums: Sums | None) -> Sums | None:
    """Statistics as if every row counted the power."""
    if sums is None:
        return None
    squares = tuple(None if q is None else as_expression(q) * POWER for q in sums.squares)
    totals = tuple(as_expression(s) * POWER for s in sums.sums)
    return replace(sums, n=as_expression(sums.n) * POWER, sums=totals, squares=squares)


def times_power(x: Expression, tempered: bool) -> Expression:
    """A message that was read from rows, not from sums."""
    return x * POWER if tempered else x


__all__ = ["POWER", "POWER_KEY", "is_tempered", "scaled", "times_power"]
