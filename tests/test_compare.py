"""Model choice: each score against its definition, the table against what was simulated."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.report.evidence import scores

DATA = np.random.default_rng(1).normal([[0.0], [6.0]], 1.0, (2, 30)).ravel()


def sampler(k, data=DATA, seed=1):
    mu, w = mc.Normal("mu", 3, 0.05, size=k), mc.Dirichlet("w", np.full(k, 2.0))
    z = mc.Categorical("z", w, size=len(data))
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=data, observed=True), mu, w])
    return m.sample(2_000, 500, seed=seed, progress_bar=False)


@pytest.fixture(scope="module")
def found():
    return mc.compare({k: sampler(k) for k in (1, 2, 3)})


def test_two_components_are_found(found):
    table = found.table
    assert table.index.tolist() == ["1", "2", "3"]
    assert table["probability"].sum() == pytest.approx(1.0)
    assert table["log_evidence"].idxmax() == "2"
    assert table["bic"].idxmin() == table["icl"].idxmin() == "2"
    assert table.loc["1", "probability"] < 1e-6
    assert (table["evidence_error"] < 0.2).all()
    assert table.loc["2", "occupied"] == pytest.approx(2.0)
    assert found.reading.startswith("by evidence 2 is best")
    assert "log_evidence" in repr(found)
    assert "<table" in found._repr_html_()


def test_one_component_by_its_closed_forms(found):
    """A normal mean with known precision: everything is known exactly."""
    n, row = len(DATA), found.table.loc["1"]
    precision = 0.05 + n
    mean = (0.05 * 3 + DATA.sum()) / precision
    cover = np.eye(n) + 1 / 0.05
    assert row["log_evidence"] == pytest.approx(
        stats.multivariate_normal(np.full(n, 3.0), cover).logpdf(DATA), abs=0.03
    )
    at_mode = stats.norm.logpdf(DATA, mean, 1.0).sum()
    assert row["bic"] == pytest.approx(-2 * at_mode + np.log(n), abs=1e-3)
    assert row["icl"] == row["bic"]
    left_out = 0.0
    for i in range(n):
        rest = precision - 1.0
        center = (mean * precision - DATA[i]) / rest
        left_out += stats.norm.logpdf(DATA[i], center, np.sqrt(1 + 1 / rest))
    # 10 effective parameters (the model fits badly), each a variance known to 3 % from 2000 draws: 0.3 in all
    assert row["loo"] == pytest.approx(left_out, abs=1.0)
    assert row["waic"] == pytest.approx(left_out, abs=1.0)
    likelihood = stats.norm.logpdf(DATA, mean, 1.0).sum() - 0.5 * n / precision  # its posterior mean
    predictive = stats.norm.logpdf(DATA, mean, np.sqrt(1 + 1 / precision)).sum()
    assert row["dic"] == pytest.approx(-4 * likelihood + 2 * predictive, abs=1.0)


def test_scores_by_their_definitions():
    logs = np.random.default_rng(3).normal(-1.0, 0.3, (2, 200, 5))
    flat = logs.reshape(-1, 5)
    wide = scores.widely_applicable(logs)
    each = [logsumexp(c) - np.log(400) - c.var(ddof=1) for c in flat.T]
    assert wide.value == pytest.approx(sum(each))
    assert wide.error == pytest.approx(np.sqrt(5) * np.std(each))
    assert scores.classification(10.0, np.array([[0.5, 0.5], [1.0, 0.0]])) == pytest.approx(10 + 2 * np.log(2))
    assert scores.leave_one_out(logs).value == pytest.approx(wide.value, abs=0.05)


def test_units_that_cannot_be_left_out_are_counted():
    logs = np.random.default_rng(4).normal(-1.0, 0.3, (2, 300, 3))
    logs[:, :, 1] *= 12.0
    assert scores.leave_one_out(logs).trouble == 1
    assert scores.widely_applicable(logs).trouble == 1


def test_label_switching_changes_nothing():
    m = sampler(2)
    before = mc.compare({"a": m}).table
    draws, rng = m.draws().variables, np.random.default_rng(2)
    order = np.array([rng.permutation(2) for _ in range(draws["w"].shape[0] * draws["w"].shape[1])])
    for name in ("mu", "w"):
        draws[name][:] = np.take_along_axis(draws[name], order.reshape(draws[name].shape), axis=2)
    after = mc.compare({"a": m}).table
    for column in ("loo", "waic", "dic", "icl", "bic"):
        assert after.loc["a", column] == pytest.approx(before.loc["a", column], abs=0.01), column
    assert after.loc["a", "log_evidence"] == pytest.approx(before.loc["a", "log_evidence"], abs=0.1)


def test_bad_input():
    with pytest.raises(ModelError, match="expected models by name, got none"):
        mc.compare({})
    with pytest.raises(ModelError, match="'b' has other data than the first"):
        mc.compare({"a": sampler(1), "b": sampler(1, DATA + 1)})
    with pytest.raises(ModelError, match="expected an MCMC object, got int"):
        mc.compare({"a": 3})
