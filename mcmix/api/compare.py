"""Several models of the same data in one table, with a plain reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logsumexp

from mcmix.api.arguments import checked_sampler, may_hold_draws
from mcmix.api.complete_data import complete_scores
from mcmix.api.evidence import Evidence, Integrand, draws_needed, evidence
from mcmix.api.same_components import OccupiedEvidence, occupied_evidence
from mcmix.errors import ModelError
from mcmix.report.evidence import scores
from mcmix.report.evidence.unit_logs import UnitLogs, units_looked_at
from mcmix.report.frames import table_frame
from mcmix.sampling import pointwise
from mcmix.sampling.few_rows import FewRows
from mcmix.sampling.mode import End, Search, best_draws, highest_mode, starts_of
from mcmix.sampling.mode import Objective as Height

if TYPE_CHECKING:
    from pandas import DataFrame

CLOSE = 3.0  # nats of log evidence below which two models are about as good (Kass and Raftery 1995)
STARTS, MORE_STARTS = 2, 12  # draws and seedings from which a mode is searched, at first and where it is too low
MANY_ROWS = 200_000  # of which draws alone are starts, and the search is a short one where no few rows stand for them
THOROUGH, BRIEF = Search("fmin_l_bfgs_b"), Search("fmin_l_bfgs_b", iterlim=10, order=3, rounds=2)
MOST_WORK, MIDDLE = 5 * 10**9, 2000  # densities for second derivatives beyond which no mode is searched; draws then
SAME = 0.01  # nats between heights of one mode
MOST_VISITS = 5 * 10**8  # rows x draws, beyond which scores are computed from fewer draws
FEWEST_DRAWS, MANY = 400, 12  # but from so many, and so many for each unknown
AGREE = 4.0  # errors within which two ways to the evidence must agree
SURE = CLOSE / 3.0  # nats of its error below which an evidence is read


@dataclass(frozen=True, repr=False)
class Comparison:
    """Models side by side.

    Attributes
    ----------
    table : DataFrame
        A row for each model; see :func:`compare`.
    reading : str
        What the table says, in plain words.
    """

    table: DataFrame
    reading: str

    def __repr__(self) -> str:
        return f"{self.table.round(2).to_string()}\n{self.reading}"

    def _repr_html_(self) -> str:
        return f"{self.table.round(2).to_html()}<p>{self.reading}</p>"


def compare(
    models: Mapping[Any, Any], *, draws: int = 2000, calls: str = "last", leave_one_out: bool = True
) -> Comparison:
    """Compare sampled models of the same data.

    Parameters
    ----------
    models : mapping of name to MCMC
        Each after sampling; for numbers of components, ``{k: sampler_with(k) for k in range(1, 6)}``. One whose number
        of components is unknown has no line of its own: it makes the evidence of the others surer (see the notes).
    draws : int
        Draws of each that the scores are computed from; fewer of more than 250,000 rows that no few weighted rows stand
        for.
    calls : {"last", "all"}
    leave_one_out : bool
        Whether to compute ``loo``, which takes up to 2 s for each model; else its columns are NaN.

    Returns
    -------
    Comparison
        Its table has, for each model: ``log_evidence`` with its Monte Carlo error and ``probability`` (all models
        equally likely beforehand), by bridge sampling (``log_evidence_bridge``) or from how many components hold units
        (``log_evidence_occupied``), whichever is surer; ``loo`` and ``waic``, expected log predictive densities of
        single units with their standard errors, and the units for which they are unreliable; ``loo_difference``, by how
        much a model is behind the best, with its standard error; ``bic`` and ``icl`` at the
        highest mode that searches from draws and from seedings reach, ``dic`` (DIC 3), ``dic2`` and ``dic4``, of all of
        which less is better; ``mode_unsure``, 1 where no search ended at a mode, or a model with fewer of the same
        components reached a higher likelihood: do not read ``bic``, ``icl`` and ``dic2`` there;
        ``occupied``, the mean number of components that hold rows. Columns that end in ``_error`` are Monte Carlo
        errors but for those of ``loo`` and ``waic``, which are standard errors over units; BIC and ICL have none.

    Raises
    ------
    ModelError
        If models are of different data, or were not sampled.

    Notes
    -----
    The marginal likelihood (evidence) measures how well the prior predictive distribution predicts the data, and so
    depends on the prior; the predictive scores ask about one more unit, and tend to favour more components. BIC and ICL
    count units (a vector, all rows of one label and a row whose label is known are one each; where models part the data
    differently, the fewest of any), and as parameters all continuous unknowns, hyperparameters too. Labels are summed
    out everywhere but in ``icl`` and ``dic4``, which count the labels as data and so punish components that overlap.
    Where a search for the mode would take many minutes, as of thousands of unknowns, BIC, ICL and DIC 2 are at the mean
    of the draws; ``log_evidence`` is NaN where it takes more draws than there are, six for each unknown.

    Where models differ in the number of components alone, these are exchangeable and weights are symmetric Dirichlet
    of one known concentration, the shares of draws in which so many components hold units tell the evidence of every
    number beside that of one (:mod:`mcmix.report.evidence.occupied_shares` has the identity), often to hundredths of a
    nat where bridge sampling knows tenths. Numbers of clusters must overlap between runs; a run in which the number of
    components is unknown joins those that do not. Bridge sampling and this third way must agree within four errors.

    Of the criteria for models with missing data (Celeux, Forbes, Robert and Titterington 2006), DIC 3 depends on no
    estimate of the parameters, hence on neither labels, parametrisation nor a search: of the three, trust ``dic``.
    DIC 2 is that with the likelihood at the mode in the place of the predictive density, and only as good as the mode.
    DIC 4 answers another question, how well rows can be told apart, as ICL does. DIC with the posterior mean of the
    parameters (DIC 1) means nothing where labels switch, and is not here. ``loo`` does what all of them aim at, and
    says where it fails. Units that follow one another (:class:`mcmix.MarkovChain`) cannot be left out one by one:
    ``loo`` is NaN then, and ``waic`` of such models. Of more than 20,000 units, ``loo`` and ``waic`` are looked at in
    5000, drawn evenly, and the rest is told from the log likelihood of all (Magnusson, Vehtari, Jonasson and Andersen
    2020). ``dic4`` and ``occupied`` are NaN with several label vectors, ``dic4`` of more than 200,000 units, or 500
    unknowns, too.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal([[0.0], [6.0]], 1.0, (2, 40)).ravel()
    >>> def sampler(k):
    ...     mu, w = mc.Normal("mu", 3, 0.05, size=k), mc.Dirichlet("w", np.ones(k))
    ...     return mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True), mu])
    >>> found = mc.compare({k: sampler(k).sample(1500, 500, seed=1) for k in (1, 2)})
    >>> found.table["probability"].round(3).tolist()
    [0.0, 1.0]
    """
    if may_hold_draws(models) and not (isinstance(models, Mapping) and _by_name(models)):
        checked_sampler(models, "compare")
    if not isinstance(models, Mapping) or not models:
        came = "none" if isinstance(models, Mapping) else type(models).__name__
        raise ModelError(f"compare: expected models by name, got {came}")
    _refuse_other_data(models)
    every, models = models, {n: m for n, m in models.items() if not _has_no_number(m)}
    if not models:
        raise ModelError(
            "compare: expected a model whose number of components is known, got none; mc.posterior_components(m) has "
            "the evidence of every number"
        )
    leave_one_out = leave_one_out and not any(_is_chained(m) for m in models.values())
    modes = _modes(models, calls)
    draws = min(_affordable(m, modes[name].target.marginal, draws, calls) for name, m in models.items())
    units = min(mode.target.marginal.n_units for mode in modes.values())
    found = {name: _row(m, draws, calls, leave_one_out, modes[name], units) for name, m in models.items()}
    rows = {name: row for name, (row, _) in found.items()}
    _put_differences(rows, [score for _, score in found.values()], leave_one_out)
    surer = _put_surer_evidence(rows, occupied_evidence(every, calls))
    columns = {c: np.array([row[c] for row in rows.values()]) for c in next(iter(rows.values()))}
    logs = columns["log_evidence"]
    columns["probability"] = np.exp(logs - logsumexp(logs))
    order = ["log_evidence", "evidence_error", "probability", *[c for c in columns if c not in _FIRST]]
    frame = table_frame({c: columns[c] for c in order}, [str(name) for name in rows])
    return Comparison(frame, _read(list(map(str, rows)), columns) + surer)


_FIRST = ("log_evidence", "evidence_error", "probability")


def _by_name(models: Any) -> bool:
    """Whether a mapping is one of models: objects of ArviZ and xarray are mappings too, of draws."""
    return not (hasattr(models, "groups") or hasattr(models, "data_vars"))


def _is_chained(m: Any) -> bool:
    """Whether units follow one another, so that none can be left out by itself."""
    return any(b.distribution.ahead is not None for b in m.assembled.structure.blocks)


def _has_no_number(m: Any) -> bool:
    """Whether the number of components is unknown, or has no end."""
    return bool(m.assembled.structure.numbers or m.assembled.structure.open_sticks)


def _refuse_other_data(models: Mapping[Any, Any]) -> None:
    seen: dict[str, np.ndarray] | None = None
    for name, m in models.items():
        checked_sampler(m, f"compare: {name!r}")
        data = m.observed_data()
        if seen is None:
            seen = data
        elif data.keys() != seen.keys() or any(not np.array_equal(data[n], seen[n], equal_nan=True) for n in data):
            raise ModelError(f"compare: expected models of the same data; {name!r} has other data than the first")


def _put_surer_evidence(rows: dict[Any, dict[str, float]], found: OccupiedEvidence | None) -> str:
    """Take the evidence that occupied components tell where it is surer than bridge sampling; says what was done."""
    known = [n for n in rows if found is not None and n in found.names and np.isfinite(rows[n]["evidence_error"])]
    told: dict[Any, tuple[float, float]] = {}
    if found is not None and known:
        anchor = min(known, key=lambda n: rows[n]["evidence_error"])
        told = found.beside(anchor, rows[anchor]["log_evidence"], rows[anchor]["evidence_error"])
    surer = []
    for name, row in rows.items():
        bridge, error = row["log_evidence"], row["evidence_error"]
        log, own = told.get(name, (np.nan, np.inf))
        row |= {"log_evidence_bridge": bridge, "log_evidence_bridge_error": error}
        row |= {"log_evidence_occupied": log, "log_evidence_occupied_error": own}
        if np.isfinite(error) and np.isfinite(log) and abs(bridge - log) > AGREE * np.hypot(error, own):
            row["evidence_error"] = np.inf
        elif own < error:
            row |= {"log_evidence": log, "evidence_error": own}
            surer.append(str(name))
    if not surer or found is None:
        return ""
    runs = ", ".join(map(str, found.names))
    return f"; the evidence of {', '.join(surer)} is read from how many components hold units (runs {runs})"


def _put_differences(rows: dict[Any, dict[str, float]], left: list[scores.Score], wanted: bool) -> None:
    """By how much each is behind the best by leave-one-out, and the standard errors; NaN where it was not wanted."""
    behind, errors = scores.behind(left) if wanted else np.full((2, len(left)), np.nan)
    for row, difference, error in zip(rows.values(), behind, errors, strict=True):
        row |= {"loo_difference": float(difference), "loo_difference_error": float(error)}


def _affordable(m: Any, marginal: FewRows, draws: int, calls: str) -> int:
    """How many draws each score looks at: of very many rows for which no few stand, fewer, yet enough of them."""
    if marginal.is_short:
        return draws
    rows, kept = _rows(m), m.draws(calls)
    unknowns = sum(x[0, 0].size for x in kept.variables.values() if x[0, 0].size < rows)
    return min(draws, max(MOST_VISITS // rows, FEWEST_DRAWS, MANY * unknowns))


def _rows(m: Any) -> int:
    """The most rows of any data."""
    return max((len(np.atleast_1d(x)) for x in m.observed_data().values()), default=1)


def _row(
    m: Any, most: int, calls: str, leave_one_out: bool, mode: _Mode, units: int
) -> tuple[dict[str, float], scores.Score]:
    """A model's line, and its leave-one-out score by unit; what was computed by draw and unit is let go."""
    kept = m.draws(calls)
    logs = UnitLogs(*pointwise.unit_logs(m.assembled, kept, most, units_looked_at))
    left = logs.leave_one_out() if leave_one_out else scores.Score(np.nan, np.nan)
    proof = _proof(m, mode.target.view.size, most, calls)
    wide = scores.Score(np.nan, np.nan) if _is_chained(m) else logs.widely_applicable()
    bic, icl = mode.criteria(units)
    complete, filled = complete_scores(m, kept, mode.target.marginal, most)
    criteria = {
        "dic": logs.deviance_information(),
        "dic2": logs.deviance_at_mode(mode.height),
        "dic4": complete,
        "occupied": filled,
    }
    with_errors = {n: x for name, s in criteria.items() for n, x in ((name, s.value), (f"{name}_error", s.error))}
    row = {
        "log_evidence": np.nan if proof is None else proof.log,
        "evidence_error": proof.error if proof is not None and proof.agree else np.inf,
        "loo": left.value,
        "loo_error": left.error,
        "loo_difference": np.nan,
        "loo_difference_error": np.nan,
        "loo_unreliable": left.trouble,
        "waic": wide.value,
        "waic_error": wide.error,
        "waic_unreliable": wide.trouble,
        "bic": bic,
        "icl": icl,
        "mode_unsure": float(mode.unsure),
        **with_errors,
    }
    return row, left


