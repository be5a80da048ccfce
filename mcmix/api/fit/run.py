"""Fit mixtures to columns of a file, compare them, and write what came out."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import mcmix as mc
from mcmix.api.compare import Comparison
from mcmix.api.fit.choose import AUTO, Chosen, Question, chosen
from mcmix.api.fit.parts import mixture, names_of
from mcmix.api.fit.patience import alive, sweeps_told
from mcmix.api.fit.rows import write_rows
from mcmix.api.fit.table import Table, table_of
from mcmix.api.groups import DEGREES, Groups, groups_or_reason, one_group
from mcmix.api.in_words import Known, in_words
from mcmix.api.report import About, page_about, verdict_of
from mcmix.errors import ModelError
from mcmix.files import write_text, written_beside
from mcmix.report.arviz_bridge import to_netcdf
from mcmix.screen import kept_back, say

if TYPE_CHECKING:
    from pandas import DataFrame

WELL, REFUSED, DOUBTFUL, STOPPED = 0, 1, 3, 130  # exit codes; 2 is the parser's
CRITERIA = {"evidence": ("log_evidence", 1), "loo": ("loo", 1), "bic": ("bic", -1), "icl": ("icl", -1)}
IN_WORDS = {"evidence": "the marginal likelihood", "loo": "leave-one-out", "bic": "BIC", "icl": "ICL"}
SHOWN = ("log_evidence", "evidence_error", "loo", "loo_difference", "bic", "icl", "occupied")
SMALLEST, LARGEST = 1e-100, 1e100  # of values whose squares are numbers still
DRAWS, ROWS, COMPARISON = "draws.nc", "rows.csv", "comparison.csv"
FEWEST = 100  # draws of each chain that a stopped run must have to be reported
MOST_NAMED = 8  # columns that are told by name


@dataclass(frozen=True)
class Wish:
    """What was asked for; see the command's help."""

    file: Path
    columns: tuple[str, ...] | None
    components: tuple[int, ...]
    distribution: str = AUTO
    folder: Path = Path("mcmix-report")
    seed: int = 1
    chains: int = 4
    draws: int = 2000
    burn: int = 1000
    thin: int = 5
    choose: str = "evidence"
    missing: str = "keep"
    unit: str = "auto"
    covariance: str = "auto"

    @property
    def command(self) -> str:
        """The command line that asks for the same."""
        words = ["python", "-m", "mcmix", "fit", str(self.file)]
        words += ["--columns", ",".join(map(_quoted, self.columns))] if self.columns else []
        words += ["--components", ",".join(map(str, self.components)), "--distribution", self.distribution]
        words += ["--folder", str(self.folder)]
        for name in ("seed", "chains", "draws", "burn", "thin", "choose", "missing", "unit", "covariance"):
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
        return whole or {k: m for k, m in self.samplers.items() if _n_draws(m) >= FEWEST}


def fit(wish: Wish) -> int:
    """Do it; returns the exit code.

    Raises
    ------
    ModelError
        If the file or the wish cannot be served.
    KeyboardInterrupt
        If Ctrl-C came before there was anything to report, or a second time.
    """
    job = _begun(wish)
    for k in wish.components:
        if not job.stopped:
            _sample(job, k)
    if not job.complete:
        say(f"stopped; {_kept_so_far(job)}", error=True)
        return STOPPED
    if job.stopped:
        done = ", ".join(map(str, job.complete))
        say(f"stopped: reporting what there is of {done} components (Ctrl-C again ends at once); {_kept_so_far(job)}")
    try:
        return _finished(job)
    except KeyboardInterrupt:
        say(f"stopped; {_kept_so_far(job)}", error=True)
        return STOPPED


def _begun(wish: Wish) -> Job:
    """Read, check, choose."""
    table = table_of(wish.file, wish.columns)
    frame = table.frame
    used = ~_left_out(frame, wish.missing)
    kept, said = without_gaps(frame, wish.missing)
    _refuse_constants(kept, said)
    _try_folder(wish.folder)
    say(f"{wish.file}: {len(kept)} rows of {_listed(frame.columns)}; {said}")
    if table.said:
        say(table.said)
    question = Question(wish.distribution, wish.components, wish.unit, wish.covariance, wish.seed, say)
    with alive("still choosing the distribution"):
        choice = chosen(kept, question)
    say("\n".join(f"  {why}" for why in choice.why))
    return Job(wish, table, used, kept, [n for n in (said, table.said, *choice.why) if n], choice)


def _finished(job: Job) -> int:
    """Compare, choose the number of components, write everything."""
    wish, samplers = job.wish, job.complete
    with alive("still judging the draws"):
        diagnoses = {k: m.diagnose() for k, m in samplers.items()}
    comparison, decided = None, Decided(next(iter(samplers)))
    if len(samplers) > 1:
        say("comparing them, of which the evidence takes longest")
        with alive("still comparing"):
            comparison = mc.compare(samplers)
        decided = choice(comparison, wish, {k: d.ok for k, d in diagnoses.items()}, list(samplers))
        decided = replace(decided, probability=_probability(comparison, wish, decided.number, list(samplers)))
        _write_table(comparison, wish.folder / COMPARISON)
        table = comparison.table[list(SHOWN)].round(2).to_string()  # the page has the rest
        say(f"\n{table}\n{comparison.reading}\n\nreported: {decided.told}\n")
    best = decided.number
    say(verdict_of(diagnoses[best], relabelled=best > 1))
    _write(job, decided, comparison, diagnoses[best].ok)
    if job.stopped:
        return STOPPED
    return WELL if diagnoses[best].ok else DOUBTFUL


