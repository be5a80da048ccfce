"""m.report("folder"): what a run says, on one page that needs nothing else."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mcmix._version import __version__
from mcmix.api.compare import Comparison
from mcmix.api.diagnosis import in_full
from mcmix.api.memberships import classify
from mcmix.api.partitions import Partition, occupied, partition, similarity
from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.api.relabel import relabel
from mcmix.api.sources import names_in_container
from mcmix.api.symmetries import roles_of
from mcmix.errors import ModelError
from mcmix.report import arviz_bridge, plots
from mcmix.report.frames import summary_frame
from mcmix.report.labels.methods import CITED
from mcmix.report.page import Page, Picture, Section, written
from mcmix.steps.explain import explanation
from mcmix.traces.memory import Draws

PAGE = "report.html"
PACKAGES = ("numpy", "scipy", "numba", "arviz", "pandas", "matplotlib")
MOST_ROWS = 400  # in the picture of similarities; more are thinner than a dot
MOST_SUMMARISED = 60  # elements of a variable in the table of the posterior
MOST_SEARCHED = 5000  # units that a partition is searched for

Attempt = tuple[Callable[[], Any], str]  # a figure and its caption


@dataclass(frozen=True)
class Named:
    """Draws with one name for each component; `plots` ask it for its draws. `found` is what relabelling returned."""

    kept: Draws
    note: str
    found: Any = None

    def draws(self) -> Draws:
        """The draws."""
        return self.kept


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
    """Write a page about a run: verdict, tables, figures, the model, and how to repeat it.

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
    """
    kept = m.draws(calls)
    target = _checked_folder(folder) / PAGE
    diagnosis = in_full(m, m.draws(calls))
    names = _named(m, kept, calls)
    sections = [
        _posterior(m, names),
        *([] if comparison is None else [_compared(comparison)]),
        _fit(m),
        _chains(m, names, kept),
        *_labels(m, calls),
        Section("Diagnosis", [str(f) for f in diagnosis.findings], diagnosis.table),
        Section("Model", notes, lines=[*str(m.model).splitlines(), "", *str(explanation(m.assembled)).splitlines()]),
    ]
    page = Page(
        title or f"Posterior of {', '.join(n.name for n in m.model.data_nodes) or m.name}",
        diagnosis.verdict,
        diagnosis.ok,
        [s for s in sections if s.paragraphs or s.lines or s.pictures or s.table is not None],
        _facts(m, kept),
        command or _call(m, kept),
    )
    return written(page, target)


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


# -------------------------------------------------------------------- sections


def _named(m: PosteriorDraws, kept: Draws, calls: str) -> Named:
    """Draws under one name for each component, where names mean nothing by themselves."""
    try:
        found = relabel(m, calls=calls)
    except ModelError:  # every name has a meaning of its own
        return Named(kept, "")
    variables, statistics = arviz_bridge.draws_of(found)
    ours = names_in_container(found)  # of variables whose names files cannot hold
    same = {ours.get(name, name): x for name, x in variables.items() if ours.get(name, name) in kept.variables}
    return Named(Draws(same, statistics, angles=kept.angles), " ".join(_said_of_names(found.attrs)), found)


def _said_of_names(attributes: Mapping[str, Any]) -> list[str]:
    """How components were named, a sentence or two for each label vector."""
    found = []
    for own in [k.removeprefix("relabelling reason") for k in attributes if k.startswith("relabelling reason")]:
        method, reason = attributes[f"relabelling{own}"], attributes[f"relabelling reason{own}"]
        changed = float(attributes[f"relabelling changed{own}"])
        vector = f" of{own}" if own else ""
        said = f"Label switching{vector} was undone with {CITED.get(method, method)}; labels were permuted in"
        found.append(f"{said} {changed:.0%} of the draws. Method: {method} ({reason}).")
        trading = str(attributes[f"relabelling switching{own}"])
        found += [] if trading.startswith("no ") else [f"Note that {trading}."]
    return found


def _posterior(m: PosteriorDraws, names: Named) -> Section:
    labels = {n.name for n in m.assembled.labels}
    reported = [n for n, x in names.kept.variables.items() if n not in labels and x[0, 0].size <= MOST_SUMMARISED]
    table = summary_frame(names.kept, reported) if reported else None
    attempts: list[Attempt] = []
    if names.found is not None:
        caption = "Parameters by component, relabelled (filled) and as sampled (outlined)."
        attempts.append((lambda: plots.components(names.found), caption))
    others = _without_components(m, reported) if names.found is not None else reported
    if others:
        attempts.append((lambda: plots.facets(names, others), "Posterior of each, with mean and 95 % interval."))
    if m.model.data_nodes:
        attempts.append((lambda: plots.prior_posterior(m), "Prior (outlined) and posterior (filled)."))
    pictures, missing = _tried(attempts)
    return Section("Posterior", [*filter(None, [names.note]), *missing], table, pictures)


def _without_components(m: PosteriorDraws, reported: Sequence[str]) -> list[str]:
    """Variables that are no component's."""
    roles = roles_of(m).values()
    theirs = {name for r in roles for table in r.tables for name, _ in table}
    return [n for n in reported if n not in theirs.union(*[r.complements for r in roles])]


