"""``python -m benchmarks [NAME ...] [--quick]``: prints every measurement and writes them as CSV with versions."""

from __future__ import annotations

import argparse
import csv
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks import (
    beside_bayespy,
    beside_numpyro,
    chains,
    cluster,
    families,
    marginal,
    measure,
    on_disk,
    partitions,
    plane,
    race,
    stored,
    tables,
    threads,
    unknown_number,
    written,
)

PACKAGES = ("numpy", "scipy", "numba", "arviz", "scikit-learn")


def suites(quick: bool) -> dict[str, Callable[[], Iterator[measure.Row]]]:
    """The measurements by name."""
    sizes = [1000, 100_000] if quick else [1000, 10_000, 100_000, 1_000_000]
    return {
        "whole": measure.whole_model,
        "effective": lambda: measure.effective(3 if quick else 20),
        "passes": lambda: measure.passes(sizes, [2, 10] if quick else [2, 3, 10, 50]),
        "general": measure.general,
        "vectors": measure.many_dimensions,
        "loops": written.loops,
        "regressions": written.regressions,
        "bayespy": lambda: beside_bayespy.beside_bayespy(20_000 if quick else 200_000),
        "marginal": lambda: marginal.marginal(quick),
        "plane": lambda: plane.plane(quick),
        "chains": lambda: chains.chains(quick),
        "numpyro": lambda: beside_numpyro.beside_numpyro(quick),
        "race": lambda: race.race(quick),
        "families": lambda: families.families(20_000 if quick else 100_000),
        "ten": lambda: measure.ten(2 if quick else 10),
        "stored": lambda: stored.stored(quick),
        "unknown": lambda: unknown_number.unknown_number(quick),
        "tables": lambda: tables.tables(quick),
        "partitions": lambda: partitions.partitions(quick),
        "on_disk": lambda: on_disk.on_disk(quick),
        "threads": lambda: threads.threads(quick),
        "cluster": lambda: cluster.cluster(quick),
        "starts": measure.starts,
        "memory": lambda: measure.memory(100_000 if quick else 1_000_000),
    }


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(suites(False))} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller sizes")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/latest.csv"), help="CSV file (default: %(default)s)"
    )
    options = parser.parse_args()
    chosen = suites(options.quick)
    unknown = set(options.names) - set(chosen)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(chosen)}")
    versions = {
        "python": platform.python_version(),
        **{p: version(p) for p in PACKAGES},
        "mcmix": version("mcmix") if _installed() else "tree",
    }
    rows = []
    peers = beside_numpyro.is_there()
    there = {"bayespy": beside_bayespy.is_there(), "numpyro": peers, "race": peers}
    default = [name for name in chosen if there.get(name, True)]
    for name, run in chosen.items():
        if name not in (options.names or default):
            continue
        for row in run():
            print(f"{row['what']:48s} N={row['n']:<8d} K={row['k']:<3d} {row['value']:12.4g} {row['unit']}", flush=True)
            rows.append({**row, **versions})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"written: {options.out}")
    return 0


def _installed() -> bool:
    try:
        version("mcmix")
    except Exception:  # noqa: BLE001  not installed: run from the tree
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
