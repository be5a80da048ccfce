"""The two pictures of ``benchmarks/README.md``, from the result files: ``python -m benchmarks.pictures``."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

from mcmix.report.plots.style import INK, PALETTE, tidy

HERE = Path(__file__).parent
PROBLEMS = {"two components": "two components,\nN = 1000", "overlapping pair": "1.5 sd apart,\nN = 2000"}
SYSTEMS = ("mcmix", "nutpie", "numpyro")


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of a result file."""
    with (HERE / "results" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def by_rows() -> plt.Figure:
    """What an effective draw of ten components costs, by number of rows."""
    found = [r for r in rows_of("marginal_two_cores.csv") if r["what"].endswith("ms of sampling for an effective draw")]
    figure, axes = plt.subplots(figsize=(5.8, 3.4), layout="constrained")
    axes.loglog([int(r["n"]) for r in found], [float(r["value"]) for r in found], "o-", color=PALETTE[0])
    axes.set_xlabel("number of rows N")
    axes.set_ylabel("milliseconds for an effective draw")
    axes.set_ylim(0.03, 3.0)
    axes.set_title("Ten components, labels summed out", fontsize=10, color=INK)
    tidy(axes)
    return figure


def by_system() -> plt.Figure:
    """Smallest effective number of draws for a CPU second, by system."""
    found = {(r["what"].split(", data")[0], r["what"].split(", ")[2]): float(r["value"]) for r in _of_calls()}
    figure, axes = plt.subplots(figsize=(5.8, 3.4), layout="constrained")
    for j, system in enumerate(SYSTEMS):
        places = [i + 0.27 * (j - 1) for i in range(len(PROBLEMS))]
        heights = [found[problem, system] for problem in PROBLEMS]
        bars = axes.bar(places, heights, 0.25, label=system, color=PALETTE[j])
        axes.bar_label(bars, [f"{h:,.0f}" for h in heights], fontsize=8, color=INK)
    axes.set_yscale("log")
    axes.set_ylim(1.0, 30_000)
    axes.set_xticks(range(len(PROBLEMS)), list(PROBLEMS.values()))
    axes.set_ylabel("effective draws for a CPU second")
    axes.legend(frameon=False, fontsize=9)
    tidy(axes)
    return figure


def _of_calls() -> list[dict[str, str]]:
    rows = [r for r in rows_of("race_two_cores.csv") if r["what"].endswith("of the call")]
    return [{**r, "what": r["what"].split(": ")[0]} for r in rows]


def main() -> None:
    """Draw both."""
    matplotlib.use("Agg")
    (HERE / "pictures").mkdir(exist_ok=True)
    for name, draw in {"by_rows": by_rows, "by_system": by_system}.items():
        draw().savefig(HERE / "pictures" / f"{name}.png", dpi=120)


if __name__ == "__main__":
    main()
