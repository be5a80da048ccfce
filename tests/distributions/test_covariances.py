"""Normal rows by covariance or factor: sums stand for rows, and covariances are drawn exactly."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import multigammaln

import mcmix as mc
from mcmix.distributions.family import Sums
from mcmix.distributions.matrices import inverse
from mcmix.distributions.table import FAMILIES
from mcmix.structure import expression as ex
from mcmix.structure.expression import constant, leaf
from mcmix.structure.rewrite import substitute
from tests import references as ref
from tests import runs
from tests.kernels.test_machine import assert_twins, ran
from tests.references import assert_law, assert_mean, assert_shares, chains_of

SCALE = np.array([[2.0, 0.5], [0.5, 1.0]])
CROOKED = np.array([[1.0, 2.0], [2.0, 1.0]])  # eigenvalues 3 and -1
ROWS = np.array([[0.1, 0.3], [-0.4, 0.8], [2.2, 1.9], [3.0, 2.4], [1.2, 1.0], [2.0, 3.1]])


sampled = runs.sampler(iterations=12_000, burn=200)


def positive(shape, d, seed):
    roots = np.random.default_rng(seed).normal(size=(*shape, d, d + 2))
    return roots @ np.swapaxes(roots, -1, -2)


# -------------------------------------------------------------------- inverses


@pytest.mark.parametrize(("shape", "d"), [((), 1), ((), 3), ((4,), 2), ((2, 3), 5), ((1,), 12)])
@pytest.mark.parametrize("from_factor", [False, True])
def test_the_machine_inverts_as_numpy_does(shape, d, from_factor):
    covers = positive(shape, d, d)
    given = np.linalg.cholesky(covers) if from_factor else covers
    x = leaf("x", given.shape)
    (found,) = ran([ex.inverse(x, from_factor)], {"x": given})
    np.testing.assert_allclose(found, np.linalg.inv(covers), rtol=1e-9)
    np.testing.assert_array_equal(found, np.swapaxes(found, -1, -2))
    assert_twins(ex.inverse(2.0 * x, from_factor) + 1.0, {"x": given})
    np.testing.assert_allclose(inverse(given, from_factor), np.linalg.inv(covers), rtol=1e-9)


def test_what_has_no_factor_has_no_inverse():
    """The others of the stack keep theirs."""
    covers = np.stack([SCALE, CROOKED, np.full((2, 2), np.nan), np.zeros((2, 2)), 3.0 * SCALE])
    factors = np.stack([SCALE, -SCALE, np.full((2, 2), np.nan), np.zeros((2, 2)), 3.0 * SCALE])
    for given, from_factor in ((covers, False), (factors, True)):
        (found,) = ran([ex.inverse(leaf("x", given.shape), from_factor)], {"x": given})
        assert (
            list(np.isnan(found).all((1, 2))) == list(np.isnan(found).any((1, 2))) == [False, True, True, True, False]
        )
        np.testing.assert_allclose(found, inverse(given, from_factor), rtol=1e-13)


def test_known_matrices_fold_and_inverses_follow_a_rewriting():
    assert ex.inverse(SCALE).is_constant
    x, y = leaf("x", (2, 2)), leaf("y", (5, 2, 2))
    assert substitute(ex.inverse(x), {x: y}) is ex.inverse(y)
    assert substitute(ex.inverse(x, True), {x: constant(SCALE)}).is_constant
    with pytest.raises(mc.TraceError, match=r"\(2, 3\)"):
        ex.inverse(leaf("z", (2, 3)))


# -------------------------------------------------------------------- sums stand for rows

MATRICES = {"MvNormal": np.linalg.inv, "MvNormalCov": lambda c: c, "MvNormalChol": np.linalg.cholesky}


def sums_of(x, shift):
    about = x - shift
    return Sums(np.array([float(len(x))]), (about.sum(0)[None],), ((about.T @ about)[None],), (shift,))


@pytest.mark.parametrize("law", MATRICES)
def test_the_log_likelihood_from_sums_is_that_of_the_rows(law):
    rng = np.random.default_rng(1)
    family, x = FAMILIES[law], rng.normal(size=(9, 3)) + 100.0
    names = [p.name for p in family.parameters]
    for k, cover in enumerate(positive((4,), 3, 2)):
        mean = 100.0 + rng.normal(size=3)
        given = dict(zip(names, (mean[None], MATRICES[law](cover)[None]), strict=True))
        exact = stats.multivariate_normal(mean, cover).logpdf(x).sum()
        found = family.statistics.log_likelihood(sums_of(x, np.full(3, 99.0 + k)), given)
        np.testing.assert_allclose(found, exact, rtol=1e-10)


@pytest.mark.parametrize(("law", "broken"), [("MvNormalCov", CROOKED), ("MvNormalChol", -SCALE)])
def test_the_log_likelihood_of_what_is_no_covariance(law, broken):
    given = leaf("x", (2, 2))
    family = FAMILIES[law]
    names = [p.name for p in family.parameters]
    sums = sums_of(ROWS, np.zeros(2))
    (found,) = ran(
        [family.statistics.log_likelihood(sums, dict(zip(names, (np.zeros((1, 2)), given), strict=True)))],
        {"x": broken},
    )
    assert found == -np.inf


@pytest.mark.parametrize("law", MATRICES)
@pytest.mark.parametrize("labels", [False, True])
def test_no_part_of_the_evidence_grows_with_the_rows(law, labels):
    sizes = []
    for n in (30, 3000):
        x = np.random.default_rng(3).normal(size=(n, 2))
        scale = mc.HalfNormal("scale", 1.0, size=2)
        matrix = np.eye(2) * scale[:, None, None] if labels else scale[0] * np.eye(2)
        mu = mc.MvNormal("mu", np.zeros(2), np.eye(2), size=2)
        z = mc.Categorical("z", [0.5, 0.5], size=n)
        given = (mu[z], matrix[z]) if labels else (mu[0], matrix)
        y = getattr(mc, law)("y", *given, value=x, observed=True)
        m = mc.MCMC([y, scale, mu])
        evidence = [e for e in m.assembled.structure.contributions if e.factor.node is y]
        assert [e.over for e in evidence] == ["cells"]
        assert runs.step_of(m, "scale").name == "slice" and runs.step_of(m, "mu").name == "conjugate Gibbs"
        sizes.append((runs.step_of(m, "scale").cost, runs.step_of(m, "mu").cost))
    assert sizes[0] == sizes[1]


# -------------------------------------------------------------------- means


@pytest.mark.parametrize("law", MATRICES)
def test_a_mean_is_drawn_from_its_normal_law(law):
    """Data and prior by covariance, factor or precision: the same distribution of the mean."""
    cover, prior, centre = SCALE, np.array([[3.0, -1.0], [-1.0, 2.0]]), np.array([1.0, -1.0])
    mu = getattr(mc, law)("mu", centre, MATRICES[law](prior))
    y = getattr(mc, law)("y", mu, MATRICES[law](cover), value=ROWS, observed=True)
    m = sampled([mu, y], 1, 6000)
    assert runs.step_of(m, "mu").name == "conjugate Gibbs"
    total = np.linalg.inv(prior) + 6 * np.linalg.inv(cover)
    mean = np.linalg.solve(total, np.linalg.solve(prior, centre) + np.linalg.solve(cover, ROWS.sum(0)))
    spread = np.sqrt(np.diagonal(np.linalg.inv(total)))
    for j in range(2):
        assert_law(chains_of(m, "mu")[..., j], stats.norm(mean[j], spread[j]))


def test_means_below_a_common_one_by_covariance():
    """Vectors that are unknown themselves are rows of sums, too: a hierarchy in closed form."""
    x = ROWS.reshape(3, 2, 2)
    top = mc.MvNormalCov("top", np.zeros(2), 4.0 * np.eye(2))
    mu = mc.MvNormalCov("mu", top, 0.5 * np.eye(2), size=3)
    data = [mc.MvNormalCov(f"y{g}", mu[g], np.eye(2), value=x[g], observed=True) for g in range(3)]
    m = sampled([top, mu, *data], 2)
    assert {runs.step_of(m, n).name for n in ("mu", "top")} == {"conjugate Gibbs"}
    weight = 1 / (0.5 + 1 / 2)
    total = 0.25 + 3 * weight
    centre = weight * x.mean(1).sum(0) / total
    for j in range(2):
        assert_law(chains_of(m, "top")[..., j], stats.norm(centre[j], total**-0.5))
    assert_mean(chains_of(m, "mu"), (2.0 * centre + 2 * x.mean(1)) / 4.0)


# -------------------------------------------------------------------- covariances


@pytest.mark.parametrize("degrees", [4.0, 1.5])
def test_a_covariance_has_its_inverse_wishart_posterior(degrees):
    cover = mc.InverseWishart("cover", degrees, SCALE)
    y = mc.MvNormalCov("y", [1.0, 0.5], cover, value=ROWS, observed=True)
    m = sampled([cover, y], 3)
    assert runs.step_of(m, "cover").name == "conjugate Gibbs"
    about = ROWS - [1.0, 0.5]
    after = SCALE + about.T @ about
    assert_mean(chains_of(m, "cover"), after / (degrees + 6 - 3))
    for i in range(2):
        law = stats.invgamma((degrees + 6 - 1) / 2, scale=after[i, i] / 2)  # a diagonal block of it
        assert_law(chains_of(m, "cover")[..., i, i], law)


def test_a_mean_and_a_covariance_that_are_both_unknown():
    x = np.random.default_rng(4).multivariate_normal([3.0, -1.0], SCALE, 30)
    mu = mc.MvNormal("mu", np.zeros(2), 1e-6 * np.eye(2))
    cover = mc.InverseWishart("cover", 4.0, np.eye(2))
    y = mc.MvNormalCov("y", mu, cover, value=x, observed=True)
    m = sampled([mu, cover, y], 4)
    assert {runs.step_of(m, n).name for n in ("mu", "cover")} == {"conjugate Gibbs"}
    about = x - x.mean(0)
    after = np.eye(2) + about.T @ about
    assert_mean(chains_of(m, "cover"), after / (33 - 3), exact_error=1e-4)
    for j in range(2):  # a Student t with 33 - 2 + 1 degrees of freedom
        assert_law(chains_of(m, "mu")[..., j], stats.t(32, x[:, j].mean(), np.sqrt(after[j, j] / 30 / 32)))


def test_one_covariance_per_group_times_known_numbers_and_one_without_data():
    """Rows whose covariance is a multiple of the group's; of the third group nothing is known."""
    x, times = ROWS.reshape(2, 3, 2), [1.0, 4.0]
    cover = mc.InverseWishart("cover", [6.0, 5.0, 8.0], np.stack([SCALE, np.eye(2), SCALE]))
    data = [
        mc.MvNormalCov(f"y{g}", np.zeros(2), times[g] * cover[g], value=x[g], observed=True) for g in range(2)
    ]  # fmt: skip
    m = sampled([cover, *data], 5)
    assert runs.step_of(m, "cover").name == "conjugate Gibbs"
    exact = [
        (SCALE + x[0].T @ x[0]) / (6 + 3 - 3),
        (np.eye(2) + x[1].T @ x[1] / 4.0) / (5 + 3 - 3),
        SCALE / (8 - 3),
    ]
    assert_mean(chains_of(m, "cover"), np.array(exact))