def _proof(m: Any, unknowns: int, most: int, calls: str) -> Evidence | None:
    """The evidence, from as many draws as it takes; None where there are not so many."""
    kept, needed = m.draws(calls), draws_needed(unknowns)
    if kept.n_chains * kept.n_draws < needed:
        return None
    return evidence(m, draws=max(most, needed + kept.n_chains), calls=calls)


@dataclass
class _Mode:
    """The highest mode that was found of a model, labels summed out, and the log likelihood there."""

    target: Integrand
    free: np.ndarray
    stationary: bool
    density: float
    height: float
    below: bool = False  # a model with fewer of the same components reached a higher likelihood

    @property
    def unsure(self) -> bool:
        """Whether a higher one may have been missed."""
        return self.below or not self.stationary

    def criteria(self, n_units: int) -> tuple[float, float]:
        """BIC and ICL, where so many units were observed."""
        marginal = self.target.marginal
        marginal.put_kept(self.target.view.kept(self.free))
        bic = scores.bayesian_information(self.height, self.target.view.size, n_units)
        icl = bic
        for label in marginal.label_vectors:
            shares = np.zeros((label.n_units, label.n_labels))
            marginal.add_shares(label.node, shares)
            icl = scores.classification(icl, shares)
        return bic, icl


def _modes(models: Mapping[Any, Any], calls: str) -> dict[Any, _Mode]:
    """The mode of each model; where one with fewer components of the same kind is more likely, searched again."""
    found = {name: _mode(m, Integrand(m, m.draws(calls)), calls, STARTS) for name, m in models.items()}
    for name in sorted(found, key=lambda n: found[n].target.view.size):
        floor = max([found[n].height for n in found if _is_within(models[n], models[name])], default=-np.inf)
        if found[name].height < floor - SAME:
            if _rows(models[name]) <= MANY_ROWS:
                again = _mode(models[name], found[name].target, calls, MORE_STARTS)
                found[name] = max(found[name], again, key=lambda mode: mode.density)
            found[name].below = found[name].height < floor - SAME
    return found


