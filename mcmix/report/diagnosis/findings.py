"""Everything that is looked for in a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcmix.report.diagnosis import chains, components, moves
from mcmix.report.diagnosis.facts import Facts
from mcmix.report.diagnosis.finding import SEVERITIES, Finding
from mcmix.report.diagnosis.occupancy import Occupancy
from mcmix.report.diagnosis.quantities import Quantity
from mcmix.traces.memory import Draws


def all_findings(
    draws: Draws, facts: Facts, occupancies: Mapping[str, Occupancy], quantities: Sequence[Quantity]
) -> list[Finding]:
    """Everything to know: the worst first, causes before what they lead to."""
    refused = list(moves.acceptance(draws, facts))
    fixed = {name: o for name, o in occupancies.items() if not facts.labels[name].number}
    found: list[Finding] = [
        *chains.impossible(draws),
        *refused,
        *moves.stillness(draws, facts, told=[f.what for f in refused]),
        *chains.disagreement(draws, quantities),
        *components.numbers_of_components(occupancies),
        *components.collapsed_weights(draws, facts, fixed),
        *chains.few(draws, facts, quantities),
        *components.names(draws, facts),
        *components.empty(fixed),
        *chains.one_chain(draws),
        *moves.held(facts),
    ]
    return sorted(found, key=lambda f: SEVERITIES.index(f.severity))
