"""Mixtures of vectors: the pass against NumPy, the draws against enumeration and conjugate posteriors."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp, multigammaln

import mcmix as mc
from mcmix.sampling.pointwise import unit_log_likelihood
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import leaf
from mcmix.structure.missing import by_category
from mcmix.structure.walks import ordered
from tests import references as ref
from tests import runs
from tests.references import assert_law, assert_mean, assert_shares, chains_of

sampled = runs.sampler(iterations=12_000, burn=500)


def clusters(n, d, k, seed, spread=3.0):
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, spread, (k, d))[rng.integers(0, k, n)] + rng.normal(size=(n, d))


LAWS = {"MvNormal": np.linalg.inv, "MvNormalCov": lambda c: c, "MvNormalChol": np.linalg.cholesky}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 2), (7, 2, 3), (300, 3, 2), (600, 9, 4), (40, 40, 2)])
def test_the_pass_weighs_rows_as_numpy_does(law, n, d, k):
    """One draw of everything; its log likelihood per row with labels summed out, far from the origin."""
    rng = np.random.default_rng(n + d)
    x = clusters(n, d, k, 1) + 1e6
    means = rng.normal(0, 3, (k, d)) + 1e6
    roots = rng.normal(size=(k, d, d)) / np.sqrt(d)
    covers = roots @ roots.swapaxes(1, 2) + 0.2 * np.eye(d)
    w = mc.Dirichlet("w", np.ones(k), value=rng.dirichlet(np.ones(k)))
    y = mc.Mixture("y", w, getattr(mc, law), means, LAWS[law](covers), value=x, observed=True)
    m = mc.MCMC([w, y])
    assert runs.step_of(m, "y label").name == "label update"
    m.sample(1, chains=1, seed=1)
    found, _ = unit_log_likelihood(m.assembled, m.draws(), 1)
    logs = np.stack([stats.multivariate_normal(a, c).logpdf(x).reshape(n) for a, c in zip(means, covers, strict=True)])
    exact = logsumexp(logs + np.log(m.trace("w")[0])[:, None], axis=0)
    np.testing.assert_allclose(found["y"][0, 0], exact, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(m.memberships().sum(1), 1.0)


def test_sums_and_products_are_those_of_the_rows():
    x = clusters(700, 5, 3, 2) + 100.0
    z = mc.Categorical("z", np.ones(3) / 3, size=700)
    mu = mc.MvNormal("mu", 100 + np.zeros(5), 0.1 * np.eye(5), size=3)
    y = mc.Mixture("y", z, mc.MvNormal, mu, np.eye(5), value=x, observed=True)
    m = mc.MCMC([y]).sample(5, chains=1, seed=1, progress_bar=False)
    factor, chain = m.assembled.recording.factor_of(y), m._runners[0].chain
    labels, about = chain.view(z), x - x.mean(0)
    for k in range(3):
        own = about[labels == k]
        assert chain.view(("count", factor))[k] == len(own)
        np.testing.assert_allclose(chain.view(("sum", factor, 0)).reshape(3, 5)[k], own.sum(0), atol=1e-9)
        np.testing.assert_allclose(chain.view(("square", factor, 0)).reshape(3, 5, 5)[k], own.T @ own, rtol=1e-10)


@pytest.mark.parametrize("write", ["mixture", "look-up", "function"])
def test_every_way_to_write_it_draws_the_same(write):
    x = clusters(60, 2, 2, 3)
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=60)
    mu = mc.MvNormal("mu", np.zeros(2), 0.1 * np.eye(2), size=2)
    precision = mc.Wishart("precision", 4, np.eye(2), size=2)

    @mc.deterministic(trace=False)
    def centre(z=z, mu=mu):
        return mu[z]

    rows = {
        "mixture": lambda: mc.Mixture("y", z, mc.MvNormal, mu, precision, value=x, observed=True),
        "look-up": lambda: mc.MvNormal("y", mu[z], precision[z], value=x, observed=True),
        "function": lambda: mc.MvNormal("y", centre, precision[z], value=x, observed=True),
    }
    draws = sampled([rows[write]()], 4, 300, 100).draws().variables
    same = sampled([rows["mixture"]()], 4, 300, 100).draws().variables
    for name in ("w", "mu", "precision"):
        np.testing.assert_array_equal(draws[name], same[name])


# -------------------------------------------------------------------- enumeration


ROWS = np.array([[0.1, 0.3], [-0.4, 0.8], [2.2, 1.9], [3.0, 2.4], [1.2, 1.0], [2.0, 3.1]])
PRECISION = np.array([[1.5, 0.4], [0.4, 0.8]])


def normal_evidence(x, owned, centre, prior, precision):
    """Log evidence and posterior mean of a normal mean, for the rows that a component owns."""
    total = prior + len(owned) * precision
    linear = prior @ centre + precision @ x[owned].sum(0)
    mean = np.linalg.solve(total, linear)
    logs = 0.5 * np.linalg.slogdet(prior)[1] - 0.5 * np.linalg.slogdet(total)[1]
    logs += len(owned) * (0.5 * np.linalg.slogdet(precision)[1] - np.log(2 * np.pi))
    logs -= 0.5 * (np.einsum("ni,ij,nj", x[owned], precision, x[owned]) + centre @ prior @ centre - mean @ total @ mean)
    return logs, mean


def wishart_evidence(x, owned, degrees, inverse):
    """Log evidence and posterior mean of a Wishart precision about a known mean of zero."""
    after = inverse + x[owned].T @ x[owned]
    n = degrees + len(owned)
    logs = multigammaln(n / 2, 2) - multigammaln(degrees / 2, 2) - len(owned) * np.log(np.pi)
    logs += 0.5 * degrees * np.linalg.slogdet(inverse)[1] - 0.5 * n * np.linalg.slogdet(after)[1]
    return logs, n * np.linalg.inv(after)


def enumerated(evidence, concentration):
    labels = ref.label_vectors(len(ROWS), 2)
    parts = [[evidence(k, np.flatnonzero(row == k)) for k in range(2)] for row in labels]
    logs = np.array([sum(p[0] for p in both) for both in parts]) + ref.dirichlet_label_prior(concentration)(labels)
    mass = ref.normalised(logs)
    expected = np.stack([np.tensordot(mass, [both[k][1] for both in parts], 1) for k in range(2)])
    hot = labels[:, :, None] == np.arange(2)
    return np.einsum("v,vnk->nk", mass, hot), expected


def test_means_and_labels_against_enumeration():
    centres = np.array([[0.0, 0.0], [2.0, 2.0]])
    prior = np.array([[0.5, 0.1], [0.1, 0.4]])
    w = mc.Dirichlet("w", [1.0, 2.0])
    mu = mc.MvNormal("mu", centres, prior, size=2)
    z = mc.Categorical("z", w, size=6)
    y = mc.Mixture("y", z, mc.MvNormal, mu, PRECISION, value=ROWS, observed=True)
    m = sampled([w, z, mu, y], 5, 26000)
    assert runs.step_of(m, "mu").name == "conjugate Gibbs"
    shares, means = enumerated(lambda k, own: normal_evidence(ROWS, own, centres[k], prior, PRECISION), [1.0, 2.0])
    assert_shares(chains_of(m, "z")[..., None] == np.arange(2), shares, "memberships")
    assert_mean(chains_of(m, "mu"), means, "means")


def test_precisions_and_labels_against_enumeration():
    x = ROWS - ROWS.mean(0)
    scales = np.array([0.2 * np.eye(2), [[4.0, 1.0], [1.0, 3.0]]])
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=6)
    precision = mc.Wishart("precision", [3.0, 5.0], scales)
    y = mc.Mixture("y", z, mc.MvNormal, np.zeros(2), precision, value=x, observed=True)
    m = sampled([w, z, precision, y], 6, 40000)
    assert runs.step_of(m, "precision").name == "conjugate Gibbs"

    def evidence(k, own):
        return wishart_evidence(x, own, [3.0, 5.0][k], scales[k])

    shares, means = enumerated(evidence, [1.0, 1.0])
    assert_shares(chains_of(m, "z")[..., None] == np.arange(2), shares, "memberships")
    assert_mean(chains_of(m, "precision"), means, "precisions")


# -------------------------------------------------------------------- conjugate posteriors without labels


def test_a_shared_mean_and_precision():
    """Without labels: the mean given the precision and the other way round make the normal-Wishart posterior."""
    x = clusters(30, 2, 1, 7)
    mu = mc.MvNormal("mu", np.zeros(2), 1e-6 * np.eye(2))
    precision = mc.Wishart("precision", 4.0, np.eye(2))
    y = mc.MvNormal("y", mu, precision, value=x, observed=True)
    m = sampled([mu, precision, y], 7, 30000)
    assert {runs.step_of(m, n).name for n in ("mu", "precision")} == {"conjugate Gibbs"}
    about = x - x.mean(0)
    inverse = np.eye(2) + about.T @ about
    assert_mean(chains_of(m, "precision"), 33.0 * np.linalg.inv(inverse), exact_error=1e-4)
    for j in range(2):
        scale = np.sqrt(inverse[j, j] / 30 / 32)  # a Student t with 33 - 2 + 1 degrees of freedom
        assert_law(chains_of(m, "mu")[..., j], stats.t(32, x[:, j].mean(), scale))


def test_means_of_means():
    """A normal hierarchy of vectors: groups' means below a common one, in closed form."""
    x = clusters(12, 2, 1, 8).reshape(3, 4, 2)
    top = mc.MvNormal("top", np.zeros(2), 0.25 * np.eye(2))
    mu = mc.MvNormal("mu", top, 2.0 * np.eye(2), size=3)
    data = [mc.MvNormal(f"y{g}", mu[g], np.eye(2), value=x[g], observed=True) for g in range(3)]
    m = sampled([top, mu, *data], 8, 20000)
    assert {runs.step_of(m, n).name for n in ("mu", "top")} == {"conjugate Gibbs"}
    weight = 1 / (1 / 2.0 + 1 / 4)  # precision with which a group's average speaks of the top
    total = 0.25 + 3 * weight
    centre = weight * x.mean(1).sum(0) / total
    for j in range(2):
        assert_law(chains_of(m, "top")[..., j], stats.norm(centre[j], total**-0.5))
    assert_mean(chains_of(m, "mu"), (2.0 * centre + 4 * x.mean(1)) / 6.0)