def _probability(comparison: Comparison, wish: Wish, best: int, numbers: Sequence[int]) -> float | None:
    """Of the number that is reported among all; None where another criterion chose, or the evidence is unsure."""
    errors = comparison.table["evidence_error"].to_numpy(dtype=float)
    if wish.choose != "evidence" or not (errors < 1.0).all():
        return None
    return float(comparison.table["probability"].iloc[list(numbers).index(best)])


def _kept_so_far(job: Job) -> str:
    """Which draws are kept, and where."""
    files = [_draws_of(k, job.wish) for k in job.samplers]
    there = [f"{f} ({_n_draws(job.samplers[k])} draws of each chain)"
             for k, f in zip(job.samplers, files, strict=True) if f.exists()]  # fmt: skip
    return f"kept: {', '.join(there)}" if there else "nothing was drawn yet"


def _n_draws(m: mc.MCMC) -> int:
    try:
        return m.draws().n_draws
    except ModelError:
        return 0


def _listed(columns: Iterable[str]) -> str:
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


def best_number(comparison: Comparison, wish: Wish, trusted: Sequence[bool] = ()) -> int:
    """The number of components that is best by the criterion; see :func:`choice`."""
    every = dict(zip(wish.components, trusted or [True] * len(wish.components), strict=True))
    return choice(comparison, wish, every, wish.components).number


@dataclass(frozen=True)
class Decided:
    """The number of components that is reported.

    Attributes
    ----------
    number : int
    why : str
    aside : str
        Which numbers do not count, and why.
    probability : float or None
        Of the number among all; None where nothing was compared, or it is not known.
    """

    number: int
    why: str = ""
    aside: str = ""
    probability: float | None = None

    @property
    def told(self) -> str:
        """In words."""
        aside = f" of those that count; left aside: {self.aside}" if self.aside else ""
        return f"{self.number} component{'s' if self.number > 1 else ''} ({self.why}{aside})"


def choice(comparison: Comparison, wish: Wish, trusted: Mapping[int, bool], numbers: Sequence[int]) -> Decided:
    """The number of components that is best by the criterion, and which were left aside.

    Of evidence, those count that are known to less than a nat from chains that agree, as long as there are such; else
    those that are known at all. What has no score is left aside, whatever the criterion.

    Raises
    ------
    ModelError
        If nothing has a score.
    """
    by = _criterion(comparison, wish)
    column, sign = CRITERIA[by]
    scores = sign * comparison.table[column].to_numpy(dtype=float)
    counted = np.isfinite(scores)
    if not counted.any():
        raise ModelError(f"--choose {wish.choose}: no number of components has a score; take more --draws, or another")
    reasons = {k: f"no {by} (too few draws, or none that it can be told from)" for k in _of(numbers, ~counted)}
    if by == "evidence":
        errors = comparison.table["evidence_error"].to_numpy(dtype=float)
        fine = np.array([trusted[k] for k in numbers])
        better = [(errors < 1.0) & fine, errors < 1.0, np.isfinite(errors), counted]
        among = next(mask & counted for mask in better if (mask & counted).any())
        reasons |= {k: "chains that cannot be trusted" for k in _of(numbers, counted & ~among & ~fine)}
        reasons |= {k: "evidence known to no better than a nat" for k in _of(numbers, counted & ~among & fine)}
        counted = among
    best = numbers[int(np.argmax(np.where(counted, scores, -np.inf)))]
    aside = "; ".join(f"{k} has {reason}" for k, reason in sorted(reasons.items()))
    instead = ", as the evidence of so many unknowns takes more --draws" if by != wish.choose else ""
    return Decided(best, f"the best by {by}{instead}", aside)


def _criterion(comparison: Comparison, wish: Wish) -> str:
    """What decides: what was asked for, but BIC in the place of an evidence that takes more draws than some have."""
    if wish.choose != "evidence":
        return wish.choose
    absent, errors = comparison.table["log_evidence"].isna().to_numpy(), comparison.table["evidence_error"].to_numpy()
    return "bic" if (absent & np.isinf(errors)).any() else "evidence"


def _of(numbers: Sequence[int], mask: np.ndarray) -> list[int]:
    return [k for k, yes in zip(numbers, mask, strict=True) if yes]