def _mode(m: Any, target: Integrand, calls: str, starts: int) -> _Mode:
    """Search from the best draws of the chains and from seedings; a draw where no search ends at a mode.

    Of many rows draws alone are starts, and where no few rows stand for them the search is a short one from the best.
    """
    if _work(m, target) > MOST_WORK:
        return _at_the_middle(m, target, calls)
    height, kept, many = Height(target.marginal, target.view), m.draws(calls), _rows(m) > MANY_ROWS
    points = best_draws(height, kept.variables, starts)
    brief = many and not target.marginal.is_short
    if brief:
        points = points[:1]
    if not many or not points:
        points += starts_of(m.model, m.rows, height, starts, np.random.SeedSequence(starts), with_draws=False).points
    end = _end(height, target.marginal, points, BRIEF if brief else THOROUGH)
    free = end.free if end.stationary else max(points, key=height)
    target.marginal.put_kept(target.view.kept(free))
    return _Mode(target, free, end.stationary, float(height(free)), target.marginal.log_likelihood())


def _work(m: Any, target: Integrand) -> float:
    """Log densities of single numbers that second derivatives of the log density ask for; none where few rows serve."""
    if target.marginal.is_short:
        return 0.0
    numbers = sum(np.size(x) for x in m.observed_data().values())
    return float(target.view.size) ** 2 * numbers * max([1, *(b.label.n_labels for b in m.assembled.structure.blocks)])


