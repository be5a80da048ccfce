"""The command line: ``python -m mcmix demo``, ``fit``, ``watch`` and ``warm``."""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mcmix._version import __version__
from mcmix.api.fit.limits import MOST_COMPONENTS
from mcmix.errors import McmixError
from mcmix.screen import say

DISTRIBUTIONS = {  # and for what data each is; tests hold the names to mcmix.api.fit.families, which is slow to import
    "auto": "chosen by what the columns hold (see below)",
    "normal": "any numbers; several columns with covariances",
    "student-t": "numbers with outliers in the groups",
    "skew-normal": "numbers, groups that lean aside",
    "laplace": "numbers, sharp peaks with heavy tails",
    "logistic": "numbers, tails between normal and Laplace",
    "lognormal": "positive numbers, long right tails",
    "gamma": "waits, amounts",
    "weibull": "lifetimes, wind speeds",
    "exponential": "times between events",
    "half-normal": "sizes of errors",
    "poisson": "counts, variance about the mean in each group",
    "negative-binomial": "counts, variance above the mean within groups",
    "zero-inflated-poisson": "counts with too many zeros in the groups",
    "zero-inflated-negative-binomial": "both of these",
    "beta": "shares, rates, probabilities",
    "von-mises": "directions, times of day; --unit says degrees or radians",
    "bernoulli": "several yes/no items",
}
INTERRUPTED = 130  # as shells report Ctrl-C
UNKNOWN = "unknown"

FIT_HELP = """\
Reads columns of numbers from a CSV or Parquet file, fits a mixture with each number of components (groups), compares
them, and writes into a folder: report.html (one page: what was found in plain words, figures, tables, how sure it is,
and the command that repeats it), rows.csv (the file's rows with group, probability, and whether that is doubtful),
draws.nc (draws for ArviZ) and comparison.csv (scores of each number of components). Draws of each number are there once
made (draws-K.nc, until one is chosen)."""

