"""Bad and hard input of mixtures of vectors: what is refused by name, and what is legal in both engines."""

import numpy as np
import pytest
from matplotlib import pyplot
from scipy import stats
from scipy.special import digamma
from sklearn.metrics import adjusted_rand_score

import mcmix as mc
from tests import references as ref
from tests.references import assert_law, assert_mean

BROKEN = np.array([[1.0, 2.0], [2.0, 1.0]])  # eigenvalues -1 and 3


def gibbs(y, iterations=200, burn=50, **options):
    return mc.MCMC([y]).sample(iterations, burn, **{"chains": 2, "seed": 6, "progress_bar": False, **options})


def vb(y, **options):
    return mc.VB([y]).update(**{"seed": 1, "verbose": False, "restarts": 3, **options})


ENGINES = pytest.mark.parametrize("run", [gibbs, vb])


def rows(n=20, seed=1, d=2):
    return np.random.default_rng(seed).normal(size=(n, d)) + 4.0 * (np.arange(n) % 2)[:, None]


def parameters(law, k, d=2, centre=0.0):
    """A vector distribution and its unknown parameters."""
    centre, one = centre * np.ones(d), np.eye(d)
    if law == "NormalWishart":
        return mc.MvNormal, mc.NormalWishart("theta", centre, 0.1, d + 2, one, size=k)
    mu = mc.MvNormal("mu", centre, 0.05 * one, size=k)
    if law == "tied":
        return mc.MvNormal, mu, mc.Wishart("matrix", d + 2, one)
    if law == "covariance":
        return mc.MvNormalCov, mu, mc.InverseWishart("matrix", d + 2, one, size=k)
    return mc.MvNormal, mu, mc.Wishart("matrix", d + 2, one, size=k)


def mixture(x, labels, law="full", k=2, centre=0.0):
    return mc.Mixture("y", labels, *parameters(law, k, np.shape(x)[1], centre), value=x, observed=True)


# -------------------------------------------------------------------- matrices and degrees of freedom


@pytest.mark.parametrize("build", [
    lambda: mc.Wishart("m", 4, BROKEN), lambda: mc.Wishart("m", 4, BROKEN, size=3),
    lambda: mc.WishartCov("m", 4, BROKEN),
    lambda: mc.InverseWishart("m", 4, BROKEN), lambda: mc.NormalWishart("m", np.zeros(2), 0.1, 4, BROKEN, size=2),
    lambda: mc.MvNormal("m", np.zeros(2), BROKEN), lambda: mc.MvNormalCov("m", np.zeros(2), BROKEN),
    lambda: mc.Mixture("m", [0.5, 0.5], mc.MvNormal, np.zeros((2, 2)), np.stack([np.eye(2), BROKEN]), size=3),
])  # fmt: skip
def test_a_matrix_that_is_not_positive_definite(build):
    with pytest.raises(mc.SupportError, match=r"^m(_precision)?: .*positive definite.*eigenvalue -1"):
        build()


@pytest.mark.parametrize("build", [
    lambda: mc.Wishart("m", 2, np.eye(3)), lambda: mc.WishartCov("m", [4, 2], np.eye(3)),
    lambda: mc.InverseWishart("m", 2, np.eye(3)), lambda: mc.NormalWishart("m", np.zeros(3), 0.1, 2, np.eye(3), size=2),
])  # fmt: skip
def test_too_few_degrees_of_freedom(build):
    """A Wishart distribution exists above D - 1 degrees."""
    with pytest.raises(mc.SupportError, match=r"^m(_precision)?: degrees_of_freedom expected above 2 .*3 rows, got 2"):
        build()


def test_matrices_that_unknowns_break_are_refused_by_name():
    g = mc.Gamma("g", 2.0, 2.0)
    y = mc.MvNormal("y", np.zeros(2), mc.Wishart("m", 4, g * BROKEN), value=rows(), observed=True)
    with pytest.raises(mc.McmixError, match="m: .*positive definite"):
        gibbs(y)
    few = mc.Uniform("few", 0.2, 0.9)
    y = mc.MvNormal("y", np.zeros(2), mc.Wishart("m", few, np.eye(2)), value=rows(), observed=True)
    with pytest.raises(mc.McmixError, match="m: "):
        gibbs(y)


# -------------------------------------------------------------------- shapes


@pytest.mark.parametrize("law", ["full", "tied", "covariance", "NormalWishart"])
@pytest.mark.parametrize("labels", [[0.5, 0.5], np.zeros(20, int)], ids=["weights", "labels"])
def test_data_of_the_wrong_width(law, labels):
    given = parameters(law, 2, 3)
    with pytest.raises(mc.ModelError, match=r"^y: value has shape \(20, 2\), .*last axis expected \(?3"):
        mc.Mixture("y", np.arange(20) % 2 if len(labels) > 2 else labels, *given, value=rows(), observed=True)


