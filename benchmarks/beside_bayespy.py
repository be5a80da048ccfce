"""Variational Bayes beside BayesPy, and clusterings beside scikit-learn's EM, on the example of BayesPy's guide.

Needs BayesPy in the environment: ``pip install bayespy``. Nothing else of mcmix or of its tests does.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

import mcmix as mc
from benchmarks.measure import Row, row

K = 10
TINY = 1e-5  # of every prior of the example, and the tolerance of BayesPy
RESTARTS = 20  # of BayesPy, and of EM
NEW = 500  # new rows of each cluster
COVARIANCES = [np.diag([2.0, 0.1]), np.diag([0.1, 2.0]), np.array([[2.0, -1.5], [-1.5, 2.0]]), 0.5 * np.eye(2)]
CENTRES = np.array([[0.0, 0.0], [0.0, 0.0], [2.0, 2.0], [-2.0, -2.0]])


def four_clusters(rng: np.random.Generator, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the four overlapping normal distributions of the example, and their labels."""
    parts = [rng.multivariate_normal(m, c, each) for m, c in zip(CENTRES, COVARIANCES, strict=True)]
    return np.concatenate(parts), np.repeat(np.arange(4), each)


def best_labels(x: np.ndarray) -> np.ndarray:
    """Labels by the classifier that knows the true parameters."""
    distributions = [multivariate_normal(m, c) for m, c in zip(CENTRES, COVARIANCES, strict=True)]
    return np.stack([distribution.logpdf(x) for distribution in distributions]).argmax(0)


def our_model(x: np.ndarray) -> mc.Stochastic:
    """The example's model: ten components, weak priors."""
    w = mc.Dirichlet("w", np.full(K, TINY))
    z = mc.Categorical("z", w, size=len(x))
    mu = mc.MvNormal("mu", np.zeros(2), TINY * np.eye(2), size=K)
    precision = mc.Wishart("precision", 2, TINY * np.eye(2), size=K)
    return mc.Mixture("y", z, mc.MvNormal, mu, precision, value=x, observed=True)


def ours(x: np.ndarray, labels: np.ndarray | None = None, seed: int = 1) -> Any:
    """A whole default call of mcmix, restarts included; or one run from given labels."""
    q = mc.VB([our_model(x)])
    if labels is None:
        return q.update(repeat=1000, seed=seed, verbose=False)
    return q.initialize_from_value({"z": labels}).update(repeat=1000, verbose=False)


def theirs(x: np.ndarray, labels: np.ndarray | None = None) -> Any:
    """One run of BayesPy, from random labels (of NumPy's global stream) or from given ones."""
    from bayespy.inference import VB
    from bayespy.nodes import Categorical, Dirichlet, Gaussian, Mixture, Wishart

    weights = Dirichlet(np.full(K, TINY))
    z = Categorical(weights, plates=(len(x),))
    mu = Gaussian(np.zeros(2), TINY * np.eye(2), plates=(K,))
    precision = Wishart(2, TINY * np.eye(2), plates=(K,))
    y = Mixture(z, Gaussian, mu, precision)
    if labels is None:
        z.initialize_from_random()
    else:
        z.initialize_from_value(labels)
    q = VB(y, mu, precision, z, weights, tol=TINY)
    y.observe(x)
    q.update(repeat=1000, verbose=False)
    return q


def bound(q: Any) -> float:
    """BayesPy's last bound."""
    return float(q.L[q.iter - 1])


def is_there() -> bool:
    """Whether BayesPy is installed."""
    return find_spec("bayespy") is not None


