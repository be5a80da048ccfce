"""Parallel tempering: what hotter levels sample, that the coldest stays exact, and that chains cross."""

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.testing import rank_calibration
from tests.harness import levels
from tests.harness.tempered import all_at


def bimodal(n=60):
    """Two components of known precisions that could change places at a price."""
    left, right = np.random.default_rng(5).normal(-4, 1, n // 2), np.random.default_rng(6).normal(4, 1, n // 2)
    mu = mc.Normal("mu", 0, 0.04, size=2)
    z = mc.Categorical("z", [0.5, 0.5], size=n)
    data = np.concatenate([left, right])
    tau = mc.Index("tau", np.array([1.0, 0.2]), z)
    return [mc.Normal("y", mu[z], tau, value=data, observed=True), mu, z], data


def share_on_a_grid(data):
    """Posterior probability that the first component is the left one, labels summed out."""
    grid = np.linspace(-8, 8, 801)
    first, second = (stats.norm.pdf(data[:, None], grid, t**-0.5) for t in (1.0, 0.2))
    prior = stats.norm.logpdf(grid, 0, 5)
    total = prior[:, None] + prior + sum(np.log(a[:, None] + b) for a, b in zip(first, second, strict=True))
    weight = np.exp(total - total.max())
    return weight[grid < 0].sum() / weight.sum()


# -------------------------------------------------------------------- levels


GROUP = np.repeat(np.arange(6), 2)


def normal(y, group):
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 3.0]), size=6)
    mu, tau = mc.Normal("mu", 0.0, 0.5, size=2), mc.Gamma("tau", 3.0, 3.0, size=2)
    return [mc.Normal("y", mu[z[group]], tau[z[group]], value=np.linspace(-1, 2, 6)[y], observed=True), z, tau]


def pairs(y, group):
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 3.0]), size=6)
    theta = mc.NormalGamma("theta", 0.0, 0.5, 3.0, 3.0, size=2)
    mu, tau = theta
    return [mc.Normal("y", mu[z[group]], tau[z[group]], value=np.linspace(-1, 2, 6)[y], observed=True), z, tau]


def counts(y, group):
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 3.0]), size=6)
    rate = mc.Gamma("rate", 2.0, 0.5, size=2)
    return [mc.Poisson("y", rate[z[group]], value=np.array([0, 1, 1, 4, 6, 9])[y], observed=True), z]


def shares(y, group):
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 3.0]), size=6)
    p = mc.Beta("p", 2.0, 2.0, size=2)
    return [mc.Binomial("y", 5, p[z[group]], value=np.array([0, 1, 1, 3, 4, 5])[y], observed=True), z]


def heavy_tails(y, group):
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 3.0]), size=6)
    mu = mc.Normal("mu", 0.0, 0.5, size=2)
    return [mc.StudentT("y", 4.0, mu[z[group]], 2.0, value=np.linspace(-1, 2, 6)[y], observed=True), z]


def known_errors(y, group):
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 3.0]), size=6)
    mu, error = mc.Normal("mu", 0.0, 0.5, size=2), np.linspace(0.5, 1.5, 6)[y]
    return [mc.Normal("y", mu[z[group]], 1 / error**2, value=np.linspace(-1, 2, 6)[y], observed=True), z]


def without_labels(y, group):
    p = mc.Dirichlet("p", [1.0, 2.0, 3.0])
    slope, sd = mc.Normal("slope", 0.0, 1.0), mc.Uniform("sd", 0.1, 3.0)
    line = mc.Normal("line", slope * np.arange(6.0)[y], sd**-2, value=np.array([0.1, 0.9, 2.2, 2.7, 4.2, 4.9])[y],
                     observed=True)  # fmt: skip
    return [mc.Categorical("c", p, value=np.array([0, 0, 1, 2, 2, 2])[y], observed=True), line]


MODELS = [normal, pairs, counts, shares, heavy_tails, known_errors, without_labels]