def _at_the_middle(m: Any, target: Integrand, calls: str) -> _Mode:
    """The mean of the draws in the place of a mode that is dear to search; sure where no draw lies far above."""
    draws = target.draws_at(m.draws(calls), MIDDLE)
    middle = draws.reshape(-1, draws.shape[2]).mean(axis=0)
    height = Height(target.marginal, target.view)
    best = max(best_draws(height, m.draws(calls).variables, 1), key=height, default=middle)
    free = max((middle, best), key=height)
    density, at_middle = height(free), height(middle)
    target.marginal.put_kept(target.view.kept(free))
    return _Mode(target, free, at_middle > density - SURE, float(density), target.marginal.log_likelihood())


def _end(height: Height, marginal: FewRows, points: list[np.ndarray], search: Search) -> End:
    """Where the search ends, with as many weighted rows as that takes, where few stand for all."""
    level = marginal.level
    found = highest_mode(height, points, search)
    height.many(found.free[None], compared=True)
    return found if marginal.level == level else _end(height, marginal, [found.free, *points], search)


def _is_within(small: Any, large: Any) -> bool:
    """Whether a model is another one with fewer components: the same unknowns, but for their number."""
    first, second = _components_of(small), _components_of(large)
    return 0 < first < second and _kinds(small) == _kinds(large)


