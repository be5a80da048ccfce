"""``python -m tests.harness.results`` runs the slow part of the harness and writes RESULTS.md beside this file.

Arguments go to pytest: ``-k LKJ`` for some of it.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numba
import numpy as np
import pytest
import scipy

import mcmix
from mcmix.testing import HarnessResult
from tests.harness import combinations

FOLDER = Path(__file__).parent
SHOWN = 10


class Recorder:
    """Outcomes as pytest reports them."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the test itself, and whatever fails around it."""
        if report.when == "call" or report.outcome == "failed":
            self.outcomes[report.outcome] += 1
            if report.outcome == "failed":
                self.failed.append(report.nodeid)


def adjusted(result: HarnessResult) -> float:
    """The smallest p-value, for how many quantities were looked at how often."""
    return min(1.0, min(result.p_values.values()) * len(result.p_values) * result.stage)


def report(recorder: Recorder, results: Sequence[tuple[str, HarnessResult]], seconds: float) -> str:
    """What RESULTS.md says."""
    worst = sorted(results, key=lambda named: adjusted(named[1]))[:SHOWN]
    stages = Counter(result.stage for _, result in results)
    lines = [
        "# The slow part of the harness, as it was last run",
        "",
        "Written by `python -m tests.harness.results`.",
        "",
        "| what | |",
        "|---|---|",
        f"| tests passed | {recorder.outcomes['passed']} |",
        f"| tests failed | {recorder.outcomes['failed']} |",
        f"| small models tested | {len(results)} |",
        f"| replications in all | {sum(r.replications for _, r in results):,} |",
        f"| decided in stage 1, 2, 3 | {stages[1]}, {stages[2]}, {stages[3]} |",
        f"| seconds, one process | {seconds:.0f} |",
        f"| mcmix | {mcmix.__version__} |",
        f"| Python, NumPy, SciPy, numba | {sys.version.split()[0]}, {np.__version__}, {scipy.__version__}, "
        f"{numba.__version__} |",
        "",
    ]
    if recorder.failed:
        lines += ["Failed:", "", *[f"- `{name}`" for name in recorder.failed], ""]
    lines += [
        "The smallest p-values, each multiplied by its number of quantities and stages. Of that many right models the",
        "smallest is expected to be near one over their number.",
        "",
        "| model | quantity | adjusted p | replications |",
        "|---|---|---|---|",
        *[f"| {name} | {r.worst} | {adjusted(r):.2g} | {r.replications} |" for name, r in worst],
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Run, write, and pass pytest's verdict on."""
    recorder, before = Recorder(), time.perf_counter()
    verdict = pytest.main(["-q", "-m", "slow", str(FOLDER), *sys.argv[1:]], plugins=[recorder])
    text = report(recorder, combinations.RESULTS, time.perf_counter() - before)
    (FOLDER / "RESULTS.md").write_text(text)
    return int(verdict)


if __name__ == "__main__":
    sys.exit(main())