def test_single_numbers_for_vectors():
    with pytest.raises(mc.ModelError, match=r"^y: value has shape \(20,\)"):
        mc.Mixture("y", [0.5, 0.5], *parameters("full", 2), value=rows()[:, 0], observed=True)


@pytest.mark.parametrize("law", [mc.Normal, mc.MvNormal])
def test_a_cluster_axis_that_no_parameter_has(law):
    """The message has the axis, its length, and the shape of every parameter."""
    whole = (np.zeros((4, 2)), np.eye(2)) if law is mc.MvNormal else (np.zeros(4), 1.0)
    shapes = r"mean \(4, 2\), precision \(2, 2\)" if law is mc.MvNormal else r"mean \(4,\), precision \(\)"
    with pytest.raises(mc.ModelError, match=rf"^y: .*one entry per component \(first axis 3\).*{shapes}"):
        mc.Mixture("y", [0.2, 0.3, 0.5], law, *whole, size=6)


SHAPES = {
    "scalar": lambda **k: mc.Normal("m", np.zeros((5, 4)), 1.0, **k),
    "vector": lambda **k: mc.MvNormal("m", np.zeros((5, 4, 2)), np.eye(2), **k),
    "matrix": lambda **k: mc.Wishart("m", 4.0, np.broadcast_to(np.eye(2), (5, 4, 2, 2)), **k),
}


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("word", ["size", "plates"])
def test_plates_that_parameters_do_not_broadcast_to(kind, word):
    """Plates are counted from the right: axis -1 is the last in front of the event's own."""
    name = "inverse_scale" if kind == "matrix" else "mean"
    for wanted, axis in (((5, 3), -1), ((7, 4), -2)):
        words = rf"^m: {word} has shape \({wanted[0]}, {wanted[1]}\).*{name} \(5, 4\).*axis {axis}"
        with pytest.raises(mc.ModelError, match=words):
            SHAPES[kind](**{word: wanted})
    with pytest.raises(mc.ModelError, match=rf"^m: {word} has shape \(4,\).*{name} \(5, 4\).*axis -2"):
        SHAPES[kind](**{word: 4})


@pytest.mark.parametrize("kind", SHAPES)
def test_size_and_plates_at_once(kind):
    assert SHAPES[kind](size=(5, 4), plates=(5, 4)).shape[:2] == (5, 4)
    with pytest.raises(mc.ModelError, match=r"^m: .*size \(5, 4\).*plates \(6, 5, 4\)"):
        SHAPES[kind](size=(5, 4), plates=(6, 5, 4))


@pytest.mark.parametrize(("build", "shapes", "axis"), [
    (lambda: mc.Normal("m", np.zeros(4), np.ones(3)), r"mean \(4,\), precision \(3,\)", -1),
    (lambda: mc.Gamma("m", np.ones((2, 3)), np.ones((3, 3))), r"shape \(2, 3\), rate \(3, 3\)", -2),
    (lambda: mc.MvNormal("m", np.zeros((4, 2)), np.stack([np.eye(2)] * 3)), r"mean \(4,\), precision \(3,\)", -1),
    (lambda: mc.Wishart("m", 4 * np.ones(4), np.stack([np.eye(2)] * 3)), r"\(4,\), inverse_scale \(3,\)", -1),
])  # fmt: skip
def test_parameters_whose_plates_do_not_broadcast(build, shapes, axis):
    with pytest.raises(mc.ModelError, match=rf"^m: .*{shapes}.*axis {axis}"):
        build()


def test_plates_of_a_mixture():
    """BayesPy's word says the number of rows too."""
    y = mc.Mixture("y", mc.Dirichlet("w", np.ones(2)), *parameters("full", 2), plates=7)
    assert y.shape == (7, 2)


# -------------------------------------------------------------------- labels


@pytest.mark.parametrize("wrong", [2, -1])
def test_observed_labels_out_of_range(wrong):
    labels = np.array([0, 1, wrong, 0])
    words = rf"^z: expected whole numbers in \[0.*, 1\] \(Categorical\), got {wrong} in row 2"
    with pytest.raises(mc.SupportError, match=words):
        mc.Categorical("z", [0.5, 0.5], value=labels, observed=True)
    with pytest.raises(mc.SupportError, match=words):
        mc.Categorical("z", [0.5, 0.5], value=np.ma.masked_array(labels, [True, False, False, False]), observed=True)
    with pytest.raises(mc.SupportError, match=words):
        mc.Categorical("z", [0.5, 0.5], size=4).observe(labels, mask=[True, False, False, False])
    with pytest.raises(mc.SupportError, match=words):
        mc.Categorical("z", [0.5, 0.5], value=[0.0, np.nan, wrong, 0.0], observed=True)


