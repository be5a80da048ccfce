"""The highest point of a posterior density, labels summed out: starts, an optimiser, Newton steps, and what is no mode.

The density is that of the unknowns on their own scale; the search runs in free coordinates (see
`mcmix.sampling.unconstrained`), without their Jacobian. An end point counts as a mode where a Newton step would gain
nothing. A mixture's density may grow without bound (a component's scale shrinks onto one value of the data: Kiefer and
Wolfowitz 1956); such ends are recognised and left aside, and the best interior mode is what is looked for (Day 1969).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
from scipy import optimize

from mcmix.errors import ImproperPosterior, ModelError
from mcmix.kernels import streams
from mcmix.kernels.transforms import LOG, LOGIT, SIMPLEX
from mcmix.nodes.model import Model
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.buffers import buffers
from mcmix.sampling.curvature import Curvature, curvature, gradient
from mcmix.sampling.marginal import Marginal
from mcmix.sampling.run import collected, run, runner
from mcmix.sampling.runner import Runner
from mcmix.sampling.start import seeds_of
from mcmix.sampling.transforms import Transform
from mcmix.sampling.unconstrained import Unconstrained
from mcmix.steps.plan import CompiledModel, assemble
from mcmix.structure.component_tables import ComponentTables, component_tables
from mcmix.structure.rows import Rows

METHODS = {
    "fmin_powell": "Powell", "fmin": "Nelder-Mead", "fmin_l_bfgs_b": "L-BFGS-B", "fmin_ncg": "Newton-CG",
    "fmin_cg": "CG", "fmin_bfgs": "BFGS", "fmin_tnc": "TNC",
}  # fmt: skip
_TOLERANCES = {
    "Powell": ("xtol", "ftol"), "Nelder-Mead": ("xatol", "fatol"), "L-BFGS-B": ("gtol",), "Newton-CG": ("xtol",),
    "CG": ("gtol",), "BFGS": ("gtol",), "TNC": ("gtol", "ftol"),
}  # fmt: skip
_LIMITS = {"TNC": "maxfun"}

NOWHERE = 1e100  # what the optimiser sees where the density is zero
FARTHEST = 50.0  # free coordinates of a start: nearer an end, arithmetic is the limit
WALL = 300.0  # bounded coordinates that are not looked at: 1e-130 of a scale
RAN = 10.0  # free coordinates between start and end of a run that looks as if it ran off
ROUNDS = 60  # Newton steps
STATIONARY = 1e-4  # gain of a Newton step, in units of log density, that is none
SETTLED = 1e-10  # gain at which Newton steps end
DEPTHS = (10.0, 20.0, 30.0)  # how far towards an end the density is probed
MOST_PAIRS = 2000
SWEEPS = 200  # of the short chains whose draws are starts too; as many before are thrown away
LEAST_SWEEPS, MOST_VISITS = 20, 2 * 10**7  # fewer where so many rows x components would be visited by a chain
MOST_DRAWN = 2  # such starts
LOOKED_AT = 50  # draws of each chain whose density is compared
SHORT = 12  # iterations after which starts are compared
PROMISING = 2  # starts that are run to the end
UNLIKE, HOPELESS = 0.05, 10.0  # nats between heights of different ends, and that the rest of a run does not make up for


# -------------------------------------------------------------------- the function


class Objective:
    """Log density of the continuous unknowns on their own scale, labels summed out, as a function of free coordinates.

    Parameters
    ----------
    marginal : Marginal
    view : Unconstrained
    """

    def __init__(self, marginal: Marginal, view: Unconstrained):
        self.marginal, self.view = marginal, view

    def __call__(self, free: np.ndarray) -> float:
        """Minus infinity outside the support, and so near an end that arithmetic says nothing."""
        if not np.isfinite(free).all() or (np.abs(free[self.view.bounded]) > WALL).any():
            return -np.inf
        return self.of_kept(self.view.kept(free))

    def many(self, points: np.ndarray, compared: bool = False) -> np.ndarray:
        """Log density at points (n, size): they are carried over to the unknowns' own scales all at once.

        With `compared`, few rows that stand for all are compared with all of them.
        """
        near = np.isfinite(points).all(axis=1) & (np.abs(points[:, self.view.bounded]) <= WALL).all(axis=1)
        found = np.full(len(points), -np.inf)
        if near.any():
            kept = self.view.kept(points[near])
            found[near] = self.marginal.log_densities(kept, self.view.inside(kept), compared)
        return found

    def of_kept(self, kept: dict[Stochastic, np.ndarray]) -> float:
        """The same, of values in the form in which a chain keeps them."""
        if not self.view.inside(kept):  # functions are not asked about values that cannot be
            return -np.inf
        self.marginal.put_kept(kept)
        return self.marginal.log_density()


# -------------------------------------------------------------------- derivatives


# -------------------------------------------------------------------- one run


@dataclass
class End:
    """Where one run ended.

    Attributes
    ----------
    free : ndarray
    curvature : Curvature
    stationary : bool
        Whether it is a mode (if at an end of a support, one where the density stays bounded).
    ran_off : bool
    """

    free: np.ndarray
    curvature: Curvature
    stationary: bool
    ran_off: bool

    @property
    def value(self) -> float:
        """Log density."""
        return self.curvature.value


@dataclass(frozen=True)
class Search:
    """How a mode is looked for."""

    method: str = "fmin_powell"
    iterlim: int = 1000
    tol: float = 1e-4
    eps: float = 1e-3
    order: int = 5
    rounds: int = ROUNDS


def run_from(target: Objective, begin: np.ndarray, search: Search) -> End:
    """The optimiser, then Newton steps."""
    free = _optimised(target, begin, search)
    free = free if target(free) >= target(begin) else begin
    free, found, gain = climbed(target, free, target.view.bounded, search.eps, search.order, search.rounds)
    stationary = gain < STATIONARY
    moved = np.abs(free - begin)[target.view.bounded]
    return End(free, found, stationary, not stationary and bool((moved > RAN).any()))


def _optimised(target: Objective, begin: np.ndarray, search: Search) -> np.ndarray:
    name = scipy_method(search.method)

    def objective(free: np.ndarray) -> float:
        value = target(free)
        return -value if np.isfinite(value) else NOWHERE

    def slope(free: np.ndarray) -> np.ndarray:
        return -gradient(target, free, target.view.bounded, search.eps, search.order)

    options: dict[str, Any] = dict.fromkeys(_TOLERANCES[name], search.tol)
    options[_LIMITS.get(name, "maxiter")] = search.iterlim
    jacobian = None if name in ("Powell", "Nelder-Mead") else slope
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # of infinities at the walls
        warnings.simplefilter("ignore", optimize.OptimizeWarning)
        found = optimize.minimize(objective, begin, method=name, jac=jacobian, options=options)  # type: ignore[call-overload]
    return np.atleast_1d(np.asarray(found.x, dtype=float))


def scipy_method(method: str) -> str:
    """SciPy's name of an optimiser.

    Raises
    ------
    ModelError
        For an unknown one; the known are listed.
    """
    if method in METHODS.values():
        return method
    if method not in METHODS:
        raise ModelError(f"fit: method expected one of {', '.join(METHODS)}, got {method!r}")
    return METHODS[method]


def climbed(
    target: Any, free: np.ndarray, bounded: np.ndarray, eps: float, order: int, rounds: int = ROUNDS
) -> tuple[np.ndarray, Curvature, float]:
    """Damped Newton steps until one would gain nothing; also the derivatives at the end, and what one would gain."""
    gain = np.inf
    for _ in range(rounds):
        here = curvature(target, free, bounded, eps, order)
        if not here.finite:
            return free, here, np.inf
        step, gain = here.newton()
        higher = None if gain < SETTLED else _higher(target, free, here, step)
        if higher is None:
            return free, here, gain
        free = higher
    return free, here, gain


def _higher(target: Any, free: np.ndarray, here: Curvature, step: np.ndarray) -> np.ndarray | None:
    """A point up the step, the whole of it if that goes up, else a part; None where nothing does."""
    for share in 0.5 ** np.arange(20):
        for side in (1.0, -1.0):
            there = free + side * share * here.scales * step
            if target(there) > here.value:
                return np.asarray(there)
    return None


# -------------------------------------------------------------------- densities without bound


def ways_up(target: Objective, free: np.ndarray, data: np.ndarray) -> list[str]:
    """Coordinates along which the density grows without bound, from a point, in words.

    Each bounded coordinate alone is sent towards either end, and each together with another coordinate that is put on
    the nearest value of the data (or its logarithm): there a component's scale can collapse.
    """
    view, found = target.view, []
    ends = [(i, side) for i in np.flatnonzero(view.bounded).tolist() for side in (-1.0, 1.0)]
    found += [_in_words(view, i, side, None) for i, side in ends if _rises(target, free, i, side)]
    if view.size * len(ends) > MOST_PAIRS:
        return found
    for a, centred in _on_data(view, free, data):
        found += [_in_words(view, i, s, a) for i, s in ends if i != a and _rises(target, centred, i, s)]
    return list(dict.fromkeys(found))


def _rises(target: Objective, free: np.ndarray, i: int, side: float) -> bool:
    """Whether the density goes on growing, at an even rate, towards an end."""
    points = np.tile(free, (len(DEPTHS), 1))
    points[:, i] += side * np.array(DEPTHS)
    near, middle, far = (target(p) for p in points)
    if not np.isfinite([near, middle, far]).all():
        return False
    # In a logarithmic coordinate a density without bound grows along a line; one with a bound levels off.
    return middle - near > 0.25 and far - middle > 0.7 * (middle - near)


def _on_data(view: Unconstrained, free: np.ndarray, data: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """The point with one coordinate moved onto the nearest value of the data or its logarithm, for every coordinate."""
    own = view.own(view.values(free))
    found = []
    for values in (data, np.log(data[data > 0.0])):
        for s in view.transforms if values.size else []:
            for a in range(s.first, s.last) if s.alone else ():
                moved = own.copy()
                moved[a] = values[np.argmin(np.abs(values - own[a]))]
                there = free.copy()
                there[a] = s.to_free(view.from_own(moved)[s.node])[a - s.first]
                if np.isfinite(there[a]):
                    found.append((a, there))
    return found


def _in_words(view: Unconstrained, i: int, side: float, other: int | None) -> str:
    own = next(s for s in view.transforms if s.first <= i < s.last)
    end = _end(own, i - own.first, side)
    return f"{view.names[i]} to {end}" + ("" if other is None else f" with {view.names[other]} on a value of the data")


def _end(s: Transform, i: int, side: float) -> str:
    if not s.alone:
        return "0" if side < 0 else ("1" if s.kind == SIMPLEX else "infinity")
    if side < 0:
        return f"{s.lower[i] if s.kind in (LOG, LOGIT) else s.upper[i]:g}"
    return f"{s.upper[i]:g}" if s.kind == LOGIT else "infinity"


# -------------------------------------------------------------------- all together


@dataclass
class Found:
    """A mode.

    Attributes
    ----------
    end : End
        Of the best run.
    ways : list of str
        Along which the density is unbounded, as far as was seen.
    converged : bool
    values : list of float
        Log density at the end of every run.
    """

    end: End
    ways: list[str]
    converged: bool
    values: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Starts:
    """Where runs begin, and the component tables of label vectors whose components may be swapped at a price."""

    points: list[np.ndarray]
    swapped: list[ComponentTables] = field(default_factory=list)


def find_mode(target: Objective, starts: Starts, search: Search, data: np.ndarray) -> Found:
    """Run from every start, and from the best end with components exchanged; the best mode wins.

    Raises
    ------
    ImproperPosterior
        If every run climbs towards an end where the density has no bound.
    """
    ends = [run_from(target, begin, search) for begin in starts.points]
    modes = [e for e in ends if e.stationary]
    best = max(modes or [e for e in ends if not e.ran_off] or ends, key=lambda e: e.value)
    if modes:
        best = _exchanged(target, best, starts.swapped, search)
    ways = ways_up(target, best.free, data)
    ran = [(e, begin) for e, begin in zip(ends, starts.points, strict=True) if e.ran_off]
    where = list(dict.fromkeys(_ran_where(target.view, e, begin) for e, begin in ran if e.value > best.value))
    if not modes and (ways or best.ran_off):
        ways = ways or list(dict.fromkeys(_ran_where(target.view, e, begin) for e, begin in ran))
        raise ImproperPosterior(_nowhere(ways, len(ends)))
    return Found(best, ways or where, bool(modes), [e.value for e in ends])


def _exchanged(target: Objective, best: End, swapped: Sequence[ComponentTables], search: Search) -> End:
    """Run again with two components exchanged, as long as that leads higher."""
    while True:
        points = [p for t in swapped for p in _transposed(target.view, best.free, t)]
        if not points:
            return best
        # Modes that differ by which component has which prior are a swap apart, too far for an optimiser.
        end = run_from(target, max(points, key=target), search)
        if not end.stationary or end.value <= best.value + STATIONARY:
            return best
        best = end


def _transposed(view: Unconstrained, free: np.ndarray, tables: ComponentTables) -> list[np.ndarray]:
    """The point with each two components exchanged."""
    if not set(tables.variables) <= set(view.nodes):
        return []
    found = []
    for i, j in combinations(range(tables.capacity), 2):
        values = {node: np.array(x) for node, x in view.values(free).items()}
        for (v, a), (u, b) in ((table[i], table[j]) for table in tables.families):
            values[v].flat[a], values[u].flat[b] = values[u].flat[b], values[v].flat[a]
        for node in tables.complements:
            values[node] = 1.0 - values[node]
        moved = view.free(values)
        if np.isfinite(moved).all():
            found.append(moved)
    return found


def _ran_where(view: Unconstrained, end: End, begin: np.ndarray) -> str:
    moved = np.where(view.bounded, end.free - begin, 0.0)
    i = int(np.abs(moved).argmax())
    return _in_words(view, i, float(np.sign(moved[i])), None)


def _nowhere(ways: list[str], n: int) -> str:
    return (
        f"no mode inside: from all {n} starts the log density grows without bound ({'; '.join(ways[:3])}). "
        "Give scales a prior that vanishes at zero, e.g. InverseGamma on the variance or Gamma on the precision, or a "
        "lower bound above the data's rounding"
    )


def starts_of(
    model: Model, rows: Rows, target: Objective, n: int, sequence: np.random.SeedSequence, with_draws: bool = True
) -> Starts:
    """Free coordinates of the starts of so many chains; one where all are given as value=.

    Where labels are summed out, the best draws of short chains from these starts are starts too (`with_draws`): an
    optimiser stays in the mode that a seeding suggests, labels that are drawn leave a poor one. Not where a function is
    called as it is written: that may take long.
    """
    compiled, view = assemble(model, rows=rows), target.view
    given = {node: node.given for node in model.stochastics if node.given is not None}
    n = 1 if all(node in given for node in view.nodes) else n
    pools = seeds_of(compiled, sequence)
    children = streams.of_chains(sequence, n)
    runners = [runner(compiled, i, child, given, pools) for i, child in enumerate(children)]
    found = [view.free({node: node.state_of(r.chain.get(node)) for node in view.nodes}) for r in runners]
    in_python = bool(compiled.recording.opaque) or any(s.in_python for s in compiled.steps)
    if n > 1 and with_draws and compiled.structure.blocks and not in_python:
        found += best_draws(target, _short_run(compiled, runners), MOST_DRAWN)
    return Starts([np.where(view.bounded, np.clip(x, -FARTHEST, FARTHEST), x) for x in found], _swapped(compiled))


def _short_run(compiled: CompiledModel, runners: list[Runner]) -> dict[str, np.ndarray]:
    """Draws of every unknown that is kept, by name, from chains that are let go for a while."""
    each = sum(b.label.n_units * b.label.n_labels for b in compiled.structure.blocks)
    sweeps = int(np.clip(MOST_VISITS // each, LEAST_SWEEPS, SWEEPS))
    out = buffers(compiled, len(runners), sweeps, 0)
    run(runners, out, 2 * sweeps, sweeps, 1, progress_bar=False)
    rows = min(r.rows for r in runners)
    return collected(compiled, out, rows).variables if rows else {}


def best_draws(target: Objective, draws: Mapping[str, np.ndarray], most: int) -> list[np.ndarray]:
    """Free coordinates of the draws of highest density, labels summed out: the best of each chain, the best first.

    Parameters
    ----------
    target : Objective
    draws : mapping of name to ndarray, shape (chains, draws, ...)
    most : int
        Chains whose best is taken.
    """
    nodes = target.view.nodes
    if any(n.name not in draws for n in nodes):
        return []
    length = draws[nodes[0].name].shape[1]
    some = np.unique(np.linspace(0, length - 1, min(length, LOOKED_AT)).astype(int))
    free = target.view.free({n: draws[n.name][:, some] for n in nodes})
    heights = target.many(free.reshape(-1, free.shape[-1]), compared=True).reshape(free.shape[:2])
    order = np.argsort(-heights.max(axis=1))[:most]
    return [free[c, heights[c].argmax()] for c in order if np.isfinite(heights[c]).any()]


def highest_mode(target: Objective, points: Sequence[np.ndarray], search: Search) -> End:
    """The best end of runs from the most promising of many points: those that short runs lift to unlike heights."""
    short = replace(search, iterlim=SHORT, order=3)
    lifted = [_optimised(target, p, short) for p in points]
    heights = [target(p) for p in lifted]
    chosen: list[int] = []
    for i in np.argsort(-np.array(heights)):
        if len(chosen) < PROMISING and all(UNLIKE < heights[j] - heights[i] < HOPELESS for j in chosen):
            chosen.append(int(i))
    ends = [run_from(target, lifted[i], search) for i in chosen]
    return max([e for e in ends if e.stationary] or ends, key=lambda e: e.value)


def _swapped(compiled: CompiledModel) -> list[ComponentTables]:
    """Component tables where a swap of two components changes the density by what can be told."""
    found = [component_tables(p.block, compiled.structure) for p in compiled.label_passes]
    return [t for t in found if t.swaps]


__all__ = [
    "METHODS", "End", "Found", "Objective", "Search", "Starts", "best_draws", "find_mode", "highest_mode", "starts_of",
]  # fmt: skip
