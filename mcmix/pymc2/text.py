"""Summaries as text and as a table of comma-separated values, one row per element."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.report.elements import element_labels
from mcmix.report.statistics import interval_name


def rows(statistics: Mapping[str, Mapping[str, Any]], alpha: float) -> Iterator[tuple[str, list[float]]]:
    """Label and numbers of each element: mean, deviation, error, ends of the interval, quantiles."""
    for name, found in statistics.items():
        low, high = found[interval_name(alpha)]
        columns = [found["mean"], found["standard deviation"], found["mc error"], low, high]
        columns += found["quantiles"].values()
        table = np.stack([np.ravel(c) for c in columns], axis=-1).astype(float)
        for label, numbers in zip(element_labels(name, np.shape(found["mean"])), table, strict=True):
            yield label, list(numbers)


def summary_text(statistics: Mapping[str, Mapping[str, Any]], alpha: float, roundto: int) -> str:
    """A table with one line per element."""
    quantiles = list(next(iter(statistics.values()))["quantiles"]) if statistics else []
    interval = f"{100 * (1 - alpha):g}% HPD"
    header = ["", "mean", "SD", "MC error", f"{interval} from", "to", *[f"{q:g}%" for q in quantiles]]
    lines = [header]
    lines += [[label, *[f"{x:.{roundto}f}" for x in numbers]] for label, numbers in rows(statistics, alpha)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: list[str], widths: list[int]) -> str:
    first, *rest = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
    return "  ".join([first, *rest]).rstrip()


def write_csv(path: str | Path, statistics: Mapping[str, Mapping[str, Any]], alpha: float) -> None:
    """One row per element under PyMC 2's header."""
    quantiles = list(next(iter(statistics.values()))["quantiles"]) if statistics else []
    share = f"{100 * (1 - alpha):g}% HPD"
    header = [
        "Parameter",
        "Mean",
        "SD",
        "MC Error",
        f"Lower {share}",
        f"Upper {share}",
        *[f"q{q:g}" for q in quantiles],
    ]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([label, *[f"{x:.9g}" for x in numbers]] for label, numbers in rows(statistics, alpha))
