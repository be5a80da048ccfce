"""Components that vanish, and names of components that change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mcmix.report.diagnosis.facts import Facts
from mcmix.report.diagnosis.finding import FAILURE, NOTE, WARNING, Finding, in_words
from mcmix.report.diagnosis.mixing import stands_still
from mcmix.report.diagnosis.occupancy import Occupancy
from mcmix.report.diagnosis.switching import switching
from mcmix.traces.memory import Draws

BOUNDARY = 1e-10  # weights below which nothing can be in a component


def numbers_of_components(occupancies: Mapping[str, Occupancy]) -> Iterator[Finding]:
    """Chains that end with different numbers of occupied components and never filled one that they had emptied."""
    for name, occupancy in occupancies.items():
        numbers = occupancy.occupied
        never_filled = bool((np.diff(numbers, axis=1) <= 0).all())
        settled = bool(stands_still(numbers[None, :, numbers.shape[1] // 2 :]).all())
        if never_filled and settled and len(set(numbers[:, -1].tolist())) > 1:
            listed = ", ".join(str(n) for n in numbers[:, -1])
            what = (
                f"{name}: chains end with different numbers of occupied components ({listed}) and never fill one again"
            )
            advice = "larger concentration of the weights, or other starts"
            yield Finding("components never filled again", FAILURE, what, advice)


def collapsed_weights(draws: Draws, facts: Facts, occupancies: Mapping[str, Occupancy]) -> Iterator[Finding]:
    """One component that takes everything, or weights that are no longer different from zero."""
    advice = "if that is not meant: larger concentration of the weights, fewer components, or other starts"
    for name, occupancy in occupancies.items():
        alone = np.flatnonzero((occupancy.occupied == 1).all(axis=1))
        if len(alone) and occupancy.counts.shape[-1] > 1 and occupancy.counts.sum() > occupancy.occupied.size:
            what = f"{name}: one component holds every unit in every draw of {in_words(alone, draws)}"
            yield Finding("collapsed weights", WARNING, what, advice)
    for name, weights in _weights(draws, facts).items():
        if weights.min() >= BOUNDARY and weights.max() <= 1.0 - BOUNDARY:
            continue
        whole = weights.max(axis=-1) > 1.0 - BOUNDARY
        chains = np.flatnonzero(whole.mean(axis=1) > 0.5)
        none = int(np.median((weights < BOUNDARY).sum(axis=-1)))
        if len(chains):
            what = f"{name}: one weight is 1 to ten digits in most draws of {in_words(chains, draws)}"
            yield Finding("collapsed weights", WARNING, what, advice)
        elif none:
            what = f"{name}: {none} of {weights.shape[-1]} weights below {BOUNDARY:g} in most draws"
            yield Finding("weights at the boundary", NOTE, what, "no unit gets there; a new row will not either")


def _weights(draws: Draws, facts: Facts) -> dict[str, np.ndarray]:
    """Simplexes of two components or more, shape (chains, draws, K); of several side by side the least even one."""
    found = {n: draws.variables[n] for n in draws.variables if n in facts.simplexes - facts.come_and_go}
    found = {n: w.reshape(*w.shape[:2], -1, w.shape[-1]).min(axis=2) if w.ndim > 3 else w for n, w in found.items()}
    for name in {c for label in facts.labels.values() for c in label.complements} & set(draws.variables):
        share = draws.variables[name].reshape(draws.n_chains, draws.n_draws, -1)[..., 0]
        found[name] = np.stack([share, 1.0 - share], axis=-1)
    return {name: weights for name, weights in found.items() if weights.shape[-1] > 1}


def empty(occupancies: Mapping[str, Occupancy]) -> Iterator[Finding]:
    """Components without a unit in any draw of a chain."""
    for name, occupancy in occupancies.items():
        never = (occupancy.counts == 0).all(axis=1)
        if never.any():
            by_chain = ", ".join(str(n) for n in never.sum(axis=1))
            what = f"{name}: of {never.shape[1]} components, {by_chain} are empty in every draw (chain by chain)"
            yield Finding("empty components", NOTE, what, "they say what the prior says")


def names(draws: Draws, facts: Facts) -> Iterator[Finding]:
    """Label switching, present or absent, where components are exchangeable."""
    for name, label in facts.labels.items():
        seen = switching(draws, label) if label.exchangeable and not label.number else None
        if seen is None:
            continue
        if not seen.present:
            yield Finding("label switching absent", NOTE, f"{name}: components keep their labels")
            continue
        where = [f"within {in_words(seen.within, draws)}"] if seen.within else []
        where += ["between chains"] if seen.between else []
        what = f"label switching of {name} {' and '.join(where)}: draws by component are not meaningful as sampled"
        advice = "summary() relabels them; use mc.relabel(m) before interpreting others"
        yield Finding("label switching present", NOTE, what, advice)
