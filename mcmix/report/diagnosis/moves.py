"""Steps that are never accepted, and unknowns that never move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mcmix.report.diagnosis.facts import Facts
from mcmix.report.diagnosis.finding import FAILURE, NOTE, WARNING, Finding, in_words, some_of
from mcmix.report.diagnosis.mixing import stands_still
from mcmix.report.elements import element_labels
from mcmix.traces.memory import Draws

RARELY = 0.01  # share of proposals accepted below which a step hardly moves


def acceptance(draws: Draws, facts: Facts) -> Iterator[Finding]:
    """Steps whose proposals are never, or hardly ever, accepted."""
    for name, moved in facts.acceptance.items():
        rates = draws.statistics[name].reshape(draws.n_chains, draws.n_draws, -1).mean(axis=(1, 2))
        never, rarely = np.flatnonzero(rates == 0), np.flatnonzero((rates > 0) & (rates < RARELY))
        advice = "use other start values, let it adapt (burn), or take another step (use_step_method)"
        if len(never) and set(moved.split(", ")) <= facts.discrete:
            what = f"{moved}: the same in every draw of {in_words(never, draws)}"
            yield Finding("never changes", NOTE, what, "certain, or its step cannot move it: compare other starts")
        elif len(never):
            what = f"{moved}: every proposal was refused in {in_words(never, draws)}"
            yield Finding("never accepted", FAILURE, what, advice)
        if len(rarely):
            what = f"{moved}: {rates[rarely].min():.2%} of the proposals were accepted in {in_words(rarely, draws)}"
            yield Finding("hardly ever accepted", WARNING, what, advice)


def stillness(draws: Draws, facts: Facts, told: Sequence[str]) -> Iterator[Finding]:
    """Continuous unknowns that keep one value; those whose step was never accepted were told already."""
    for name in [n for n in draws.variables if n in facts.continuous - facts.held]:
        values = draws.variables[name]
        flat = np.moveaxis(values.reshape(*values.shape[:2], -1), -1, 0)
        still = _still(flat)
        if not still.any() or any(name in what.partition(":")[0].split(", ") for what in told):
            continue
        labels = (
            [name] if still.all(axis=0).any() else element_labels(name, values.shape[2:], draws.labels.get(name, ()))
        )
        where = [name] if len(labels) == 1 else [labels[i] for i in np.flatnonzero(still.any(axis=1))]
        chains = in_words(np.flatnonzero(still.any(axis=0)), draws)
        what = f"{some_of(where)}: the same value in every draw of {chains}"
        yield Finding("never moves", FAILURE, what, "look at what its step does (explain()), or use other start values")


def _still(x: np.ndarray) -> np.ndarray:
    """As `stands_still`, looking closely only where first and last draw are equal."""
    found = x[..., 0] == x[..., -1]
    suspects = found.any(axis=1)
    found[suspects] = stands_still(x[suspects])
    return np.asarray(found)


def held(facts: Facts) -> Iterator[Finding]:
    """What stands still because it was asked to."""
    if facts.held:
        yield Finding("held", NOTE, f"{', '.join(sorted(facts.held))}: held at the start value, as asked")
