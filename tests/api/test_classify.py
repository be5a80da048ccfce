"""Memberships under one name for each component, whatever the chains call them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.report import arviz_bridge

DATA = np.concatenate([np.random.default_rng(1).normal(0, 1, 40), np.random.default_rng(2).normal(6, 1, 20)])


def sampler(known=None):
    mu, w = mc.Normal("mu", 3, 0.05, size=2), mc.Dirichlet("w", [2.0, 2.0])
    z = mc.Categorical("z", w, size=len(DATA)) if known is None else mc.Categorical("z", w, value=known, observed=True)
    return mc.MCMC([mc.Normal("y", mu[z], 1.0, value=DATA, observed=True), mu, w])


@pytest.fixture(scope="module")
def switched():
    """Names exchanged at random in every draw."""
    m = sampler().sample(3_000, 500, seed=1, progress_bar=False)
    draws, rng = m.draws().variables, np.random.default_rng(3)
    order = np.array([rng.permutation(2) for _ in range(draws["w"].shape[0] * draws["w"].shape[1])])
    order = order.reshape(draws["w"].shape)
    for name in ("mu", "w"):
        draws[name] = np.take_along_axis(draws[name], order, axis=2)
    draws["z"] = (np.take_along_axis(np.argsort(order, axis=2), draws["z"].astype(np.intp), axis=2)).astype(
        draws["z"].dtype
    )
    return m


def right_share(x, m):
    """Probability of the right component: the mean over draws, sorted, by SciPy."""
    draws = m.draws().variables
    mu, w = draws["mu"].reshape(-1, 2), draws["w"].reshape(-1, 2)
    order = np.argsort(mu, axis=1)
    mu, w = np.take_along_axis(mu, order, 1), np.take_along_axis(w, order, 1)
    density = w[:, None, :] * stats.norm.pdf(np.asarray(x)[None, :, None], mu[:, None, :], 1.0)
    return (density[..., 1] / density.sum(-1)).mean(0)


def test_of_the_data(switched):
    found = mc.classify(switched, draws=10_000)
    right = found.classes[-1]
    assert np.allclose(found.probabilities[:, right], right_share(DATA, switched), atol=1e-9)
    assert np.allclose(found.probabilities.sum(1), 1.0)
    assert (found.classes == np.where(DATA > 3.0, right, 1 - right)).mean() > 0.95
    assert found.misclassification == pytest.approx((1 - found.probabilities.max(1)).mean())
    assert ((0 <= found.entropy) & (found.entropy <= np.log(2) + 1e-12)).all()
    assert "60 rows in 2 components (named by ecr-iterative-1)" in repr(found)


def test_of_new_rows(switched):
    new = np.array([-1.0, 2.9, 3.2, 7.0])
    found = mc.classify(switched, new, draws=10_000)
    right = found.classes[-1]
    assert np.allclose(found.probabilities[:, right], right_share(new, switched), atol=1e-9)
    assert found.probabilities.shape == (4, 2)


@pytest.mark.slow
def test_errors_are_of_the_right_size(switched):
    found = []
    for seed in range(30):
        m = sampler().sample(700, 200, chains=2, seed=seed, progress_bar=False)
        one = mc.classify(m, [3.0])
        found.append((one.probabilities[0, mc.classify(m, [7.0]).classes[0]], one.errors[0, 0]))
    values, errors = np.array(found).T
    assert 0.5 < values.std(ddof=1) / errors.mean() < 2.0


def test_known_labels_are_certain_and_name_the_components():
    known = np.ma.masked_all(len(DATA), dtype=int)
    known[0], known[-1] = 1, 0
    found = mc.classify(sampler(known).sample(600, 200, seed=2, progress_bar=False))
    assert found.method == "as sampled"
    assert found.probabilities[0].tolist() == [0.0, 1.0]
    assert found.classes[-1] == 0
    assert found.probabilities[5, 1] > 0.9


def test_no_rows_say_so(switched):
    found = mc.classify(switched, [])
    assert found.probabilities.shape == (0, 2)
    assert repr(found).startswith("<Memberships of no rows in 2 components")
    assert np.isnan(found.misclassification)


def test_bad_input(switched):
    with pytest.raises(ModelError, match="label= expected one of 'z', got 'q'"):
        mc.classify(switched, label="q")
    with pytest.raises(ModelError, match="expected 1 columns, got shape"):
        mc.classify(switched, np.zeros((3, 2)))
    with pytest.raises(ModelError, match="expected a method among auto"):
        mc.classify(switched, method="sorting")
    mu = mc.Normal("mu", 0, 1)
    m = mc.MCMC([mu, mc.Normal("y", mu, 1.0, value=[0.5], observed=True)]).sample(200, seed=1, progress_bar=False)
    with pytest.raises(ModelError, match="classify: expected labels"):
        mc.classify(m)


def test_rows_keep_the_names_of_their_frame(tmp_path):
    names = [f"star {i}" for i in range(len(DATA))]
    mu = mc.Normal("mu", 3, 0.05, size=2)
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 2.0]), size=len(DATA))
    y = mc.Normal("y", mu[z], 1.0, value=pd.Series(DATA, index=names), observed=True)
    m = mc.MCMC([y, mu]).sample(100, 50, seed=1, progress_bar=False)
    path = arviz_bridge.to_netcdf(m.to_arviz(), tmp_path / "named.nc")
    for found in (mc.classify(m), mc.classify(path), mc.partition(m), mc.partition(path)):
        assert found.to_dataset()["observation"].values.tolist() == names
    new = pd.Series([0.0, 6.0], index=["a", "b"])
    assert mc.classify(m, new).to_dataset()["observation"].values.tolist() == ["a", "b"]
    assert mc.classify(m, new.to_numpy()).to_dataset()["observation"].values.tolist() == [0, 1]


def test_labels_from_elsewhere_are_named_by_label():
    z = np.tile([0, 0, 1, 1], (2, 20, 1))
    found = mc.classify({"z": z, "a": np.zeros((2, 20))}, label="z")
    assert np.array_equal(found.probabilities, mc.classify({"z": z}, vars={"labels": "z"}).probabilities)
    assert found.probabilities.shape == (4, 2)