# -------------------------------------------------------------------- labels


CENTRES, TIMES, DEGREES = np.array([[0.0, 0.5], [2.0, 2.0]]), 0.5, 5.0


def pooled(x, owned, centre):
    """What rows add to the scale, their mean integrated out (a normal distribution with covariance X / TIMES)."""
    n = len(owned)
    if not n:
        return np.zeros((2, 2)), centre
    average = x[owned].mean(0)
    about, away = x[owned] - average, average - centre
    mean = (TIMES * centre + n * average) / (TIMES + n)
    return about.T @ about + TIMES * n / (TIMES + n) * np.outer(away, away), mean


def log_evidence(added, n, scale):
    """Log evidence of n rows under an inverse Wishart distribution of their covariance, but for the integrals over
    means.
    """
    after = scale + added
    logs = multigammaln((DEGREES + n) / 2, 2) - multigammaln(DEGREES / 2, 2) - n * np.log(np.pi)
    return logs + 0.5 * (DEGREES * np.linalg.slogdet(scale)[1] - (DEGREES + n) * np.linalg.slogdet(after)[1]), after / (
        DEGREES + n - 3
    )


def enumerated(tied):
    """Label probabilities and posterior means of the covariances and means over all label vectors."""
    labels = ref.label_vectors(len(ROWS), 2)
    scales = np.stack([SCALE, np.eye(2)])
    logs, covers, means = [], [], []
    for row in labels:
        owned = [np.flatnonzero(row == k) for k in range(2)]
        parts = [pooled(ROWS, o, c) for o, c in zip(owned, CENTRES, strict=True)]
        log = sum(np.log(TIMES / (TIMES + len(o))) for o in owned)  # d / 2 times each, d = 2
        if tied:
            more, cover = log_evidence(parts[0][0] + parts[1][0], len(ROWS), SCALE)
            log, found = log + more, cover
        else:
            both = [log_evidence(p[0], len(o), s) for p, o, s in zip(parts, owned, scales, strict=True)]
            log, found = log + both[0][0] + both[1][0], np.stack([both[0][1], both[1][1]])
        logs.append(log)
        covers.append(found)
        means.append([p[1] for p in parts])
    mass = ref.normalised(np.array(logs) + ref.dirichlet_label_prior([1.0, 2.0])(labels))
    shares = np.einsum("v,vnk->nk", mass, labels[:, :, None] == np.arange(2))
    return shares, np.tensordot(mass, covers, 1), np.tensordot(mass, means, 1)


