"""The command line: ``python -m mcmix demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mcmix._version import __version__
from mcmix.errors import McmixError


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(prog="python -m mcmix", description="MCMC sampling for mixture models.")
    top.add_argument("--version", action="version", version=f"mcmix {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="fit a two-component mixture to simulated data and write figures and draws into a folder",
        description="Simulates 700 draws of Normal(150, sd 10) and 300 of Normal(200, sd 20), fits the mixture with "
        "four chains, prints the posterior beside an EM point estimate, and writes figures (PNG) and draws (netCDF).",
    )
    demo.add_argument("--folder", type=Path, default=Path("mcmix-demo"), help="where to write (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=1, help="seed of data and chains (default: %(default)s)")
    demo.add_argument(
        "--iterations",
        type=int,
        default=11_000,
        help="sweeps of each chain, 1000 of them burn-in (default: %(default)s)",
    )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code (0 well, 1 refused)."""
    options = parser().parse_args(arguments)
    from mcmix.api.demo import demo

    try:
        demo(options.folder, options.seed, options.iterations)
    except (McmixError, OSError) as error:
        print(f"mcmix {options.command}: {error}", file=sys.stderr)
        return 1
    return 0