def beside_bayespy(large: int = 200_000) -> Iterator[Row]:
    """All rows; `large` is the size of the large data set."""
    if not is_there():
        raise SystemExit("benchmarks: 'bayespy' compares with BayesPy: pip install bayespy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # BayesPy's own
        yield from _times(large)
        yield from _same_start(large)
        yield from _bounds()
        yield from _clusterings()


def _seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    """Of all processors together: what else runs on the machine counts little."""
    before = time.process_time()
    found = run()
    return time.process_time() - before, found


def _times(large: int) -> Iterator[Row]:
    release = f"BayesPy {version('bayespy')}, one run"
    for n, seeds in ((200, 20), (large, 1)):
        ours(four_clusters(np.random.default_rng(0), 50)[0])  # compiles
        spent: dict[str, list[float]] = {"mcmix": [], "BayesPy": []}
        bounds: dict[str, list[float]] = {"mcmix": [], "BayesPy": []}
        for seed in range(seeds):
            x, _ = four_clusters(np.random.default_rng(seed), n // 4)
            np.random.seed(seed)  # noqa: NPY002  BayesPy draws from the global stream
            for name, run in (("mcmix", lambda x=x, s=seed: ours(x, seed=s)), ("BayesPy", lambda x=x: theirs(x))):
                seconds, q = _seconds(run)
                spent[name].append(seconds)
                bounds[name].append(q.L if name == "mcmix" else bound(q))
        for name in spent:
            what = "mcmix, all default restarts" if name == "mcmix" else release
            yield row(f"VB, {what}", n, K, float(np.median(spent[name])), "s of CPU")
            yield row(f"bound, {what}", n, K, float(np.median(bounds[name])), "nats")
        yield row("VB, one run of BayesPy / mcmix", n, K, _ratio(spent), "ratio of CPU")


def _same_start(n: int, seeds: int = 3) -> Iterator[Row]:
    """Both from the same random labels, each to its own rest, and the bound that the true labels lead to."""
    for seed in range(seeds):
        x, true = four_clusters(np.random.default_rng(seed), n // 4)
        labels = np.random.default_rng(100 + seed).integers(0, K, n)
        what = f"from the same labels, data set {seed}"
        (our_seconds, q), (their_seconds, p) = _seconds(partial(ours, x, labels)), _seconds(partial(theirs, x, labels))
        yield row(f"bound of mcmix less BayesPy's, {what}", n, K, q.L - bound(p), "nats")
        yield row(f"bound of mcmix less that from true labels, {what}", n, K, q.L - ours(x, true).L, "nats")
        yield row(f"BayesPy / mcmix, {what}", n, K, their_seconds / our_seconds, "ratio of CPU")


def _ratio(spent: dict[str, list[float]]) -> float:
    return float(np.median(spent["BayesPy"]) / np.median(spent["mcmix"]))


def _bounds(data_sets: int = 10) -> Iterator[Row]:
    """Whose bound is higher, under equal priors, constants and tolerance."""
    apart, default, best, true = [], [], [], []
    for seed in range(data_sets):
        x, labels = four_clusters(np.random.default_rng(seed), 50)
        apart.append(_difference_at_rest(x, labels))
        np.random.seed(seed)  # noqa: NPY002
        best.append(max(bound(theirs(x)) for _ in range(RESTARTS)))
        default.append(ours(x, seed=seed).L)
        true.append(ours(x, labels).L)
        for name, found in (("default", default), (f"best of {RESTARTS} of BayesPy", best), ("true labels", true)):
            yield row(f"bound, data set {seed}, {name}", 200, K, found[-1], "nats")
    yield row("bounds from the same labels, relative difference", 200, K, max(apart), "")
    ahead = np.array(default) >= np.array(best)
    near = np.array(default) >= np.array(true) - 1.0
    yield row(f"data sets not below the best of {RESTARTS}", 200, K, float(ahead.sum()), f"of {data_sets}")
    yield row("data sets within 1 nat of the true labels", 200, K, float(near.sum()), f"of {data_sets}")


def _difference_at_rest(x: np.ndarray, labels: np.ndarray) -> float:
    """Both at the same labels, and then at rest: with the tolerance as small as can be they must agree."""
    q = mc.VB([our_model(x)]).initialize_from_value({"z": labels}).update(2000, 1e-12, moves=False, verbose=False)
    p = theirs(x, labels)
    p.update(repeat=2000, tol=1e-12, verbose=False)
    return float(abs(q.L - bound(p)) / abs(q.L))


def _clusterings(data_sets: int = 10) -> Iterator[Row]:
    """NormalMixture, whose priors are on the data's scale, beside the best of several EM fits with four components."""
    agreement: dict[str, list[float]] = {"EM": [], "vb": [], "gibbs": []}
    gain: dict[str, list[float]] = {"vb": [], "gibbs": []}
    for seed in range(data_sets):
        rng = np.random.default_rng(seed)
        x, _ = four_clusters(rng, 50)
        new, _ = four_clusters(rng, NEW)
        labels = best_labels(x)
        em = GaussianMixture(4, n_init=RESTARTS, random_state=seed).fit(x)
        agreement["EM"].append(adjusted_rand_score(labels, em.predict(x)))
        for method, found in gain.items():
            mixture = mc.NormalMixture(K, method=method, random_state=seed).fit(x)
            agreement[method].append(adjusted_rand_score(labels, mixture.predict(x)))
            found.append(mixture.score(new) - em.score(new))
            yield row(f"ARI, data set {seed}, {method}", 200, K, agreement[method][-1], "")
            yield row(f"log score beside EM, data set {seed}, {method}", 200, K, found[-1], "nats a new row")
    for name, values in agreement.items():
        yield row(f"ARI at least 0.7, {name}", 200, K, float(np.sum(np.array(values) >= 0.7)), f"of {data_sets}")
    for name, values in gain.items():
        yield row(
            f"log score better than EM's, {name}", 200, K, float(np.sum(np.array(values) > 0.0)), f"of {data_sets}"
        )