def _refuse_constants(kept: DataFrame, said: str) -> None:
    values = kept.to_numpy()
    if len(kept) < 3:
        raise ModelError(f"{_listed(kept.columns)}: expected at least 3 rows of data, got {len(kept)}; {said}")
    for name, column in zip(kept.columns, values.T, strict=True):
        known = column[~np.isnan(column)]
        if known.size < 2 or np.ptp(known) == 0:
            raise ModelError(f"column {name!r}: expected at least two different values, got {known[:1].tolist()}")
        if not SMALLEST < np.ptp(known) < LARGEST or np.abs(known).max() > LARGEST:
            raise ModelError(
                f"column {name!r}: expected values that computers can square, got {known.min():g} to {known.max():g}; "
                "choose another unit"
            )


def _sample(job: Job, k: int) -> None:
    """Draw with k components and write the draws, whatever becomes of the next number; Ctrl-C ends the job's drawing.

    Raises
    ------
    KeyboardInterrupt
        If it came before there was any draw.
    """
    try:
        _drawn(job, k)
    except KeyboardInterrupt:
        if not job.samplers:
            raise
        job.stopped = True


def _drawn(job: Job, k: int) -> None:
    """Draw, write, judge."""
    wish = job.wish
    iterations = wish.burn + wish.draws * wish.thin
    say(f"  {k} component{'s' if k > 1 else ''}: {wish.chains} chains of {iterations} sweeps")
    with kept_back(), sweeps_told():  # the verdict is printed below, beside the number of components it is of
        m = mc.MCMC(mixture(job.choice.parts, job.kept, k))
        m.sample(iterations, wish.burn, wish.thin, chains=wish.chains, seed=wish.seed)
    job.stopped = m.interrupted
    if _n_draws(m) == 0:
        return
    with alive("still writing and judging the draws"):
        to_netcdf(m.to_arviz(), _draws_of(k, wish))
        job.samplers[k] = m
        headline = m.diagnose().headline
    say(f"    {m.sampling_wall_seconds:.1f} s; {headline}")


def _draws_of(k: int, wish: Wish) -> Path:
    """Where draws are as soon as they are made: under their number of components while there are more to come."""
    return wish.folder / (DRAWS if len(wish.components) == 1 else f"draws-{k}.nc")


def _write(job: Job, decided: Decided, comparison: Comparison | None, trusted: bool) -> None:
    wish, best = job.wish, decided.number
    m = job.samplers[best]
    units = {
        name: DEGREES for part, name in zip(job.choice.parts, names_of(job.choice.parts), strict=True)
        if part.unit == "degrees"
    }  # fmt: skip
    with alive("still working out and writing which row belongs where"):
        groups, why_none = groups_or_reason(m, "last", units) if best > 1 else (one_group(m, units), "")
        links = _tables(job, best, comparison, groups)
    if groups is None:
        say(f"no groups can be told: {why_none}")
    title = f"{_listed(job.kept.columns)}: {best} group{'s' if best > 1 else ''}"
    numbers = list(job.complete) if comparison is not None else []
    criterion = wish.choose if comparison is None else _criterion(comparison, wish)
    priors = [
        f"Prior of {', '.join(p.columns[:3])}{' ...' if len(p.columns) > 3 else ''}: {p.prior}."
        for p in job.choice.parts
    ]
    stopped = ["The run was stopped before its end."] if job.stopped else []
    notes = [*stopped, *(f"{n[:1].upper()}{n[1:]}." for n in job.notes), *priors, "Weights ~ Dirichlet(1, ..., 1)."]
    about = About(
        title, comparison, wish.command, notes, groups=groups, data=_listed(job.kept.columns), numbers=numbers,
        probability=decided.probability, criterion=IN_WORDS[criterion], units=units, links=links, aside=decided.aside,
        rows=ROWS if ROWS in dict(links) else "",
    )  # fmt: skip
    say("drawing the page")
    with alive("still drawing the page"):
        page = page_about(m, wish.folder, about)
    if groups is not None:
        known = Known(
            about.data,
            best,
            about.probability,
            numbers,
            about.criterion,
            trusted=trusted,
            aside=about.aside,
            rows=about.rows,
        )
        say("\n".join(in_words(groups, known)))
    say("written: " + ", ".join(map(str, [page, *(wish.folder / name for name, _ in links)])))


def _tables(job: Job, best: int, comparison: Comparison | None, groups: Groups | None) -> list[tuple[str, str]]:
    """Put draws in their place, write rows.csv; returns the files beside the page, each with what it holds."""
    wish = job.wish
    found = []
    if groups is not None and best > 1:
        write_rows(wish.file, job.table.raw, job.used, groups, wish.folder / ROWS)
        found.append((ROWS, "every row with its group, the group's probability, and whether that is doubtful"))
    (_draws_of(best, wish)).replace(wish.folder / DRAWS)
    for k in set(job.samplers) - {best}:
        _draws_of(k, wish).unlink(missing_ok=True)
    found.append((DRAWS, "draws, for ArviZ"))
    if comparison is not None:
        found.append((COMPARISON, "scores of each number of groups"))
    return found


def _write_table(comparison: Comparison, target: Path) -> None:
    """All scores, a row for each number of components."""
    with written_beside(target) as beside:
        comparison.table.to_csv(beside, index_label="components")


__all__ = ["Wish", "best_number", "choice", "fit", "without_gaps"]
