"""mc.relabel: one name for each component throughout all chains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.api.arguments import roles_from
from mcmix.api.diagnosis import facts_of
from mcmix.api.export import Wanted, exported
from mcmix.errors import ModelError
from mcmix.kernels import labels as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.driver import run_step
from mcmix.kernels.soft import soft_pass
from mcmix.report import arviz_bridge
from mcmix.report.diagnosis.facts import LabelFacts
from mcmix.report.diagnosis.quantities import table_values
from mcmix.report.labels.components import Components, Probabilities
from mcmix.report.labels.methods import METHODS
from mcmix.report.labels.relabelled import Named, Table, exchanged, mixing_of, named, renamed_labels
from mcmix.sampling.replay import Replay, passes_of
from mcmix.steps.gaps import gap_node
from mcmix.steps.plan import Assembled
from mcmix.traces.memory import Draws

if TYPE_CHECKING:
    from mcmix.api.mcmc import MCMC

GROUP = "constant_data"  # where ArviZ keeps what has neither chain nor draw


def relabel(
    draws: Any,
    method: str = "auto",
    *,
    by: str | None = None,
    label: str | None = None,
    compare: Sequence[str] = (),
    vars: Mapping[str, Any] | None = None,
    calls: str = "last",
) -> Any:
    """Give components one name each throughout all chains and draws.

    Components that nothing but their names tells apart change places while a chain runs, and differ between chains;
    their means are then meaningless. Each draw's components are permuted so that they fit each other best.

    Parameters
    ----------
    draws : MCMC, arviz.InferenceData or xarray.DataTree
        A sampler after sampling; or draws from elsewhere, with ``vars=``.
    method : str
        ``"ecr"``, ``"ecr-iterative-1"``, ``"ecr-iterative-2"``, ``"data-based"`` (by labels), ``"stephens"`` (by label
        probabilities, from the model), ``"pra"``, ``"ordering"``, ``"point-process"`` (by parameters), or ``"auto"``.
    by : str, optional
        With ``"ordering"``: the parameter, such as ``"mu"``, or ``"mu[1]"`` for the second number of each component.
    label : str, optional
        Which label vector; by default all whose components are exchangeable.
    compare : sequence of str
        Other methods to compare with.
    vars : mapping, optional
        For draws from elsewhere: ``"labels"``, the name of the labels, or None; ``"components"``, names of variables
        whose first axis is the component; and ``"data"``, rows that the labels part.
    calls : {"last", "all"}
        Draws of an MCMC object.

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        Draws under the new names. ``sample_stats`` holds ``permutation`` (which component got each name); the group
        constant_data the diagnostics of every variable that was permuted, before and after, and agreements with other
        methods; attributes say method, reason, and the share of draws without a clear permutation.

    Raises
    ------
    ModelError
        If components are not exchangeable, or a method needs what was not kept.

    Notes
    -----
    Which components may change places is read off the model: those that the likelihood and all priors treat alike.
    Functions of components that were traced keep the value they had.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
    >>> mu, w = mc.Normal("mu", 0, 0.01, size=2), mc.Dirichlet("w", [1, 1])
    >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True), mu])
    >>> found = mc.relabel(m.sample(1500, 500, seed=1))
    >>> np.sort(found["posterior"]["mu"].values.mean((0, 1)).round().astype(int)).tolist()
    [0, 9]
    """
    known_method(method)
    compare = [compare] if isinstance(compare, str) else list(compare)
    unknown = [m for m in compare if m not in METHODS]
    if unknown:
        raise ModelError(f"relabel: compare= expected methods among {', '.join(METHODS)}, got {unknown}")
    if hasattr(draws, "assembled"):
        return _of_sampler(draws, draws.draws(calls), method, by, label, compare)
    return _of_elsewhere(draws, roles_from(vars, "relabel"), method, by, compare)


def known_method(method: str) -> None:
    """Refuse what is no way of relabelling."""
    if not isinstance(method, str) or method not in ("auto", *METHODS):
        raise ModelError(f"relabel: expected a method among auto, {', '.join(METHODS)}, got {method!r}")


# -------------------------------------------------------------------- a sampler's own draws


def _of_sampler(m: MCMC, draws: Draws, method: str, by: str | None, label: str | None, compare: Sequence[str]) -> Any:
    facts = facts_of(m).labels
    chosen = {n: f for n, f in facts.items() if f.exchangeable and label in (None, n)}
    if not chosen:
        raise ModelError(why_none(m, list(facts), label))
    variables, statistics = dict(draws.variables), dict(draws.statistics)
    found = []
    for name, own in chosen.items():
        current = Draws(variables, draws.statistics)
        c = components_of(m, current, name, own)
        how = named(name, c, (draws.n_chains, draws.n_draws), method, by, compare)
        variables |= exchanged(variables, own.tables, own.complements, how.order)
        if name in variables:
            variables[name] = renamed_labels(variables[name], how.order, own.lowest)
        statistics["permutation" if len(chosen) == 1 else f"permutation {name}"] = how.order
        found.append(how)
    changed = [n for n in variables if variables[n] is not draws.variables[n] and n not in chosen]
    data = exported(m, Draws(variables, statistics, draws.moments), Wanted())
    return _with_report(data, found, {n: (draws.variables[n], variables[n]) for n in changed})


def why_none(m: MCMC, names: list[str], label: str | None) -> str:
    """Why there is nothing to relabel."""
    if label is not None and label not in names:
        return f"relabel: label= expected one of {', '.join(map(repr, names)) or 'no label vector'}, got {label!r}"
    notes = [f"{s.variables[0].name}: {s.exchange_note}" for s in m.assembled.steps if hasattr(s, "exchange_note")]
    why = "; ".join(notes) or "the model has no label vector that the label pass draws"
    return f"relabel: no components are exchangeable, so every name has a meaning of its own ({why})"


def components_of(m: MCMC, draws: Draws, name: str, own: LabelFacts) -> Components:
    """A label vector's components in a sampler's draws."""
    s, k = draws.n_chains * draws.n_draws, own.n_components
    kept = [t for t in own.tables if all(v in draws.variables for v, _ in t)]
    tables = {title: table_values(t, draws).reshape(s, k) for title, t in _titled(kept).items()}
    for p in own.complements:
        if p in draws.variables:
            share = draws.variables[p].reshape(s, -1)[:, :1]
            tables[p] = np.concatenate([share, 1.0 - share], axis=1)
    labels = draws.variables[name].reshape(s, -1) if name in draws.variables else None
    return Components(
        k,
        tables,
        None if labels is None else np.ascontiguousarray(labels - own.lowest),
        draws.statistics["lp"].ravel() if "lp" in draws.statistics else None,
        _data_of(m.assembled, name),
        _probabilities(m.assembled, draws, name),
        [list(range(k))],
    )


def _titled(tables: Sequence[Table]) -> dict[str, Table]:
    """A title for each table: the variable's name, with a number where it has several numbers for each component."""
    names = [table[0][0] for table in tables]
    found: dict[str, Table] = {}
    for name, table in zip(names, tables, strict=True):
        several = names.count(name) > 1
        found[f"{name}[{sum(t.startswith(f'{name}[') for t in found)}]" if several else name] = table
    return found


