"""Predictions for new rows with covariates of their own, against plain NumPy from the kept draws."""

import copy

import numpy as np
import pytest
from scipy import special, stats

import mcmix as mc

ROWS, NEW = 30, 7
RNG = np.random.default_rng(51)
X = np.column_stack([np.ones(ROWS), RNG.normal(size=ROWS)])
GROUP = RNG.integers(0, 2, ROWS)
TRUTH = np.array([[0.0, 1.0], [3.0, -1.0]])
LINE = (X * TRUTH[GROUP]).sum(1)
DATA = LINE + 0.3 * RNG.normal(size=ROWS)
X_NEW = np.column_stack([np.ones(NEW), np.linspace(-1.0, 1.0, NEW)])
Y_NEW = np.linspace(-1.0, 4.0, NEW)
DRAWS = 200


def mixture(spelling="function", weights="shared"):
    """Two regressions, with the design in a node; the weights perhaps by row, below a covariate too."""
    x = mc.Covariates("X", X)
    beta, tau = mc.Normal("beta", [[0.0, 1.0], [3.0, -1.0]], 4.0), mc.Gamma("tau", 4.0, 1.0, size=2)
    if weights == "shared":
        w = mc.Dirichlet("w", [2.0, 2.0])
    else:
        gate = mc.Normal("gate", 0.0, 1.0)
        w = mc.Lambda("w", lambda g=gate, x=x: np.stack([special.expit(g * x[:, 1]), special.expit(-g * x[:, 1])], 1))
    z = mc.Categorical("z", w, **({"size": ROWS} if weights == "shared" else {}))
    if spelling == "function":
        mean = mc.Lambda("mean", lambda b=beta, z=z, x=x: np.sum(x * b[z], axis=1))
    else:
        mean = (x * beta[z]).sum(axis=1)
    y = mc.Normal("y", mean, tau[z], value=DATA, observed=True)
    return mc.MCMC([y, beta]).sample(300, 100, chains=2, seed=501, progress_bar=False)


@pytest.fixture(scope="module")
def two_lines():
    return mixture()


def kept(m, name):
    """Draws of all chains, one after another, as `predict_logpdf` visits them."""
    return np.concatenate([np.asarray(m.trace(name, chain=c)[:]) for c in range(2)])


def joint_logs(m, y, x, weights=None):
    """Log weight plus log density by draw, row and component."""
    beta, tau = kept(m, "beta"), kept(m, "tau")
    means = np.einsum("rj,skj->srk", x, beta)
    logs = stats.norm.logpdf(y[:, None], means, tau[:, None, :] ** -0.5)
    return logs + np.log(kept(m, "w")[:, None, :] if weights is None else weights)


def averaged(logs):
    return special.logsumexp(logs, axis=0) - np.log(len(logs))


@pytest.mark.parametrize("spelling", ["function", "operators"])
def test_densities_and_memberships_of_new_rows(spelling, two_lines):
    m = two_lines if spelling == "function" else mixture(spelling)
    logs = joint_logs(m, Y_NEW, X_NEW)
    found = m.predict_logpdf({"y": Y_NEW, "X": X_NEW})
    np.testing.assert_allclose(found, averaged(special.logsumexp(logs, axis=2)), rtol=1e-9)
    shares = special.softmax(logs, axis=2).mean(0)
    np.testing.assert_allclose(m.memberships({"y": Y_NEW, "X": X_NEW}), shares, rtol=1e-9)
    named = mc.classify(m, {"y": Y_NEW, "X": X_NEW})
    assert np.allclose(np.sort(named.probabilities, 1), np.sort(shares, 1), atol=0.05)
    np.testing.assert_allclose(m.predict_logpdf({"X": X, "y": DATA}), averaged(
        special.logsumexp(joint_logs(m, DATA, X), axis=2)), rtol=1e-9)  # fmt: skip


def test_weights_that_hang_on_covariates():
    m = mixture(weights="by row")
    share = special.expit(kept(m, "gate")[:, None] * X_NEW[:, 1])
    logs = joint_logs(m, Y_NEW, X_NEW, np.stack([share, 1.0 - share], -1))
    found = m.predict_logpdf({"y": Y_NEW, "X": X_NEW})
    np.testing.assert_allclose(found, averaged(special.logsumexp(logs, axis=2)), rtol=1e-9)