def summaries(m):
    """Means and sds of what labels may not change, with Monte Carlo errors from 40 batches."""
    found = []
    for name, draws in m.draws("last").variables.items():
        values = np.sort(draws.reshape(*draws.shape[:2], -1), axis=2) if name != "z" else draws.astype(float)
        for column in np.concatenate([values, values**2], axis=2).reshape(40, -1, 2 * values.shape[2]).mean(1).T:
            found.append((column.mean(), column.std(ddof=1) / np.sqrt(40)))
    return np.array(found)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_a_power_of_two_is_every_row_twice(model):
    tempered = all_at(2.0, model(np.arange(6), np.arange(6)), 20_000, seed=1)
    doubled = mc.MCMC(model(np.repeat(np.arange(6), 2), GROUP)).sample(22_000, 2_000, seed=2, progress_bar=False)
    one, other = summaries(tempered), summaries(doubled)
    distance = np.abs(one[:, 0] - other[:, 0]) / np.hypot(one[:, 1], other[:, 1]).clip(1e-9)
    assert distance.max() < 6.0  # of some 30 numbers, each about Student's t with 40 degrees of freedom


def test_vectors_at_a_power():
    """Known precision P at power 0.25 is precision P / 4, whatever the labels."""
    rows = np.array([[-2.0, 0.0], [-1.5, 0.5], [2.0, 1.0], [2.5, 0.0], [0.2, 0.1]])

    def model(precision):
        mu = mc.MvNormal("mu", np.zeros(2), 0.3 * np.eye(2), size=2)
        return [mc.Mixture("y", [0.5, 0.5], mc.MvNormal, mu, precision * np.eye(2), value=rows, observed=True), mu]

    hot = all_at(0.25, model(2.0), 20_000, seed=3).trace("mu").gettrace()
    # the normalising constant of a row counts the power too, the same for all labels
    plain = mc.MCMC(model(0.5)).sample(22_000, 2_000, seed=4, progress_bar=False).trace("mu").gettrace()
    assert np.allclose(np.sort(hot[..., 0]).mean(0), np.sort(plain[..., 0]).mean(0), atol=0.05)
    assert np.allclose((hot[..., 1] ** 2).mean(), (plain[..., 1] ** 2).mean(), atol=0.05)


# -------------------------------------------------------------------- the coldest level


def test_the_coldest_level_is_exact_and_chains_cross():
    model, data = bimodal()
    m = mc.MCMC(model, tempering=8).sample(20_000, 4_000, seed=1, progress_bar=False)
    share = (m.draws().variables["mu"][:, :, 0] < 0).reshape(40, -1).mean(1)
    error = share.std(ddof=1) / np.sqrt(40)
    assert abs(share.mean() - share_on_a_grid(data)) < 5 * error
    assert error < 0.002
    assert (m.ladder.trips > 50).all()
    assert m.ladder.trouble is None


def test_plain_sweeps_do_not_cross():
    """So that the test above says something."""
    model, _ = bimodal()
    m = mc.MCMC(model, marginal_moves=False)
    m.sample(3_000, 1_000, seed=1, progress_bar=False, start={"mu": [4.0, -4.0]})
    assert (m.draws().variables["mu"][:, :, 0] > 0).all()


def test_calibrated():
    mu, tau = mc.Normal("mu", 0.0, 0.5, size=2), mc.Gamma("tau", 3.0, 3.0)
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 2.0]), size=6)
    y = mc.Normal("y", mu[z], tau, value=np.zeros(6), observed=True)
    options = {"burn": 100, "thin": 10, "replications": 60, "false_alarm": levels.each("tempering", 1)}
    result = rank_calibration([y, z], prepare=lambda m: m.temper(3), seed=5, **options)
    assert result.passed, result


def test_same_seed_same_draws_whatever_the_cores():
    runs = [
        mc.MCMC(bimodal()[0], tempering=4).sample(400, 100, seed=3, cores=cores, progress_bar=False) for cores in (1, 2)
    ]
    assert (runs[0].trace("mu")[:] == runs[1].trace("mu")[:]).all()
    alone = mc.MCMC(bimodal()[0], tempering=4).sample(400, 100, seed=3, chains=1, progress_bar=False)
    assert (alone.trace("mu")[:] == runs[0].trace("mu")[:300]).all()


