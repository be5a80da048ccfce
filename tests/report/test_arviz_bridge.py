"""The bridge to ArviZ: the same answers from both generations, and quiet where there is no answer."""

import arviz as az
import numpy as np
import pytest

from mcmix.report import arviz_bridge as bridge
from mcmix.report import arviz_measures as measures
from mcmix.report.statistics import hpd
from tests.synthetic import autoregressive

DIAGNOSTICS = {
    "rhat": measures.rhat,
    "bulk": lambda x: measures.ess(x, "bulk"),
    "tail": lambda x: measures.ess(x, "tail"),
    "mean": lambda x: measures.ess(x, "mean"),
    "mcse": measures.mcse,
    "mcse sd": lambda x: measures.mcse(x, "sd"),
}


@pytest.fixture
def walks():
    """Slow chains, shape (4, 400, 3), with draws around them."""
    rng = np.random.default_rng(1)
    return np.cumsum(rng.normal(size=(4, 400, 3)), axis=1) * 0.1 + rng.normal(size=(4, 400, 3))


def groups(rng):
    return {
        "posterior": {"mu": rng.normal(size=(4, 50, 2)), "p": rng.uniform(size=(4, 50)), "odd": np.zeros((4, 50, 3))},
        "sample_stats": {"lp": rng.normal(size=(4, 50))},
        "observed_data": {"y": np.arange(10.0)},
        "log_likelihood": {"y": rng.normal(-1, 0.1, size=(4, 50, 10))},
        "log_prior": {"mu": rng.normal(size=(4, 50, 2))},
        "constant_data": {},
    }


@pytest.fixture
def data():
    return bridge.to_inference_data(
        groups(np.random.default_rng(21)),
        dims={"mu": ["component"], "y": ["observation"]},
        coords={"component": ["left", "right"], "observation": np.arange(100, 110)},
        attributes={"sampler": "mcmix", "draws_per_second": 12.5},
    )


def test_generation_is_that_of_the_library():
    assert bridge.generation() == int(az.__version__.split(".")[0])


def test_both_generations_give_these_numbers(walks):
    assert measures.rhat(walks) == pytest.approx([1.3176052357, 1.1584130133, 1.9392473305])
    assert measures.ess(walks) == pytest.approx([10.0353033306, 17.4739451138, 5.6144348426])
    assert measures.ess(walks, "tail") == pytest.approx([14.2313627916, 57.2751903547, 10.9440168340])
    assert measures.mcse(walks) == pytest.approx([0.4822653050, 0.3106072791, 1.2565886090])
    # ArviZ 1.3's; 0.23 fails at this one under NumPy 2.4
    assert measures.mcse(walks, "sd") == pytest.approx([0.2633261540, 0.1094944432, 0.8939550569])


def test_they_are_those_of_arviz(walks):
    for i in range(3):
        assert measures.rhat(walks)[i] == pytest.approx(float(az.rhat(walks[:, :, i])))
        assert measures.ess(walks)[i] == pytest.approx(float(az.ess(walks[:, :, i])))


def test_independent_draws():
    draws = np.random.default_rng(22).normal(5, 2, size=(4, 2500, 2))
    assert measures.rhat(draws) == pytest.approx(1, abs=0.003)
    for kind in ("bulk", "tail", "mean"):
        assert measures.ess(draws, kind) == pytest.approx(10_000, rel=0.15)
    assert measures.mcse(draws) == pytest.approx(2 / 100, rel=0.1)
    assert measures.mcse(draws, "sd") == pytest.approx(2 / np.sqrt(2 * 10_000), rel=0.1)


def test_correlated_draws():
    draws = autoregressive(np.random.default_rng(23), 4, 10_000, 0.6)
    assert measures.ess(draws, "mean") == pytest.approx(40_000 * (1 - 0.6) / (1 + 0.6), rel=0.15)


def test_chains_apart_are_seen():
    draws = np.random.default_rng(24).normal(size=(4, 500)) + np.array([[0], [0], [0], [5]])
    assert measures.rhat(draws) > 1.5
    assert measures.ess(draws) < 10


def test_chains_that_stand_still_apart_have_infinite_rhat():
    assert measures.rhat(np.repeat([[0.0], [1.0]], 20, axis=1)) == np.inf


@pytest.mark.parametrize("name", DIAGNOSTICS)
@pytest.mark.parametrize(
    "draws", [np.ones((4, 50)), np.full((4, 50), np.nan), np.zeros((4, 3)), np.zeros((1, 1)), np.full((2, 9), -np.inf)]
)
def test_no_answer_is_nan_without_a_warning(name, draws):
    answer = DIAGNOSTICS[name](draws)
    assert answer.shape == ()
    assert np.isnan(answer)


