"""The sections of a report's page: the fit, the groups, how sure, missing cells; then what takes statistics to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.api.compare import Comparison
from mcmix.api.diagnosis import of_no_fixed_number
from mcmix.api.groups import Groups
from mcmix.api.in_words import MOST_COLUMNS, doubtful, groups_table, percent, profile_table
from mcmix.api.missing_cells import missing_cells
from mcmix.api.partitions import Partition, occupied, partition, similarity
from mcmix.api.picture_words import about_columns, about_density, about_occupied, about_partition, about_posterior
from mcmix.api.posterior_components import PosteriorComponents, posterior_components
from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.api.relabelled_draws import Named
from mcmix.api.symmetries import roles_of
from mcmix.errors import ModelError
from mcmix.report import plots
from mcmix.report.frames import summary_frame, table_frame
from mcmix.report.page import Picture, Section
from mcmix.report.page.page import DOTS_PER_INCH
from mcmix.report.plots.profile import FEW_COLUMNS, profile
from mcmix.report.plots.sources import small_axes
from mcmix.steps.explain import explanation
from mcmix.traces.memory import Draws

SMALL_DOTS = 160  # for each inch, of small figures
MOST_ROWS = 400  # in the picture of similarities; more are thinner than a dot
MOST_SUMMARISED = 60  # elements of a variable in the table of the posterior
MOST_PARTED = 20_000  # units of which a partition is searched: the search costs units times draws
SEEN = 0.0005  # probability from which a number of groups has a row
MOST_PANELS = 3  # columns of which there is a density each
MOST_SHOWN = 12  # columns in the table of groups; all are in a folded one
MOST_COMPARED = 100  # columns of data whose parameters are drawn from their prior
MOST_CELLS = 2_000_000  # numbers in a replicate of the data
REPLICATES, MOST_REPLICATED = (
    (12, 60),
    2 * 10**7,
)  # fewest and most replicates, and numbers in them beyond which they are few

Words = str | Callable[[Any], str]


@dataclass(frozen=True)
class Attempt:
    """A figure that may fail to be drawn: what draws it, how it is read, what it shows (words, or from the figure)."""

    draw: Callable[[], Any]
    caption: str
    shows: Words = ""
    small: bool = False


@dataclass(frozen=True)
class Told:
    """What the sections are made from."""

    m: PosteriorDraws
    kept: Draws
    calls: str
    names: Named
    groups: Groups | None
    units: dict[str, tuple[float, str]]
    comparison: Comparison | None
    found: PosteriorComponents | None
    given: PosteriorDraws

    @property
    def is_relabelled(self) -> bool:
        """Whether tables by component are under one name for each."""
        return self.names.found is not None

    @property
    def data(self) -> dict[str, np.ndarray]:
        """The data by node, known labels apart."""
        labels = {n.name for n in self.m.assembled.labels}
        return {name: x for name, x in self.m.observed_data().items() if name not in labels}


def _tried(attempts: Sequence[Attempt]) -> tuple[list[Picture], list[str]]:
    """The figures that can be drawn, and why others cannot."""
    pictures, missing = [], []
    for a in attempts:
        try:
            figure = a.draw()
            shows = a.shows if isinstance(a.shows, str) else a.shows(figure)
            pictures.append(Picture(figure, a.caption, shows, SMALL_DOTS if a.small else DOTS_PER_INCH))
        except Exception as error:  # a page that lacks a figure is worth more than no page
            missing.append(f"Left out ({a.caption.rstrip('.').lower()}): {error}")
    return pictures, missing


# -------------------------------------------------------------------- for everybody


def fit_section(told: Told) -> Section:
    """The fit over the data."""
    attempts: list[Attempt] = []
    for name, data in told.data.items():
        if data.ndim == 1 and len(attempts) < MOST_PANELS:
            attempts.append(_density(told, name, data))
        elif data.ndim == 2 and data.shape[1] > 1 and _has_ellipses(told, name):
            caption = "The rows in the first two columns, and where the groups lie in some draws from the posterior."
            attempts.append(
                Attempt(
                    lambda name=name: plots.ellipses(told.given, node=name, like=_probabilities(told)),  # type: ignore[misc]
                    caption,
                    about_columns(told.groups, len(data)),
                )
            )
    if told.groups is not None and len(told.groups.columns) > 1 and _says_something(told.groups):
        attempts.append(_profile(told.groups))
    pictures, missing = _tried(attempts)
    return Section("Fit", missing, pictures=pictures)


def _probabilities(told: Told) -> np.ndarray | None:
    """Of the rows' groups, where there are several."""
    several = told.groups is not None and len(told.groups.names) > 1
    return told.groups.memberships.probabilities if several and told.groups is not None else None


