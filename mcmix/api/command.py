"""The command line: ``python -m mcmix demo``, ``python -m mcmix fit`` and ``python -m mcmix warm``."""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mcmix._version import __version__
from mcmix.errors import McmixError
from mcmix.screen import say

DISTRIBUTIONS = ("normal", "student-t", "lognormal", "poisson", "exponential")
INTERRUPTED = 130  # as shells report Ctrl-C

FIT_HELP = """\
Reads columns of numbers from a CSV or Parquet file, fits a mixture with each number of components, compares them,
and writes into a folder: report.html (one page with verdict, tables, figures and the command that repeats it),
draws.nc (draws for ArviZ), rows.csv (class and membership probabilities of every row) and comparison.csv (scores of
each number of components). Draws of each number are there once made (draws-K.nc, until one is chosen)."""

FIT_MORE = """\
examples:
  python -m mcmix fit galaxies.csv --columns velocity --components 2..8
  python -m mcmix fit iris.csv --columns sepal_length,petal_length --components 1..5 --choose icl
  python -m mcmix fit counts.parquet --columns visits --components 3 --distribution poisson

One column gives a mixture of the distribution you name; several give a mixture of normal vectors with full covariances.
Priors are weak and set by the data's range; the page says which.

exit codes: 0 done; 1 refused (the message says why); 2 wrong usage; 3 done, but the chains should not be trusted
(run longer: --draws, --thin)"""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(prog="python -m mcmix", description="MCMC sampling for mixture models.")
    top.add_argument("--version", action="version", version=f"mcmix {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _demo(commands)
    _fit(commands)
    _warm(commands)
    return top


def _demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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


def _fit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    fit = commands.add_parser(
        "fit",
        help="fit mixtures to columns of a CSV or Parquet file and write a report",
        description=FIT_HELP,
        epilog=FIT_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = fit.add_argument
    add("file", type=Path, help="a .csv, .tsv, .txt or .parquet file with named columns")
    add(
        "--columns",
        type=_columns,
        metavar="A,B",
        help='columns to fit, all of numbers; "a,b" in quotes is one name (default: every column)',
    )
    add("--components", type=components, required=True, metavar="K", help="such as 3, or 2..8, or 2,4,6")
    add(
        "--distribution",
        "--law",
        choices=DISTRIBUTIONS,
        default="normal",
        help="of the components, for one column (default: %(default)s)",
    )
    add("--folder", type=Path, default=Path("mcmix-report"), help="where to write (default: %(default)s)")
    add("--choose", choices=("evidence", "loo", "bic", "icl"), default="evidence",
        help="which of several numbers of components is reported in full (default: %(default)s)")  # fmt: skip
    add("--missing", choices=("keep", "drop"), default="keep",
        help="rows with some cells missing: keep (as unknowns) or drop (default: %(default)s)")  # fmt: skip
    add("--seed", type=_at_least(0), default=1, help="of the chains (default: %(default)s)")
    add("--chains", type=_at_least(1), default=4, help="(default: %(default)s)")
    add("--draws", type=_at_least(100), default=2000, help="kept of each chain (default: %(default)s)")
    add("--burn", type=_at_least(0), default=1000, help="sweeps thrown away at first (default: %(default)s)")
    add("--thin", type=_at_least(1), default=5, help="sweeps for each draw that is kept (default: %(default)s)")


def _warm(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    warm = commands.add_parser(
        "warm",
        help="compile what usual models need, so that nobody waits for it later",
        description="Runs small models of each kind; what they compile stays in the cache (the package's own folder, a "
        "folder of the user's, or NUMBA_CACHE_DIR). For images of containers, for CI, for a machine that is set up.",
    )
    warm.add_argument("kinds", nargs="*", metavar="KIND", help="of models; a wrong one is answered by a list of all")
    warm.add_argument(
        "--all", action="store_true", dest="everything", help="also every kernel, and the density of every distribution"
    )


def components(text: str) -> tuple[int, ...]:
    """Numbers of components from ``3``, ``2..8`` or ``2,4,6``.

    Examples
    --------
    >>> components("2..5")
    (2, 3, 4, 5)
    """
    span = re.fullmatch(r"\s*(\d+)\s*\.\.\s*(\d+)\s*", text)
    numbers = list(range(int(span[1]), int(span[2]) + 1)) if span else _whole_numbers(text)
    if not numbers or min(numbers) < 1 or len(set(numbers)) < len(numbers) or max(numbers) > 200:
        raise argparse.ArgumentTypeError(
            f"expected different numbers from 1 to 200, such as 3, 2..8 or 2,4,6, got {text!r}"
        )
    return tuple(numbers)


def _whole_numbers(text: str) -> list[int]:
    words = [w.strip() for w in text.split(",")]
    return [int(w) for w in words] if all(re.fullmatch(r"\d+", w) for w in words) else []


def _columns(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []))
    if not names or not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"expected different names of columns with commas between, got {text!r}")
    return names


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not re.fullmatch(r"\d+", text.strip()) or int(text) < least:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, got {text!r}")
        return int(text)

    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code (0 well, 1 refused, 3 fitted but not to be trusted, 130 interrupted)."""
    options = parser().parse_args(arguments)
    run = {"demo": _demonstrated, "fit": _fitted, "warm": _warmed}[options.command]
    try:
        return run(options)
    except (McmixError, OSError) as error:
        say(f"mcmix {options.command}: {error}", error=True)
        return 1
    except KeyboardInterrupt:
        say(f"mcmix {options.command}: interrupted", error=True)
        return INTERRUPTED


def _demonstrated(options: argparse.Namespace) -> int:
    from mcmix.api.demo import demo

    demo(options.folder, options.seed, options.iterations)
    return 0


def _fitted(options: argparse.Namespace) -> int:
    from mcmix.api.fit.run import Wish, fit

    wishes = {name: value for name, value in vars(options).items() if name != "command"}
    return fit(Wish(**wishes))


def _warmed(options: argparse.Namespace) -> int:
    from mcmix.api.warm import warm

    warm(options.kinds, options.everything)
    return 0
