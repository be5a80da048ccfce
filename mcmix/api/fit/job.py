"""What is fitted to a file's columns, and how far that is: the wish, the rows that are used, the samplers."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import mcmix as mc
from mcmix.api.fit.choose import AUTO, Chosen, Question, chosen
from mcmix.api.fit.limits import FEWEST_SWEEPS, MOST_COMPONENTS, sweeps_of_a_draw
from mcmix.api.fit.parts import mixture
from mcmix.api.fit.patience import alive, sweeps_told
from mcmix.api.fit.table import Table, table_of
from mcmix.errors import ModelError
from mcmix.files import write_text
from mcmix.report.arviz_bridge import to_netcdf
from mcmix.screen import kept_back, say

if TYPE_CHECKING:
    from pandas import DataFrame

WELL, REFUSED, DOUBTFUL, STOPPED = 0, 1, 3, 130  # exit codes; 2 is the parser's
SMALLEST, LARGEST = 1e-100, 1e100  # of values whose squares are numbers still
DRAWS, ROWS, COMPARISON, BY_GROUP = "draws.nc", "rows.csv", "comparison.csv", "groups.nc"
FEWEST = 100  # draws of each chain that a stopped run must have to be reported
MOST_NAMED = 8  # columns that are told by name


@dataclass(frozen=True)
class Wish:
    """What was asked for; see the command's help."""

    file: Path
    columns: tuple[str, ...] | None
    components: tuple[int, ...]  # none where their number is unknown
    distribution: str = AUTO
    folder: Path = Path("mcmix-report")
    seed: int = 1
    chains: int = 4
    draws: int = 2000
    burn: int = 1000
    thin: int | None = None
    choose: str = "evidence"
    missing: str = "keep"
    unit: str = "auto"
    covariance: str = "auto"
    most: int = MOST_COMPONENTS

    @property
    def is_unknown(self) -> bool:
        """Whether the number of components is an unknown of the model."""
        return not self.components

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of components that come into question."""
        return self.components or tuple(range(1, self.most + 1))

    def sweeps_of_a_draw(self, rows: int) -> int:
        """Sweeps for each draw that is kept: groups that come and go change slowly, so of few rows many."""
        if self.thin is not None:
            return self.thin
        return sweeps_of_a_draw(rows, self.chains * self.draws) if self.is_unknown else FEWEST_SWEEPS

    @property
    def command(self) -> str:
        """The command line that asks for the same."""
        words = ["python", "-m", "mcmix", "fit", str(self.file)]
        words += ["--columns", ",".join(map(_quoted, self.columns))] if self.columns else []
        number = ",".join(map(str, self.components)) or f"unknown --most {self.most}"
        words += ["--components", *number.split(), "--distribution", self.distribution]
        words += ["--folder", str(self.folder)]
        given = ("seed", "chains", "draws", "burn", "thin", "choose", "missing", "unit", "covariance")
        for name in (n for n in given if getattr(self, n) is not None):
            words += [f"--{name}", str(getattr(self, name))]
        return shlex.join(words)


def _quoted(name: str) -> str:
    """A column's name as --columns takes it: in quotes where it has a comma."""
    return f'"{name}"' if "," in name else name


@dataclass
class Job:
    """What is fitted, and how far that is."""

    wish: Wish
    table: Table
    used: np.ndarray
    kept: DataFrame
    notes: list[str]
    choice: Chosen
    samplers: dict[int, mc.MCMC] = field(default_factory=dict)
    stopped: bool = False

    @property
    def complete(self) -> dict[int, mc.MCMC]:
        """Samplers whose run was not stopped; where all were, the one that was with enough draws."""
        whole = {k: m for k, m in self.samplers.items() if not m.interrupted}
        return whole or {k: m for k, m in self.samplers.items() if n_draws(m) >= FEWEST}


def begun(wish: Wish) -> Job:
    """Read, check, choose."""
    table = table_of(wish.file, wish.columns)
    frame = table.frame
    used = ~_left_out(frame, wish.missing)
    kept, said = without_gaps(frame, wish.missing)
    _refuse_constants(kept, said)
    _try_folder(wish.folder)
    say(f"{wish.file}: {len(kept)} rows of {listed(frame.columns)}; {said}")
    if table.said:
        say(table.said)
    question = Question(wish.distribution, wish.numbers, wish.unit, wish.covariance, wish.seed, say)
    with alive("still choosing the distribution"):
        choice = chosen(kept, question)
    say("\n".join(f"  {why}" for why in choice.why))
    return Job(wish, table, used, kept, [n for n in (said, table.said, *choice.why) if n], choice)


def kept_so_far(job: Job) -> str:
    """Which draws are kept, and where."""
    files = [draws_of(k, job.wish) for k in job.samplers]
    there = [f"{f} ({n_draws(job.samplers[k])} draws of each chain)"
             for k, f in zip(job.samplers, files, strict=True) if f.exists()]  # fmt: skip
    return f"kept: {', '.join(there)}" if there else "nothing was drawn yet"


def ended(job: Job, of_what: str, report: Callable[[], int]) -> int:
    """Report what was drawn, all of it or what there was when Ctrl-C came; returns the exit code."""
    if not job.complete:
        say(f"stopped; {kept_so_far(job)}", error=True)
        return STOPPED
    if job.stopped:
        say(f"stopped: reporting what there is{of_what} (Ctrl-C again ends at once); {kept_so_far(job)}")
    try:
        return report()
    except KeyboardInterrupt:
        say(f"stopped; {kept_so_far(job)}", error=True)
        return STOPPED