@pytest.mark.parametrize("name", DIAGNOSTICS)
def test_one_bad_element_leaves_the_others(name, walks):
    alone = DIAGNOSTICS[name](walks)
    walks[:, :, 1] = 3.0
    together = DIAGNOSTICS[name](walks)
    assert np.isnan(together[1])
    np.testing.assert_allclose(together[[0, 2]], alone[[0, 2]])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_any_type_of_number(dtype):
    draws = np.random.default_rng(25).integers(0, 2, size=(4, 200)).astype(dtype)
    for diagnostic in DIAGNOSTICS.values():
        assert np.isfinite(diagnostic(draws))


def test_one_chain_has_no_rhat_but_the_rest():
    draws = np.random.default_rng(26).normal(size=(1, 200, 2))
    assert np.isnan(measures.rhat(draws)).all()
    assert measures.ess(draws) == pytest.approx(200, rel=0.5)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (0,)])
def test_shapes(shape):
    draws = np.random.default_rng(27).normal(size=(2, 40, *shape))
    for diagnostic in DIAGNOSTICS.values():
        assert diagnostic(draws).shape == shape
    assert measures.hdi(draws).shape == (2, *shape)


def test_interval_agrees_with_ours():
    draws = np.random.default_rng(28).gamma(2, size=(4, 1000, 2))
    np.testing.assert_allclose(measures.hdi(draws, 0.9), hpd(draws, 0.1), atol=0.1)
    assert np.isnan(measures.hdi(np.full((2, 9), np.nan))).all()


def test_draws_without_a_draw_axis_are_refused():
    with pytest.raises(ValueError, match=r"expected draws of shape \(chains, draws"):
        measures.rhat(np.zeros(5))


def test_groups_dimensions_and_labels(data):
    assert data["posterior"]["mu"].dims == ("chain", "draw", "component")
    assert list(data["posterior"]["mu"].coords["component"].values) == ["left", "right"]
    assert data["posterior"]["odd"].dims == ("chain", "draw", "odd_dim_0")
    assert data["observed_data"]["y"].dims == ("observation",)
    assert data["log_likelihood"]["y"].dims == ("chain", "draw", "observation")
    assert data["log_prior"]["mu"].shape == (4, 50, 2)
    assert data.attrs["sampler"] == "mcmix"
    assert data["posterior"].attrs["draws_per_second"] == 12.5


def test_empty_groups_are_left_out(data):
    present = data.groups() if callable(data.groups) else data.groups
    assert not any("constant_data" in name for name in present)


def test_more_chains_than_draws_is_no_reason_to_warn():
    assert bridge.to_inference_data({"posterior": {"p": np.zeros((4, 3))}})["posterior"]["p"].shape == (4, 3)


def test_netcdf_and_back(data, tmp_path):
    path = bridge.to_netcdf(data, tmp_path / "new folder" / "run.nc")
    back = az.from_netcdf(path)
    for group, name in [("posterior", "mu"), ("sample_stats", "lp"), ("observed_data", "y"), ("log_prior", "mu")]:
        np.testing.assert_array_equal(back[group][name].values, data[group][name].values)
    assert list(back["posterior"]["mu"].coords["component"].values) == ["left", "right"]


def test_small_types_survive_the_file(tmp_path):
    labels = np.random.default_rng(29).integers(0, 3, size=(2, 6, 5)).astype(np.uint8)
    data = bridge.to_inference_data({"posterior": {"z": labels, "b": labels > 1}})
    back = az.from_netcdf(bridge.to_netcdf(data, tmp_path / "labels.nc"))["posterior"]
    assert back["z"].dtype == np.uint8
    np.testing.assert_array_equal(back["z"].values, labels)
    np.testing.assert_array_equal(back["b"].values.astype(bool), labels > 1)


def test_leave_one_out_accepts_the_likelihood():
    rng = np.random.default_rng(30)
    y = rng.normal(size=100)
    center = rng.normal(y.mean(), 0.1, size=(4, 250, 1))
    pointwise = -0.5 * np.log(2 * np.pi) - 0.5 * (y - center) ** 2
    data = bridge.to_inference_data(
        {"posterior": {"center": center[:, :, 0]}, "log_likelihood": {"y": pointwise}, "observed_data": {"y": y}}
    )
    found = az.loo(data)
    # conjugate by hand: the mean of the others with variance 1 / 99, plus the unit variance of the row itself
    others = (y.sum() - y) / 99
    variance = 1 + 1 / 99
    exact = np.sum(-0.5 * np.log(2 * np.pi * variance) - 0.5 * (y - others) ** 2 / variance)
    assert float(found.elpd_loo if bridge.generation() == 0 else found.elpd) == pytest.approx(exact, abs=0.5)
