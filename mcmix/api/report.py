"""m.report("folder"): what a run says, on one page that needs nothing else."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mcmix._version import __version__
from mcmix.api.compare import Comparison
from mcmix.api.diagnosis import in_full
from mcmix.api.groups import Groups, groups_or_reason
from mcmix.api.in_words import Known, in_words
from mcmix.api.page_sections import (
    Told,
    depth,
    fit_section,
    groups_section,
    missing_section,
    number_section,
    sure_section,
)
from mcmix.api.partitions import occupied
from mcmix.api.posterior_components import PosteriorComponents
from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.api.relabelled_draws import named_draws
from mcmix.errors import ModelError
from mcmix.report.diagnosis.result import Diagnosis
from mcmix.report.page import Page, Section, written
from mcmix.traces.memory import Draws

PAGE = "report.html"
MOST_LABELS = 2 * 10**8  # rows and draws that are looked at for whether groups have rows
SURELY = 30.0  # rows that a group expects; independent labels leave it without any once in exp(30) times
PACKAGES = ("numpy", "scipy", "numba", "arviz", "pandas", "matplotlib")


@dataclass(frozen=True)
class About:
    """What is known of a run beside its draws.

    Attributes
    ----------
    title : str, optional
    comparison : Comparison, optional
    command : str
        What repeats the run.
    notes : sequence of str
        More to say of the data.
    calls : {"last", "all"}
    groups : Groups, optional
        Where they were found already.
    data : str
        What the rows are of; by default the names of the data nodes.
    numbers : sequence of int
        Of groups, that were compared.
    probability : float, optional
        Of the reported number among them.
    criterion : str
        By which it was chosen, in words.
    units : mapping of str to (float, str)
        By data node: what its numbers are multiplied with on the page, and the unit they then have.
    links : sequence of (str, str)
        Files beside the page, each with what it holds.
    aside : str
        Which numbers of groups did not count, and why.
    rows : str
        The file beside the page that marks doubtful rows.
    found : PosteriorComponents, optional
        Where the number of groups was an unknown of the model.
    given : Posterior, optional
        Then, the posterior given the number of groups that is told of.
    """

    title: str | None = None
    comparison: Comparison | None = None
    command: str = ""
    notes: Sequence[str] = ()
    calls: str = "last"
    groups: Groups | None = None
    data: str = ""
    numbers: Sequence[int] = ()
    probability: float | None = None
    criterion: str = "the criterion that was chosen"
    units: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    links: Sequence[tuple[str, str]] = ()
    aside: str = ""
    rows: str = ""
    found: PosteriorComponents | None = None
    given: PosteriorDraws | None = None


def report(
    m: PosteriorDraws,
    folder: str | Path,
    *,
    title: str | None = None,
    comparison: Comparison | None = None,
    command: str = "",
    notes: Sequence[str] = (),
    calls: str = "last",
) -> Path:
    """Write a page about a run: what it says in plain words, figures, tables, verdict, the model, how to repeat it.

    Parameters
    ----------
    m : MCMC
        After sampling.
    folder : str or Path
        Made if need be; the page is ``report.html`` in it, one file that holds its figures and asks no other host.
    title : str, optional
    comparison : Comparison, optional
        From :func:`mcmix.compare`; its table and picture go on the page.
    command : str
        What repeats the run; by default the call of ``sample``.
    notes : sequence of str
        More to say of the data.
    calls : {"last", "all"}

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ModelError
        If nothing was drawn yet, or the folder cannot be written.

    Notes
    -----
    Groups are the components of the first label vector, under the names that :func:`mcmix.classify` gives them: group
    A is component 0. A group's mean and standard deviation are those of the rows, each counted by the probability that
    it belongs to the group, averaged over draws. Rows are doubtful whose group has a probability below 95 %.
    """
    return page_about(m, folder, About(title, comparison, command, notes, calls))


def page_about(m: PosteriorDraws, folder: str | Path, about: About) -> Path:
    """Write the page; see :func:`report`."""
    m.rows.refuse_weighted("report")
    kept = m.draws(about.calls)
    target = _checked_folder(folder) / PAGE
    diagnosis = in_full(m, kept)
    groups, why_none = (about.groups, "") if about.groups else groups_or_reason(m, about.calls, about.units)
    given = m if about.given is None else about.given
    names = named_draws(given, given.draws(about.calls), about.calls)
    told = Told(m, kept, about.calls, names, groups, dict(about.units), about.comparison, about.found, given)
    page = Page(
        about.title or f"Posterior of {', '.join(n.name for n in m.model.data_nodes) or m.name}",
        verdict_of(diagnosis, told.is_relabelled),
        diagnosis.ok,
        [s for s in _sections(told, diagnosis, why_none, about.notes) if not s.is_empty],
        _facts(m, kept),
        about.command or _call(m, kept),
        [] if groups is None else in_words(groups, _known(told, about, diagnosis.ok)),
        about.links,
    )
    return written(page, target)


def _sections(told: Told, diagnosis: Diagnosis, why_none: str, notes: Sequence[str]) -> list[Section]:
    """The fit, the groups, how sure, the diagnosis; below them what takes statistics to read."""
    return [
        fit_section(told),
        groups_section(told, why_none),
        number_section(told),
        sure_section(told),
        missing_section(told),
        Section("Data and model", notes),
        _diagnosis_section(diagnosis, told.is_relabelled, tuple(told.data)),
        *depth(told),
    ]


def _diagnosis_section(diagnosis: Diagnosis, relabelled: bool, data: tuple[str, ...]) -> Section:
    """Findings, and the table of every quantity; missing cells of data have a section of their own."""
    found = [str(f) for f in diagnosis.findings if not (relabelled and f.kind.startswith("label switching"))]
    cells = [str(row).startswith(tuple(f"{name}[" for name in data)) for row in diagnosis.table.index]
    shown = diagnosis.table[[not cell for cell in cells]]
    table = Section("Every quantity: means, R-hat, effective sample sizes", table=shown)
    return Section("Diagnosis", [said for said in found if said not in diagnosis.verdict], details=[table])


def verdict_of(diagnosis: Diagnosis, relabelled: bool) -> str:
    """The verdict; nothing of label switching where the tables are relabelled."""
    switching = {str(f) for f in diagnosis.findings if f.kind == "label switching present"} if relabelled else set()
    return "\n".join(line for line in diagnosis.verdict.splitlines() if line not in switching)


def _known(told: Told, about: About, trusted: bool) -> Known:
    assert told.groups is not None
    number = len(told.groups.names)
    data = about.data or ", ".join(c.title for c in told.groups.columns[:3]) or told.m.name
    occupied_all = None if about.found is not None else _all_occupied(told, number)
    return Known(
        data, number, about.probability, about.numbers, about.criterion, occupied_all, trusted, about.aside, about.rows,
        about.found,
    )  # fmt: skip


def _all_occupied(told: Told, number: int) -> float | None:
    """Share of draws in which every group has rows; None where labels cannot be had.

    Where labels would be too many to look at, groups that expect more rows than `SURELY` have some.
    """
    assert told.groups is not None
    rows = len(told.groups.memberships.probabilities)
    if rows * told.kept.n_chains * told.kept.n_draws > MOST_LABELS:
        return float((told.groups.shares * rows > SURELY).all(axis=1).mean())
    try:
        shares = occupied(told.m, calls=told.calls)
    except ModelError:
        return None
    return float(shares[number]) if len(shares) > number else 0.0


def _checked_folder(folder: Any) -> Path:
    """A folder that can be written to; it is made."""
    if not isinstance(folder, (str, Path)):
        raise ModelError(f"report: expected the path of a folder, got {folder!r}")
    if Path(folder).exists() and not Path(folder).is_dir():
        raise ModelError(f"report: expected a folder, got the file {folder}")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"report: the folder {folder} cannot be made: {error.strerror}") from error
    return Path(folder)


# -------------------------------------------------------------------- how to repeat it


def _facts(m: PosteriorDraws, kept: Draws) -> dict[str, str]:
    seed = m.seed_sequence
    return {
        "draws": f"{kept.n_chains} chains x {kept.n_draws}",
        "seed": "unknown" if seed is None else str(seed.entropy),
        "sampling": f"{m.sampling_wall_seconds:.2f} s",
        "mcmix": __version__,
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        **{name: version(name) for name in PACKAGES},
    }


def _call(m: PosteriorDraws, kept: Draws) -> str:
    """The call of sample, as it would be written."""
    seed = None if m.seed_sequence is None else m.seed_sequence.entropy
    iterations, burn, thin = m.lengths
    return f"MCMC(model).sample({iterations}, burn={burn}, thin={thin}, chains={kept.n_chains}, seed={seed})"


__all__ = ["About", "page_about", "report", "verdict_of"]