def test_units_with_several_rows():
    """Customers with many rows each: a label per customer."""
    rng = np.random.default_rng(9)
    group = np.repeat(np.arange(6), [1, 2, 3, 1, 2, 1])
    x = np.array([[0.0, 0.0], [2.5, 2.5]])[[0, 1, 0, 1, 1, 0]][group] + rng.normal(size=(10, 2))
    means = np.array([[0.0, 0.0], [2.5, 2.5]])
    z = mc.Categorical("z", [0.4, 0.6], size=6)
    y = mc.MvNormal("y", mc.Index("centre", means, z[group]), np.eye(2), value=x, observed=True)
    m = sampled([z, y], 9, 6000)
    logs = np.stack([stats.multivariate_normal(c).logpdf(x) for c in means], 1)
    odds = np.log([0.4, 0.6]) + np.stack([np.bincount(group, logs[:, k]) for k in range(2)], 1)
    assert_shares(chains_of(m, "z")[..., None] == np.arange(2), ref.normalised(odds, 1))
    assert runs.step_of(m, "z").name == "label update"


# -------------------------------------------------------------------- tables of independent columns


def test_diagonal_components_against_enumeration():
    """Two columns, each with its own mean: the rows' evidence is a product over columns."""
    prior, known = np.array([0.3, 0.6]), np.array([1.2, 0.7])
    w = mc.Dirichlet("w", [1.0, 1.5])
    z = mc.Categorical("z", w, size=6)
    mu = mc.Normal("mu", [[0.0, 0.0], [2.0, 2.0]], prior, size=(2, 2))
    y = mc.Normal("y", mu[z], known, value=ROWS, observed=True)
    m = sampled([w, z, mu, y], 10, 26000)
    assert runs.step_of(m, "z").name == "label update"
    cuts = np.array([0.0, 1.0, 2.0])
    parts = []
    for centre in (0.0, 2.0):
        columns = [ref.normal_mean(ROWS[:, j], centre, prior[j], known[j], cuts) for j in range(2)]
        parts.append(ref.both(*columns) if hasattr(ref, "both") else columns[0])
    logs = [c.log_evidence for c in parts]
    exact = ref.enumerated([ref.Component(log, {}) for log in logs], 6, ref.dirichlet_label_prior([1.0, 1.5]))
    assert_shares(chains_of(m, "z")[..., None] == np.arange(2), exact.memberships, "memberships")