@pytest.mark.parametrize("tied", [False, True])
def test_labels_means_and_covariances_against_enumeration(tied):
    """The normal-inverse-Wishart mixture; tied: one covariance for all components."""
    w = mc.Dirichlet("w", [1.0, 2.0])
    z = mc.Categorical("z", w, size=6)
    cover = mc.InverseWishart("cover", DEGREES, SCALE if tied else np.stack([SCALE, np.eye(2)]))
    mu = mc.MvNormalCov("mu", CENTRES, cover / TIMES, size=2)
    y = mc.Mixture("y", z, mc.MvNormalCov, mu, cover, value=ROWS, observed=True)
    m = sampled([w, z, mu, cover, y], 6, 30000)
    assert {runs.step_of(m, n).name for n in ("mu", "cover")} == {"conjugate Gibbs"}
    shares, covers, means = enumerated(tied)
    assert_shares(chains_of(m, "z")[..., None] == np.arange(2), shares, "memberships")
    assert_mean(chains_of(m, "cover"), covers, "covariances")
    assert_mean(chains_of(m, "mu"), means, "means")


def test_known_labels():
    known = np.array([0, 0, 1, 1, 0, 1])
    cover = mc.InverseWishart("cover", DEGREES, SCALE, size=2)
    y = mc.MvNormalCov("y", mc.Index("centre", CENTRES, known), cover[known], value=ROWS, observed=True)
    m = sampled([cover, y], 7, 8000)
    about = [ROWS[known == k] - CENTRES[k] for k in range(2)]
    assert_mean(chains_of(m, "cover"), np.stack([(SCALE + a.T @ a) / (DEGREES + 3 - 3) for a in about]))