def _says_something(groups: Groups) -> bool:
    """Whether places of groups in their columns are no zeros: of one group, means lie at the columns' means."""
    return len(groups.names) > 1 or all(c.kind == "binary" for c in groups.columns)


def _has_ellipses(told: Told, name: str) -> bool:
    node = next(n for n in told.m.model.data_nodes if n.name == name)
    return node.family is not None and node.family.name in ("Normal", "MvNormal", "MvNormalCov", "MvNormalChol")


def _density(told: Told, name: str, data: np.ndarray) -> Attempt:
    unit = told.units.get(name, (1.0, ""))

    def drawn() -> Any:
        angle = next(n for n in told.m.model.data_nodes if n.name == name).is_circular
        grid = np.linspace(-np.pi, np.pi, 400) if angle else None
        axes = small_axes()
        figure = plots.density(told.m, name, grid=grid, axes=axes)
        if unit[1] == "degrees":
            _in_degrees(figure.axes[0])
        return figure

    caption = "The data (bars), and the distribution that was fitted to them (line or dots) with its 95 % band."
    return Attempt(drawn, caption, lambda figure: about_density(figure, name, data, unit), small=True)


def _in_degrees(axes: Any) -> None:
    """Marks of an axis in radians as a compass has them."""
    marks = np.arange(-180, 181, 45)
    axes.set_xticks(np.radians(marks), [f"{mark % 360}°" if mark < 180 else "180°" for mark in marks])
    axes.set(xlabel=axes.get_xlabel().partition(" (")[0] + " (degrees)", ylabel="density (per radian)")


def _profile(groups: Groups) -> Attempt:
    """Where groups lie in each column: shares of ones, else distances from the column's mean in its deviations."""
    binary = all(c.kind == "binary" for c in groups.columns)
    shown = [c for c in groups.columns if c.kind != "angle"]
    if binary:
        centres, axis = np.array([c.typical for c in shown]), "share of ones"
    else:
        rows = [(c.typical - c.overall[0]) / (c.overall[1] or 1.0) for c in shown]
        centres, axis = np.array(rows), "mean, in standard\ndeviations of the column"
    caption = f"Where each group lies in each column: {'its share of ones' if binary else 'its mean'}."
    words = about_columns(groups, len(groups.memberships.probabilities))
    few = len(shown) <= FEW_COLUMNS
    return Attempt(lambda: profile(centres, [c.title for c in shown], groups.names, axis), caption, words, few)


def groups_section(told: Told, why_none: str) -> Section:
    """Shares, typical values and spreads."""
    groups = told.groups
    if groups is None and told.m.assembled.structure.numbers:
        found = posterior_components(told.m, calls=told.calls)
        more = "Groups of a varying number have no names that last; which rows belong together is below (Partition)."
        return _numbers(found, "Groups", more)
    if groups is None:
        return Section("Groups", [f"Groups are not told: {why_none}"] if why_none else [])
    said = []
    if len(groups.names) > 1:
        said = [
            "Each row counts for a group by the probability that it belongs to it; sd is the standard deviation of the "
            "group's rows. Group A is component 0 of the tables below, B is component 1, and so on."
        ]
    table = table_frame(groups_table(groups), groups.names)
    if len(groups.columns) <= MOST_COLUMNS:
        return Section("Groups", said, table)
    several = "Mean ± standard deviation of the columns that tell the groups apart best; of items, the share of ones."
    frame = table_frame(profile_table(groups), [c.title for c in groups.columns])
    order = np.argsort([-np.nanmax(c.contrast) if np.isfinite(c.contrast).any() else 0.0 for c in groups.columns])
    shown = frame.iloc[order[:MOST_SHOWN]] if len(frame) > MOST_SHOWN else frame
    rest = [Section("All columns", table=frame)] if len(frame) > MOST_SHOWN else []
    by_column = Section(several if rest else several.replace(" that tell the groups apart best", ""), table=shown)
    return Section("Groups", said, table, details=rest, below=by_column)


