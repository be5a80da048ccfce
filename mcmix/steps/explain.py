"""What was understood of a model, one line per variable: its step, why, and what a sweep of it costs."""

from __future__ import annotations

from dataclasses import dataclass

from mcmix.nodes.deterministic import Deterministic
from mcmix.notebook import shown
from mcmix.steps.base import Step
from mcmix.steps.plan import CompiledModel


@dataclass(frozen=True)
class Chosen:
    """How some variables move.

    Attributes
    ----------
    variables : tuple of str
        Their names.
    step : str
        What moves them, with its settings.
    reason : str
        Why it was chosen, and what is worth noting.
    cost : str
        Of one iteration, in words; empty where it is not known.
    """

    variables: tuple[str, ...]
    step: str
    reason: str
    cost: str

    def __str__(self) -> str:
        said = f"{', '.join(self.variables)}: {self.step}; {self.reason}"
        return f"{said}; per iteration {self.cost}" if self.cost else said


@dataclass(frozen=True)
class Explanation:
    """How every variable of a model moves, and why. Prints as text, and as a table in a notebook.

    Attributes
    ----------
    steps : tuple of Chosen
        In the order of a sweep.
    notes : tuple of str
        What could not be had, and why: moves with the labels summed out, functions that are called as written.
    """

    steps: tuple[Chosen, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([*map(str, self.steps), *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        table = {
            "variables": [", ".join(s.variables) for s in self.steps],
            "step": [s.step for s in self.steps],
            "why": [s.reason for s in self.steps],
            "per iteration": [s.cost for s in self.steps],
        }
        return shown("", table, *self.notes)


def explanation(compiled: CompiledModel) -> Explanation:
    """What was chosen for a model."""
    notes = [f"marginal_moves: {compiled.why_not_marginal}"] if compiled.why_not_marginal else []
    for node, reason in compiled.recording.opaque.items():
        kind = "function" if isinstance(node, Deterministic) else "log density"
        notes.append(
            f"{node.name}: its {kind} could not be recorded ({reason}); it is called as written at every evaluation, "
            "which is exact and slow"
        )
    return Explanation(tuple(map(_chosen, compiled.steps)), tuple(notes))


def _chosen(step: Step) -> Chosen:
    reason = f"{step.reason}; {step.note}" if step.note else step.reason
    return Chosen(tuple(v.name for v in step.variables), step.name, reason, step.cost)


__all__ = ["Chosen", "Explanation", "explanation"]
