"""Densities of new rows under a factorised posterior.

A new row's density given its label is the family's density averaged over the posterior of the parameters. With one
unknown parameter that average is exact. A normal mean and precision that both are unknown have none in closed form: the
Student t of the precision is taken, with the variance of the mean added to its scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import betaln, gammaln, logsumexp, xlogy

from mcmix.errors import ModelError
from mcmix.variational.chain_weights import ChainWeights
from mcmix.variational.families import vector_logs
from mcmix.variational.joint_factors import ConditionalNormal
from mcmix.variational.links import Link
from mcmix.variational.passes import LabelPass
from mcmix.variational.statements import Categories, Counts, Labelled, Numbers, Vectors, Weights

TILE = 4096


def predictive_logs(s: Labelled, x: np.ndarray) -> np.ndarray:
    """Log density of new rows (rows, width) under each label, shape (rows, K); NaN are integrated out."""
    return _by_pattern(s, x, _whole_rows)


def _whole_rows(s: Labelled, x: np.ndarray, known: np.ndarray) -> np.ndarray:
    """As above, of rows with the same known coordinates."""
    if isinstance(s, Numbers):
        return _numbers(s, x[:, :1])
    if isinstance(s, Categories):
        return _categories(s.links["probabilities"], np.eye(s.table.shape[1])[x[:, 0].astype(int)], s.cells, False)
    if isinstance(s, Counts):
        return _categories(s.links["probabilities"], x, s.cells, True)
    return _vectors(s, x, known)


def _expected_rows(s: Labelled, x: np.ndarray, known: np.ndarray) -> np.ndarray:
    return vector_logs(x, s.moments(), known) if isinstance(s, Vectors) else s.logs(x)


def _by_pattern(
    s: Labelled, x: np.ndarray, logs: Callable[[Labelled, np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Rows with the same known coordinates at once; rows of which nothing is known have density one.

    Raises
    ------
    ModelError
        For counts of which some are missing.
    """
    missing = np.isnan(x)
    if not missing.any():
        return logs(s, x, np.ones(x.shape[1], bool))
    found = np.zeros((len(x), s.cells))
    for pattern in np.unique(missing, axis=0):
        rows = (missing == pattern).all(1)
        if pattern.any() and not pattern.all() and not isinstance(s, Vectors):
            raise ModelError(f"new rows: {s.name} expected all counts of a row or none, got NaN among them")
        if not pattern.all():
            found[rows] = logs(s, x[rows], ~pattern)
    return found


def mixed(p: LabelPass, s: list[tuple[Labelled, np.ndarray]]) -> np.ndarray:
    """Log predictive density of new rows, labels summed out: shape (rows,).

    Parameters
    ----------
    p : LabelPass
    s : list of (Labelled, ndarray)
        What the rows are made of, and the new values of each.
    """
    logs = sum(predictive_logs(part, x) for part, x in s)
    return np.asarray(logsumexp(logs + mean_log_weights(p), axis=1))


def mean_log_weights(p: LabelPass) -> np.ndarray:
    """Log of each label's expected weight, shape (K,)."""
    if isinstance(p.weights, np.ndarray):
        return p.weights
    _refuse_chains(p)
    assert isinstance(p.weights, Weights)
    link = p.weights.links["weights"]
    if link.kind == "beta" and link.posterior is not None:
        alpha, beta = (np.asarray(x)[link.rows] for x in link.posterior.state)
        share = _turned(link, alpha / (alpha + beta))
        return np.log(np.array([1.0 - share[0], share[0]]) if p.weights.yes_or_no else share)
    assert link.posterior is not None
    (concentration,) = link.posterior.state
    return np.asarray(np.log(concentration[link.rows[0]]) - np.log(concentration[link.rows[0]].sum()))


def memberships(p: LabelPass, s: list[tuple[Labelled, np.ndarray]]) -> np.ndarray:
    """Probability of each label for new rows, by the rule that the ascent uses for its own: shape (rows, K)."""
    _refuse_chains(p)
    logs = sum(_by_pattern(part, x, _expected_rows) for part, x in s) + p.log_weights()
    return np.asarray(np.exp(logs - logsumexp(logs, axis=1, keepdims=True)))


