"""How often each part of the harness may fail samplers that are right, with fresh random streams: one table for all.

By the union bound the whole suite raises a false alarm with a probability below WHOLE. A part's share is split evenly
between its tests of right samplers; faults that are planted raise none, however strict a test of them is.
"""

from __future__ import annotations

WHOLE = 1e-4

SHARES = {
    "collapsed labels": 2e-7,
    "coverage": 2e-5,
    "docstrings": 3e-5,  # examples that pass, at the level that functions have by default
    "enumeration": 5e-6,
    "fuzzing": 1e-5,
    "harness": 1e-5,
    "improper": 1e-5,
    "planted": 5e-6,
    "rows by label": 1e-6,
    "samplers": 5e-6,
    "split and merge": 2e-7,
    "tempering": 2e-6,
    "unknown number": 1e-6,
    "without end": 1e-6,
}

BY_DEFAULT = 1e-5  # of the functions in mcmix.testing


def each(part: str, tests: int) -> float:
    """The false alarm of each of a part's tests."""
    return SHARES[part] / tests


__all__ = ["BY_DEFAULT", "SHARES", "WHOLE", "each"]