def test_missing_coordinates_of_diagonal_components_are_integrated_out():
    x = ROWS.copy()
    x[[0, 3], [1, 0]] = np.nan
    means = np.array([[0.0, 0.0], [2.0, 2.0]])
    z = mc.Categorical("z", [0.4, 0.6], size=6)
    y = mc.Normal("y", mc.Index("centre", means, z), 1.0, value=x, observed=True)
    m = sampled([z, y], 11, 6000)
    assert runs.step_of(m, "z").name == "label update"
    logs = np.stack([np.nansum(stats.norm(c, 1.0).logpdf(x), axis=1) for c in means], 1) + np.log([0.4, 0.6])
    shares = ref.normalised(logs, 1)
    assert_shares(chains_of(m, "z")[..., None] == np.arange(2), shares)
    assert_mean(chains_of(m, "y"), (shares @ means)[[0, 3], [1, 0]])


# -------------------------------------------------------------------- what may happen


def test_fewer_rows_than_dimensions_repeated_rows_and_empty_components():
    x = np.repeat(clusters(2, 6, 2, 12), 2, axis=0)
    w = mc.Dirichlet("w", np.ones(3))
    mu = mc.MvNormal("mu", np.zeros(6), np.eye(6), size=3)
    precision = mc.Wishart("precision", 8, np.eye(6), size=3)
    y = mc.Mixture("y", w, mc.MvNormal, mu, precision, value=x, observed=True)
    m = sampled([y], 12, 600, 100)
    assert np.isfinite(m.trace("mu")[:]).all()
    assert (np.linalg.eigvalsh(m.trace("precision")[:]) > 0).all()


def test_data_of_the_wrong_width_are_refused():
    mu = mc.MvNormal("mu", np.zeros(3), np.eye(3), size=2)
    with pytest.raises(mc.ModelError, match=r"y.*\(5, 2\).*mean"):
        mc.Mixture("y", [0.5, 0.5], mc.MvNormal, mu, np.eye(3), value=np.zeros((5, 2)), observed=True)


def test_many_categories_nest_shallowly():
    """A thousand categories are a sum in pairs: recursion over expressions does not reach Python's limit."""
    rng = np.random.default_rng(3)
    counts, shares = rng.integers(0, 3, (2, 1200)).astype(float), rng.dirichlet(np.ones(1200), 2)
    table = leaf("p", (2, 1200))
    found = by_category(counts, table, counts.sum(1))
    np.testing.assert_allclose(
        evaluate(found, {"p": shares}), stats.multinomial.logpmf(counts, counts.sum(1), shares), rtol=1e-12
    )
    deepest = {found: 1}
    for part in reversed(ordered(found)):
        for a in part.arguments:
            deepest[a] = max(deepest.get(a, 0), deepest[part] + 1)
    assert max(deepest.values()) < 20
