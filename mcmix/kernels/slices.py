"""One slice move of one free coordinate: of an element that has its own density, or of one coordinate of a block."""

from __future__ import annotations

from mcmix.kernels.base import inline
from mcmix.kernels.random import standard_exponential, uniform

MOST_STEPS = 200


@inline
def slice_coordinate(density, refused, where, now, start, width, period, stream):
    """Step out and shrink (Neal 2003, figures 3 and 5), from a point and its log density.

    On a circle the log density is the periodic one on the line, and what it leaves invariant there, wound round, is
    left invariant too; intervals are no longer than the circle (`period`, 0 on a line).

    Parameters
    ----------
    density : function
        ``(where, point) -> log density``, which goes to that point.
    refused : function
        ``(where, log density) -> bool``: whether a log density that is no number ends the run.
    where : tuple
        What both are told.
    now, start, width : float
        The point, its log density, and the length of the first interval, no longer than the period.

    Returns
    -------
    point, log density : float
        The present ones where the interval has shrunk onto the point.
    ended : bool
        Whether the run ends.
    """
    level = start - standard_exponential(stream)
    left = now - width * uniform(stream)
    right = left + width
    most = max(1, int(period / width)) if period > 0.0 else MOST_STEPS
    # How many steps go to the left is drawn without a look at the density: so the interval is as likely from every
    # point of the slice inside it.
    steps = int(most * uniform(stream))
    for _ in range(steps):
        found = density(where, left)
        if refused(where, found):
            return now, start, True
        if not found > level:
            break
        left -= width
    for _ in range(most - 1 - steps):
        found = density(where, right)
        if refused(where, found):
            return now, start, True
        if not found > level:
            break
        right += width
    while True:
        y = left + (right - left) * uniform(stream)
        # Between neighbouring doubles nothing else is left to draw: without this the loop would not end.
        if y == now:
            return now, start, False
        found = density(where, y)
        if refused(where, found):
            return now, start, True
        if found > level:
            return y, found, False
        if y < now:
            left = y
        else:
            right = y


@inline
def tuned_width(width, moved):
    """The length of the first interval follows the mean distance moved."""
    return width + 0.05 * (2.5 * abs(moved) - width)


__all__ = ["slice_coordinate", "tuned_width"]