def test_coordinates_that_are_missing():
    """Rows with gaps: labels and means have the distribution that they have where the same rows are written by
    precision.
    """
    x = ROWS.copy()
    x[2, 0] = x[4, 1] = np.nan

    def drawn(law, seed):
        z = mc.Categorical("z", [0.3, 0.7], size=6)
        mu = mc.MvNormal("mu", CENTRES, np.eye(2), size=2)
        y = getattr(mc, law)("y", mu[z], MATRICES[law](SCALE), value=x, observed=True)
        m = sampled([mu, z, y], seed)
        assert runs.step_of(m, "mu").name == "conjugate Gibbs"
        return {name: chains_of(m, name) for name in ("mu", "z")}

    other = {name: ref.mean_and_error(draws) for name, draws in drawn("MvNormal", 8).items()}
    for seed, law in ((9, "MvNormalCov"), (10, "MvNormalChol")):
        for name, draws in drawn(law, seed).items():
            assert_mean(draws, other[name][0], name, exact_error=other[name][1])


# -------------------------------------------------------------------- matrices above matrices


def test_the_scale_above_known_covariances_is_a_wishart_matrix():
    covers = positive((3,), 2, 10)
    scale = mc.Wishart("scale", 4.0, np.eye(2))
    x = mc.InverseWishart("x", 6.0, scale, value=covers, observed=True)
    m = sampled([scale, x], 10, 8000)
    assert runs.step_of(m, "scale").name == "conjugate Gibbs"
    assert_mean(chains_of(m, "scale"), (4 + 3 * 6) * np.linalg.inv(np.eye(2) + np.linalg.inv(covers).sum(0)))


def test_the_scale_above_known_wishart_matrices_is_an_inverse_wishart_matrix():
    matrices = positive((3,), 2, 11)
    scale = mc.InverseWishart("scale", 4.0, np.eye(2))
    x = mc.WishartCov("x", 6.0, scale, value=matrices, observed=True)
    m = sampled([scale, x], 11, 8000)
    assert runs.step_of(m, "scale").name == "conjugate Gibbs"
    assert_mean(chains_of(m, "scale"), (np.eye(2) + matrices.sum(0)) / (4 + 3 * 6 - 3))