def _numbers(found: PosteriorComponents, title: str, more: str) -> Section:
    """How many groups there are, where that is an unknown of the model."""
    kept = np.flatnonzero(np.maximum(found.components, found.clusters) >= SEEN)
    frame = found.to_frame()[["number", "clusters", "clusters_prior", "components", "prior", "log_evidence"]]
    said = (
        f"Their number is an unknown of the model. Most often {found.most_clusters} of them hold rows "
        f"({percent(found.clusters.max())} of the draws). {more}"
    )
    caption = "The number of groups with rows, and that of the model's components: bars after the data, lines before."
    words = about_occupied(np.concatenate([[0.0], found.clusters]))
    pictures, missing = _tried([Attempt(lambda: plots.posterior_components(found), caption, words)])
    return Section(title, [said, *missing], frame.iloc[: int(kept.max()) + 1].set_index("number"), pictures)


def number_section(told: Told) -> Section:
    """How many groups there are, where groups of the most probable number are told of."""
    if told.found is None:
        return Section("How many groups")
    k = told.found.most_clusters
    more = f"What this page says by group is about the draws that have {k} groups."
    return _numbers(told.found, "How many groups", more)


def sure_section(told: Told) -> Section:
    """How sure the number of groups and the group of each row are."""
    said = []
    attempts: list[Attempt] = []
    if told.comparison is not None:
        comparison = told.comparison
        said.append(f"{comparison.reading[:1].upper()}{comparison.reading[1:]}.")
        caption = "Each number of groups by several scores, as its distance from the best one, which is orange."
        numbers = all(str(name).isdigit() for name in comparison.table.index)
        label = "groups" if numbers else "model"
        attempts.append(Attempt(lambda: plots.comparison(comparison, label=label), caption, comparison.reading))
    if told.groups is not None and len(told.groups.names) > 1:
        found = told.groups.memberships
        caption = "Probabilities of the groups for each row, rows by group; below, the doubtful rows alone."
        letters = told.groups.names
        attempts.append(Attempt(lambda: _lettered(plots.memberships(found), letters), caption, doubtful(told.groups)))
    pictures, missing = _tried(attempts)
    return Section("How sure", [*said, *missing], pictures=pictures)


def _lettered(figure: Any, names: Sequence[str]) -> Any:
    """A picture of memberships with the groups' letters in the place of the components' numbers."""
    for axes in figure.axes:
        marks = [text.get_text() for text in axes.get_xticklabels()]
        if any(mark.partition(" ")[0].isdigit() for mark in marks):
            axes.set_xticks(axes.get_xticks(), [_letter(mark, names) for mark in marks])
        axes.set_xlabel(axes.get_xlabel().replace("class", "group"))
        axes.set_title(
            axes.get_title(loc="left").replace("class", "group's probability"), fontsize=9, loc="left", pad=10
        )
        legends = [axes.get_legend()] if axes.get_legend() else []
        for legend in [*legends, *figure.legends]:
            legend.get_title().set_text("group")
            for text in legend.get_texts():
                text.set_text(_letter(text.get_text(), names))
    return figure


def _letter(text: str, names: Sequence[str]) -> str:
    number, mark, rest = text.partition(" ")
    return names[int(number)] + mark + rest if number.isdigit() and int(number) < len(names) else text


def missing_section(told: Told) -> Section:
    """Missing cells by column and by row."""
    found = missing_cells(told.m)
    details = [
        part
        for cells in found
        for part in (
            Section("By column", table=cells.by_column),
            Section("By row, those with the most first", table=cells.by_row),
        )
    ]
    return Section("Missing cells", [cells.said for cells in found], details=details)


# -------------------------------------------------------------------- in depth


def depth(told: Told) -> list[Section]:
    """Folded sections."""
    lines = [*str(told.m.model).splitlines(), "", *str(explanation(told.m.assembled)).splitlines()]
    compared = Section("Models compared", table=None if told.comparison is None else told.comparison.table, folded=True)
    return [
        _posterior(told),
        compared,
        _checks(told),
        _chains(told),
        *_labels(told),
        Section("Model", lines=lines, folded=True),
    ]