def _data_of(made: Assembled, name: str) -> np.ndarray | None:
    """Rows of numbers that the labels part, one for each unit, each column with mean 0 and variance 1."""
    block = next((b for b in made.structure.blocks if b.label.node.name == name), None)
    for s in () if block is None else block.factors:
        x = s.factor.x
        if s.units is None and x is not None and x.is_constant and x.shape[:1] == (block.label.n_units,):  # type: ignore[union-attr]
            rows = np.asarray(x.known, dtype=float).reshape(x.shape[0], -1)
            spread = rows.std(axis=0)
            return np.ascontiguousarray((rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0))
    return None


def _probabilities(made: Assembled, draws: Draws, name: str) -> Probabilities | None:
    """Label probabilities of the units of any draw, from a soft pass."""
    compiled = next((p for p in passes_of(made) if p.label.node.name == name), None)
    needed = [n for n in made.model.stochastics if n.name != name and gap_node(n, made.structure) is None]
    if compiled is None or any(n.name not in draws.variables for n in needed):
        return None
    unlabelled = Draws({n.name: draws.variables[n.name] for n in needed})

    def probabilities(numbers: np.ndarray) -> Iterator[np.ndarray]:
        replay = Replay(made, unlabelled)
        out = np.zeros((compiled.label.n_units, compiled.label.n_labels))
        descriptor = compiled.descriptor(replay.chain)
        descriptor[kernels.PASS_MEMBERSHIP], descriptor[kernels.PASS_COLLECT] = address_of(out), 0
        for _ in replay.at(np.column_stack(np.divmod(numbers, draws.n_draws))):
            out[:] = 0.0
            run_step(soft_pass, descriptor, np.zeros(1), replay.chain.stream)
            yield out

    return probabilities


# -------------------------------------------------------------------- draws from elsewhere


def _of_elsewhere(data: Any, roles: dict[str, Any], method: str, by: str | None, compare: Sequence[str]) -> Any:
    variables, statistics = arviz_bridge.draws_of(data)
    unknown = set(roles) - {"labels", "components", "data"}
    if unknown or not (roles.get("components") or roles.get("labels")):
        raise ModelError(
            "relabel: draws from elsewhere need vars={'labels': name, 'components': [names]} (and perhaps 'data'), "
            f"got {roles or 'none'}; variables: {', '.join(variables)}"
        )
    parameters = _names_in(roles.get("components"))
    label = roles.get("labels")
    if not (label is None or isinstance(label, str)):
        raise ModelError(f"relabel: vars= 'labels' expected one name, got {label!r}")
    missing = [n for n in [*parameters, *([label] if label else [])] if n not in variables]
    if missing:
        raise ModelError(f"relabel: no variable {', '.join(map(repr, missing))}; there are {', '.join(variables)}")
    c, tables, lowest, shape = _seen(variables, statistics, parameters, label, roles.get("data"))
    how = named(label or "components", c, shape, method, by, compare)
    new = exchanged(variables, tables, [], how.order)
    if label:
        new[label] = renamed_labels(variables[label], how.order, lowest)
    replaced = arviz_bridge.with_draws(data, new, {"permutation": how.order})
    return _with_report(replaced, [how], {n: (variables[n], new[n]) for n in parameters})