def test_state_goes_on_bit_for_bit(tmp_path):
    first = mc.MCMC(bimodal()[0], tempering=4).sample(400, 100, seed=3, progress_bar=False)
    file = first.save_state(tmp_path / "run.npz")
    second = mc.MCMC(bimodal()[0], tempering=4).restore_state(file)
    drawn = [m.sample(200, progress_bar=False).trace("mu")[:] for m in (first, second)]
    assert (drawn[0] == drawn[1]).all()
    with pytest.raises(ModelError, match="tempered"):
        mc.MCMC(bimodal()[0]).restore_state(file)
    with pytest.raises(ModelError, match="4 levels of tempering, this sampler 5"):
        mc.MCMC(bimodal()[0], tempering=5).restore_state(file)


def test_reports_read_the_coldest_level():
    m = mc.MCMC(bimodal()[0]).sample(2_000, 500, seed=2, progress_bar=False, tempering=4)
    plain = mc.MCMC(bimodal()[0]).sample(2_000, 500, seed=2, progress_bar=False)
    assert np.allclose(m.memberships(), plain.memberships(), atol=0.1)
    assert m.draws().statistics["lp"].mean() == pytest.approx(plain.draws().statistics["lp"].mean(), abs=1.0)


# -------------------------------------------------------------------- the ladder


def test_gaps_follow_until_swaps_are_accepted_alike():
    m = mc.MCMC(bimodal()[0], tempering=8).sample(12_000, 6_000, seed=1, progress_bar=False)
    rates = m.ladder.acceptance.mean(0)
    assert rates.max() - rates.min() < 0.15
    assert (np.diff(m.ladder.powers, axis=1) < 0).all()
    assert np.allclose(m.ladder.powers[:, -1], 0.05)


def test_powers_given_stay():
    m = mc.MCMC(bimodal()[0], tempering=[1.0, 0.6, 0.3]).sample(500, 200, seed=1, progress_bar=False)
    assert (m.ladder.powers == [1.0, 0.6, 0.3]).all()


def test_levels_that_do_not_meet_are_told(capsys):
    m = mc.MCMC(bimodal()[0], tempering=[1.0, 0.01]).sample(1_000, 200, seed=1, progress_bar=False)
    assert "swaps between powers 1 and 0.01 are accepted" in m.ladder.trouble
    assert "tempering: swaps between" in capsys.readouterr().err
    assert "chain 3: powers 1 0.01" in repr(m.ladder)


@pytest.mark.parametrize("bad", [1, 0, "hot", [0.5, 1.0], [1.0], [1.0, 0.0], [1.0, -0.5], True, 2.5, [[1.0, 0.5]]])
def test_bad_ladders_are_refused(bad):
    with pytest.raises(ModelError, match="tempering: expected"):
        mc.MCMC(bimodal()[0], tempering=bad)


@pytest.mark.parametrize("bad", [1.5, 0.0, float("nan"), "low", None])
def test_bad_lowest_is_refused(bad):
    with pytest.raises(ModelError, match="lowest power between 0 and 1"):
        mc.Tempering(4, lowest=bad)


def test_nothing_to_temper_is_refused():
    with pytest.raises(ModelError, match="tempering: expected data"):
        mc.MCMC([mc.Normal("mu", 0, 1)], tempering=3).sample(100, progress_bar=False)


def test_started_chains_keep_their_ladder():
    m = mc.MCMC(bimodal()[0]).sample(100, seed=1, progress_bar=False)
    with pytest.raises(ModelError, match="tempering"):
        m.sample(100, progress_bar=False, tempering=3)


def test_steps_in_python_are_refused():
    class Own(mc.StepMethod):
        def step(self):
            self.stochastic.value = self.stochastic.value

    m = mc.MCMC(bimodal()[0], tempering=3)
    with pytest.raises(ModelError, match="tempering: expected compiled steps, got steps in Python for mu"):
        m.use_step_method(Own, "mu")


def test_a_failing_function_ends_the_run():
    def broken(mu):
        if mu > 3.0:
            raise RuntimeError("too far")
        return float(mu)

    mu = mc.Normal("mu", 0, 0.01)
    f = mc.Deterministic(eval=broken, name="f", parents={"mu": mu}, doc="")
    y = mc.Normal("y", f, 4.0, value=[0.0, 0.1], observed=True)
    with pytest.raises(RuntimeError, match="too far"):
        mc.MCMC([y, f, mu], tempering=[1.0, 0.01]).sample(3_000, progress_bar=False, seed=1, start={"mu": 0.0})
