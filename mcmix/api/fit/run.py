"""Fit mixtures to columns of a file, compare them, and write what came out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import mcmix as mc
from mcmix.api.compare import Comparison
from mcmix.api.fit.laws import Kind, kind_of, mixture
from mcmix.errors import ModelError
from mcmix.report import frames
from mcmix.report.arviz_bridge import to_netcdf

if TYPE_CHECKING:
    from pandas import DataFrame

WELL, REFUSED, DOUBTFUL = 0, 1, 3  # exit codes; 2 is the parser's
CRITERIA = {"evidence": ("log_evidence", 1), "loo": ("loo", 1), "bic": ("bic", -1), "icl": ("icl", -1)}
SHOWN = ("log_evidence", "evidence_error", "loo", "loo_difference", "bic", "icl", "occupied")
SMALLEST, LARGEST = 1e-100, 1e100  # of values whose squares are numbers still
DRAWS, ROWS = "draws.nc", "rows.csv"


@dataclass(frozen=True)
class Wish:
    """What was asked for; see the command's help."""

    file: Path
    columns: tuple[str, ...] | None
    components: tuple[int, ...]
    law: str = "normal"
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
        words += ["--components", ",".join(map(str, self.components)), "--law", self.law, "--folder", str(self.folder)]
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
    kind = kind_of(wish.law, columns, kept.to_numpy())
    print(f"{wish.file}: {len(kept)} rows of {', '.join(columns)}; {said}")
    samplers = {k: _sampled(kind, kept, columns, k, wish) for k in wish.components}
    comparison = mc.compare(samplers) if len(samplers) > 1 else None
    best = (
        wish.components[0]
        if comparison is None
        else chosen(comparison, wish, [m.diagnose().ok for m in samplers.values()])
    )
    if comparison is not None:
        table = comparison.table[list(SHOWN)].round(2).to_string()  # the page has the rest
        print(f"\n{table}\n{comparison.reading}\n\nreported: {best} components (the best by {wish.choose})\n")
    m = samplers[best]
    print(m.verdict)
    _write(m, wish, best, comparison, kept, [said, f"Prior: {kind.prior}; weights ~ Dirichlet(1, ..., 1)."])
    return WELL if m.diagnose().ok else DOUBTFUL


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
    """The number of components that is best by the criterion.

    Of evidence, those count that are known to less than a nat from chains that agree, as long as there are such; else
    those that are known at all.
    """
    column, sign = CRITERIA[wish.choose]
    scores = sign * comparison.table[column].to_numpy()
    if wish.choose == "evidence":
        errors = comparison.table["evidence_error"].to_numpy()
        fine = np.array(trusted or [True] * len(errors))
        better = [(errors < 1.0) & fine, errors < 1.0, np.isfinite(errors), np.ones(len(errors), dtype=bool)]
        scores = np.where(next(mask for mask in better if mask.any()), scores, -np.inf)
    return wish.components[int(np.nanargmax(scores))]


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
    with redirect_stderr(StringIO()):  # the verdict is printed below, beside the number of components that it is of
        m.sample(iterations, wish.burn, wish.thin, chains=wish.chains, seed=wish.seed, progress_bar=False)
    m.or_interrupted()
    headline = m.verdict.partition(";")[0] if not m.diagnose().ok else "fine"
    print(f"  {k} component{'s' if k > 1 else ''}: {m.sampling_wall_seconds:.1f} s; {headline}", flush=True)
    return m


def name_of(columns: Sequence[str]) -> str:
    """What the data are called: the column, unless a parameter has its name."""
    name = columns[0] if len(columns) == 1 else "data"
    return f"{name} (data)" if name in ("mean", "precision", "rate", "weight", "label") else name


def _write(
    m: mc.MCMC, wish: Wish, best: int, comparison: Comparison | None, kept: DataFrame, notes: Sequence[str]
) -> None:
    wish.folder.mkdir(parents=True, exist_ok=True)
    title = f"{', '.join(kept.columns)}: {best} component{'s' if best > 1 else ''}"
    page = m.report(wish.folder, title=title, comparison=comparison, command=wish.command, notes=notes)
    to_netcdf(m.to_arviz(), wish.folder / DRAWS)
    written = [page, wish.folder / DRAWS]
    if best > 1:
        written.append(_rows(m, kept, wish.folder / ROWS))
    print("written: " + ", ".join(map(str, written)))


def _rows(m: mc.MCMC, kept: DataFrame, target: Path) -> Path:
    """Class, probabilities and entropy of each row, under its place in the file."""
    found = mc.classify(m)
    columns: dict[str, Any] = {"class": found.classes, "entropy": found.entropy}
    columns |= {f"component {j}": p for j, p in enumerate(found.probabilities.T)}
    table = frames.table_frame(columns, list(kept.index))
    table.to_csv(target, index_label="row")
    return target


__all__ = ["Wish", "fit"]