def test_labels_out_of_range_where_nobody_looks():
    z = mc.Categorical("z", [0.5, 0.5], size=4).observe([0, 1, -1, 7], mask=[False, False, True, True])
    shares = vb(mixture(rows(4), z)).memberships()
    np.testing.assert_array_equal(shares[:2], np.eye(2))


@pytest.mark.parametrize("wrong", [2, -1])
def test_plain_labels_out_of_range(wrong):
    with pytest.raises(mc.ModelError, match=rf"^y: .*({wrong}|first axis 3)"):
        mixture(rows(4), np.array([0, 1, wrong, 0]))


def test_plain_labels_that_are_no_whole_numbers_or_too_few():
    with pytest.raises(mc.ModelError, match="^y: expected labels"):
        mixture(rows(4), np.array([0.0, 0.4, 1.0, 1.0]))
    with pytest.raises(mc.ModelError, match=r"^y: .*\(4, 2\).*\(3,\)"):
        mixture(rows(4), np.array([0, 1, 1]))


@ENGINES
def test_plain_labels_as_floats(run):
    whole, floats = (run(mixture(rows(4), np.array([0, 1, 1, 0]).astype(kind))) for kind in (int, float))
    mean = (lambda r: r["mu"].mean) if run is vb else (lambda r: r.trace("mu")[:])
    np.testing.assert_array_equal(mean(whole), mean(floats))


# -------------------------------------------------------------------- few, repeated and collinear rows


HARD = {
    "fewer rows than dimensions": np.random.default_rng(4).normal(size=(3, 5)),
    "one row": np.ones((1, 3)),
    "repeated rows": np.repeat([[1.0, 2.0, -1.0], [1.5, 0.0, 3.0]], 10, axis=0),
    "all rows equal": np.full((12, 2), 7.0),
    "collinear": np.outer(np.linspace(-3.0, 3.0, 15), [1.0, 2.0, -1.0]),
    "collinear, large": 1e5 * np.outer(np.arange(12.0), [1.0, 1.0]),
    "far away": 1e8 + np.random.default_rng(4).normal(size=(12, 2)),
    "a constant column": np.column_stack([np.linspace(0, 1, 12), np.full(12, 3.0)]),
}


@ENGINES
@pytest.mark.parametrize("law", ["full", "tied", "covariance", "NormalWishart"])
@pytest.mark.parametrize("kind", HARD)
def test_hard_data_are_legal(kind, law, run):
    """No factorisation fails, and everything stays finite and positive definite."""
    x = HARD[kind]
    y = mixture(x, mc.Dirichlet("w", np.ones(3)), law, 3, centre=1e8 if kind == "far away" else 0.0)
    if law == "covariance" and run is vb and refused(y):
        pytest.skip("VB has no factor for covariances; the refusal is tested below")
    result = run(y)
    matrix = "theta_precision" if law == "NormalWishart" else "matrix"
    found = result[matrix].mean if run is vb else result.trace(matrix)[:]
    assert np.isfinite(found).all()
    assert (np.linalg.eigvalsh(found)[..., -1] > 0).all()
    # an eigenvalue may be zero to rounding beside one that is 1e16 times it
    assert (np.linalg.eigvalsh(found)[..., 0] > -1e-12 * np.linalg.eigvalsh(found)[..., -1]).all()
    assert np.isfinite(result.memberships()).all() and np.isfinite(result.predict_logpdf(x)).all()
    if run is vb:
        assert np.isfinite(result.bound).all()


def refused(y):
    """Whether VB refuses a model, by name and with a way out."""
    try:
        mc.VB([y])
    except mc.ModelError as refusal:
        assert "VB: " in str(refusal) and "use MCMC" in str(refusal)
        return True
    return False


def test_vb_refuses_covariances_by_name_or_serves_them():
    y = mixture(rows(), mc.Dirichlet("w", np.ones(2)), "covariance")
    assert refused(y) or np.isfinite(vb(y).bound).all()


# -------------------------------------------------------------------- empty components


def emptied(law, kind):
    x = rows(10)
    if kind == "known labels":
        z = mc.Categorical("z", mc.Dirichlet("w", np.ones(3)), value=np.arange(10) % 2, observed=True)
    else:
        z = [0.5, 0.5, 0.0]
    return mixture(x, z, law, 3)


