"""What a kernel keeps while the tables of components get more room: it stops, and is called again on larger ones.

A kernel that finds no room returns FULL and leaves all as it was, but for random numbers that it has drawn: these are
kept, so that what was drawn with them stays drawn. Whether a chain can be given room is said by whoever runs it.
"""

from __future__ import annotations

from mcmix.kernels.base import floats, inline
from mcmix.kernels.random import uniform

FULL = 60  # the status of a kernel that needs more room
GROWTH_SIZE = 2  # doubles: whether there may be more room, and a uniform that was drawn (0: none)


@inline
def may_grow(growth):
    """Whether tables can get more room."""
    return floats(growth, GROWTH_SIZE)[0] != 0.0


@inline
def kept_uniform(growth, stream):
    """A uniform, the one that is kept where there is one; kept from now on."""
    kept = floats(growth, GROWTH_SIZE)
    if kept[1] == 0.0:
        kept[1] = uniform(stream)
    return kept[1]


@inline
def forget_uniform(growth):
    """What was drawn is used up."""
    floats(growth, GROWTH_SIZE)[1] = 0.0


__all__ = ["FULL", "GROWTH_SIZE", "forget_uniform", "kept_uniform", "may_grow"]
