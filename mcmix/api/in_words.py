"""What a run says, in a paragraph that needs no statistics to be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.api.groups import Column, Groups
from mcmix.api.posterior_components import PosteriorComponents
from mcmix.report.plots.shares import DOUBT

MOST_GROUPS = 6  # that are told of in the paragraph; the table has all
MOST_OTHERS, WORTH_SAYING = 4, 0.01  # other numbers of groups that are told of, and their least probability
MOST_COLUMNS = 3  # by which a group is told, of many


@dataclass(frozen=True)
class Known:
    """What the paragraph is written from, beside the groups.

    Attributes
    ----------
    data : str
        What the rows are of.
    number : int
        Of groups that the model has.
    probability : float or None
        That this number is right, among `numbers`; None where nothing was compared or it is not known.
    numbers : sequence of int
        That were compared.
    criterion : str
        By which it was chosen, in words.
    occupied : float or None
        Share of draws in which every group has rows.
    trusted : bool
        What the diagnosis says.
    aside : str
        Which numbers of groups did not count, and why.
    rows : str
        The file that marks doubtful rows.
    found : PosteriorComponents, optional
        Where the number was an unknown of the model.
    """

    data: str
    number: int
    probability: float | None = None
    numbers: Sequence[int] = ()
    criterion: str = "the criterion that was chosen"
    occupied: float | None = None
    trusted: bool = True
    aside: str = ""
    rows: str = ""
    found: PosteriorComponents | None = None


def in_words(groups: Groups, known: Known) -> list[str]:
    """Sentences: how many groups and how sure, what each is like, how many rows are doubtful.

    Examples
    --------
    >>> from mcmix.api.memberships import Memberships
    >>> p = np.repeat([[0.99, 0.01], [0.4, 0.6]], [3, 1], axis=0)
    >>> column = Column("wait (min)", np.array([[54.6, 80.1]]), np.array([[5.9, 6.1]]), "number", (73.0, 12.0))
    >>> groups = Groups(np.array([[0.84, 0.16]]), Memberships(p, 0 * p, "ecr"), [column])
    >>> for sentence in in_words(groups, Known("wait", 2, 0.97, (1, 2, 3))):
    ...     print(sentence)
    The 4 rows of wait fall into 2 groups: of 1, 2, 3 groups (equally likely beforehand) 2 has a probability of 97 %.
    Group A holds 84 % of the rows, mean wait 54.6 min (standard deviation 5.9).
    Group B holds 16 % of the rows, mean wait 80.1 min (standard deviation 6.1).
    1 of the 4 rows (25 %) is doubtful: its group has a probability below 95 %.
    """
    said = [_how_many(groups, known)]
    order = list(range(len(groups.names)))
    if len(order) > MOST_GROUPS:
        order = sorted(np.argsort(-groups.shares.mean(axis=0))[:MOST_GROUPS].tolist())
    said += [_group(groups, k) for k in order]
    if len(order) < len(groups.names):
        said.append(f"The other {len(groups.names) - len(order)} groups are in the table below.")
    said += [doubtful(groups, known.rows)] if len(groups.names) > 1 else []
    return said if known.trusted else [*said, "The chains are not to be trusted yet: see the warning."]


def _how_many(groups: Groups, known: Known) -> str:
    rows = len(groups.memberships.probabilities)
    number = f"{known.number} group{'s' if known.number > 1 else ''}"
    if known.found is not None:
        return f"The {rows} rows of {known.data} {_of_unknown(known.number, number, known.found)}"
    if len(known.numbers) > 1:
        listed = ", ".join(map(str, known.numbers))
        start = f"The {rows} rows of {known.data} {'fall into' if known.number > 1 else 'are best seen as'} {number}: "
        if known.aside:
            return (
                f"{start}the best of {listed} groups by {known.criterion} among those that count. Left aside until "
                f"more is drawn: {known.aside}."
            )
        if known.probability is None:
            return f"{start}the best of {listed} groups by {known.criterion}."
        sure = percent(min(known.probability, 1.0 - 1e-9))
        return f"{start}of {listed} groups (equally likely beforehand) {known.number} has a probability of {sure}."
    said = f"The {rows} rows of {known.data} were described with {number}, a number that was given, not found"
    if known.number > 1 and known.occupied is not None:
        said += f"; in {percent(known.occupied)} of the draws every group holds rows"
    return f"{said}."


def _of_unknown(k: int, number: str, found: PosteriorComponents) -> str:
    """How many groups, where that was an unknown: the most probable number, and what else is probable."""
    sure = percent(min(found.clusters[k - 1], 1.0 - 1e-9))
    order = [i for i in np.argsort(-found.clusters)[:MOST_OTHERS] if i != k - 1 and found.clusters[i] >= WORTH_SAYING]
    others = ", ".join(f"{i + 1} of {percent(found.clusters[i])}" for i in sorted(order))
    beside = f" ({others})" if others else ""
    most = len(found.prior_components)
    return (
        f"{'fall into' if k > 1 else 'are best seen as'} {number}. How many was left open (1 to {most} components, "
        f"few likelier than many beforehand): {number} {'have' if k > 1 else 'has'} a probability of {sure}{beside}."
    )


def _group(groups: Groups, k: int) -> str:
    share = groups.shares[:, k]
    low, high = np.quantile(share, [0.025, 0.975])
    sure = "" if high - low < 5e-4 else f" (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"
    start = f"Group {groups.names[k]} holds {percent(share.mean())} of the rows{sure}"
    columns = [c for c in groups.columns if np.isfinite(c.typical[k])]
    if len(groups.names) > 1 and len(columns) > MOST_COLUMNS:
        columns = sorted(columns, key=lambda c: -c.contrast[k])[:MOST_COLUMNS]
    told = [_typical(c, k) for c in columns[:MOST_COLUMNS]]
    where = " and stands out by " if len(groups.columns) > MOST_COLUMNS and len(groups.names) > 1 else ", "
    return f"{start}{where}{', '.join(told)}." if told else f"{start}."


def _typical(column: Column, k: int) -> str:
    name, unit = parted(column.title)
    if column.kind == "binary":
        return f"{percent(column.typical[k])} ones in {name}"
    mean, deviation = figures(column.typical[k], column.spread[k])
    mean = f"{mean}°" if unit == "degrees" else f"{mean} {unit}".rstrip()
    return f"mean {name} {mean} (standard deviation {deviation}{'°' if unit == 'degrees' else ''})"


def doubtful(groups: Groups, file: str = "") -> str:
    """How many rows are doubtful, and in which file they are marked."""
    n, rows = int(groups.doubtful.sum()), len(groups.doubtful)
    if not n:
        return f"None of the {rows} rows is doubtful: every group has a probability of {100 * (1 - DOUBT):g} % or more."
    verb, own = ("is", "its group has") if n == 1 else ("are", "their group has")
    marked = f"; {file} marks {'it' if n == 1 else 'them'}" if file else ""
    below = f"a probability below {100 * (1 - DOUBT):g} %{marked}"
    return f"{n} of the {rows} rows ({percent(n / rows)}) {verb} doubtful: {own} {below}."


def percent(share: float) -> str:
    """A share in words; what is nearly none or all says so.

    Examples
    --------
    >>> percent(0.5), percent(0.0004), percent(0.9999), percent(1.0), percent(0.034)
    ('50 %', 'less than 0.1 %', 'more than 99.9 %', '100 %', '3.4 %')
    """
    if 0 < share < 0.001:
        return "less than 0.1 %"
    if 0.999 < share < 1:
        return "more than 99.9 %"
    return f"{100 * share:.1f} %" if share < 0.1 and share > 0 or 0.99 < share < 1 else f"{100 * share:.0f} %"


def figures(mean: float, deviation: float) -> tuple[str, str]:
    """A mean with as many decimals as its standard deviation of two digits has.

    Examples
    --------
    >>> figures(54.614, 5.87), figures(1234.6, 180.0), figures(3.0, 0.0), figures(2.0, 1e-9)
    (('54.6', '5.9'), ('1235', '180'), ('3', '0'), ('2', '1e-09'))
    """
    if not np.isfinite(deviation) or deviation < 1e-6 * abs(mean) or deviation == 0:
        return f"{mean:.6g}", f"{deviation:.2g}"
    decimals = max(0, 1 - int(np.floor(np.log10(deviation))))
    if decimals > 8:
        return f"{mean:.4g}", f"{deviation:.2g}"
    return f"{mean:.{decimals}f}", f"{deviation:.{decimals}f}"


def parted(title: str) -> tuple[str, str]:
    """Name and unit: ``speed (km/s)`` is ("speed", "km/s")."""
    name, mark, unit = title.rpartition(" (")
    return (name, unit.removesuffix(")")) if mark and unit.endswith(")") else (title, "")


def groups_table(groups: Groups) -> dict[str, Any]:
    """Columns of the table of groups: share, rows, doubtful rows, and mean and standard deviation of each column."""
    low, high = np.quantile(groups.shares, [0.025, 0.975], axis=0)
    doubts = np.bincount(groups.memberships.classes[groups.doubtful], minlength=len(groups.names))
    found: dict[str, Any] = {
        "share": [percent(s) for s in groups.shares.mean(axis=0)],
        "95 % interval": [f"{100 * a:.1f} to {100 * b:.1f} %" for a, b in zip(low, high, strict=True)],
        "rows": groups.sizes,
        "doubtful rows": doubts,
    }
    return found | _moments(groups.columns if len(groups.columns) <= MOST_COLUMNS else [])


def _moments(columns: Sequence[Column]) -> dict[str, list[str]]:
    found = {}
    for c in columns:
        pairs = [figures(m, s) for m, s in zip(c.typical, c.spread, strict=True)]
        if c.kind == "binary":
            found[f"ones in {c.title}"] = [percent(m) for m in c.typical]
        else:
            found[f"mean {c.title}"] = [mean for mean, _ in pairs]
            found["sd" if len(columns) == 1 else f"sd {c.title}"] = [sd for _, sd in pairs]
    return found


def profile_table(groups: Groups) -> dict[str, np.ndarray]:
    """Columns of a table with a row for each column of the data: mean and standard deviation in each group."""
    return {f"group {n}": np.array([_cell(c, k) for c in groups.columns]) for k, n in enumerate(groups.names)}


def _cell(column: Column, k: int) -> str:
    if not np.isfinite(column.typical[k]):
        return ""
    if column.kind == "binary":
        return percent(column.typical[k])
    return "{} ± {}".format(*figures(column.typical[k], column.spread[k]))


__all__ = ["Known", "doubtful", "figures", "groups_table", "in_words", "parted", "percent", "profile_table"]
