"""What a statistical test of a sampler answers with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHOWN = 6  # quantities that a result prints


@dataclass(frozen=True, repr=False)
class HarnessResult:
    """What a test found.

    Attributes
    ----------
    name : str
        Which test it was.
    ranks : dict of str to ndarray, shape (replications,)
        Per quantity the randomised rank of the sampler's draw among true ones, between 0 and 1; uniform where the
        sampler is right. Values near 1: the sampler draws too high.
    p_values : dict of str to float
        Per quantity, for location and spread together (doubled smaller one of two exact Kolmogorov-Smirnov tests).
    threshold : float
        The test fails where a p-value is at or below it: `false_alarm` over stages and quantities.
    false_alarm : float
        Probability, at most, that the test fails a sampler that is right.
    stage, stages : int
        Where the test ended, and how many stages it had.

    Examples
    --------
    >>> import mcmix as mc, mcmix.testing
    >>> x = mc.Normal("x", 0.0, 1.0)
    >>> y = mc.Normal("y", x, 1.0, value=[0.0, 0.0], observed=True)
    >>> found = mcmix.testing.joint_test([y], seed=1)
    >>> found.passed, found.worst in found.p_values
    (True, True)
    """

    name: str
    ranks: dict[str, np.ndarray]
    p_values: dict[str, float]
    threshold: float
    false_alarm: float
    stage: int
    stages: int

    @property
    def passed(self) -> bool:
        """Whether nothing wrong was found."""
        return min(self.p_values.values()) > self.threshold

    @property
    def replications(self) -> int:
        """How many the verdict rests on."""
        return len(self.ranks[self.worst])

    @property
    def worst(self) -> str:
        """The quantity with the smallest p-value."""
        return min(self.p_values, key=self.p_values.__getitem__)

    @property
    def advice(self) -> str:
        """What to do next."""
        if self.passed:
            return "nothing found; for smaller errors raise replications=, or pass quantities= that you care about"
        return (
            f"the sampler's draws of '{self.worst}' are {_fault(self.ranks[self.worst])}; test with one step at a time "
            "(prepare=lambda m: m.use_step_method(...)), and look at the density and the Hastings term of the step"
        )

    def __repr__(self) -> str:
        worst = sorted(self.p_values, key=self.p_values.__getitem__)
        lines = [f"  p = {self.p_values[q]:<8.2g} {q}" for q in worst[:SHOWN]]
        if len(worst) > SHOWN:
            lines.append(f"  and {len(worst) - SHOWN} larger ones")
        verdict = "passed" if self.passed else "FAILED"
        return "\n".join(
            [
                f"<{self.name}: {verdict}, {self.replications} replications, stage {self.stage} of {self.stages}; "
                f"fails at p <= {self.threshold:.2g} (false alarm {self.false_alarm:.2g})",
                *lines,
                f"  next: {self.advice}>",
            ]
        )


def _fault(ranks: np.ndarray) -> str:
    """In words, how ranks depart from the uniform distribution most."""
    away, spread = ranks.mean() - 0.5, np.abs(2 * ranks - 1).mean() - 0.5
    if abs(away) >= abs(spread):
        return "too high" if away > 0 else "too low"
    return "too spread out" if spread > 0 else "too narrow"


__all__ = ["HarnessResult"]
