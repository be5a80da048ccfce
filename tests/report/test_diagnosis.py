"""Runs that know when they failed: each failure by a model that was made to do it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import mcmix as mc
from mcmix.api.diagnosis import facts_of
from mcmix.report import arviz_measures
from mcmix.report.diagnosis.facts import Facts, LabelFacts
from mcmix.report.diagnosis.mixing import effective_for_mean, mixing
from mcmix.report.diagnosis.occupancy import occupancy
from mcmix.report.diagnosis.result import AT_A_GLANCE, diagnosed
from mcmix.report.diagnosis.switching import switching
from mcmix.traces.memory import Draws


def clusters(*centers: float, rows: int = 50, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(np.array(centers)[:, None], 1.0, (len(centers), rows)).ravel()


def exchangeable_normals(x: np.ndarray, k: int = 2, concentration: float = 1.0, **options: object) -> mc.MCMC:
    w = mc.Dirichlet("w", np.full(k, concentration))
    z = mc.Categorical("z", w, size=len(x))
    mu = mc.Normal("mu", 0, 0.01, size=k)
    # given labels: chains of moves with the labels summed out learn from one another where they are
    return mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)], **{"marginal_moves": False, **options})


def kinds(m: mc.MCMC) -> dict[str, str]:
    return {f.kind: str(f) for f in m.diagnose().findings}


# -------------------------------------------------------------------- R-hat and effective draws


def quantities_of_all_sorts(chains: int, draws: int) -> np.ndarray:
    """Chains with correlations from -0.9 to 0.99; then also skewed, apart, with ties."""
    noise = np.random.default_rng(chains * draws).normal(size=(12, chains, draws))
    x, correlation = noise.copy(), np.linspace(-0.9, 0.99, 12)[:, None]
    for t in range(1, draws):
        x[:, :, t] = correlation * x[:, :, t - 1] + noise[:, :, t]
    x[-1] = np.exp(3 * noise[-1])
    x[-2, 0] += 3.0
    x[-3] = noise[-3].round()
    x[-4, :, : draws // 2] *= 5.0
    return x


@pytest.mark.parametrize(
    ("chains", "draws"), [(4, 1000), (2, 101), (1, 500), (4, 4), (4, 5), (3, 7), (4, 38), (5, 999)]
)
def test_mixing_is_that_of_arviz(chains, draws):
    x = quantities_of_all_sorts(chains, draws)
    found, theirs = mixing(x), np.moveaxis(x, 0, -1)
    assert found.bulk == pytest.approx(arviz_measures.ess(theirs), rel=1e-9)
    assert effective_for_mean(x) == pytest.approx(arviz_measures.ess(theirs, "mean"), rel=1e-9)
    if chains > 1:
        assert found.rhat == pytest.approx(arviz_measures.rhat(theirs), rel=1e-9)
    untied = np.arange(len(x)) != len(x) - 3  # among ties ArviZ 0.23 rounds a quantile to below its draw
    assert found.tail[untied] == pytest.approx(arviz_measures.ess(theirs, "tail")[untied], rel=1e-9)


def test_what_cannot_be_said_is_nan():
    x = np.random.default_rng(1).normal(size=(4, 4, 50))
    x[0], x[1, 0, 0], x[2, 0, 0] = 1.0, np.nan, np.inf
    x[3] = np.arange(4.0)[:, None]
    found = mixing(x)
    assert np.isnan(found.rhat[:3]).all() and np.isnan(found.bulk[:3]).all() and found.rhat[3] == np.inf
    assert np.isnan(mixing(x[3:, :, :3]).bulk).all()


def test_one_chain_is_compared_with_itself():
    x = np.random.default_rng(2).normal(size=(2, 1, 400))
    x[1, :, 200:] += 3.0
    assert mixing(x).rhat[0] < 1.02 and mixing(x).rhat[1] > 1.5


def test_occupancy_counts_labels():
    labels = np.random.default_rng(3).integers(2, 5, (2, 30, 40)).astype(np.uint8)
    facts = LabelFacts(2, np.array([1, 0, 0, 4]))
    found = occupancy(labels, facts)
    for chain, draw in np.ndindex(2, 30):
        counts = np.bincount(labels[chain, draw] - 2, minlength=4) + facts.known
        shares = counts[counts > 0] / counts.sum()
        assert found.counts[chain, draw].tolist() == counts.tolist()
        assert found.entropy[chain, draw] == pytest.approx(-(shares * np.log(shares)).sum())
    few = occupancy(labels, facts, most_draws=7)
    assert few.thinned and few.counts.tolist() == found.counts[:, [0, 5, 10, 14, 19, 24, 29]].tolist()


# -------------------------------------------------------------------- a good run


def test_a_good_run_is_fine_and_silent(capsys):
    m = exchangeable_normals(clusters(0.0, 9.0)).sample(2000, 500, seed=1, start={"mu": [0.0, 9.0]})
    assert capsys.readouterr().err == ""
    assert m.verdict.startswith("Converged: min ESS ") and m.verdict.endswith("(4 chains x 1500 draws)")
    assert "max R-hat 1.0" in m.verdict
    assert "; converged>" in repr(m) and m.verdict in m._repr_html_()
    found = m.diagnose()
    assert found.ok and {f.severity for f in found.findings} == {"note"}


def test_the_verdict_is_printed_where_somebody_looks(capsys, monkeypatch):
    mu = mc.Normal("mu", 0, 0.01)
    m = mc.MCMC([mc.Normal("y", mu, 1, value=[0.5, 0.7], observed=True)])
    monkeypatch.setattr("mcmix.api.mcmc.is_watched", lambda: True)
    m.sample(1000, 100, seed=4, progress_bar=False)
    assert capsys.readouterr().err == ""
    m.sample(1000)
    assert capsys.readouterr().err.rstrip().endswith(m.verdict)


def test_the_table_has_both_kinds_of_quantities():
    m = exchangeable_normals(clusters(0.0, 9.0)).sample(1000, 200, seed=1)
    table = m.diagnose().table
    invariant = table.index[table["kind"] == "label-invariant"]
    named = table.index[table["kind"] == "named"]
    expected = ["log density", "occupied components of z", "entropy of z", "mu (sorted)[0]", "mu (sorted)[1]"]
    expected += ["w (sorted)[0]", "w (sorted)[1]", "log likelihood (labels summed out)"]
    assert set(expected) <= set(invariant) and sum("log density of y at row" in i for i in invariant) == 5
    assert sorted(named) == ["mu[0]", "mu[1]", "w[0]", "w[1]"]
    mu = np.sort(m.draws().variables["mu"], axis=2)[..., 1]
    row = table.loc["mu (sorted)[1]"]
    assert row["mean"] == pytest.approx(mu.mean()) and row["sd"] == pytest.approx(mu.std(ddof=1))
    assert row["ess_bulk"] == pytest.approx(float(arviz_measures.ess(mu)), rel=1e-9)
    assert row["mcse"] == pytest.approx(float(arviz_measures.mcse(mu)), rel=1e-9)


def test_a_diagnosis_shows_itself():
    found = exchangeable_normals(clusters(0.0, 9.0)).sample(1000, 200, seed=1).diagnose()
    for text in (repr(found), found._repr_html_()):
        assert found.verdict.splitlines()[0] in text and "entropy of z" in text and "r_hat" in text


def test_all_calls_are_diagnosed_together():
    m = exchangeable_normals(clusters(0.0, 9.0)).sample(500, 100, seed=1)
    m.sample(300)
    assert "x 300 draws" in m.diagnose().verdict and "x 700 draws" in m.diagnose("all").verdict


def test_a_short_run_is_not_judged(capsys):
    m = exchangeable_normals(clusters(0.0, 9.0)).sample(150, 60, seed=1)
    assert "too few to judge" in m.verdict and not m.diagnose().ok and capsys.readouterr().err == ""


def test_nothing_drawn_yet():
    with pytest.raises(mc.ModelError, match="call sample"):
        _ = exchangeable_normals(clusters(0.0)).verdict


# -------------------------------------------------------------------- chains that disagree


def two_signs(seed: int) -> mc.MCMC:
    """Data see the distance of mu from 0.5 only: small moves never cross from one side to the other."""
    mu = mc.Normal("mu", 0, 1e-3)
    distance = mc.Lambda("distance", lambda mu=mu: abs(mu - 0.5))
    m = mc.MCMC([mu, mc.Normal("y", distance, 100.0, value=[5.0, 5.1], observed=True)])
    m.use_step_method(mc.Metropolis, mu)
    return m.sample(1500, 500, seed=seed)


def test_a_chain_that_is_elsewhere_is_named(capsys):
    m = two_signs(1)
    sides = np.sign(m.draws().variables["mu"].mean(axis=1) - 0.5)
    (alone,) = np.flatnonzero(sides != np.sign(sides.sum()))
    said = capsys.readouterr().err
    assert said.startswith("chains disagree: R-hat 1.5")
    assert f"chain {alone} disagrees with the other chains: mean mu " in said
    assert said.rstrip() == m.verdict and "chains disagree>" in repr(m) and kinds(m).keys() >= {"stuck chain"}


def test_two_against_two_are_not_told_apart():
    m = two_signs(2)
    assert "chains disagree" in kinds(m) and "stuck chain" not in kinds(m)
    assert "look at each chain" in m.verdict


@pytest.mark.parametrize(("shift", "kind"), [(-35.0, "stuck chain"), (35.0, "stuck chains")])
def test_log_density_says_which_chains_are_stuck(shift, kind):
    rng = np.random.default_rng(5)
    density, mu = rng.normal(size=(4, 500)), rng.normal(size=(4, 500))
    density[2] += shift
    mu[2] += 9.0
    found = diagnosed(Draws({"mu": mu}, {"lp": density}), Facts())
    (told,) = [f for f in found.findings if f.kind == kind]
    assert told.what.startswith("chain 2 ") and "35" in told.what and ("lower" if shift < 0 else "higher") in told.what


def test_a_chain_that_is_elsewhere_among_impossible_draws():
    rng = np.random.default_rng(5)
    density, mu = rng.normal(size=(4, 500)), rng.normal(size=(4, 500))
    density[0, ::7] = -np.inf
    mu[2] += 9.0
    found = diagnosed(Draws({"mu": mu}, {"lp": density}), Facts(), in_full=True)
    assert found.headline == "impossible draws" and "chain 2 disagrees with the other chains: mean mu" in found.verdict
    assert np.isnan(found.table.loc["log density", "r_hat"]) and "mu" in repr(found)


def test_one_chain_that_drifts():
    x = np.random.default_rng(6).normal(size=(1, 500)) + np.linspace(0, 20, 500)
    found = diagnosed(Draws({"mu": x}), Facts())
    assert found.headline == "halves disagree" and "one chain" in {f.kind for f in found.findings}


def test_one_chain_is_said_to_be_one():
    m = exchangeable_normals(clusters(0.0, 9.0)).sample(2000, 200, seed=1, chains=1)
    assert "max R-hat 1.0" in m.verdict and "between its halves" in m.verdict
    assert "a mode that it did not visit goes unseen" in kinds(m)["one chain"]


# -------------------------------------------------------------------- steps and components that do not move


def test_a_step_that_is_never_accepted():
    mu = mc.Normal("mu", 0, 1.0)
    m = mc.MCMC([mc.Normal("y", mu, 1, value=[0.5, 1.0], observed=True)])
    m.use_step_method(mc.Metropolis, mu, proposal_sd=1e6)
    m.sample(300, seed=1)
    assert kinds(m)["never accepted"].startswith("mu: every proposal was refused in all chains")
    assert m.verdict.startswith("mu: every proposal") and "never moves" not in kinds(m)


def test_a_step_that_is_hardly_ever_accepted():
    mu = mc.Normal("mu", 0, 1.0)
    m = mc.MCMC([mc.Normal("y", mu, 1, value=[0.5, 1.0], observed=True)])
    m.use_step_method(mc.Metropolis, mu, proposal_sd=500.0)
    m.sample(3000, seed=1)
    assert "of the proposals were accepted" in kinds(m)["hardly ever accepted"]


def test_an_exchange_that_is_always_refused_is_no_failure():
    x = clusters(0.0, 9.0)
    z = mc.Categorical("z", [0.5, 0.5], size=len(x))
    mu = mc.Normal("mu", [0.0, 9.0], 1.0)
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)]).sample(1500, 200, seed=1)
    assert m.draws().statistics["acceptance z"].max() == 0 and m.diagnose().ok
    assert not {k for k in kinds(m) if k.startswith("label switching")}  # names are told apart by their priors


class Idle(mc.StepMethod):
    """Leaves its variable where it is."""

    def step(self):
        pass


def test_a_variable_that_never_moves():
    mu, sd = mc.Normal("mu", 0, 1.0, size=2), mc.Uniform("sd", 0.1, 10)
    m = mc.MCMC([mc.Normal("y", mu, 1 / sd**2, value=[0.5, 1.0], observed=True)])
    m.use_step_method(Idle, mu)
    m.sample(150, 20, seed=1)
    assert kinds(m)["never moves"].startswith("mu: the same value in every draw of all chains")


def test_an_element_that_never_moves():
    x = np.random.default_rng(8).normal(size=(4, 200, 3))
    x[1, :, 2] = 0.7
    found = diagnosed(Draws({"mu": x}), Facts(continuous=frozenset({"mu"})))
    (told,) = [f for f in found.findings if f.kind == "never moves"]
    assert told.what.startswith("mu[2]: the same value in every draw of chain 1")


def test_what_was_asked_to_stand_still_is_no_failure():
    mu, sd = mc.Normal("mu", 0, 1.0, size=2), mc.Uniform("sd", 0.1, 10)
    m = mc.MCMC([mc.Normal("y", mu, 1 / sd**2, value=[0.5, 1.0], observed=True)])
    m.use_step_method(mc.NoStepper, mu)
    m.sample(1000, 100, seed=1, start={"mu": [0.4, 0.6]})
    assert m.diagnose().ok and kinds(m)["held"].startswith("mu: held")


def test_impossible_draws_are_counted(capsys):
    class Leap(mc.StepMethod):
        def step(self):
            self.stochastic.value = 3.0

    sd = mc.Uniform("sd", 0, 2)
    m = mc.MCMC([sd, mc.Normal("y", 0, sd, value=[0.5], observed=True)])
    m.use_step_method(Leap, sd)
    m.sample(20, chains=2, seed=1, start={"sd": 1.0})
    assert "40 kept draws have log density minus infinity" in capsys.readouterr().err
    assert m.diagnose().headline == "impossible draws"


# -------------------------------------------------------------------- names of components


def test_switching_within_chains():
    m = exchangeable_normals(clusters(0.0, 1.5)).sample(3000, 1000, seed=1)
    assert "within all chains" in kinds(m)["label switching present"]


@pytest.mark.parametrize("options", [{}, {"label_budget": 0}])
def test_switching_between_chains(options):
    m = exchangeable_normals(clusters(0.0, 9.0), **options).sample(2000, 500, seed=1)
    first = m.draws().variables["mu"].mean(axis=1)[:, 0]
    assert (first < 4).any() and (first > 5).any()
    assert "between chains" in kinds(m)["label switching present"] and m.diagnose().ok
    assert "relabel" in m.verdict  # the run is fine, its summary by component is not
    assert ("entropy of z" in m.diagnose().table.index) is not bool(options)


def test_switching_is_absent_where_names_are_kept():
    m = exchangeable_normals(clusters(0.0, 9.0)).sample(2000, 500, seed=1, start={"mu": [0.0, 9.0]})
    assert kinds(m)["label switching absent"].startswith("z: ")


def test_switching_of_scalars_in_a_list_and_their_functions():
    x = clusters(0.0, 9.0)
    mus = [mc.Normal(f"mu{k}", 0, 0.01) for k in range(2)]
    p = mc.Beta("p", 2, 2)
    z = mc.Categorical("z", [p, 1 - p], size=len(x))
    first = mc.Lambda("first", lambda a=mus[0]: 2.0 * a)

    @mc.deterministic
    def center(z=z, a=mus[0], b=mus[1]):
        return np.array([a, b])[z]

    y = mc.Normal("y", center, 1.0, value=x, observed=True)
    m = mc.MCMC([first, y], marginal_moves=False).sample(2000, 500, seed=3)
    table = m.diagnose().table
    assert "between chains" in kinds(m)["label switching present"] and m.diagnose().ok
    assert table.loc["first", "r_hat"] > 1.5 and table.loc["max(p, 1 - p)", "r_hat"] < 1.01
    assert {"mu0, mu1 (sorted)[0]", "mu0, mu1 (sorted)[1]"} <= set(table.index)


def test_a_single_exchange_late_in_a_chain_is_seen():
    mu = np.random.default_rng(9).normal([0.0, 9.0], 1.0, (4, 1000, 2))
    facts = LabelFacts(0, np.zeros(2, int), [[("mu", 0), ("mu", 1)]])
    assert not switching(Draws({"mu": mu}), facts).present
    mu[2, 900:] = mu[2, 900:, ::-1]
    assert switching(Draws({"mu": mu}), facts).within == [2]
    mu[1] = mu[1, :, ::-1]
    assert switching(Draws({"mu": mu}), facts).between


def test_vectors_of_components_are_sorted_column_by_column():
    rng = np.random.default_rng(4)
    x = np.concatenate([rng.normal(c, 1.0, (40, 2)) for c in ([0, 0], [6, 6])])
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=len(x))
    theta = mc.NormalWishart("theta", x.mean(0), 0.05, 4, np.eye(2), size=2)
    m = mc.MCMC([mc.Mixture("y", z, mc.MvNormal, theta, value=x, observed=True)]).sample(1500, 300, seed=2)
    found = m.diagnose()
    name = next(n for n, v in m.draws().variables.items() if v.shape[2:] == (2, 2))
    values = np.sort(m.draws().variables[name], axis=2)
    assert found.ok and found.table.loc[f"{name} (sorted)[1, 0]", "mean"] == pytest.approx(values[..., 1, 0].mean())
    assert "log density of y at row" in " ".join(found.table.index)


# -------------------------------------------------------------------- components that vanish


def test_weights_that_collapse():
    m = exchangeable_normals(clusters(0.0, 3.0), 3, 1e-5)
    m.sample(600, 100, seed=1, start={"w": [1 - 2e-12, 1e-12, 1e-12], "mu": [1.5, 0.0, 0.0]})
    whats = [f.what for f in m.diagnose().findings if f.kind == "collapsed weights"]
    assert [what.partition(":")[0] for what in whats] == ["z", "w"] and not m.diagnose().ok
    assert "2, 2, 2, 2 are empty" in kinds(m)["empty components"]


def test_chains_that_never_fill_a_component_again():
    rng = np.random.default_rng(10)
    labels = rng.integers(0, 3, (4, 300, 50)).astype(np.uint8)
    labels[1, 40:] = np.minimum(labels[1, 40:], 1)
    found = diagnosed(
        Draws({"z": labels}, {"lp": rng.normal(size=(4, 300))}), Facts({"z": LabelFacts(0, np.zeros(4, int))})
    )
    (told,) = [f for f in found.findings if f.kind == "components never filled again"]
    assert "(3, 2, 3, 3)" in told.what and not found.ok


def test_chains_of_an_overfitted_mixture_that_differ_in_their_components():
    m = exchangeable_normals(clusters(0.0, 3.0, 6.0, rows=20), 4, 1e-5).sample(1000, 100, seed=0)
    assert "chains disagree" in kinds(m) and m.diagnose().table.loc["occupied components of z", "r_hat"] > 1.5


def test_weights_at_the_boundary_are_a_note():
    m = exchangeable_normals(clusters(0.0, 9.0), 5, 1e-5).sample(1500, 300, seed=1)
    assert "3 of 5 weights" in kinds(m)["weights at the boundary"] and m.diagnose().ok


# -------------------------------------------------------------------- too few draws, other models


def test_too_few_effective_draws_say_how_many_more(capsys):
    m = exchangeable_normals(clusters(0.0, 1.5)).sample(1500, 500, seed=1, thin=2)
    said = kinds(m)["few effective draws"]
    assert "more iterations of each chain would give 400" in said and not m.diagnose().ok
    assert "few effective draws" in capsys.readouterr().err


def test_the_sweeps_that_are_advised_are_about_enough():
    x = np.random.default_rng(3).normal(size=(4, 500))
    for t in range(1, 500):
        x[:, t] += 0.9 * x[:, t - 1]
    found = diagnosed(Draws({"mu": x}), Facts(thin=3))
    (told,) = [f for f in found.findings if f.kind == "few effective draws"]
    effective = mixing(x[None]).effective[0]
    assert int(told.advice.split()[1]) == pytest.approx(3 * 500 * (400 / effective - 1), rel=0.1)


def test_discrete_and_unmixed_models():
    k, theta = mc.Poisson("k", 3), mc.Normal("theta", 0, 1, size=(2, 3))
    y = mc.Normal("y", k, 1, value=[2.5, 3.0], observed=True)
    x = mc.Normal("x", theta, 1, value=np.ones((2, 3)), observed=True)
    m = mc.MCMC([x, y]).sample(1500, 200, seed=1)
    assert m.diagnose().ok and {"k", "theta[1, 2]"} <= set(m.diagnose().table.index)
    only = mc.MCMC([mc.Bernoulli("b", 0.3)]).sample(1000, 100, seed=1)
    assert only.diagnose().ok and "Converged" in only.verdict


def test_many_quantities_are_looked_at_in_part():
    theta = mc.Normal("theta", 0, 1, size=300)
    tau = mc.Gamma("tau", 2, 2)
    m = mc.MCMC([mc.Normal("y", theta, tau, value=np.linspace(-2, 2, 300), observed=True)]).sample(3000, 500, seed=1)
    assert f"{AT_A_GLANCE} quantities checked, 252 not)" in m.verdict or "few effective" in m.verdict
    found = m.diagnose()
    assert found.left_out == 0 and {"theta[0]", "theta[299]", "tau"} <= set(found.table.index)


def test_known_labels_are_occupied_components():
    x = clusters(0.0, 9.0)
    known = np.ma.masked_array(np.repeat([0, 1], 50), mask=np.arange(100) % 50 >= 10)
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), value=known, observed=True)
    mu = mc.Normal("mu", 0, 0.01, size=2)
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)]).sample(1000, 200, seed=1)
    assert facts_of(m).labels["z"].known.tolist() == [10, 10] and m.diagnose().ok


def test_the_verdict_does_not_wait_for_arviz_or_pandas():
    code = (
        "import sys, mcmix as mc; mu = mc.Normal('mu', 0, 1);"
        "m = mc.MCMC([mc.Normal('y', mu, 1, value=[0.5], observed=True)]).sample(500, 100, seed=1);"
        "print(m.verdict); print([n for n in ('arviz', 'xarray', 'pandas', 'scipy.stats') if n in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip().endswith("[]") and "Converged" in answer.stdout
