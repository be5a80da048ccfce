"""Bad data, parameters and calls are refused before any sampling, by name; what is merely awkward is sampled."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mcmix as mc

ROWS = np.array([-0.4, 0.1, 0.6, 8.9, 9.5, 10.2])


def mixture(rows=ROWS, k=2, scale="gamma", **keywords):
    """A normal mixture under proper priors; y is the data node."""
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=len(rows))
    mu = mc.Normal("mu", 0, 0.01, size=k)
    precision = {
        "gamma": lambda: mc.Gamma("tau", 2, 2, size=k),
        "inverse gamma": lambda: 1 / mc.InverseGamma("variance", 2, 2, size=k),
        "half normal": lambda: mc.HalfNormal("sd", sigma=10, size=k) ** -2,
        "half Cauchy": lambda: mc.HalfCauchy("sd", scale=10, size=k) ** -2,
        "exponential": lambda: mc.Exponential("sd", scale=10, size=k) ** -2,
        "uniform": lambda: mc.Uniform("sd", 0, 100, size=k) ** -2,
        "bounded": lambda: mc.Uniform("sd", 0.05, 100, size=k) ** -2,
    }[scale]()
    y = mc.Normal("y", mu[z], precision[z], value=rows, observed=True)
    return mc.MCMC([y], **keywords)


def refused(words, build, kind=mc.ModelError):
    """The message of the refusal, which holds all the words; nothing else may come out."""
    with pytest.raises(kind) as refusal:
        build()
    missing = [word for word in words if word not in str(refusal.value)]
    assert not missing, f"{missing} not in: {refusal.value}"
    return str(refusal.value)


def assert_nothing_drawn(m):
    with pytest.raises(mc.ModelError, match="drawn"):
        m.draws()


# -------------------------------------------------------------------- data that are not numbers

MISSING = {
    "NaN": ([0.1, np.nan, 0.3, np.nan], ("1", "3")),
    "a table": ([[0.1, 0.2], [np.nan, 0.3], [0.4, 0.5]], ("1",)),
    "None": ([0.1, None, 0.3], ("1",)),
    "a series": (pd.Series([0.1, None, 0.3, None]), ("1", "3")),
    "a nullable series": (pd.Series([1, 2, None], dtype="Int64"), ("2",)),
    "masked": (np.ma.masked_array([0.1, 0.2, 0.3], [False, False, True]), ("2",)),
}


INFINITE = {
    "infinity": ([0.1, 0.2, np.inf, -np.inf], ("2", "3")),
    "beside a gap": ([0.1, np.nan, np.inf], ("2",)),
    "a series": (pd.Series([0.1, None, 0.3, np.inf]), ("3",)),
}


@pytest.mark.parametrize(("rows", "numbers"), MISSING.values(), ids=MISSING)
def test_missing_entries_become_unknown(rows, numbers):
    node = mc.Normal("height", 0, 1, value=rows, observed=True)
    assert not node.observed
    assert [str(row) for row in np.argwhere(node.mask)[:, 0]] == list(numbers)
    assert np.isfinite(node.value).all()


@pytest.mark.parametrize(("rows", "numbers"), INFINITE.values(), ids=INFINITE)
def test_infinite_data_are_refused_with_row_numbers(rows, numbers):
    refused(("height", "finite", *numbers), lambda: mc.Normal("height", 0, 1, value=rows, observed=True))


def test_many_bad_rows_are_counted_and_not_all_listed():
    rows = np.full(5000, np.nan)
    message = refused(("height", "5000"), lambda: mc.Normal("height", 0, 1, value=rows, observed=True))
    assert len(message) < 400


@pytest.mark.parametrize("law", ["Dirichlet", "Categorical"])
def test_data_that_are_missing_altogether_are_refused(law):
    value = [[np.nan, np.nan]] if law == "Dirichlet" else [np.nan, np.nan]
    refused(("y",), lambda: getattr(mc, law)("y", [0.5, 0.5], value=value, observed=True))


def test_parts_of_a_simplex_are_refused():
    refused(("y", "complete"), lambda: mc.Dirichlet("y", [1.0, 1.0], value=[[0.3, 0.7], [np.nan, 0.5]], observed=True))


@pytest.mark.parametrize("rows", [["low", "high"], "high", [[1.0, 2.0], [3.0]]], ids=repr)
def test_data_that_are_no_numbers_are_refused(rows):
    refused(("height",), lambda: mc.Normal("height", 0, 1, value=rows, observed=True))


def test_observed_without_data_is_refused():
    refused(("height", "value"), lambda: mc.Normal("height", 0, 1, observed=True))


# -------------------------------------------------------------------- shapes


def test_data_that_do_not_match_size():
    refused(("y", "(3,)", "(2,)"), lambda: mc.Normal("y", 0, 1, size=3, value=[1.0, 2.0], observed=True))


def test_parameters_that_do_not_match_data():
    mu = mc.Normal("mu", 0, 1, size=4)
    refused(("y", "(3,)", "(4,)"), lambda: mc.Normal("y", mu, 1, value=[1.0, 2.0, 3.0], observed=True))


def test_labels_of_another_length_than_data():
    z = mc.Categorical("z", [0.5, 0.5], size=4)
    mu = mc.Normal("mu", 0, 1, size=2)
    refused(("y", "(3,)", "(4,)"), lambda: mc.Normal("y", mu[z], 1, value=[1.0, 2.0, 3.0], observed=True))


@pytest.mark.parametrize("size", [-1, 2.5, "many", (3, -2)], ids=repr)
def test_a_size_that_is_none(size):
    refused(("mu", "size", str(size) if np.isscalar(size) else "-2"), lambda: mc.Normal("mu", 0, 1, size=size))


# -------------------------------------------------------------------- parameters out of range


@pytest.mark.parametrize("weights", [[0.5, 0.6], [0.2, 0.2], [1.5, -0.5], [[0.5, 0.5], [0.5, 0.6]]], ids=repr)
def test_weights_that_do_not_sum_to_one(weights):
    shown = {0.6: "1.1", 0.2: "0.4", -0.5: "-0.5"}
    last = np.ravel(weights)[-1]
    refused(("label", "sum", shown[last]), lambda: mc.Categorical("label", weights, size=2), mc.SupportError)


def test_weights_from_nodes_that_do_not_sum_to_one():
    p = mc.Beta("p", 1, 1, value=0.3)
    refused(("label", "sum", "0.6"), lambda: mc.Categorical("label", [p, p], size=4), mc.SupportError)
    wrong = mc.Lambda("wrong", lambda p=p: np.array([p, 1.0]))
    refused(("label", "sum", "1.3"), lambda: mc.Categorical("label", wrong, size=4), mc.SupportError)


def test_a_single_number_is_no_vector_of_weights():
    refused(("label", "vector"), lambda: mc.Categorical("label", 0.5))


BROKEN = [
    ("Normal", (0, -1.0), "precision", "-1"),
    ("Normal", (0, [1.0, -2.0]), "precision", "-2"),
    ("Normal", (0, 0.0), "precision", "0"),
    ("Normal", (0, np.nan), "precision", "nan"),
    ("Normal", (np.nan, 1.0), "mean", "nan"),
    ("Normal", (np.inf, 1.0), "mean", "inf"),
    ("Lognormal", (0, -1.0), "precision", "-1"),
    ("HalfNormal", (-1.0,), "precision", "-1"),
    ("StudentT", (0, -1.0, 3), "precision", "-1"),
    ("StudentT", (0, 1.0, -3), "degrees_of_freedom", "-3"),
    ("Beta", (-1.0, 1.0), "alpha", "-1"),
    ("Gamma", (1.0, -1.0), "rate", "-1"),
    ("InverseGamma", (0.0, 1.0), "shape", "0"),
    ("Exponential", (-1.0,), "rate", "-1"),
    ("Poisson", (-1.0,), "mean", "-1"),
    ("NegativeBinomial", (1.0, -1.0), "dispersion", "-1"),
    ("Bernoulli", (1.5,), "probability", "1.5"),
    ("Binomial", (5, 1.5), "probability", "1.5"),
    ("Binomial", (-5, 0.5), "trials", "-5"),
    ("Binomial", (2.5, 0.5), "trials", "2.5"),
    ("HalfCauchy", (0.0, -1.0), "scale", "-1"),
    ("Dirichlet", ([1.0, -1.0],), "concentration", "-1"),
]


@pytest.mark.parametrize(("law", "parameters", "name", "came"), BROKEN)
def test_parameters_out_of_range(law, parameters, name, came):
    message = refused(("broken", name), lambda: getattr(mc, law)("broken", *parameters), mc.SupportError)
    assert came in message.lower()


@pytest.mark.parametrize("law", ["Uniform", "DiscreteUniform"])
def test_bounds_in_the_wrong_order(law):
    refused(("turned", "3", "1"), lambda: getattr(mc, law)("turned", 3, 1))


@pytest.mark.parametrize("keyword", ["sigma", "variance"])
def test_the_other_usual_parameter_out_of_range(keyword):
    refused(("x", keyword, "-2"), lambda: mc.Normal("x", 0, **{keyword: -2.0}), mc.SupportError)


def test_a_precision_that_is_negative_through_a_function():
    sd = mc.Uniform("sd", 1, 2)
    y = mc.Normal("height", 0, -1 / sd**2, value=ROWS, observed=True)
    m = mc.MCMC([y])
    refused(("height",), lambda: m.sample(50, seed=1), mc.McmixError)
    assert_nothing_drawn(m)


# -------------------------------------------------------------------- data outside the support

OUTSIDE = [
    ("Beta", (1, 1), [0.5, 1.5], "1.5", "1"),
    ("Uniform", (0, 1), [0.5, 0.5, 2.5], "2.5", "2"),
    ("Gamma", (2, 1), [-1.5, 1.0], "-1.5", "0"),
    ("InverseGamma", (2, 1), [1.0, -1.5], "-1.5", "1"),
    ("Exponential", (1,), [1.0, -1.5], "-1.5", "1"),
    ("Lognormal", (0, 1), [1.0, -1.5], "-1.5", "1"),
    ("HalfNormal", (1,), [1.0, -1.5], "-1.5", "1"),
    ("HalfCauchy", (0, 1), [1.0, -1.5], "-1.5", "1"),
    ("Poisson", (3,), [1, 2, -4], "-4", "2"),
    ("Poisson", (3,), [1, 2.5], "2.5", "1"),
    ("NegativeBinomial", (3, 1), [1, -4], "-4", "1"),
    ("Binomial", (5, 0.5), [1, 6], "6", "1"),
    ("Binomial", (5, 0.5), [0.5, 1], "0.5", "0"),
    ("Bernoulli", (0.5,), [0, 1, 2], "2", "2"),
    ("Bernoulli", (0.5,), [0, 0.5], "0.5", "1"),
    ("DiscreteUniform", (0, 3), [0, 4], "4", "1"),
    ("DiscreteUniform", (0, 3), [0, 1.5], "1.5", "1"),
    ("Dirichlet", ([1, 1],), [0.5, 0.6], "1.1", ""),
    ("Categorical", ([0.5, 0.5],), [0, 1, 2], "2", "2"),
    ("Categorical", ([0.5, 0.5],), [0, -1], "-1", "1"),
    ("Categorical", ([0.5, 0.5],), [0, 0.5], "0.5", "1"),
]


@pytest.mark.parametrize(("law", "parameters", "rows", "came", "row"), OUTSIDE)
def test_data_outside_the_support(law, parameters, rows, came, row):
    made = getattr(mc, law)
    refused(("outlier", came, row), lambda: made("outlier", *parameters, value=rows, observed=True), mc.SupportError)


def test_zero_is_outside_a_law_of_positive_numbers():
    for law, parameters in (("Lognormal", (0, 1)), ("InverseGamma", (2, 1))):

        def built(law=law, parameters=parameters):
            y = getattr(mc, law)("outlier", *parameters, value=[1.0, 0.0], observed=True)
            return mc.MCMC([mc.Normal("x", 0, 1), y]).sample(50, seed=1)

        refused(("outlier",), built, mc.McmixError)


def test_data_beyond_a_bound_that_is_unknown():
    top = mc.Uniform("top", 0, 1)
    y = mc.Uniform("height", 0, top, value=[0.5, 2.0], observed=True)
    m = mc.MCMC([y])
    refused(("height",), lambda: m.sample(50, seed=1), mc.ZeroProbability)
    assert_nothing_drawn(m)


# -------------------------------------------------------------------- labels out of range


def test_a_table_with_fewer_rows_than_labels():
    def built():
        z = mc.Categorical("label", [0.2, 0.3, 0.5], size=40)
        centers = mc.Normal("centers", 0, 1, size=2)
        y = mc.Normal("y", centers[z], 1, value=np.zeros(40), observed=True)
        return mc.MCMC([y]).sample(50, seed=1)

    refused(("label", "2"), built)


def test_a_table_with_fewer_rows_than_labels_when_the_first_labels_happen_to_fit():
    z = mc.Categorical("label", [0.2, 0.3, 0.5], size=4, value=[0, 1, 1, 0])
    centers = mc.Normal("centers", 0, 1, size=2)
    y = mc.Normal("y", centers[z], 1, value=np.zeros(4), observed=True)
    refused(("label", "2"), lambda: mc.MCMC([y]).sample(50, seed=1))


def test_a_start_label_out_of_range():
    refused(("label", "5"), lambda: mc.Categorical("label", [0.5, 0.5], size=3, value=[0, 5, 1]), mc.SupportError)
    m = mixture()
    refused(("z", "7"), lambda: m.sample(50, seed=1, start={"z": np.full(6, 7)}))
    assert_nothing_drawn(m)


# -------------------------------------------------------------------- the call of sample


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((10, 10), ("burn", "10")),
        ((10, 25), ("burn", "25")),
        ((10, -1), ("burn", "-1")),
        ((0,), ("iter", "0")),
        ((-5,), ("iter", "-5")),
        ((0.5,), ("iter", "0.5")),
        ((np.nan,), ("iter", "nan")),
        ((np.inf,), ("iter", "inf")),
        (("many",), ("iter", "many")),
        ((10, 0, 0), ("thin", "0")),
        ((10, 0, -2), ("thin", "-2")),
        ((10, 0, 11), ("thin", "11")),
    ],
)
def test_impossible_lengths(arguments, words):
    m = mixture()
    refused(words, lambda: m.sample(*arguments, seed=1))
    assert_nothing_drawn(m)


@pytest.mark.parametrize("chains", [0, -1, 1.5, "four"], ids=repr)
def test_impossible_numbers_of_chains(chains):
    m = mixture()
    refused(("chains", str(chains)), lambda: m.sample(10, chains=chains, seed=1))
    assert_nothing_drawn(m)


@pytest.mark.parametrize("cores", [0, -1, "two"], ids=repr)
def test_impossible_numbers_of_cores(cores):
    m = mixture()
    refused(("cores", str(cores)), lambda: m.sample(10, cores=cores, seed=1))
    assert_nothing_drawn(m)


@pytest.mark.parametrize("seed", [-1, 1.5, "one"], ids=repr)
def test_impossible_seeds(seed):
    m = mixture()
    refused(("seed", str(seed)), lambda: m.sample(10, seed=seed))
    assert_nothing_drawn(m)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ({"nobody": 1.0}, ("nobody", "mu", "tau", "w", "z")),
        ({"y": ROWS}, ("y",)),
        ({"mu": [1.0, 2.0, 3.0]}, ("mu", "(2,)", "(3,)")),
        ({"mu": "high"}, ("mu", "high")),
        ({"tau": [-1.0, 1.0]}, ("tau",)),
        ({"w": [0.9, 0.9]}, ("w", "1.8")),
    ],
)
def test_impossible_starts(start, words):
    m = mixture()
    refused(words, lambda: m.sample(10, start=start, seed=1), (mc.ModelError, mc.ZeroProbability))
    assert_nothing_drawn(m)


def test_a_start_that_is_not_a_number_is_refused_by_the_node():
    refused(("mu", "nan"), lambda: mc.Normal("mu", 0, 1, size=2, value=[1.0, np.nan]))


def test_a_start_that_is_not_a_number_is_refused_by_the_run():
    """In a process of its own: a compiled loop that waits for a number to come would never end."""
    ours = "from tests.nodes.test_bad_data import mixture"
    code = f"{ours}\nmixture().sample(10, start={{'mu': [1.0, float('nan')]}}, seed=1)"
    home = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, timeout=20)
    last = ended.stderr.strip().splitlines()[-1]
    assert "ModelError" in last
    assert "mu" in last
    assert "nan" in last


def test_a_start_of_zero_probability_is_refused_with_the_name_of_what_forbids_it():
    x = mc.Normal("x", 0, 1)
    never = mc.Potential(logp=lambda x: -np.inf, doc="", name="never", parents={"x": x})
    m = mc.MCMC([x, never])
    refused(("never",), lambda: m.sample(10, seed=1), mc.ZeroProbability)
    assert_nothing_drawn(m)


def test_a_refused_call_loses_nothing():
    m, unbroken = mixture(), mixture()
    unbroken.sample(30, seed=2)
    m.sample(10, seed=2)
    for wrong in ({"burn": 99}, {"chains": 3}, {"step": 1}, {"start": {"mu": [0.0, 0.0]}}):
        with pytest.raises((mc.ModelError, TypeError)):
            m.sample(20, **wrong)
    assert m.trace("mu")[:].shape == (40, 2)
    m.sample(20)
    np.testing.assert_array_equal(m.draws(calls="all").variables["mu"], unbroken.draws().variables["mu"])


# -------------------------------------------------------------------- names and keywords


def test_an_unknown_name_in_trace():
    m = mixture()
    m.sample(10, seed=1)
    refused(("sigma", "mu", "tau", "w", "z"), lambda: m.trace("sigma"))
    for ask in (m.stats, m.summary):
        refused(("sigma", "mu", "tau"), lambda ask=ask: ask(["sigma"]))
    refused(("sigma",), lambda: m.memberships("sigma"))


def test_a_chain_that_does_not_exist():
    m = mixture()
    m.sample(10, seed=1, chains=2)
    refused(("chain", "5"), lambda: m.trace("mu", 5))


def test_trace_before_sampling():
    refused(("sample",), lambda: mixture().trace("mu"))


def test_a_name_that_is_asked_for_but_does_not_exist():
    refused(("nobody",), lambda: mixture(trace=["nobody"]).sample(10, seed=1))


def test_two_nodes_of_one_name():
    mu, other = mc.Normal("mu", 0, 1), mc.Normal("mu", 0, 1)
    y = mc.Normal("y", mu + other, 1, value=ROWS, observed=True)
    refused(("two", "'mu'"), lambda: mc.MCMC([y]))


@pytest.mark.parametrize("name", [3, "", None], ids=repr)
def test_a_name_that_is_none(name):
    refused(("name", repr(name)), lambda: mc.Normal(name, 0, 1))


def test_an_unknown_keyword_of_a_law():
    accepted = ("mean", "mu", "precision", "tau", "sigma", "value", "observed", "size", "trace")
    refused(("height", "'sd'", *accepted), lambda: mc.Normal("height", 0, sd=3), TypeError)
    refused(("count", "'lam'", "mean", "mu", "size"), lambda: mc.Poisson("count", lam=3), TypeError)


def test_an_unknown_keyword_of_sample():
    accepted = ("iter", "burn", "thin", "chains", "cores", "seed", "start", "progress_bar", "tune_throughout")
    m = mixture()
    refused(("'draws'", *accepted), lambda: m.sample(10, draws=5), TypeError)
    assert_nothing_drawn(m)


def test_an_unknown_keyword_of_the_sampler():
    refused(("'progress'", "trace", "label_budget"), lambda: mixture(progress=True), TypeError)


@pytest.mark.parametrize("decorator", ["deterministic", "potential", "stochastic", "observed"])
def test_an_unknown_keyword_of_a_decorator(decorator):
    def shifted(value=1.0, mean=0.0):
        return -((value - mean) ** 2)

    refused(("shifted", "'colour'", "name", "doc"), lambda: getattr(mc, decorator)(colour="red")(shifted), TypeError)


def test_a_missing_parameter_is_named():
    refused(("height", "precision", "sigma"), lambda: mc.Normal("height", 0), TypeError)


def test_a_model_with_nothing_to_sample():
    y = mc.Normal("y", 0, 1, value=ROWS, observed=True)
    refused(("nothing to sample",), lambda: mc.MCMC([y]))
    refused(("nothing to sample",), lambda: mc.MCMC([mc.Lambda("three", lambda: 3)]))


def test_refusals_are_of_one_family_and_also_value_errors():
    assert issubclass(mc.ModelError, ValueError)
    assert issubclass(mc.SupportError, mc.ModelError)
    assert all(issubclass(e, mc.McmixError) for e in (mc.ModelError, mc.ZeroProbability, mc.ImproperPosterior))


# -------------------------------------------------------------------- awkward and legal

PROPER = ["gamma", "inverse gamma", "bounded"]


def finite_draws(m, iterations=600, burn=100):
    m.sample(iterations, burn, seed=4)
    draws = m.draws()
    for name, values in {**draws.variables, **draws.statistics}.items():
        assert np.isfinite(values).all(), name
    return draws.variables


@pytest.mark.parametrize("scale", PROPER)
def test_a_component_that_empties(scale):
    draws = finite_draws(mixture(ROWS, 4, scale))
    occupied = np.array([len(np.unique(z)) for z in draws["z"].reshape(-1, 6)])
    assert occupied.min() < 4


def test_an_empty_component_comes_from_its_prior():
    """All rows sit at zero under a weight of one: the other component never owns a row."""
    z = mc.Categorical("z", [1.0, 0.0], size=5)
    mu = mc.Normal("mu", 7.0, 4.0, size=2)
    y = mc.Normal("y", mu[z], 1.0, value=np.zeros(5), observed=True)
    m = mc.MCMC([y])
    m.sample(2000, seed=4)
    assert not m.trace("z")[:].any()
    draws = m.trace("mu")[:][:, 1]
    assert abs(draws.mean() - 7.0) < 5 * 0.5 / np.sqrt(8000)
    assert abs(draws.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * 8000)
    centers = stats.norm(7.0 * 4 / 9, 1 / 3)  # precision 4 + 5, mean 4 * 7 / 9
    assert stats.kstest(m.trace("mu")[:][:, 0][::4], centers.cdf).pvalue > 1e-4


@pytest.mark.parametrize("scale", [*PROPER, "uniform"])
def test_a_component_that_holds_one_row(scale):
    rows = np.array([0.0, 0.3, 0.7, 1.1, 1.5, 90.0])
    draws = finite_draws(mixture(rows, 2, scale))
    alone = (draws["z"][..., 5:] != draws["z"][..., :5]).all(axis=-1)
    assert alone.any()


@pytest.mark.parametrize("scale", [*PROPER, "half normal", "uniform"])
def test_more_components_than_rows(scale):
    draws = finite_draws(mixture(np.array([0.0, 3.0, 9.0]), 7, scale))
    assert draws["z"].max() > 2


@pytest.mark.parametrize("scale", [*PROPER, "half normal", "uniform"])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_one_row(scale, k):
    draws = finite_draws(mixture(np.array([3.0]), k, scale))
    assert draws["z"].shape == (4, 500, 1)
    assert len(np.unique(draws["mu"])) > 1000


@pytest.mark.parametrize("scale", PROPER)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_all_rows_equal_under_a_proper_prior(scale, k):
    draws = finite_draws(mixture(np.full(12, 3.0), k, scale))
    assert np.ptp(draws["mu"]) > 0


def test_as_many_components_as_rows_keep_their_functions():
    """A function with one entry per component is not one with an entry per row, even where the numbers agree."""
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(6)), size=6)
    sd = mc.Uniform("sd", 0.05, 100, size=6)

    @mc.deterministic
    def precision(sd=sd):
        return 1 / sd**2

    y = mc.Normal("y", mc.Normal("mu", 0, 0.01, size=6)[z], precision[z], value=ROWS, observed=True)
    m = mc.MCMC([y])
    m.sample(20, seed=1)
    np.testing.assert_allclose(m.trace("precision")[:], m.trace("sd")[:] ** -2)


# -------------------------------------------------------------------- ties under a prior that does not vanish at zero

TIED = np.array([0.0, 0.0, 1.0, 2.0, 3.5, 5.0, 6.0, 8.0])


@pytest.mark.parametrize("scale", ["uniform", "half normal", "half Cauchy", "exponential"])
def test_ties_warn_before_sampling(scale):
    m = mixture(TIED, 2, scale)
    with warnings.catch_warnings():
        warnings.simplefilter("error", mc.ImproperPosteriorWarning)
        with pytest.raises(mc.ImproperPosteriorWarning) as warned:
            m.sample(50, seed=1)
    assert all(word in str(warned.value) for word in ("y", "0", "2", "sd"))
    assert_nothing_drawn(m)


@pytest.mark.parametrize("scale", ["uniform", "half normal", "half Cauchy", "exponential"])
@pytest.mark.parametrize("rows", [TIED, np.full(12, 3.0)], ids=["a pair", "all equal"])
def test_ties_run_or_stop_with_the_explanation(scale, rows):
    m = mixture(rows, 2, scale)
    with pytest.warns(mc.ImproperPosteriorWarning, match="y"):
        try:
            m.sample(3000, seed=1)
        except mc.ImproperPosterior as stop:
            assert "sd" in str(stop)
            assert "prior" in str(stop)
            return
    assert np.isfinite(m.trace("sd")[:]).all()
    assert m.trace("sd")[:].min() > 1e-100


def test_a_collapse_keeps_what_earlier_calls_drew():
    m = mixture(np.full(12, 3.0), 2, "uniform")
    with pytest.warns(mc.ImproperPosteriorWarning):
        m.sample(2, seed=1, chains=1)
    before = m.trace("mu")[:].copy()
    with pytest.raises(mc.ImproperPosterior, match="sd"):
        m.sample(100_000)
    np.testing.assert_array_equal(m.trace("mu")[:], before)


def test_ties_warn_for_a_heavy_tailed_component_too():
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=12)
    sd = mc.Uniform("sd", 0, 100, size=2)
    mu = mc.Normal("mu", 0, 0.01, size=2)
    y = mc.StudentT("y", mu[z], 1 / sd[z] ** 2, 4, value=np.full(12, 3.0), observed=True)
    m = mc.MCMC([y])
    with pytest.warns(mc.ImproperPosteriorWarning, match="y"):
        try:  # a random walk may take long to fall
            m.sample(3000, seed=1)
        except mc.ImproperPosterior as stop:
            assert "sd" in str(stop)
            return
    assert np.isfinite(m.trace("sd")[:]).all()


def test_equal_data_without_labels_warn_too():
    sd, mu = mc.Uniform("sd", 0, 100), mc.Normal("mu", 0, 0.01)
    y = mc.Normal("y", mu, 1 / sd**2, value=np.full(12, 3.0), observed=True)
    with pytest.warns(mc.ImproperPosteriorWarning, match="y"), pytest.raises(mc.ImproperPosterior, match="sd"):
        mc.MCMC([y]).sample(20_000, seed=1)


def test_a_scale_shared_by_all_components_cannot_collapse_onto_a_pair():
    """Seven distinct values and two centers: some row is always far from both, so there is nothing to warn of."""
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=8)
    sd = mc.Uniform("sd", 0, 100)
    y = mc.Normal("y", mc.Normal("mu", 0, 0.01, size=2)[z], 1 / sd**2, value=TIED, observed=True)
    m = mc.MCMC([y])
    m.sample(500, seed=1)
    assert m.trace("sd")[:].min() > 0.01


@pytest.mark.parametrize("scale", PROPER)
def test_ties_under_a_prior_that_vanishes_do_not_warn(scale):
    assert np.isfinite(finite_draws(mixture(TIED, 2, scale), 200, 50)["mu"]).all()


def test_distinct_rows_do_not_warn():
    assert np.isfinite(finite_draws(mixture(ROWS, 2, "uniform"), 200, 50)["sd"]).all()
