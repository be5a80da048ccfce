"""Ranks, how uniform they are, and when enough of them were seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from mcmix.errors import ModelError
from mcmix.testing.result import HarnessResult

Quantity = Callable[[Mapping[str, Any]], float]
Replicate = Callable[[np.random.SeedSequence], dict[str, float]]

DIGITS = 9  # quantities are compared to so many digits: what is constant but for rounding has ties, not an order
CLEAR = 0.1  # above this adjusted p-value a stage ends the test: lower is cheaper, and lets more faults slip


def ranked(
    quantities: Mapping[str, Quantity],
    values: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    rng: np.random.Generator,
) -> dict[str, float]:
    """Randomised rank of each quantity among its values elsewhere: exactly uniform if all have one distribution."""
    found = {}
    for name, quantity in quantities.items():
        own, *rest = (_rounded(name, quantity(v)) for v in (values, *others))
        ties = sum(r == own for r in rest)
        rank = sum(r < own for r in rest) + rng.integers(ties + 1)
        found[name] = float((rank + rng.random()) / (len(rest) + 1))
    return found


def _rounded(name: str, value: float) -> float:
    if math.isnan(value):
        raise ModelError(f"quantity '{name}': expected a number, got NaN")
    return float(f"{value:.{DIGITS}g}")


def uniformity(ranks: np.ndarray) -> float:
    """A p-value for location and spread; both tests are exact, the smaller one counts twice."""
    tests = [stats.kstest(u, "uniform").pvalue for u in (ranks, np.abs(2 * ranks - 1))]
    return float(min(1.0, 2 * min(tests)))


@dataclass(frozen=True)
class Rule:
    """When to stop: early where all is clear or something is surely wrong, else look `growth` times as long.

    Every stage tests all quantities at false_alarm / (stages * quantities), so that by the union bound the whole
    errs with probability `false_alarm` at most, however the stages depend on each other.
    """

    name: str
    replications: int
    stages: int
    growth: int
    false_alarm: float

    def __post_init__(self) -> None:
        refuse_counts(replications=self.replications, stages=self.stages, growth=self.growth)
        if not 0 < self.false_alarm < 1:
            raise ModelError(f"false_alarm: expected a probability between 0 and 1, got {self.false_alarm!r}")

    def applied(self, replicate: Replicate, seed: Any) -> HarnessResult:
        """Replicate, look, and go on while in doubt."""
        sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        rows: list[dict[str, float]] = []
        for stage in range(1, self.stages + 1):
            total = self.replications * self.growth ** (stage - 1)
            rows += [replicate(child) for child in sequence.spawn(total - len(rows))]
            found = self._looked_at(rows, stage)
            clear = min(found.p_values.values()) * len(found.p_values) > CLEAR
            if clear or not found.passed:
                break
        return found

    def _looked_at(self, rows: Sequence[Mapping[str, float]], stage: int) -> HarnessResult:
        ranks = {q: np.array([row[q] for row in rows]) for q in rows[0]}
        p_values = {q: uniformity(r) for q, r in ranks.items()}
        threshold = self.false_alarm / (self.stages * len(ranks))
        return HarnessResult(self.name, ranks, p_values, threshold, self.false_alarm, stage, self.stages)


def refuse_counts(**counts: int) -> None:
    """Refuse what is no whole number of at least one, by name."""
    for name, count in counts.items():
        if not (isinstance(count, (int, np.integer)) and count >= 1):
            raise ModelError(f"{name}: expected a whole number of at least 1, got {count!r}")


__all__ = ["Quantity", "Replicate", "Rule", "ranked", "refuse_counts", "uniformity"]
