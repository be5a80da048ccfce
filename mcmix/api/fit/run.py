"""Fit mixtures to columns of a file, compare them, and write what came out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import mcmix as mc
from mcmix.api.compare import Comparison
from mcmix.api.fit.families import Kind, kind_of, mixture
from mcmix.errors import ModelError
from mcmix.files import write_text, written_beside
from mcmix.report import frames
from mcmix.report.arviz_bridge import to_netcdf
from mcmix.screen import say

if TYPE_CHECKING:
    from pandas import DataFrame

WELL, REFUSED, DOUBTFUL = 0, 1, 3  # exit codes; 2 is the parser's
CRITERIA = {"evidence": ("log_evidence", 1), "loo": ("loo", 1), "bic": ("bic", -1), "icl": ("icl", -1)}
SHOWN = ("log_evidence", "evidence_error", "loo", "loo_difference", "bic", "icl", "occupied")
SMALLEST, LARGEST = 1e-100, 1e100  # of values whose squares are numbers still
DRAWS, ROWS, COMPARISON = "draws.nc", "rows.csv", "comparison.csv"


@dataclass(frozen=True)
class Wish:
    """What was asked for; see the command's help."""

    file: Path
    columns: tuple[str, ...] | None
    components: tuple[int, ...]
    distribution: str = "normal"
    folder: Path = Path("mcmix-report")
    seed: int = 1
    chains: int = 4
    draws: int = 2000
    burn: int = 1000
    thin: int = 5
    choose: str = "evidence"
    missing: str = "keep"

    @property
    def command(self) -> str:
        """The command line that asks for the same."""
        words = ["python", "-m", "mcmix", "fit", str(self.file)]
        words += ["--columns", ",".join(self.columns)] if self.columns else []
        words += [
            "--components",
            ",".join(map(str, self.components)),
            "--distribution",
            self.distribution,
            "--folder",
            str(self.folder),
        ]
        for name in ("seed", "chains", "draws", "burn", "thin", "choose", "missing"):
            words += [f"--{name}", str(getattr(self, name))]
        return shlex.join(words)