def _compared(comparison: Comparison) -> Section:
    pictures, missing = _tried([(lambda: plots.comparison(comparison), "Evidence and scores of the models.")])
    return Section("Models compared", [comparison.reading, *missing], comparison.table, pictures)


def _fit(m: PosteriorDraws) -> Section:
    attempts: list[Attempt] = []
    labels = {n.name for n in m.assembled.labels}  # known ones are data too, of which there is nothing to draw here
    for name, data in m.observed_data().items():
        if name in labels:
            continue
        if data.ndim == 1:
            caption = f"Data {name}, and the posterior predictive density with its 95 % band."
            attempts.append((lambda name=name: plots.density(m, name), caption))  # type: ignore[misc]
        elif data.ndim == 2 and data.shape[1] > 1:
            caption = f"Data {name} in the first two columns, and the components of some draws."
            attempts.append((lambda name=name: plots.ellipses(m, node=name), caption))  # type: ignore[misc]
        caption = f"Data {name} beside replicates of them from the posterior."
        attempts.append((lambda name=name: plots.predictive_check(m, name), caption))  # type: ignore[misc]
    pictures, missing = _tried(attempts)
    return Section("Fit", missing, pictures=pictures)


def _chains(m: PosteriorDraws, names: Named, kept: Draws) -> Section:
    ranked = "Ranks of each chain's draws among all draws: flat where chains agree."
    pictures, missing = _tried(
        [
            (lambda: plots.trace(names), "Every chain's draws, in order and as histograms."),
            (lambda: plots.ranks(names), ranked),
        ]
    )
    return Section("Chains", missing, pictures=pictures)


def _labels(m: PosteriorDraws, calls: str) -> list[Section]:
    """Partition and number of components, where labels can be had."""
    if not m.assembled.labels:
        return []
    try:
        found = partition(m, calls=calls)
    except ModelError as error:
        return [Section("Partition", [f"No partition: {error}"])]
    rows = _some_rows(found)
    attempts: list[Attempt] = [
        (lambda: plots.occupied(occupied(m, calls=calls)), "Posterior of the number of components that hold rows."),
        (
            lambda: plots.similarity(similarity(m, rows=rows, calls=calls), found.labels[rows]),
            "How often two rows share a component; rows by cluster of the point estimate.",
        ),
        (
            lambda: plots.memberships(classify(m, calls=calls)),
            "Probabilities of components for each row, rows by class; below, the doubtful rows alone.",
        ),
    ]
    pictures, missing = _tried(attempts)
    said = str(found).replace("<", "").replace(">", "")
    return [Section("Partition", [said, *missing], pictures=pictures)]


def _some_rows(found: Partition) -> np.ndarray:
    n = found.labels.size
    return np.unique(np.linspace(0, n - 1, min(n, MOST_ROWS)).round().astype(int))


def _tried(attempts: Sequence[Attempt]) -> tuple[list[Picture], list[str]]:
    """The figures that can be drawn, and why others cannot."""
    pictures, missing = [], []
    for draw, caption in attempts:
        try:
            pictures.append(Picture(draw(), caption))
        except Exception as error:  # a page that lacks a figure is worth more than no page
            missing.append(f"Left out ({caption.rstrip('.').lower()}): {error}")
    return pictures, missing


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


__all__ = ["report"]
