"""Arguments: what is no number, no length, no name is refused at the border, in words that name the node or keyword."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

import mcmix as mc

QUIET = {"progress_bar": False, "chains": 1, "seed": 1}

NO_NUMBERS = {
    "dates": (np.array(["2020-01-01", "2020-01-03", "NaT"], "M8[D]"), "dates; count the days"),
    "dates as objects": ([datetime.date(2020, 1, 1)] * 3, "dates; count"),
    "NumPy's dates as objects": (np.array([np.datetime64("2020-01-01")] * 3, object), "dates; count"),
    "a column of dates": (pd.Series(pd.to_datetime(["2020-01-01"] * 3)), "dates; count"),
    "dates with a time zone": (pd.Series(pd.to_datetime(["2020-01-01"] * 3).tz_localize("UTC")), "dates; count"),
    "masked dates": (np.ma.masked_array(np.array(["2020-01-01"] * 3, "M8[D]"), mask=[1, 0, 0]), "dates; count"),
    "not a time": ([pd.NaT, 1.0, 2.0], "dates; count"),
    "time differences": (np.array([1, 2, 3], "m8[s]"), "time differences; divide"),
    "time differences as objects": ([datetime.timedelta(1)] * 3, "time differences; divide"),
    "complex": (np.array([1 + 5j, 2, 3]), "complex numbers; take"),
    "complex without an imaginary part": (np.array([1 + 0j, 2, 3]), "complex numbers; take"),
    "complex as objects": (np.array([1j, 2, 3], object), "complex numbers; take"),
    "text": (["a", "b", "c"], "text; turn"),
    "text of numbers": (np.array(["1", "2", "3"]), "text; turn"),
    "text among numbers": (np.array(["1", 2, 3], object), "text; turn"),
    "bytes": (np.array([b"1", b"2", b"3"]), "text; turn"),
    "categories": (pd.Series(["a", "b", "c"], dtype="category"), "text; turn"),
    "records": (np.zeros(3, [("a", float)]), "records; take"),
    "long doubles beyond": (np.array([np.longdouble("1e400"), 1, 2]), "1.8e308.*1e\\+400"),
    "whole numbers beyond": ([10**400, 1, 2], "1.8e308"),
    "ragged": ([[1, 2], [3]], "expected an array of numbers"),
}
if np.finfo(np.longdouble).max == np.finfo(float).max:  # some machines have no longer doubles
    del NO_NUMBERS["long doubles beyond"]


def doors():
    """Every place where a user hands numbers in: what it is called, the name in its refusal, and how."""
    mu = mc.Normal("mu", 0, 1)
    free = mc.Normal("free", 0, 1, size=3)
    plain = mc.Normal("plain", 0, 1, size=3)
    sampled = mc.MCMC([mc.Normal("y", mu, 1, value=[1.0, 2.0, 3.0], observed=True)])
    sampled.sample(20, 5, **QUIET)
    fresh = mc.MCMC([free])
    q = mc.VB([mc.Normal("x", mc.Normal("center", 0, 1), 1, value=[1.0, 2.0], observed=True)])
    q.update(verbose=False)
    roles = {"law": mc.Normal, "components": ["center", 1.0], "weights": [0.5, 0.5]}
    draws = {"center": np.random.default_rng(1).normal(size=(2, 20, 2))}
    return {
        "data": ("data", lambda v: mc.Normal("data", mu, 1, value=v, observed=True)),
        "start value": ("start", lambda v: mc.Normal("start", 0, 1, value=v)),
        "parameter": ("child: mean", lambda v: mc.Normal("child", v, 1)),
        "alternative parameter": ("child: sigma", lambda v: mc.Normal("child", 0, sigma=v)),
        "operand": ("mu \\+", lambda v: mu + (v if isinstance(v, np.ndarray) else list(v))),
        "own distribution": ("own", lambda v: mc.Stochastic(lambda value: 0.0, "", "own", {}, value=v, observed=True)),
        "observe": ("plain", lambda v: plain.observe(v)),
        "set": ("free", lambda v: setattr(free, "value", v)),
        "start=": ("start: free", lambda v: fresh.sample(20, 5, start={"free": v}, **QUIET)),
        "new rows": ("new rows: y", sampled.predict_logpdf),
        "points": ("grid", lambda v: sampled.component_densities("y", v)),
        "VB's start": ("center", lambda v: q.initialize_from_value({"center": v})),
        "draws from elsewhere": ("center", lambda v: mc.from_draws({"center": v}, vars=roles | {"data": [1.0, 2.0]})),
        "data beside them": ("'data'", lambda v: mc.from_draws(draws, vars=roles | {"data": v})),
    }


@pytest.fixture(scope="module")
def entrances():
    return doors()


@pytest.mark.parametrize("what", NO_NUMBERS)
def test_what_is_no_number_is_refused_at_every_door(entrances, what):
    value, said = NO_NUMBERS[what]
    for door, (name, hand_in) in entrances.items():
        with pytest.raises(mc.ModelError, match=f"(?s){name}.*{said}") as refusal:
            hand_in(value)
        assert len(str(refusal.value)) < 400, door


def test_numbers_in_other_clothes_are_taken():
    for value in (
        [decimal.Decimal("1.5"), 2],
        np.array([1, 2], np.longdouble),
        np.array([1, 2], np.float16),
        [True, 2],
    ):
        found = mc.Normal("y", 0, 1, value=value, observed=True).value
        assert found.dtype == float and found[1] == 2.0
    missing = mc.Normal("y", 0, 1, value=np.ma.masked_array(["a", 1.0], mask=[1, 0], dtype=object), observed=True)
    assert missing.mask.tolist() == [True, False]  # what is masked is looked at by nobody
    m = mc.MCMC([mc.Normal("y", mc.Normal("mu", 0, 1), 1, value=[0.5, 1.5], observed=True)]).sample(50, 10, **QUIET)
    rows = m.predict_logpdf(np.ma.masked_array([0.0, 99.0], mask=[0, 1]))
    np.testing.assert_array_equal(rows, m.predict_logpdf([0.0, np.nan]))


def test_masked_parameters_are_refused():
    with pytest.raises(mc.ModelError, match="y: mean expected known numbers, got masked"):
        mc.Normal("y", np.ma.masked_array([0.0, 1.0], mask=[0, 1]), 1)


@pytest.mark.parametrize("value", [[], np.zeros((0, 3)), np.ma.masked_array([])])
def test_empty_data_are_refused(value):
    mu = mc.Normal("mu", 0, 1)
    with pytest.raises(mc.ModelError, match="y: expected at least one element"):
        mc.Normal("y", mu, 1, value=value, observed=True)
    with pytest.raises(mc.ModelError, match="y: expected data, got none"):
        mc.Stochastic(lambda value: 0.0, "", "y", {}, value=value, observed=True)


@pytest.mark.parametrize("size", [0, (2, 0), True, 2.0, "3", -1, 10**30])
def test_sizes_that_are_none(size):
    with pytest.raises(mc.ModelError, match="a: size expected"):
        mc.Normal("a", 0, 1, size=size)


def test_sizes_as_numpy_has_them():
    assert mc.Normal("a", 0, 1, size=np.array(3)).shape == (3,)
    assert mc.Normal("a", 0, 1, size=np.int64(3)).shape == mc.Normal("a", 0, 1, size=np.array([3])).shape == (3,)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"iter": 10**30}, "iter expected a single number below 9e\\+15"),
        ({"iter": 10**12}, "the draws would take .* GiB"),
        ({"iter": "10"}, "iter expected a single number, got '10'"),
        ({"iter": True}, "iter expected a single number, got True"),
        ({"iter": [10, 20]}, "iter expected a single number"),
        ({"iter": float("inf")}, "iter expected a single number"),
        ({"burn": "5"}, "burn expected a single number"),
        ({"burn": True}, "burn expected a single number"),
        ({"thin": 2.5}, "thin expected a whole number, got 2.5"),
        ({"thin": True}, "thin expected a single number"),
        ({"chains": 10**9}, "chains expected at most"),
        ({"start": [1]}, "start expected a mapping"),
        ({"start": "mu"}, "start expected a mapping"),
        ({"start": {"mu": None}}, "start: mu expected finite"),
    ],
)
def test_arguments_of_sample(keywords, said):
    mu = mc.Normal("mu", 0, 1)
    m = mc.MCMC([mu, mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)])
    with pytest.raises(mc.ModelError, match=said):
        m.sample(**({"iter": 20, **QUIET} | keywords))
    m.sample(20.7, np.int64(2), thin=2.0, **QUIET)  # the refusal leaves it as it was
    assert m.draws().n_draws == 9


@pytest.mark.parametrize(
    "keywords", [{"label_budget": v} for v in (None, "a", -1, True)] + [{"trace": v} for v in (None, 3, [3])]
)
def test_arguments_of_a_sampler(keywords):
    with pytest.raises(mc.ModelError, match=f"MCMC: {next(iter(keywords))} expected"):
        mc.MCMC([mc.Normal("mu", 0, 1)], **keywords)


# -------------------------------------------------------------------- functions


def sampled_with(function):
    mu = mc.Normal("mu", 0, 1)
    d = mc.Deterministic(eval=function, doc="", name="d", parents={"mu": mu})
    return mc.MCMC([mu, mc.Normal("y", d, 1, value=[1.0, 2.0, 3.0], observed=True)]).sample(100, 10, **QUIET)


def sometimes(one, other):
    """A function that changes what it returns with the sign of its argument, in a way that cannot be recorded."""
    return lambda mu: one(mu) if float(mu) > 0 else other(mu)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda mu: "abc", "d: .*text"),
        (lambda mu: str(float(mu)), "d: .*text"),
        (sometimes(lambda mu: mu, lambda mu: "1"), "d: .*text"),
        (sometimes(lambda mu: mu, lambda mu: mu + 1j), "d: .*complex"),
        (sometimes(lambda mu: mu, lambda mu: np.datetime64("2020-01-01")), "d: .*dates"),
        (sometimes(lambda mu: mu, lambda mu: None), "d: .*None"),
        (sometimes(lambda mu: mu, lambda mu: np.zeros(3)), "d: .*shape"),
        (sometimes(lambda mu: np.zeros(3), lambda mu: mu), "d: .*shape"),
        (
            lambda mu: np.zeros(int(abs(float(mu)) * 20) + 1) if abs(float(mu)) > 1e-9 else mu,
            "d: .*shape|y: .*broadcast",
        ),
        (lambda mu: [[mu], [mu, mu]], "d: .*different lengths"),
        (lambda mu: {"a": mu}, "d: .*numbers"),
    ],
)
def test_functions_that_answer_with_something_else_are_named(function, said):
    with pytest.raises(mc.ModelError, match=said):
        sampled_with(function)


@pytest.mark.parametrize("answer", ["abc", "1", 1j, None, np.zeros(2), np.datetime64("2020-01-01")])
@pytest.mark.parametrize("own", ["potential", "stochastic"])
def test_log_densities_that_are_none_are_named(answer, own):
    mu = mc.Normal("mu", 0, 1)
    if own == "potential":
        node = mc.Potential(lambda mu: 0.0 if float(mu) > 0 else answer, "", "p", {"mu": mu})
    else:
        node = mc.Stochastic(
            lambda value, mu: 0.0 if float(mu) > 0 else answer, "", "p", {"mu": mu}, value=1.0, observed=True
        )
    with pytest.raises(mc.ModelError, match="p: .*(one number|text|complex|dates)"):
        mc.MCMC([mu, node]).sample(100, 10, **QUIET)


# -------------------------------------------------------------------- names


@pytest.mark.parametrize("name", [".", "..", " ", "a\0b", "\ud800"])
def test_names_that_no_file_holds_are_refused_by_the_model(name):
    with pytest.raises(mc.ModelError, match="a node's name expected letters.*rename it"):
        mc.Model([mc.Normal(name, 0, 1)])
    with pytest.raises(mc.ModelError, match="non-empty"):
        mc.Normal("", 0, 1)


def test_names_that_files_would_take_for_one_are_kept_apart(tmp_path):
    names = ["a/b", "a per b", "é", "e\u0301", "mu", "mu_dim_0", "chain", "x.y", "a b", "(a/b)", "a\nb", "a\tb"]
    nodes = [mc.Normal(n, i, 1, size=2) for i, n in enumerate(names)]
    m = mc.MCMC(nodes).sample(40, 10, **QUIET)
    mc.report.arviz_bridge.to_netcdf(m.to_arviz(), tmp_path / "draws.nc")
    again = mc.MCMC(nodes).read(tmp_path / "draws.nc")
    for name in names:
        np.testing.assert_array_equal(again.trace(name)[:], m.trace(name)[:])