@pytest.mark.parametrize("kind", ["known labels", "weight zero"])
@pytest.mark.parametrize("law", ["full", "NormalWishart"])
def test_an_empty_component_is_drawn_from_its_prior(law, kind):
    """Mean N(0, I / 0.05), precision Wishart(4, I); the pair's mean is a Student t given no precision."""
    m = gibbs(emptied(law, kind), 4100, 100)
    pair = law == "NormalWishart"
    mean = ref.chains_of(m, "theta_mean" if pair else "mu", 2)[:, :, 2]
    matrix = ref.chains_of(m, "theta_precision" if pair else "matrix", 2)[:, :, 2]
    own = stats.t(3, 0.0, np.sqrt(1 / (0.1 * 3))) if pair else stats.norm(0, np.sqrt(20.0))
    for j in range(2):
        assert_law(mean[..., j], own, f"mean {j}")
        assert_law(matrix[..., j, j], stats.chi2(4), f"diagonal {j}")
    assert_mean(matrix[..., 0, 1], 0.0)
    assert_mean(np.linalg.slogdet(matrix)[1], digamma([2.0, 1.5]).sum() + 2 * np.log(2.0), "E log det")


@pytest.mark.parametrize("kind", ["known labels", "weight zero"])
@pytest.mark.parametrize("law", ["full", "NormalWishart"])
def test_the_factor_of_an_empty_component_is_its_prior(law, kind):
    q = vb(emptied(law, kind))
    pair = law == "NormalWishart"
    np.testing.assert_allclose(q["theta_mean" if pair else "mu"].mean[2], 0.0, atol=1e-12)
    np.testing.assert_allclose(q["theta_precision" if pair else "matrix"].mean[2], 4.0 * np.eye(2), rtol=1e-9)


# -------------------------------------------------------------------- weights of zero


@ENGINES
@pytest.mark.parametrize("law", ["full", "NormalWishart"])
def test_weights_of_zero_are_never_chosen(law, run):
    x = rows()
    y = mixture(x, mc.Categorical("z", [0.6, 0.0, 0.4], size=20), law, 3)
    result = run(y)
    if run is gibbs:
        assert not (result.trace("z")[:] == 1).any()
    new = np.array([[0.0, 0.0], [4.0, 4.0], [50.0, -50.0]])
    for shares in (result.memberships(), result.memberships(new)):
        assert (shares[:, 1] < 1e-300).all()
        np.testing.assert_allclose(shares.sum(1), 1.0)
    assert np.isfinite(result.predict_logpdf(new)).all()
    if run is vb:
        assert np.isfinite(result.bound).all()


@ENGINES
def test_weights_per_row_that_are_zero(run):
    """Rows that cannot belong to a component; VB may refuse weights per row, by name."""
    x = rows(6)
    weights = np.tile([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]], (2, 1))
    y = mixture(x, mc.Categorical("z", weights, size=6))
    if run is vb:
        with pytest.raises(mc.ModelError, match="VB: z .*MCMC"):
            run(y)
        return
    shares = run(y).memberships()
    np.testing.assert_allclose(shares[[1, 4]], [[1.0, 0.0]] * 2, atol=1e-300)
    np.testing.assert_allclose(shares[[2, 5]], [[0.0, 1.0]] * 2, atol=1e-300)


# -------------------------------------------------------------------- the bound over random models


def some_model(family, rng):
    n, k = int(rng.integers(4, 25)), int(rng.integers(1, 5))
    w = mc.Dirichlet("w", rng.choice([1e-3, 0.5, 2.0]) * np.ones(k))
    labels = mc.Categorical("z", w, size=n)
    if family not in ("categorical", "multinomial") and rng.random() < 0.3:  # some are known
        labels.observe(rng.integers(0, k, n), mask=rng.random(n) < 0.7)
    scale = 10.0 ** rng.uniform(-2, 3)
    wide = scale * rng.normal(size=(n, 2)) + rng.choice([0.0, 100.0])
    rate = mc.Gamma("rate", rng.uniform(0.2, 3), rng.uniform(0.2, 3), size=k)
    p = mc.Beta("p", rng.uniform(0.2, 3), rng.uniform(0.2, 3), size=k)
    shares = mc.Dirichlet("shares", rng.uniform(0.1, 2, 3), size=k)
    law, given, x = {
        "normal": lambda: (mc.Normal, (mc.Normal("mu", 0, 0.1, size=k), mc.Gamma("t", 1, 1, size=k)), wide[:, 0]),
        "vectors": lambda: (*split(parameters(rng.choice(["full", "tied"]), k)), wide),
        "normal gamma": lambda: (mc.Normal, (mc.NormalGamma("theta", 0.0, 0.1, 1.0, 1.0, size=k),), wide[:, 0]),
        "normal Wishart": lambda: (*split(parameters("NormalWishart", k)), wide),
        "Poisson": lambda: (mc.Poisson, (rate,), rng.poisson(4, n)),
        "Bernoulli": lambda: (mc.Bernoulli, (p,), rng.integers(0, 2, n)),
        "binomial": lambda: (mc.Binomial, (9, p), rng.integers(0, 10, n)),
        "categorical": lambda: (mc.Categorical, (shares,), rng.integers(0, 3, n)),
        "exponential": lambda: (mc.Exponential, (rate,), rng.exponential(scale, n)),
        "gamma": lambda: (mc.Gamma, (rng.uniform(0.5, 3), rate), rng.exponential(scale, n)),
        "multinomial": lambda: (mc.Multinomial, (5, shares), rng.multinomial(5, [0.5, 0.3, 0.2], n)),
    }[family]()
    return mc.Mixture("y", labels, law, *given, value=x, observed=True)