def _names_in(components: Any) -> list[str]:
    """Names of the components' variables: none, one or several."""
    found = [] if components is None else [components] if isinstance(components, str) else components
    if not isinstance(found, Sequence) or not all(isinstance(n, str) for n in found):
        raise ModelError(f"relabel: vars= 'components' expected names of variables, got {components!r}")
    return list(found)


def _seen(
    variables: dict[str, np.ndarray],
    statistics: dict[str, np.ndarray],
    parameters: Sequence[str],
    label: str | None,
    data: Any,
) -> tuple[Components, list[Table], int, tuple[int, int]]:
    """Components of draws by name."""
    widths = {n: variables[n].shape[2] if variables[n].ndim > 2 else 0 for n in parameters}
    if len(set(widths.values())) > 1 or 0 in widths.values():
        raise ModelError(f"relabel: components= expected variables with one first axis for all, got lengths {widths}")
    first = variables[(list(parameters) + ([label] if label else []))[0]]
    shape = (first.shape[0], first.shape[1])
    labels, lowest = None, 0
    if label is not None:
        lowest = _lowest(variables[label], label, next(iter(widths.values()), 0))
        labels = np.ascontiguousarray(variables[label].reshape(shape[0] * shape[1], -1).astype(np.int64) - lowest)
    k = next(iter(widths.values())) if widths else int(labels.max()) + 1  # type: ignore[union-attr]
    if labels is not None and labels.max() >= k:
        raise ModelError(
            f"relabel: {label!r} has labels up to {int(labels.max()) + lowest}, more than the {k} components of "
            f"{', '.join(parameters)}"
        )
    tables = [t for n in parameters for t in _tables_of(n, variables[n])]
    values = {title: table_values(t, Draws(variables)).reshape(-1, k) for title, t in _titled(tables).items()}
    density = statistics.get("lp")
    rows = None if data is None else _rows_of(data, None if labels is None else labels.shape[1])
    return (
        Components(k, values, labels, None if density is None else density.ravel(), rows, None, [list(range(k))]),
        tables,
        lowest,
        shape,
    )


def _lowest(labels: np.ndarray, name: str, k: int) -> int:
    """The number that labels begin with: 0 where that fits K components, though none may be in the first."""
    if labels.ndim < 3 or not np.array_equal(labels, np.round(labels)):
        raise ModelError(
            f"relabel: {name!r}: expected whole numbers, one for each unit, got {labels.dtype} of shape {labels.shape}"
        )
    least, most = int(labels.min()), int(labels.max())
    return min(least, max(0, most - k + 1)) if least >= 0 and k > 0 else least


def _rows_of(data: Any, n_units: int | None) -> np.ndarray:
    """Rows of finite numbers, one for each unit."""
    try:
        rows = np.asarray(data, dtype=float)
    except (TypeError, ValueError):
        rows = np.zeros(())
    if rows.ndim < 1 or not np.isfinite(rows).all() or n_units not in (None, len(rows)):
        expected = "rows" if n_units is None else f"{n_units} rows"
        raise ModelError(f"relabel: vars= 'data' expected {expected} of finite numbers, got shape {np.shape(data)}")
    return rows.reshape(len(rows), -1)


def _tables_of(name: str, values: np.ndarray) -> list[Table]:
    k = values.shape[2]
    size = int(np.prod(values.shape[3:], dtype=int))
    return [[(name, j * size + i) for j in range(k)] for i in range(size)]


# -------------------------------------------------------------------- what is told


def _with_report(data: Any, found: Sequence[Named], changed: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Any:
    arrays: dict[str, np.ndarray] = {}
    for name, (before, after) in changed.items():
        for when, values in (("before", before), ("after", after)):
            arrays |= {f"{name}_{what}_{when}": x for what, x in mixing_of(values).items()}
    attributes: dict[str, Any] = {}
    for how in found:
        own = "" if len(found) == 1 else f" {how.label}"
        attributes |= {
            f"relabelling{own}": how.method,
            f"relabelling reason{own}": how.reason,
            f"relabelling changed{own}": how.changed,
            f"non-permutation rate{own}": 1.0 - how.proper,
        }
        attributes |= {f"agreement with {other}{own}": share for other, share in how.agreement.items()}
    return arviz_bridge.with_group(data, GROUP, arrays, attributes)


__all__ = ["components_of", "known_method", "relabel", "why_none"]