def _refuse_chains(p: LabelPass) -> None:
    """Refuse new rows whose labels follow one another: where they stand is not said.

    Raises
    ------
    ModelError
    """
    if isinstance(p.weights, ChainWeights):
        raise ModelError(
            f"new rows: {p.label.node.name} is a Markov chain, and new rows have no place in it; with MCMC, "
            "mc.forecast goes on from the last unit of each sequence"
        )


# -------------------------------------------------------------------- families


def _turned(link: Link, share: np.ndarray) -> np.ndarray:
    return np.where(np.asarray(link.slope) > 0.0, share, 1.0 - share)


def _parameters(link: Link) -> tuple[np.ndarray, ...] | None:
    """The usual parameters of what is looked up, per cell; None where it is known."""
    if link.posterior is None:
        return None
    found = tuple(x[link.rows] for x in link.posterior.state)
    if link.kind == "gamma":
        return found[0], found[1] / link.slope
    if link.kind == "beta":
        same = np.asarray(link.slope) > 0.0
        return np.where(same, found[0], found[1]), np.where(same, found[1], found[0])
    return found


def _student(x: np.ndarray, degrees: np.ndarray, centre: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Log density of a Student t with a scale, squared, of `variance`."""
    halves = gammaln(0.5 * (degrees + 1.0)) - gammaln(0.5 * degrees) - 0.5 * np.log(np.pi * degrees * variance)
    return np.asarray(halves - 0.5 * (degrees + 1.0) * np.log1p((x - centre) ** 2 / (degrees * variance)))


def _numbers(s: Numbers, x: np.ndarray) -> np.ndarray:
    name = s.family.name
    answer = _CLOSED[name](s, x)
    return np.broadcast_to(answer, (len(x), s.cells))


def _normal(s: Numbers, x: np.ndarray) -> np.ndarray:
    mean, precision = s.links["mean"].moments(), s.links["precision"]
    found = _parameters(precision)
    if found is None:
        variance = 1.0 / precision.moments().first + mean.second
        return np.asarray(-0.5 * (np.log(2.0 * np.pi * variance) + (x - mean.first) ** 2 / variance))
    shape, rate = found
    times = _relative(s.links["mean"])
    spread = rate / shape * (1.0 + 1.0 / times) if times is not None else rate / shape + mean.second
    return _student(x, 2.0 * shape, mean.first, spread)


def _relative(mean: Link) -> np.ndarray | None:
    """The multiple of a row's precision that a mean's own is, where both have one factor."""
    q = mean.posterior
    return q.state[1][mean.rows] if isinstance(q, ConditionalNormal) else None


def _lognormal(s: Numbers, x: np.ndarray) -> np.ndarray:
    return np.asarray(_normal(s, np.log(x)) - np.log(x))


def _plain(s: Numbers, x: np.ndarray) -> np.ndarray | None:
    """The density itself, where every parameter is known."""
    known: Mapping[str, Link] = s.links
    if any(link.posterior is not None for link in known.values()):
        return None
    values = {k: link.moments().first for k, link in known.items()}
    if "probability" in values:
        values["probability"] = np.exp(values["probability"])
    return s.family.logpdf(x, *[values[p.name] for p in s.family.parameters])


def _gamma_mixture(s: Numbers, x: np.ndarray) -> np.ndarray:
    """Gamma, exponential and Poisson rows, their rate mixed over a gamma distribution."""
    plain = _plain(s, x)
    if plain is not None:
        return plain
    if s.family.name == "Poisson":
        shape, rate = _found(s.links["mean"])
        logs = gammaln(shape + x) - gammaln(shape) - gammaln(x + 1.0)
        return np.asarray(logs + shape * np.log(rate) - (shape + x) * np.log1p(rate))
    shape, rate = _found(s.links["rate"])
    own = s.links["shape"].moments().first if "shape" in s.links else 1.0
    logs = gammaln(shape + own) - gammaln(shape) - gammaln(own) + xlogy(own - 1.0, x)
    return np.asarray(logs + shape * np.log(rate) - (shape + own) * np.log(rate + x))


def _beta_mixture(s: Numbers, x: np.ndarray) -> np.ndarray:
    """Bernoulli, binomial and geometric rows, their probability mixed over a beta distribution."""
    plain = _plain(s, x)
    if plain is not None:
        return plain
    alpha, beta = _found(s.links["probability"])
    if s.family.name == "Geometric":
        return np.asarray(betaln(alpha + 1.0, beta + x - 1.0) - betaln(alpha, beta))
    trials = s.links["trials"].moments().first if "trials" in s.links else 1.0
    logs = gammaln(trials + 1.0) - gammaln(x + 1.0) - gammaln(trials - x + 1.0)
    return np.asarray(logs + betaln(alpha + x, beta + trials - x) - betaln(alpha, beta))


def _found(link: Link) -> tuple[np.ndarray, ...]:
    found = _parameters(link)
    assert found is not None
    return found


_CLOSED = {
    "Normal": _normal,
    "Lognormal": _lognormal,
    "Poisson": _gamma_mixture,
    "Exponential": _gamma_mixture,
    "Gamma": _gamma_mixture,
    "Bernoulli": _beta_mixture,
    "Binomial": _beta_mixture,
    "Geometric": _beta_mixture,
}


def _categories(link: Link, counts: np.ndarray, cells: int, ways: bool) -> np.ndarray:
    """Dirichlet-multinomial log mass of rows of counts."""
    n = counts.sum(1)[:, None]
    base = gammaln(n + 1.0) - gammaln(counts + 1.0).sum(1, keepdims=True) if ways else np.zeros((len(counts), 1))
    if link.posterior is None:
        table = np.broadcast_to(link.moments().first, (cells, counts.shape[1]))
        return np.asarray(base + counts @ np.maximum(table, -1e300).T)
    concentration = link.posterior.state[0][link.rows]
    total = concentration.sum(1)
    columns = [gammaln(counts + c).sum(1) - gammaln(c).sum() for c in concentration]
    return np.asarray(base + np.stack(columns, 1) + gammaln(total) - gammaln(total + n))


def _vectors(s: Labelled, x: np.ndarray, known: np.ndarray) -> np.ndarray:
    """A multivariate Student t per label, or a normal where the precision is known; of the known coordinates alone."""
    mean, found = s.links["mean"].moments(), _parameters(s.links["precision"])
    d, times = x.shape[1], _relative(s.links["mean"])
    columns = []
    for k in range(s.cells):
        if found is None:
            cover = np.linalg.inv(s.links["precision"].moments().first[k]) + mean.second[k]
        else:
            degrees = found[0][k] - d + 1.0
            own = mean.second[k] if times is None else found[1][k] / (degrees * times[k])
            cover = found[1][k] / degrees + own
        cover, size = cover[np.ix_(known, known)], int(known.sum())
        about = np.linalg.solve(np.linalg.cholesky(cover), (x - mean.first[k])[:, known].T)
        squares, logs = (about**2).sum(0), np.linalg.slogdet(cover)[1]
        if found is None:
            columns.append(-0.5 * (squares + logs + size * np.log(2.0 * np.pi)))
            continue
        constant = gammaln(0.5 * (degrees + size)) - gammaln(0.5 * degrees)
        constant -= 0.5 * (size * np.log(np.pi * degrees) + logs)
        columns.append(constant - 0.5 * (degrees + size) * np.log1p(squares / degrees))
    return np.stack(columns, axis=1)


def is_exact(s: Labelled) -> bool:
    """Whether the predictive distribution is the exact average over the factorised posterior."""
    if "precision" not in s.links or s.links["precision"].posterior is None:
        return True
    if isinstance(s.links["mean"].posterior, ConditionalNormal):
        return True
    return not bool(np.any(s.links["mean"].moments().second))


__all__ = ["is_exact", "memberships", "mixed", "predictive_logs"]
