"""Chains that tell different stories, that do not move, or that are too short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from mcmix.distributions.circle import mean_direction
from mcmix.report.diagnosis.facts import Facts
from mcmix.report.diagnosis.finding import (
    FAILURE,
    NOTE,
    WARNING,
    Finding,
    in_sentence,
    rounded_up,
    size_of,
)
from mcmix.report.diagnosis.mixing import mixing
from mcmix.report.diagnosis.quantities import Quantity
from mcmix.traces.memory import Draws

LARGEST_RHAT = 1.1  # good runs of 400 effective draws pass 1.01 by chance; slow mixing shows in effective draws first
FEWEST_EFFECTIVE = 400  # of all chains, and FEWEST_OF_CHAIN times their number (Vehtari and others 2021, section 4)
FEWEST_OF_CHAIN = 100
WORST = 10  # quantities by which a chain that stands apart is looked for


def worst_rhat(quantities: Iterable[Quantity]) -> Quantity | None:
    """The quantity in which chains differ most, of those that decide."""
    known = [q for q in quantities if q.group.decides and not np.isnan(q.rhat) and not q.certain]
    return max(known, key=lambda q: q.rhat, default=None)


def least_certain(quantities: Iterable[Quantity]) -> Quantity | None:
    """The quantity with the fewest effective draws, of those that decide.

    One that was looked at in some draws only counts where these are far from independent: else it has more effective
    draws than were looked at.
    """
    known = [q for q in quantities if q.group.decides and not np.isnan(q.effective) and not q.certain]
    known = [q for q in known if not q.group.thinned or q.effective < q.draws.size / 4]
    return min(known, key=lambda q: q.effective, default=None)


def impossible(draws: Draws) -> list[Finding]:
    """Draws of probability zero, which a step of the user's may leave behind."""
    count = int(np.sum(~np.isfinite(draws.statistics["lp"]))) if "lp" in draws.statistics else 0
    what = f"{count} kept draws have log density minus infinity or NaN"
    return [Finding("impossible draws", FAILURE, what, "look at your own steps")] if count else []


def disagreement(draws: Draws, quantities: Sequence[Quantity]) -> Iterator[Finding]:
    """Chains in different places, and the one that stands apart where there is one."""
    worst = worst_rhat(quantities)
    if worst is None or worst.rhat <= LARGEST_RHAT:
        return
    if draws.n_chains == 1:
        what = f"the halves of the chain disagree: {_split(worst)}"
        yield Finding("halves disagree", FAILURE, what, "burn in longer, or run longer")
        return
    if worst.group.aliases and _agree_sorted(worst, quantities):
        what = f"chains label components differently ({_split(worst)}; ordered components agree)"
        advice = "the priors do not settle the labels: order the components in the model, or relabel"
        yield Finding("names differ between chains", WARNING, what, advice)
        return
    alone = _apart(draws, quantities)
    what = f"chains disagree: {_split(worst)}"
    advice = "run longer, look at each chain (trace(name, chain)), or use other start values"
    yield Finding("chains disagree", FAILURE, what, "" if alone else advice)
    yield from alone


def _split(q: Quantity) -> str:
    return f"R-hat {q.rhat:.2f} for {in_sentence(q.label)}"


def _agree_sorted(named: Quantity, quantities: Sequence[Quantity]) -> bool:
    """Whether every quantity that decides agrees but for names of components, and these agree once sorted."""
    others = [q for q in quantities if (q.group.decides or q.group.of_suspects) and not q.group.aliases]
    rhats = [q.rhat for q in others if not np.isnan(q.rhat) and not q.certain]
    return any(q.group.of_suspects for q in others) and all(r <= LARGEST_RHAT for r in rhats)


def _apart(draws: Draws, quantities: Sequence[Quantity]) -> list[Finding]:
    """The one chain without which the others agree, if there is one."""
    bad = [q for q in quantities if q.group.decides and q.rhat > LARGEST_RHAT and not q.certain]
    bad = sorted(bad, key=lambda q: -q.rhat)[:WORST]
    if draws.n_chains < 3 or not bad:
        return []
    left = np.array([[_without(q, chain) for chain in range(draws.n_chains)] for q in bad]).max(axis=0)
    fine = np.flatnonzero(left <= LARGEST_RHAT)
    if len(fine) != 1:
        return []
    chain = int(fine[0])
    gap = _gap(draws, chain)
    if gap > 0:  # then it is the others that have not found the better place
        what = f"chain {chain} disagrees with the other chains: mean log density {gap:.3g} higher"
        advice = f"the others missed this mode: run longer, or start all chains from the state of chain {chain}"
        return [Finding("stuck chains", FAILURE, what, advice)]
    advice = f"give chain {chain} other start values, or leave it out"
    place = f"mean log density {-gap:.3g} lower"
    if gap == 0:
        advice = "run longer, or with tempering, until chains cross: neither mode has the higher log density"
        place = _place(chain, bad[0])
    what = f"chain {chain} disagrees with the other chains: {place}"
    return [Finding("stuck chain", FAILURE, what, advice)]


def _without(q: Quantity, chain: int) -> float:
    """R-hat of the other chains; 1 where all of them stand still at one place."""
    rhat = mixing(np.delete(q.draws, chain, axis=0)[None], q.group.circular).rhat[0]
    return 1.0 if np.isnan(rhat) else float(rhat)


def _gap(draws: Draws, chain: int) -> float:
    """By how much a chain's mean log density is above that of the others; 0 where that is within their spread."""
    density = draws.statistics.get("lp", np.zeros((draws.n_chains, draws.n_draws)))
    others = np.delete(density, chain, axis=0)
    with np.errstate(invalid="ignore"):  # minus infinity, where a user's step left impossible draws
        gap = float(density[chain].mean() - others.mean())
        return gap if abs(gap) > 2.0 * others.std() else 0.0


def _place(chain: int, q: Quantity) -> str:
    """Where a chain is, by a quantity."""
    average = mean_direction if q.group.circular else np.mean
    mean, usual = float(average(q.draws[chain])), float(average(np.delete(q.draws, chain, axis=0)))
    return f"mean {in_sentence(q.label)} {mean:.4g} vs {usual:.4g}"


def few(draws: Draws, facts: Facts, quantities: Sequence[Quantity]) -> Iterator[Finding]:
    """Too few effective draws of chains that agree; where they do not, their number means nothing."""
    least, worst = least_certain(quantities), worst_rhat(quantities)
    wanted = enough(draws)
    if least is None or least.effective >= wanted or (worst is not None and worst.rhat > LARGEST_RHAT):
        return
    what = f"few effective draws: min ESS {least.effective:.0f} ({in_sentence(least.label)}) in {size_of(draws)}"
    more = draws.n_draws * facts.thin * (wanted / max(least.effective, 1.0) - 1.0)
    advice = f"about {rounded_up(more)} more iterations of each chain would give {wanted}"
    yield Finding("few effective draws", WARNING, what, advice)


def enough(draws: Draws) -> int:
    """Effective draws that a run should have."""
    return max(FEWEST_EFFECTIVE, FEWEST_OF_CHAIN * draws.n_chains)


def one_chain(draws: Draws) -> Iterator[Finding]:
    """That there is one chain only."""
    if draws.n_chains == 1:
        what = "one chain: R-hat compares its halves, and a mode that it did not visit goes unseen"
        yield Finding("one chain", NOTE, what, "run several (chains=4)")