def test_a_model_with_covariates_draws_as_with_arrays(two_lines):
    """To the sampler a node of covariates is the array in it."""
    beta, tau = mc.Normal("beta", [[0.0, 1.0], [3.0, -1.0]], 4.0), mc.Gamma("tau", 4.0, 1.0, size=2)
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 2.0]), size=ROWS)
    mean = mc.Lambda("mean", lambda b=beta, z=z: np.sum(X * b[z], axis=1))
    plain = mc.MCMC([mc.Normal("y", mean, tau[z], value=DATA, observed=True), beta])
    plain.sample(300, 100, chains=2, seed=501, progress_bar=False)
    np.testing.assert_array_equal(kept(plain, "beta"), kept(two_lines, "beta"))
    assert "X" not in two_lines.draws().variables


def test_the_law_of_a_row_at_given_covariates(two_lines):
    law = mc.predictive(two_lines, given={"X": [1.0, 0.5]})
    points = np.linspace(-2.0, 5.0, 6)
    at = np.tile([1.0, 0.5], (6, 1))
    logs = special.logsumexp(joint_logs(two_lines, points, at), axis=2)
    np.testing.assert_allclose(law.logpdf(points), averaged(logs), rtol=1e-9)
    beta, tau, w = (kept(two_lines, n) for n in ("beta", "tau", "w"))
    below = stats.norm.cdf(points[:, None, None], beta @ [1.0, 0.5], tau**-0.5)
    np.testing.assert_allclose(law.cdf(points), (below * w).sum(-1).mean(1), rtol=1e-9)
    np.testing.assert_allclose(law.cdf(law.quantile([0.1, 0.9])), [0.1, 0.9], atol=1e-6)
    np.testing.assert_allclose(mc.predictive(two_lines, given=[1.0, 0.5]).pdf(1.0), law.pdf(1.0))
    np.testing.assert_allclose(copy.deepcopy(law).pdf(1.0), law.pdf(1.0))
    drawn = law.rvs(20000, seed=1)
    for point, share in zip(points, law.cdf(points), strict=True):
        assert abs((drawn <= point).mean() - share) < 5.0 * np.sqrt(0.25 / DRAWS / 2)


def test_rows_with_covariates_of_their_own(two_lines):
    law = mc.predictive(two_lines)
    np.testing.assert_allclose(
        law.logpdf({"y": Y_NEW, "X": X_NEW}), two_lines.predict_logpdf({"y": Y_NEW, "X": X_NEW}), rtol=1e-12
    )
    assert np.isclose(law.log_score({"y": Y_NEW, "X": X_NEW}).total, law.logpdf({"y": Y_NEW, "X": X_NEW}).sum())
    drawn = law.rvs(4000, seed=2, given={"X": X_NEW})
    assert drawn.shape == (4000, NEW)
    beta, w = kept(two_lines, "beta"), kept(two_lines, "w")
    means = (np.einsum("rj,skj->srk", X_NEW, beta) * w[:, None]).sum(-1).mean(0)
    assert (np.abs(drawn.mean(0) - means) < 5.0 * drawn.std(0) / np.sqrt(4000)).all()
    assert np.array_equal(law.rvs(50, seed=3, given=X_NEW), law.rvs(50, seed=3, given={"X": X_NEW}))


def test_exposures_and_groups_as_covariates():
    """Counts without labels: exposures by row, and an effect that a column of whole numbers looks up."""
    exposure, group = np.linspace(0.5, 2.0, ROWS), np.arange(ROWS) % 3
    e, g = mc.Covariates("E", exposure), mc.Covariates("G", group)
    slope, effects = mc.Normal("slope", 0.0, 1.0), mc.Normal("effects", 0.0, 1.0, size=3)
    x = mc.Covariates("x", X[:, 1])
    y = mc.Poisson("y", e * np.exp(slope * x + effects[g]), value=RNG.poisson(exposure), observed=True)
    m = mc.MCMC([y]).sample(300, 100, chains=2, seed=502, progress_bar=False)
    assert "log link" in next(s.reason for s in m.step_methods if s.variables[0].name == "slope")
    new = {"y": [0, 3, 1], "E": [1.0, 5.0, 0.1], "G": [2, 0, 1], "x": [0.3, -0.2, 2.0]}
    eta = kept(m, "slope")[:, None] * new["x"] + kept(m, "effects")[:, new["G"]]
    logs = stats.poisson.logpmf(new["y"], np.array(new["E"]) * np.exp(eta))
    np.testing.assert_allclose(m.predict_logpdf(new), averaged(logs), rtol=1e-9)
    with pytest.raises(mc.ModelError, match="new rows: G expected whole numbers.*got 0.5"):
        m.predict_logpdf({**new, "G": [0.5, 1, 1]})
    with pytest.raises(mc.ModelError, match=r"effects\[G\]: the look-up effects\[G\] goes out of range"):
        m.predict_logpdf({**new, "G": [3, 1, 1]})
    law = mc.predictive(m, given={"E": 2.0, "G": 1, "x": 0.0})
    rate = 2.0 * np.exp(kept(m, "effects")[:, 1])
    np.testing.assert_allclose(law.pdf([0, 2]), stats.poisson.pmf([[0], [2]], rate).mean(1), rtol=1e-9)


