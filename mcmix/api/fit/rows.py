"""rows.csv: the file's rows as they stand there, with the group of each."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.api.groups import Groups
from mcmix.errors import ModelError
from mcmix.files import written_beside
from mcmix.report import frames

if TYPE_CHECKING:
    from pandas import DataFrame

ADDED = ("group", "probability", "doubtful")
MOST_PROBABILITIES = 20  # groups whose probabilities have a column each


def write_rows(file: Path, raw: DataFrame, used: np.ndarray, groups: Groups, target: Path) -> Path:
    """Write every row of a file with its group, the group's probability and whether it is doubtful.

    Parameters
    ----------
    file : Path
        Where the rows stand.
    raw : DataFrame
        The same, parsed.
    used : ndarray of bool, shape (rows,)
        Which rows were fitted; the others have no group.
    groups : Groups
        Of the rows that were used.
    target : Path
    """
    names, rows = _original(file, raw)
    added = _distinct([*ADDED, *_more(groups)], names)
    cells = _cells(groups)
    blank = [""] * len(added)
    with written_beside(target) as beside, beside.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*names, *added])
        for fitted in used:
            row = next(rows, None)
            if row is None:
                raise ModelError(_changed(file, len(used)))
            writer.writerow([*row, *(next(cells) if fitted else blank)])
        if next(rows, None) is not None:
            raise ModelError(_changed(file, len(used)))
    return target


def _changed(file: Path, rows: int) -> str:
    return f"{file}: expected {rows} rows, as when it was read; it has changed meanwhile: fit it again"


def _original(file: Path, raw: DataFrame) -> tuple[list[str], Iterator[Sequence[Any]]]:
    """Names of the columns, and the rows, as they are written in the file."""
    if file.suffix.lower() == ".parquet":
        return list(raw.columns), raw.itertuples(index=False, name=None)
    names = ["" if c.startswith("Unnamed: ") else c for c in raw.columns]
    lines = frames.file_rows(file)
    next(lines)  # the header
    return names, ((row + [""] * len(names))[: len(names)] for _, row in lines)


def _more(groups: Groups) -> list[str]:
    return [f"probability {name}" for name in groups.names] if len(groups.names) <= MOST_PROBABILITIES else []


def _distinct(added: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names of the new columns, told from columns of the file that are called so."""
    return [f"{name} (mcmix)" if name in names else name for name in added]


def _cells(groups: Groups) -> Iterator[list[str]]:
    found = groups.memberships
    many = len(groups.names) > MOST_PROBABILITIES
    best, doubtful = found.probabilities.max(axis=1), groups.doubtful
    for i, group in enumerate(found.classes):
        every = [] if many else [f"{p:.6g}" for p in found.probabilities[i]]
        yield [groups.names[group], f"{best[i]:.6g}", "yes" if doubtful[i] else "no", *every]


__all__ = ["write_rows"]
