"""Which distributions a table's columns get, and why: by what they hold, then by BIC where there is a choice."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import mcmix as mc
from mcmix.api.fit.families import CHOICES
from mcmix.api.fit.kinds import KINDS, kind_of, said_of, unit_of
from mcmix.api.fit.parts import Part, mixture
from mcmix.errors import McmixError, ModelError
from mcmix.screen import kept_back

if TYPE_CHECKING:
    from pandas import DataFrame

AUTO = "auto"
TRIED_ROWS = 400  # of a column, on which distributions are tried
TRIED_NUMBERS = 3  # numbers of components with which they are
MOST_TRIED_COMPONENTS = 5
MOST_TRIED_COLUMNS = 8  # of counts in a table that are tried one by one
CLOSE = 6.0  # points of BIC within which the more usual distribution is taken
MOST_FULL = 20  # columns with covariances; of more, a group has more covariances than rows could tell
MEASURED = ("positive", "numbers")


@dataclass(frozen=True)
class Chosen:
    """Parts of a table with their distributions, and the reasons in sentences."""

    parts: list[Part]
    why: list[str]


@dataclass(frozen=True)
class Question:
    """What the choice depends on beside the numbers: what was asked for, and whom to tell what is being tried."""

    distribution: str
    components: Sequence[int]
    unit: str
    covariance: str
    seed: int
    tell: Callable[[str], None]


def chosen(frame: DataFrame, asked: Question) -> Chosen:
    """The distributions of a frame of numbers (NaN where missing).

    Raises
    ------
    ModelError
        If what was asked for does not go with the numbers, or no number of groups could be told apart.
    """
    if asked.distribution != AUTO:
        return _as_asked(frame, asked)
    _refuse_one_item(frame, asked.components)
    return _one(frame, asked) if len(frame.columns) == 1 else _several(frame, asked)


def _known(frame: DataFrame, name: str) -> np.ndarray:
    x = frame[name].to_numpy()
    return x[~np.isnan(x)]


def _refuse_one_item(frame: DataFrame, components: Sequence[int]) -> None:
    first = frame.columns[0]
    if len(frame.columns) == 1 and kind_of(first, _known(frame, first)) == "items" and max(components) > 1:
        raise ModelError(
            f"column {first!r} holds 0 and 1 alone: groups cannot be told apart by one yes/no item, as a mixture of "
            "probabilities is one probability; name several items with --columns, or take --components 1"
        )


# -------------------------------------------------------------------- as asked for


def _as_asked(frame: DataFrame, asked: Question) -> Chosen:
    name, columns = asked.distribution, tuple(frame.columns)
    if name == "bernoulli":
        _refuse_one_item(frame, asked.components)
    unit = unit_of(np.concatenate([_known(frame, c) for c in columns]), asked.unit) if name == "von-mises" else ""
    part = Part(columns, name, name == "normal" and _with_covariances(len(columns), asked), unit)
    for column in columns:
        known = _known(frame, column)
        if not CHOICES[name].fits(known / part.factor if unit == "degrees" and np.abs(known).max() <= 180 else known):
            _refuse_values(name, column, known, unit)
    said = [f"{part.words}, as asked for with --distribution {name}"]
    if unit:
        said.append(f"angles are taken as {unit}" + (" (--unit says otherwise)" if asked.unit == AUTO else ""))
    return Chosen([part], said)


def _refuse_values(name: str, column: str, known: np.ndarray, unit: str) -> None:
    """Angles may go round beyond half a turn; everything else is refused."""
    full = 360.0 if unit == "degrees" else 2.0 * np.pi
    if unit and np.abs(known).max() <= full * (1.0 + 1e-9):
        return
    holds = f"angles in {unit}, up to {full:.4g}" if unit else CHOICES[name].holds
    wrong = known if unit else known[[not CHOICES[name].fits(known[i : i + 1]) for i in range(len(known))]]
    worst = wrong[np.argmax(np.abs(wrong))]
    raise ModelError(
        f"--distribution {name}: column {column!r} expected {holds}, got {worst:g}; --distribution auto chooses one "
        "that suits the column"
    )


def _with_covariances(n_columns: int, asked: Question) -> bool:
    return n_columns > 1 and (asked.covariance == "full" or (asked.covariance == AUTO and n_columns <= MOST_FULL))


# -------------------------------------------------------------------- one column


def _one(frame: DataFrame, asked: Question) -> Chosen:
    name = frame.columns[0]
    x = _known(frame, name)
    kind = kind_of(name, x)
    unit = unit_of(x, asked.unit) if kind == "angles" else ""
    said = [f"column {name!r} holds {said_of(kind, x, unit)}", *_hints(name, kind, x)]
    best, why = best_of(name, frame, KINDS[kind].candidates(x), asked, unit)
    return Chosen([Part((name,), best, unit=unit)], [*said, why])


def _hints(name: str, kind: str, x: np.ndarray) -> Iterator[str]:
    if kind in (*MEASURED, "counts") and np.abs(x).max() <= 360.0 and np.ptp(x) > 300.0:
        yield "should these be angles in degrees: --distribution von-mises --unit degrees"
    if kind == "numbers" and (x >= 0).all():
        share = f"{(x == 0).mean():.1%}".replace("%", " %")
        yield f"exact zeros ({share}) leave out distributions of positive numbers"
    if kind == "counts" and x.var() < 0.8 * x.mean():
        yield (
            "counts that vary less than a Poisson distribution has it: a mixture of such can only vary more, so expect "
            "one group"
        )


def best_of(name: str, frame: DataFrame, candidates: Sequence[str], asked: Question, unit: str = "") -> tuple[str, str]:
    """The distribution of one column with the best BIC over some numbers of components, and the reason.

    Within `CLOSE` points the one that comes first is taken. BIC is at posterior modes, of at most `TRIED_ROWS` rows.
    """
    if len(candidates) == 1:
        return candidates[0], f"so the distribution is {candidates[0]}"
    rows, numbers = _some_rows(frame, name, asked.seed), _some_numbers(asked.components)
    asked.tell(f"trying {', '.join(candidates)} on {len(rows)} rows of {name!r}")
    found = {c: min(_criterion(Part((name,), c, unit=unit), rows, k, asked.seed) for k in numbers) for c in candidates}
    least = min(found.values())
    if not np.isfinite(least):
        return candidates[0], f"so the distribution is {candidates[0]} (none could be tried)"
    best = next(c for c in candidates if found[c] <= least + CLOSE)
    beside = {c: found[c] - found[best] for c in candidates if c != best and np.isfinite(found[c])}
    others = ", ".join(f"{c} {round(points):+d}" for c, points in beside.items())
    with_k = " or ".join(map(str, numbers))
    return best, (
        f"of {len(rows)} rows with {with_k} component{'s' if numbers[-1] > 1 else ''}, {best} has the best BIC, or is "
        f"within {CLOSE:g} points of it and more usual (the others beside it, less is better: {others})"
    )


def _some_rows(frame: DataFrame, name: str, seed: int) -> DataFrame:
    rows = frame[[name]].dropna()
    if len(rows) <= TRIED_ROWS:
        return rows
    picked = np.random.default_rng(seed).choice(len(rows), TRIED_ROWS, replace=False)
    return rows.iloc[np.sort(picked)]


def _some_numbers(components: Sequence[int]) -> list[int]:
    """The smallest, a middle and the largest number of components, none above five if there are smaller ones."""
    few = [k for k in sorted(components) if k <= MOST_TRIED_COMPONENTS] or [min(components)]
    return sorted({few[i] for i in np.linspace(0, len(few) - 1, min(TRIED_NUMBERS, len(few))).round().astype(int)})


def _criterion(part: Part, rows: DataFrame, k: int, seed: int) -> float:
    """BIC at the posterior mode; infinite where there is none."""
    try:
        with warnings.catch_warnings(), kept_back():
            warnings.simplefilter("ignore")  # of ties among few rows: the run itself says what matters
            return float(mc.MAP(mixture([part], rows, k)).fit("fmin_l_bfgs_b", starts=1, seed=seed).BIC)
    except McmixError:
        return np.inf


# -------------------------------------------------------------------- several columns


def _several(frame: DataFrame, asked: Question) -> Chosen:
    """Columns of one kind are a part; measured ones are vectors, all others independent within a component."""
    by_part: dict[tuple[str, str], list[str]] = {}
    counted = 0
    for name in frame.columns:
        x = _known(frame, name)
        kind = kind_of(name, x)
        counted += kind == "counts"
        key = _key(name, frame, x, kind, asked, counted <= MOST_TRIED_COLUMNS)
        by_part.setdefault(key, []).append(name)
    parts, said = [], []
    for (distribution, unit), columns in by_part.items():
        full = distribution == "normal" and _with_covariances(len(columns), asked)
        parts.append(Part(tuple(columns), distribution, full, unit))
        said.append(_said_of_part(parts[-1], frame, asked))
    return Chosen(parts, said)


def _key(name: str, frame: DataFrame, x: np.ndarray, kind: str, asked: Question, tried: bool) -> tuple[str, str]:
    if kind == "angles":
        return "von-mises", unit_of(x, asked.unit)
    if kind == "counts":
        return _of_counts(name, frame, x, asked, tried), ""
    return ("normal" if kind in MEASURED else KINDS[kind].candidates(x)[0]), ""


def _of_counts(name: str, frame: DataFrame, x: np.ndarray, asked: Question, tried: bool) -> str:
    """Among few such columns by trying; else a measurement that was rounded if it takes many values but never 0."""
    candidates = [c for c in KINDS["counts"].candidates(x) if c in ("poisson", "negative-binomial", "normal")]
    if tried:
        return best_of(name, frame, candidates, asked)[0]
    return "normal" if "normal" in candidates else "poisson"


def _said_of_part(part: Part, frame: DataFrame, asked: Question) -> str:
    more = f" and {len(part.columns) - 6} more" if len(part.columns) > 6 else ""
    listed = f"column{'s' if len(part.columns) > 1 else ''} {', '.join(part.columns[:6])}{more}"
    kinds = sorted({KINDS[kind_of(c, _known(frame, c))].words for c in part.columns})
    unit = f" in {part.unit}" if part.unit else ""
    said = f"{listed}: {' or '.join(kinds)}{unit}, so {part.words}"
    if part.distribution == "normal" and len(part.columns) > MOST_FULL and asked.covariance == AUTO:
        many = len(part.columns) * (len(part.columns) - 1) // 2
        said += f" ({many} covariances for each component would be more than rows can tell; --covariance full asks so)"
    return said


__all__ = ["AUTO", "Chosen", "Question", "best_of", "chosen"]