def split(whole):
    return whole[0], whole[1:]


@pytest.mark.parametrize("family", [
    "normal", "vectors", "normal gamma", "normal Wishart", "Poisson", "Bernoulli", "binomial", "categorical",
    "exponential", "gamma", "multinomial",
])  # fmt: skip
def test_the_bound_never_falls_over_random_models(family):
    for seed in range(6):
        rng = np.random.default_rng(100 + seed)
        q = mc.VB([some_model(family, rng)]).initialize_from_random(seed=seed).update(repeat=40, tol=0, verbose=False)
        assert np.isfinite(q.bound).all(), seed
        assert (np.diff(q.bound) >= -1e-9 * np.abs(q.bound[1:])).all(), seed


# -------------------------------------------------------------------- known labels for a tenth of the rows


def overlapping(n=300, seed=9):
    """Three clouds in a row whose neighbours overlap, of unlike widths."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 3)
    centres, widths = np.array([[0.0, 0.0], [2.6, 0.0], [0.0, 2.6]]), np.array([1.0, 0.7, 0.7])
    return centres[labels] + widths[labels, None] * rng.normal(size=(n, 2)), labels


@ENGINES
@pytest.mark.parametrize("law", ["full", "NormalWishart", "columns"])
def test_known_labels_in_every_spelling(law, run):
    """Few labels unknown, or most of them; the picture knows the components too."""
    x, labels = rows(40, 3), np.arange(40) % 2
    for unknown in (np.arange(40) == 6, np.arange(40) > 5):
        z = mc.Categorical("z", mc.Dirichlet("w", np.ones(2)), value=np.ma.masked_array(labels, unknown), observed=True)
        if law == "columns":
            mu, tau = mc.Normal("mu", 0, 0.05, size=(2, 2)), mc.Gamma("tau", 2, 2, size=(2, 2))
            y = mc.Mixture("y", z, mc.Normal, mu, tau, value=x, observed=True)
        else:
            y = mixture(x, z, law)
        result = run(y)
        shares = result.memberships()
        np.testing.assert_allclose(shares[~unknown], np.eye(2)[labels[~unknown]], atol=1e-300)
        assert (shares.argmax(1) == labels).mean() > 0.9  # centres nearly six sds apart
        figure = mc.plots.ellipses(result)
        assert len(figure.axes[0].patches) >= 2
        pyplot.close(figure)


@ENGINES
@pytest.mark.parametrize("names", [(0, 1, 2), (2, 0, 1)], ids=str)
def test_known_labels_of_a_tenth_fix_the_names(names, run):
    """Every component has the name that its known rows say, whichever they are."""
    x, labels = overlapping()
    labels = np.array(names)[labels]
    known = np.arange(300) % 10 == 0
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(3)), value=np.ma.masked_array(labels, ~known), observed=True)
    result = run(mixture(x, z, "full", 3), **({"iterations": 600, "burn": 200} if run is gibbs else {}))
    shares = result.memberships()
    np.testing.assert_allclose(shares[known], np.eye(3)[labels[known]], atol=1e-300)
    # the classifier that knows the truth is right about 94 rows in a hundred here
    assert (shares.argmax(1) == labels)[~known].mean() > 0.88
    free = run(mixture(x, mc.Dirichlet("w", np.ones(3)), "full", 3)).memberships().argmax(1)
    assert adjusted_rand_score(labels, shares.argmax(1)) > adjusted_rand_score(labels, free) - 0.05