def _posterior(told: Told) -> Section:
    """The table of the parameters, under one name for each component, then how they were named."""
    m, names = told.given, told.names
    apart = {n.name for n in m.assembled.labels} | set(told.data)  # labels, and missing entries of data
    apart |= of_no_fixed_number(m)  # such components have no names
    reported = [n for n, x in names.kept.variables.items() if n not in apart and x[0, 0].size <= MOST_SUMMARISED]
    table = summary_frame(names.kept, reported) if reported else None
    attempts: list[Attempt] = []
    words = about_posterior(names.kept, reported)
    if names.found is not None:
        caption = "Parameters by component, relabelled (filled) and as sampled (outlined)."
        attempts.append(Attempt(lambda: plots.components(names.found), caption, words))
    others = _without_components(m, reported) if names.found is not None else reported
    if others:
        caption = "Posterior of each, with mean and 95 % interval."
        attempts.append(Attempt(lambda: plots.facets(names, others), caption, words))
    if m.model.data_nodes and all(x[:1].size <= MOST_COMPARED for x in told.data.values()):
        attempts.append(Attempt(lambda: plots.prior_posterior(m), "Prior (outlined) and posterior (filled).", words))
    pictures, missing = _tried(attempts)
    named = [Section("How components were named", [names.note])] if names.note else []
    return Section("Posterior of the parameters", missing, table, pictures, folded=True, details=named)


def _without_components(m: PosteriorDraws, reported: Sequence[str]) -> list[str]:
    """Variables that are no component's."""
    roles = roles_of(m).values()
    theirs = {name for r in roles for table in r.tables for name, _ in table}
    return [n for n in reported if n not in theirs.union(*[r.complements for r in roles])]


def _checks(told: Told) -> Section:
    attempts = []
    for name, data in list(told.data.items())[:MOST_PANELS]:
        if data.size <= MOST_CELLS:
            called = "The data" if len(told.data) == 1 else f"The data {name}"
            caption = f"{called} beside replicates of them from the posterior."
            words = f"Histogram of {data.size} values of {name} among histograms of data that the model would draw."
            copies = int(np.clip(MOST_REPLICATED // data.size, *REPLICATES))
            attempts.append(
                Attempt(
                    lambda name=name, n=copies: plots.predictive_check(told.m, name, draws=n),  # type: ignore[misc]
                    caption,
                    words,
                )
            )
    pictures, missing = _tried(attempts)
    return Section("Check of the fit", missing, pictures=pictures, folded=True)


def _chains(told: Told) -> Section:
    chains = f"{told.kept.n_chains} chain{'s' * (told.kept.n_chains > 1)}"
    words = about_posterior(told.names.kept, [])
    ranked = "Ranks of each chain's draws among all draws: flat where chains agree."
    pictures, missing = _tried(
        [
            Attempt(
                lambda: plots.trace(told.names),
                "Every chain's draws, in order and as histograms.",
                f"Draws of {chains} over iterations, {words}",
            ),
            Attempt(lambda: plots.ranks(told.names), ranked, f"Histograms of ranks, one for each of {chains}, {words}"),
        ]
    )
    return Section("Chains", missing, pictures=pictures, folded=True)


def _labels(told: Told) -> list[Section]:
    """Partition and number of components, where labels can be had."""
    m, calls = told.m, told.calls
    if not m.assembled.labels:
        return []
    units = int(np.prod(m.assembled.labels[0].shape))
    if units > MOST_PARTED:
        said = f"No partition was searched for among {units} rows ({MOST_PARTED} are the most): mc.partition(m) does."
        return [Section("Partition", [said], folded=True)]
    try:
        found = partition(m, calls=calls)
        numbers = occupied(m, calls=calls)
    except ModelError as error:
        return [Section("Partition", [f"No partition: {error}"], folded=True)]
    rows = _some_rows(found)
    caption = "How often two rows share a component; rows by cluster of the point estimate."
    pictures, missing = _tried(
        [
            Attempt(
                lambda: plots.occupied(numbers),
                "Posterior of the number of components that hold rows.",
                about_occupied(numbers),
            ),
            Attempt(
                lambda: plots.similarity(similarity(m, rows=rows, calls=calls), found.labels[rows]),
                caption,
                about_partition(found.sizes),
            ),
        ]
    )
    said = str(found).replace("<", "").replace(">", "")
    return [Section("Partition", [said, *missing], pictures=pictures, folded=True)]


def _some_rows(found: Partition) -> np.ndarray:
    n = found.labels.size
    return np.unique(np.linspace(0, n - 1, min(n, MOST_ROWS)).round().astype(int))


__all__ = ["Told", "depth", "fit_section", "groups_section", "missing_section", "number_section", "sure_section"]