# -------------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (Y_NEW, r"a value for each of y, X, by name: new rows have their own covariates \(X\)"),
        ({"y": Y_NEW}, r"by name \(X: covariates\), got X missing"),
        ({"y": Y_NEW, "X": X_NEW, "W": X_NEW}, "got W unknown"),
        ({"y": Y_NEW, "X": X_NEW[1:]}, "the same number for every node, got y 7, X 6"),
        ({"y": Y_NEW, "X": X_NEW[:, :1]}, r"X expected rows of 2 columns, got shape \(7, 1\)"),
        ({"y": Y_NEW, "X": X_NEW[:, 0]}, r"X expected rows of 2 columns, got shape \(7,\)"),
        ({"y": Y_NEW, "X": np.full((NEW, 2), np.nan)}, "new rows: X: covariates expected finite numbers"),
        ({"y": Y_NEW, "X": X_NEW.astype(str)}, "new rows: X: expected an array of numbers.*text"),
    ],
)
def test_new_rows_that_do_not_fit(two_lines, new, said):
    for ask in (two_lines.predict_logpdf, two_lines.memberships, lambda n: mc.classify(two_lines, n)):
        with pytest.raises(mc.ModelError, match=said):
            ask(new)


def test_a_law_that_needs_covariates_says_so(two_lines):
    law = mc.predictive(two_lines)
    for ask in (lambda: law.cdf(1.0), lambda: law.quantile(0.5), lambda: law.rvs(3)):
        with pytest.raises(mc.ModelError, match=r"depends on its covariates; say predictive\(m, given=...\) for X"):
            ask()
    for given, said in (
        ({"W": 1.0}, "given= expected covariates X by name, got W"),
        (X_NEW, "given= expected one row, got X 7"),
        ([1.0], r"X expected rows of 2 columns, got shape \(1,\)"),
    ):
        with pytest.raises(mc.ModelError, match=said):
            mc.predictive(two_lines, given=given)
    mu = mc.Normal("mu", 0.0, 1.0)
    m = mc.MCMC([mc.Normal("y", mu, 1.0, value=DATA, observed=True)]).sample(50, 0, seed=1, progress_bar=False)
    with pytest.raises(mc.ModelError, match="expected covariates of the model.*there are none"):
        mc.predictive(m, given=[1.0])


def test_covariates_that_are_none():
    for value, said in (
        (3.0, "X: covariates expected a row for each row of data, got a single number"),
        ([1.0, np.nan], "X: covariates expected finite numbers"),
        (["a", "b"], "X: expected an array of numbers.*text"),
    ):
        with pytest.raises(mc.ModelError, match=said):
            mc.Covariates("X", value)


def test_functions_that_are_called_as_written_have_no_new_rows():
    x, b = mc.Covariates("x", X[:, 1]), mc.Normal("b", 0.0, 1.0)

    def mean(b=b, x=x):
        return x * (float(b) if float(b) > 0.0 else 0.0)

    m = mc.MCMC([mc.Normal("y", mc.Lambda("mean", mean), 1.0, value=DATA, observed=True)])
    m.sample(50, 0, seed=1, progress_bar=False)
    with pytest.raises(mc.ModelError, match="mean: its function depends on covariates and is called as it is written"):
        m.predict_logpdf({"y": [0.0], "x": [1.0]})