def _kinds(m: Any) -> set[tuple[str, str]]:
    """Names and distributions of the unknowns, but for labels and weights, which one component has not."""
    labels = {n.name for n in m.assembled.labels}
    named = [n for n in m.model.stochastics if n.name not in labels and n.family and not n.family.support.simplex]
    return {(n.name, n.family.name) for n in named}


def _components_of(m: Any) -> int:
    """K of the only label vector; 1 without labels, 0 where there are several."""
    blocks = m.assembled.structure.blocks
    return 0 if len(blocks) > 1 else blocks[0].label.n_labels if blocks else 1


def _read(names: list[str], columns: Mapping[str, np.ndarray]) -> str:
    by_criteria = f"BIC favours {_least(names, columns['bic'])}, ICL {_least(names, columns['icl'])}"
    parts = [_by_evidence(names, columns), _by_leaving_out(names, columns), by_criteria]
    text = "; ".join(part for part in parts if part) if len(names) > 1 else _of_one(names, columns)
    poor = [names[i] for i in range(len(names)) if columns["loo_unreliable"][i] > 0]
    low = [names[i] for i in range(len(names)) if columns["mode_unsure"][i] > 0]
    text += f"; leave-one-out has unreliable units in {', '.join(poor)}" if poor else ""
    return text + (f"; no sure mode was found of {', '.join(low)}: do not read its bic, icl and dic2" if low else "")


def _of_one(names: list[str], columns: Mapping[str, np.ndarray]) -> str:
    doubt = _doubt(names, columns)
    return f"one model, {names[0]}: nothing to compare it with" + (f"; {doubt}" if doubt else "")


def _least(names: list[str], values: np.ndarray) -> str:
    """The model with the least value, or all that share it."""
    best = int(np.argmin(values))
    return " and ".join(name for i, name in enumerate(names) if i == best or values[i] == values[best])


def _doubt(names: list[str], columns: Mapping[str, np.ndarray]) -> str:
    """The models whose evidence is not known well enough, in words; empty where there are none."""
    absent = [name for name, log in zip(names, columns["log_evidence"], strict=True) if np.isnan(log)]
    doubts = [(names[i], error) for i, error in enumerate(columns["evidence_error"]) if names[i] not in absent]
    unsure = [name for name, error in doubts if not error < SURE]
    said = [f"the evidence of {', '.join(absent)} takes more draws than there are, so many are its unknowns"] * bool(
        absent
    )
    why = "(its two estimates differ, or its error is large): draw more"
    return "; ".join(said + [f"the evidence of {', '.join(unsure)} is unsure {why}"] * bool(unsure))


def _by_evidence(names: list[str], columns: Mapping[str, np.ndarray]) -> str:
    """The best of those whose evidence is known well enough, and those that come near."""
    logs, sure, doubt = columns["log_evidence"], columns["evidence_error"] < SURE, _doubt(names, columns)
    if not sure.any():
        return doubt
    order = [i for i in np.argsort(-logs) if sure[i]]
    close = [names[i] for i in order[1:] if logs[order[0]] - logs[i] < CLOSE]
    text = f"the marginal likelihood favours {names[order[0]]}"
    factor = f"within {CLOSE:g} log units (Bayes factor < {np.exp(CLOSE):.0f})"
    text += f"; {' and '.join(close)} {'is' if len(close) == 1 else 'are'} {factor}" if close else " clearly"
    return f"{text}; {doubt}" if doubt else text


def _by_leaving_out(names: list[str], columns: Mapping[str, np.ndarray]) -> str:
    """The best by leave-one-out, and those within two standard errors of it; empty where it was not asked for."""
    if np.isnan(columns["loo"]).all():
        return ""
    best = int(np.argmax(columns["loo"]))
    behind, errors = columns["loo_difference"], columns["loo_difference_error"]
    close = [names[i] for i in range(len(names)) if i != best and behind[i] <= 2.0 * errors[i]]
    text = f"leave-one-out favours {names[best]}"
    return text + (f", not distinguished from {', '.join(close)} (within 2 standard errors)" if close else "")


__all__ = ["Comparison", "compare"]
