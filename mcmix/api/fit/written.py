"""What a fit ends with: rows with their groups, draws, the page, and the sentences on the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mcmix as mc
from mcmix.api.compare import Comparison
from mcmix.api.fit.job import BY_GROUP, COMPARISON, DRAWS, ROWS, Job, draws_of, listed
from mcmix.api.fit.parts import names_of
from mcmix.api.fit.patience import alive
from mcmix.api.fit.rows import write_rows
from mcmix.api.groups import DEGREES, Groups
from mcmix.api.in_words import Known, in_words
from mcmix.api.posterior import Posterior
from mcmix.api.posterior_components import PosteriorComponents
from mcmix.api.report import About, page_about
from mcmix.screen import say


@dataclass(frozen=True)
class Outcome:
    """What came out.

    Attributes
    ----------
    number : int
        Of groups that are reported.
    groups : Groups or None
    why_none : str
        Why no groups can be told, where they cannot.
    trusted : bool
        What the diagnosis says.
    comparison : Comparison, optional
        Of several numbers of components.
    numbers : sequence of int
        That were compared.
    probability : float, optional
        Of the reported number among them.
    criterion : str
        By which it was chosen, in words.
    aside : str
        Which numbers did not count, and why.
    found : PosteriorComponents, optional
        Where the number was an unknown of the model.
    given : Posterior, optional
        Then, the posterior given the reported number.
    weights : str
        Prior of the weights, in words.
    """

    number: int
    groups: Groups | None
    why_none: str
    trusted: bool
    comparison: Comparison | None = None
    numbers: Sequence[int] = ()
    probability: float | None = None
    criterion: str = "the criterion that was chosen"
    aside: str = ""
    found: PosteriorComponents | None = None
    given: Posterior | None = None
    weights: str = "Weights ~ Dirichlet(1, ..., 1)."


def units_of_data(job: Job) -> dict[str, tuple[float, str]]:
    """Of data that are angles in degrees, what the model's numbers are multiplied with on the page, and the unit."""
    parts = job.choice.parts
    return {name: DEGREES for part, name in zip(parts, names_of(parts), strict=True) if part.unit == "degrees"}


def write(job: Job, m: mc.MCMC, out: Outcome) -> None:
    """Write everything about the sampler that is reported, and say it."""
    wish, units = job.wish, units_of_data(job)
    with alive("still writing which row belongs where"):
        links = _files(job, out)
    if out.groups is None:
        say(f"no groups can be told: {out.why_none}")
    about = About(
        f"{listed(job.kept.columns)}: {out.number} group{'s' if out.number > 1 else ''}", out.comparison, wish.command,
        _notes(job, out), groups=out.groups, data=listed(job.kept.columns), numbers=out.numbers,
        probability=out.probability, criterion=out.criterion, units=units, links=links, aside=out.aside,
        rows=ROWS if ROWS in dict(links) else "", found=out.found, given=out.given,
    )  # fmt: skip
    say("drawing the page")
    with alive("still drawing the page"):
        page = page_about(m, wish.folder, about)
    if out.groups is not None:
        known = Known(
            about.data, out.number, out.probability, out.numbers, out.criterion, trusted=out.trusted, aside=out.aside,
            rows=about.rows, found=out.found,
        )  # fmt: skip
        say("\n".join(in_words(out.groups, known)))
    say("written: " + ", ".join(map(str, [page, *(wish.folder / name for name, _ in links)])))


def _notes(job: Job, out: Outcome) -> list[str]:
    priors = [
        f"Prior of {', '.join(p.columns[:3])}{' ...' if len(p.columns) > 3 else ''}: {p.prior}."
        for p in job.choice.parts
    ]
    stopped = ["The run was stopped before its end."] if job.stopped else []
    return [*stopped, *(f"{n[:1].upper()}{n[1:]}." for n in job.notes), *priors, out.weights]


def _files(job: Job, out: Outcome) -> list[tuple[str, str]]:
    """Put draws in their place, write rows.csv; returns the files beside the page, each with what it holds."""
    wish = job.wish
    found = []
    if out.groups is not None and out.number > 1:
        write_rows(wish.file, job.table.raw, job.used, out.groups, wish.folder / ROWS)
        found.append((ROWS, "every row with its group, the group's probability, and whether that is doubtful"))
    _keep_draws(job, out.number)
    found.append((DRAWS, "draws, for ArviZ"))
    if out.given is not None:
        found.append((BY_GROUP, f"parameters by group, of the draws that have {out.number} groups, for ArviZ"))
    if out.comparison is not None:
        found.append((COMPARISON, "scores of each number of groups"))
    return found


def _keep_draws(job: Job, best: int) -> None:
    """Let draws of the number that is reported be the only ones."""
    drawn: Mapping[int, mc.MCMC] = {} if job.wish.is_unknown else job.samplers
    for k in drawn:
        if k != best:
            draws_of(k, job.wish).unlink(missing_ok=True)
    if drawn:
        draws_of(best, job.wish).replace(job.wish.folder / DRAWS)


__all__ = ["Outcome", "units_of_data", "write"]