def test_a_wishart_law_whose_scale_is_unknown_is_drawn_exactly():
    """Rows, their precision, its scale, in one dimension: with the precision integrated out, against quadrature."""
    x = np.array([[0.3], [-1.2], [0.8]])
    scale = mc.InverseWishart("scale", 5.0, [[2.0]])
    tau = mc.WishartCov("tau", 4.0, scale)
    y = mc.MvNormal("y", [0.0], tau, value=x, observed=True)
    m = sampled([scale, tau, y], 12, 20000)
    assert {runs.step_of(m, n).name for n in ("scale", "tau")} == {"conjugate Gibbs"}
    q = float((x**2).sum())

    def log_density(c):  # tau integrated out: gamma with shape (4 + 3) / 2 and rate (1 / c + q) / 2
        return stats.invgamma(2.5, scale=1.0).logpdf(c) - 2.0 * np.log(c) - 3.5 * np.log(1 / c + q)

    assert_law(chains_of(m, "scale")[..., 0, 0], ref.gridded(log_density, 1e-6, 60.0, 200000))


def test_a_number_in_the_scale_is_sampled_by_slices():
    """X ~ inverse Wishart with scale s S: the distribution of s is gamma."""
    covers = positive((2,), 2, 13)
    s = mc.Gamma("s", 2.0, 1.0)
    x = mc.InverseWishart("x", 6.0, s * SCALE, value=covers, observed=True)
    m = sampled([s, x], 13, 8000)
    assert runs.step_of(m, "s").name == "slice"
    rate = 1.0 + 0.5 * sum(np.trace(SCALE @ np.linalg.inv(c)) for c in covers)
    assert_law(chains_of(m, "s"), stats.gamma(2.0 + 2 * 6 * 2 / 2, scale=1 / rate))


def test_covariances_outside_the_conjugate_pattern_still_move():
    """A covariance plus a known one: no conjugate distribution; slices on the sums, one dimension against
    quadrature.
    """
    x = np.array([[0.4], [-1.5], [2.2], [0.9]])
    cover = mc.InverseWishart("cover", 5.0, [[2.0]])
    y = mc.MvNormalCov("y", [0.0], cover + np.array([[0.5]]), value=x, observed=True)
    m = sampled([cover, y], 14, 20000, 2000)
    assert runs.step_of(m, "cover").name == "slice, free coordinates"

    def log_density(c):
        return stats.invgamma(2.5, scale=1.0).logpdf(c) + stats.norm(0, np.sqrt(c + 0.5)[..., None]).logpdf(
            x[:, 0]
        ).sum(-1)

    assert_law(chains_of(m, "cover")[..., 0, 0], ref.gridded(log_density, 1e-6, 60.0, 100000))


# -------------------------------------------------------------------- what may happen, and refusals


def test_fewer_rows_than_dimensions_repeated_rows_and_empty_components():
    x = np.repeat(np.random.default_rng(15).normal(size=(2, 6)), 2, axis=0)
    w = mc.Dirichlet("w", np.ones(3))
    mu = mc.MvNormal("mu", np.zeros(6), np.eye(6), size=3)
    cover = mc.InverseWishart("cover", 8, np.eye(6), size=3)
    y = mc.Mixture("y", w, mc.MvNormalCov, mu, cover, value=x, observed=True)
    m = sampled([y], 15, 600, 100)
    assert np.isfinite(m.trace("mu")[:]).all()
    assert (np.linalg.eigvalsh(m.trace("cover")[:]) > 0).all()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: mc.InverseWishart("x", 4, CROOKED), ("x", "scale", "positive definite", "-1")),
        (lambda: mc.InverseWishart("x", 4, [[1.0, 0.2], [0.4, 1.0]]), ("x", "scale", "symmetric", "0.2")),
        (lambda: mc.InverseWishart("x", 1.0, SCALE), ("x", "degrees_of_freedom", "above 1", "got 1")),
        (lambda: mc.InverseWishart("x", -2.0, SCALE), ("x", "degrees_of_freedom", "positive", "-2")),
        (lambda: mc.InverseWishart("x", 4, SCALE, value=CROOKED), ("x", "value", "positive definite", "-1")),
        (lambda: mc.InverseWishart("x", 4, 2.0), ("x", "scale", "matrix")),
        (lambda: mc.InverseWishart("x", 4, SCALE, size=3, value=np.eye(2)), ("x", "(3, 2, 2)", "(2, 2)")),
    ],
)
def test_what_cannot_be_is_refused(build, words):
    with pytest.raises(mc.ModelError) as refusal:
        build()
    assert all(word in str(refusal.value) for word in words), refusal.value