def n_draws(m: mc.MCMC) -> int:
    """Draws of each chain; 0 before there is any."""
    try:
        return m.draws().n_draws
    except ModelError:
        return 0


def listed(columns: Iterable[str]) -> str:
    """Names of columns, a number in the place of those that are many."""
    names = list(columns)
    more = f" and {len(names) - MOST_NAMED} more columns" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _try_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written to before anything takes long.

    Raises
    ------
    ModelError
        Naming it.
    """
    if folder.exists() and not folder.is_dir():
        raise ModelError(f"--folder {folder}: expected a folder, got a file; choose another")
    made = not folder.exists()
    trial = folder / ".mcmix-trial"
    write_text(trial, "")
    trial.unlink()
    if made:  # a refusal later on leaves no empty folder
        folder.rmdir()


def without_gaps(frame: DataFrame, missing: str) -> tuple[DataFrame, str]:
    """Rows that can be used, and what was done with missing cells, in words.

    Examples
    --------
    >>> from mcmix.report.frames import table_frame
    >>> table = table_frame({"a": np.array([1.0, np.nan]), "b": np.array([2.0, 3.0])}, ["0", "1"])
    >>> without_gaps(table, "drop")[1]
    'missing cells: a 1; left out 1 row with any'
    """
    gaps = frame.isna()
    if not gaps.to_numpy().any():
        return frame, "no missing cells"
    counts = _counted({str(name): int(n) for name, n in gaps.sum().items() if n}, len(frame))
    several = len(frame.columns) > 1
    bad = _left_out(frame, missing)
    kept = frame[~bad]
    number = f"{int(bad.sum())} row{'s' if bad.sum() != 1 else ''}"
    how = "with any" if missing == "drop" and several else "without any value"
    said = [f"left out {number} {how}"] if bad.any() else []
    if kept.isna().to_numpy().any():
        said.append(f"{int(kept.isna().to_numpy().sum())} kept as unknowns (missing at random)")
    return kept, f"missing cells: {counts}; {', '.join(said)}"


def _counted(missing: Mapping[str, int], rows: int) -> str:
    """Missing cells by column; shares where they are large, and the columns with the most where there are many."""
    order = sorted(missing, key=lambda name: -missing[name])[:MOST_NAMED] if len(missing) > MOST_NAMED else missing
    told = [f"{c} {missing[c]}" + (f" of {rows}" if missing[c] > 0.5 * rows else "") for c in order]
    more = len(missing) - len(told)
    return ", ".join(told) + (f" and {sum(missing.values()) - sum(missing[c] for c in order)} in {more} more columns"
                              if more else "")  # fmt: skip


def _left_out(frame: DataFrame, missing: str) -> np.ndarray:
    """Rows that are not fitted: without any value, or with a missing cell where such are dropped."""
    gaps = frame.isna().to_numpy()
    return np.asarray(gaps.any(axis=1) if missing == "drop" or gaps.shape[1] == 1 else gaps.all(axis=1))


def _refuse_constants(kept: DataFrame, said: str) -> None:
    values = kept.to_numpy()
    if len(kept) < 3:
        raise ModelError(f"{listed(kept.columns)}: expected at least 3 rows of data, got {len(kept)}; {said}")
    for name, column in zip(kept.columns, values.T, strict=True):
        known = column[~np.isnan(column)]
        if known.size < 2 or np.ptp(known) == 0:
            raise ModelError(f"column {name!r}: expected at least two different values, got {known[:1].tolist()}")
        if not SMALLEST < np.ptp(known) < LARGEST or np.abs(known).max() > LARGEST:
            raise ModelError(
                f"column {name!r}: expected values that computers can square, got {known.min():g} to {known.max():g}; "
                "choose another unit"
            )


def drawn(job: Job, k: int, number: int | mc.NumberOfComponents | None = None, called: str = "") -> None:
    """Draw, write, judge; `number` is what the model has in the place of k, where that is not known."""
    wish = job.wish
    thin = wish.sweeps_of_a_draw(len(job.kept))
    iterations = wish.burn + wish.draws * thin
    say(f"  {called or f'{k} component' + ('s' if k > 1 else '')}: {wish.chains} chains of {iterations} sweeps")
    with kept_back(), sweeps_told():  # the verdict is printed below, beside the number of components it is of
        m = mc.MCMC(mixture(job.choice.parts, job.kept, k if number is None else number))
        m.sample(iterations, wish.burn, thin, chains=wish.chains, seed=wish.seed)
    job.stopped = m.interrupted
    if n_draws(m) == 0:
        return
    with alive("still writing and judging the draws"):
        with kept_back():  # of components that have no names: the page says so
            data = m.to_arviz()
        to_netcdf(data, draws_of(k, wish))
        job.samplers[k] = m
        headline = m.diagnose().headline
    say(f"    {m.sampling_wall_seconds:.1f} s; {headline}")


def draws_of(k: int, wish: Wish) -> Path:
    """Where draws are as soon as they are made: under their number of components while there are more to come."""
    return wish.folder / (DRAWS if len(wish.components) <= 1 else f"draws-{k}.nc")


__all__ = [
    "BY_GROUP", "COMPARISON", "DOUBTFUL", "DRAWS", "REFUSED", "ROWS", "STOPPED", "WELL", "Job", "Wish", "begun",
    "drawn", "draws_of", "ended", "listed", "n_draws", "without_gaps",
]  # fmt: skip