FIT_MORE = """\
which distribution (--distribution auto, the default):
  0 and 1 alone            bernoulli; one such column cannot tell groups apart, several items can (latent classes)
  whole numbers from 0     poisson, negative-binomial, with zeros also the zero-inflated ones; normal and lognormal
                           where they are measurements that were rounded (many values, no zero)
  between 0 and 1          beta, normal
  positive                 normal, lognormal, gamma, weibull, exponential, half-normal
  other numbers            normal, student-t, skew-normal, laplace, logistic
  angles                   von-mises, where the column's name says so (direction, bearing, angle, phase, deg ...);
                           degrees if beyond 2 pi, else radians (--unit says otherwise)
  several columns          measured ones as normal vectors (with covariances up to 20 columns); counts, items, angles
                           and proportions by distributions of their own, independent within a group
Where several come into question, those with the best BIC on 400 rows win, the more usual one within 6 points; the
reason is printed and stands on the page. Dates, text, identifiers, constant columns and columns that are nearly empty
are left aside unless --columns names them.

the distributions:
{distributions}

examples:
  python -m mcmix fit galaxies.csv --columns velocity --components unknown
  python -m mcmix fit galaxies.csv --columns velocity --components 2..8 --choose evidence
  python -m mcmix fit iris.csv --columns sepal_length,petal_length --components 1..5 --choose icl
  python -m mcmix fit counts.parquet --columns visits --components 3 --distribution poisson
  python -m mcmix fit wind.csv --columns direction --components 1..4 --distribution von-mises --unit degrees

Priors are weak and set by the data's range; the page says which.
Ctrl-C stops drawing, and what is there is compared and reported; a second one ends at once. Draws made are kept.

exit codes: 0 done; 1 refused (the message says why); 2 wrong usage; 3 done, but the chains should not be trusted
(run longer: --draws, --thin); 130 stopped by Ctrl-C, and 143 by SIGTERM; draws that were written are kept"""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(prog="python -m mcmix", description="MCMC sampling for mixture models.")
    top.add_argument("--version", action="version", version=f"mcmix {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _demo(commands)
    _fit(commands)
    _watch(commands)
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
        epilog=FIT_MORE.format(distributions="\n".join(f"  {n:<33}{what}" for n, what in DISTRIBUTIONS.items())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = fit.add_argument
    add("file", type=Path, help="a .csv, .tsv, .txt or .parquet file with named columns")
    add(
        "--columns",
        type=_columns,
        metavar="A,B",
        help='columns to fit, all of numbers; "a,b" in quotes is one name (default: all that can tell groups apart)',
    )
    add("--components", type=components, required=True, metavar="K",
        help="unknown: sampled with everything else (the way to ask for most data); or such as 3, or 2..8, or 2,4,6, "
        "each fitted by itself and compared")  # fmt: skip
    add("--most", type=_at_least(2), default=MOST_COMPONENTS, metavar="N",
        help="components that there may be where their number is unknown (default: %(default)s)")  # fmt: skip
    add(
        "--distribution",
        "--law",
        choices=tuple(DISTRIBUTIONS),
        default="auto",
        metavar="NAME",
        help="of the components, in every column; see below (default: %(default)s)",
    )
    add("--unit", choices=("auto", "degrees", "radians"), default="auto", help="of angles (default: %(default)s)")
    add("--covariance", choices=("auto", "full", "independent"), default="auto",
        help="of several measured columns within a group (default: full up to 20 columns)")  # fmt: skip
    add("--folder", type=Path, default=Path("mcmix-report"), help="where to write (default: %(default)s)")
    add("--choose", choices=("evidence", "loo", "bic", "icl"), default="evidence",
        help="which of several numbers of components is reported in full (default: %(default)s)")  # fmt: skip
    add("--missing", choices=("keep", "drop"), default="keep",
        help="rows with some cells missing: keep (as unknowns) or drop (default: %(default)s)")  # fmt: skip
    add("--seed", type=_at_least(0), default=1, help="of the chains (default: %(default)s)")
    add("--chains", type=_at_least(1), default=4, help="(default: %(default)s)")
    add("--draws", type=_at_least(100), default=2000, help="kept of each chain (default: %(default)s)")
    add("--burn", type=_at_least(0), default=1000, help="sweeps thrown away at first (default: %(default)s)")
    add("--thin", type=_at_least(1), metavar="SWEEPS",
        help="sweeps for each draw that is kept (default: 5; 5 to 50 by the number of rows with --components unknown)"
        )  # fmt: skip


def _watch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    watch = commands.add_parser(
        "watch",
        help="show how far a run is that writes its draws to a folder",
        description="Shows iterations, draws, effective draws so far and the time left of a run of sample(..., "
        "store=FOLDER), from another terminal, until it ends; and each quantity's mean, deviation and R-hat.",
    )
    watch.add_argument("store", type=Path, metavar="FOLDER", help="such as run.zarr")
    watch.add_argument("--once", action="store_true", help="look once and end")
    watch.add_argument("--every", type=_at_least(1), default=2, metavar="SECONDS", help="(default: %(default)s)")


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
    """Numbers of components from ``3``, ``2..8`` or ``2,4,6``; none where they are ``unknown``.

    Examples
    --------
    >>> components("2..5"), components("unknown")
    ((2, 3, 4, 5), ())
    """
    if text.strip() == UNKNOWN:
        return ()
    span = re.fullmatch(r"\s*(\d+)\s*\.\.\s*(\d+)\s*", text)
    numbers = list(range(int(span[1]), int(span[2]) + 1)) if span else _whole_numbers(text)
    if not numbers or min(numbers) < 1 or len(set(numbers)) < len(numbers) or max(numbers) > 200:
        raise argparse.ArgumentTypeError(
            f"expected unknown, or different numbers from 1 to 200, such as 3, 2..8 or 2,4,6, got {text!r}"
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
    """Run a command; return the exit code.

    0 well, 1 refused, 3 fitted but not to be trusted, 130 stopped by Ctrl-C; wrong usage ends with 2, SIGTERM with 143.
    """
    options = parser().parse_args(arguments)
    run = {"demo": _demonstrated, "fit": _fitted, "watch": _watched, "warm": _warmed}[options.command]
    try:
        return run(options)
    except (McmixError, OSError) as error:
        say(f"mcmix {options.command}: {error}", error=True)
        return 1
    except KeyboardInterrupt:
        say(f"mcmix {options.command}: interrupted", error=True)
        return INTERRUPTED


def _demonstrated(options: argparse.Namespace) -> int:
    say("mcmix demo: two groups of simulated data, four chains; a first run on a machine compiles for 15 to 20 seconds")
    from mcmix.api.demo import demo

    demo(options.folder, options.seed, options.iterations)
    return 0


def _fitted(options: argparse.Namespace) -> int:
    say(f"reading {options.file}")
    from mcmix.api.fit.job import Wish
    from mcmix.api.fit.run import fit
    from mcmix.api.fit.unknown import fit_unknown

    wish = Wish(**{name: value for name, value in vars(options).items() if name != "command"})
    return fit_unknown(wish) if wish.is_unknown else fit(wish)


def _watched(options: argparse.Namespace) -> int:
    from mcmix.api.watching import watch

    watch(options.store, float(options.every), options.once)
    return 0


def _warmed(options: argparse.Namespace) -> int:
    from mcmix.api.warm import warm

    warm(options.kinds, options.everything)
    return 0
