"""What was understood of a model, one line per variable: its step, why, and what a sweep of it costs."""

from __future__ import annotations

from mcmix.nodes.deterministic import Deterministic
from mcmix.steps.base import Step
from mcmix.steps.plan import CompiledModel


def explanation(compiled: CompiledModel) -> str:
    """The lines, as text."""
    lines = [_line(step) for step in compiled.steps]
    if compiled.why_not_marginal:
        lines.append(f"marginal_moves: {compiled.why_not_marginal}")
    for node, reason in compiled.recording.opaque.items():
        kind = "function" if isinstance(node, Deterministic) else "log density"
        lines.append(
            f"{node.name}: its {kind} could not be recorded ({reason}); it is called as written at every evaluation, "
            "which is exact and slow"
        )
    return "\n".join(lines)


def _line(step: Step) -> str:
    names = ", ".join(v.name for v in step.variables)
    note = f"; {step.note}" if step.note else ""
    return f"{names}: {step.name}; {step.reason}{note}" + (f"; per iteration {step.cost}" if step.cost else "")