def fit(wish: Wish) -> int:
    """Do it; returns the exit code.

    Raises
    ------
    ModelError
        If the file or the wish cannot be served.
    """
    frame = frames.read_table(wish.file, wish.columns)
    columns = list(frame.columns)
    kept, said = without_gaps(frame, wish.missing)
    _refuse_constants(kept)
    kind = kind_of(wish.distribution, columns, kept.to_numpy())
    _try_folder(wish.folder)
    say(f"{wish.file}: {len(kept)} rows of {', '.join(columns)}; {said}")
    samplers = {k: _sampled(kind, kept, columns, k, wish) for k in wish.components}
    diagnoses = {k: m.diagnose() for k, m in samplers.items()}
    comparison, best = None, wish.components[0]
    if len(samplers) > 1:
        say("comparing them, of which the evidence takes longest")
        comparison = mc.compare(samplers)
        best, why = choice(comparison, wish, {k: d.ok for k, d in diagnoses.items()})
        _write_table(comparison, wish.folder / COMPARISON)
        table = comparison.table[list(SHOWN)].round(2).to_string()  # the page has the rest
        say(f"\n{table}\n{comparison.reading}\n\nreported: {best} components ({why})\n")
    say(diagnoses[best].verdict)
    notes = [said, f"Prior: {kind.prior}; weights ~ Dirichlet(1, ..., 1)."]
    _write(samplers[best], wish, best, comparison, kept, notes)
    return WELL if diagnoses[best].ok else DOUBTFUL


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
    >>> import numpy as np
    >>> table = frames.table_frame({"a": np.array([1.0, np.nan]), "b": np.array([2.0, 3.0])}, ["0", "1"])
    >>> without_gaps(table, "drop")[1]
    'missing cells: a 1; left out 1 row with any'
    """
    gaps = frame.isna()
    if not gaps.to_numpy().any():
        return frame, "no missing cells"
    counts = ", ".join(f"{name} {int(n)}" for name, n in gaps.sum().items() if n)
    several = len(frame.columns) > 1
    bad = gaps.any(axis=1) if missing == "drop" or not several else gaps.all(axis=1)
    kept = frame[~bad]
    number = f"{int(bad.sum())} row{'s' if bad.sum() != 1 else ''}"
    how = "with any" if missing == "drop" and several else "without any value"
    said = [f"left out {number} {how}"] if bad.any() else []
    if kept.isna().to_numpy().any():
        said.append(f"{int(kept.isna().to_numpy().sum())} kept as unknowns (missing at random)")
    return kept, f"missing cells: {counts}; {', '.join(said)}"


def chosen(comparison: Comparison, wish: Wish, trusted: Sequence[bool] = ()) -> int:
    """The number of components that is best by the criterion; see :func:`choice`."""
    return choice(comparison, wish, dict(zip(wish.components, trusted or [True] * len(wish.components), strict=True)))[
        0
    ]


def choice(comparison: Comparison, wish: Wish, trusted: Mapping[int, bool]) -> tuple[int, str]:
    """The number of components that is best by the criterion, and in words among which, and which were left aside.

    Of evidence, those count that are known to less than a nat from chains that agree, as long as there are such; else
    those that are known at all. What has no score is left aside, whatever the criterion.

    Raises
    ------
    ModelError
        If nothing has a score.
    """
    column, sign = CRITERIA[wish.choose]
    scores = sign * comparison.table[column].to_numpy(dtype=float)
    counted = np.isfinite(scores)
    if not counted.any():
        raise ModelError(f"--choose {wish.choose}: no number of components has a score; take more --draws, or another")
    reasons = {k: f"no {wish.choose} (too few draws, or none that it can be told from)" for k in _of(wish, ~counted)}
    if wish.choose == "evidence":
        errors = comparison.table["evidence_error"].to_numpy(dtype=float)
        fine = np.array([trusted[k] for k in wish.components])
        better = [(errors < 1.0) & fine, errors < 1.0, np.isfinite(errors), counted]
        among = next(mask & counted for mask in better if (mask & counted).any())
        reasons |= {k: "chains that cannot be trusted" for k in _of(wish, counted & ~among & ~fine)}
        reasons |= {k: "evidence known to no better than a nat" for k in _of(wish, counted & ~among & fine)}
        counted = among
    best = wish.components[int(np.argmax(np.where(counted, scores, -np.inf)))]
    aside = "; ".join(f"{k} has {reason}" for k, reason in sorted(reasons.items()))
    return best, f"the best by {wish.choose}" + (f" of those that count; left aside: {aside}" if aside else "")


def _of(wish: Wish, mask: np.ndarray) -> list[int]:
    return [k for k, yes in zip(wish.components, mask, strict=True) if yes]


def _refuse_constants(kept: DataFrame) -> None:
    values = kept.to_numpy()
    if len(kept) < 3:
        raise ModelError(f"expected at least 3 rows of data, got {len(kept)}")
    for name, column in zip(kept.columns, values.T, strict=True):
        known = column[~np.isnan(column)]
        if known.size < 2 or np.ptp(known) == 0:
            raise ModelError(f"column {name!r}: expected at least two different values, got {known[:1].tolist()}")
        if not SMALLEST < np.ptp(known) < LARGEST or np.abs(known).max() > LARGEST:
            raise ModelError(
                f"column {name!r}: expected values that computers can square, got {known.min():g} to {known.max():g}; "
                "choose another unit"
            )


def _sampled(kind: Kind, kept: DataFrame, columns: Sequence[str], k: int, wish: Wish) -> mc.MCMC:
    m = mixture(kind, kept, k, name_of(columns))
    iterations = wish.burn + wish.draws * wish.thin
    say(f"  {k} component{'s' if k > 1 else ''}: {wish.chains} chains of {iterations} sweeps")
    with redirect_stderr(StringIO()):  # the verdict is printed below, beside the number of components that it is of
        m.sample(iterations, wish.burn, wish.thin, chains=wish.chains, seed=wish.seed, progress_bar=False)
    m.or_interrupted()
    say(f"    {m.sampling_wall_seconds:.1f} s; {m.diagnose().headline}")
    to_netcdf(m.to_arviz(), _draws_of(k, wish))  # whatever becomes of the next number of components
    return m


def _draws_of(k: int, wish: Wish) -> Path:
    """Where draws are as soon as they are made: under their number of components while there are more to come."""
    return wish.folder / (DRAWS if len(wish.components) == 1 else f"draws-{k}.nc")


def name_of(columns: Sequence[str]) -> str:
    """What the data are called: the column, unless a parameter has its name."""
    name = columns[0] if len(columns) == 1 else "data"
    return f"{name} (data)" if name in ("mean", "precision", "rate", "weight", "label") else name


def _write(
    m: mc.MCMC, wish: Wish, best: int, comparison: Comparison | None, kept: DataFrame, notes: Sequence[str]
) -> None:
    title = f"{', '.join(kept.columns)}: {best} component{'s' if best > 1 else ''}"
    written = [_draws_of(best, wish).replace(wish.folder / DRAWS)]
    for k in set(wish.components) - {best}:
        _draws_of(k, wish).unlink(missing_ok=True)
    written += [wish.folder / COMPARISON] if comparison is not None else []
    if best > 1:
        written.append(_rows(m, kept, wish.folder / ROWS))
    say("drawing the page")
    page = m.report(wish.folder, title=title, comparison=comparison, command=wish.command, notes=notes)
    say("written: " + ", ".join(map(str, [page, *written])))


def _write_table(comparison: Comparison, target: Path) -> None:
    """All scores, a row for each number of components."""
    with written_beside(target) as beside:
        comparison.table.to_csv(beside, index_label="components")


def _rows(m: mc.MCMC, kept: DataFrame, target: Path) -> Path:
    """Class, probabilities and entropy of each row, under its place in the file."""
    found = mc.classify(m)
    columns: dict[str, Any] = {"class": found.classes, "entropy": found.entropy}
    columns |= {f"component {j}": p for j, p in enumerate(found.probabilities.T)}
    table = frames.table_frame(columns, list(kept.index))
    with written_beside(target) as beside:
        table.to_csv(beside, index_label="row")
    return target


__all__ = ["Wish", "fit"]
