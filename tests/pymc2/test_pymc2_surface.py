"""The surface that PyMC 2's users know, row by row: each name exists, takes its keywords, and does one thing right.

The table stands at the end of each section: what the row is about, whether it is wanted, the names that have to be
there, the keywords that they have to take, and functions that each show one behaviour on a known answer. A function
that takes ``m`` is run with mcmix and with mcmix.pymc2.
"""

import csv
import inspect
import types
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from scipy import special, stats

import mcmix as new
import mcmix.pymc2 as old
from mcmix.errors import ModelError
from tests.references import assert_law, assert_masses, assert_mean

pytestmark = pytest.mark.usefixtures("no_open_figures")

BOTH = (new, old)
LAW_KEYWORDS = "value observed size trace rseed doc debug plot verbose"


class Row(NamedTuple):
    """One row of the surface.

    Attributes
    ----------
    section : int
    thing : str
    verdict : str
        "must", "nice" or "no": whether it is wanted.
    names : str
        Names that have to exist in mcmix and mcmix.pymc2; with ``*`` in front in mcmix.pymc2 only, with ``+`` in mcmix.
    accepts : dict of str to str
        Keywords by such a name, in the order in which they go by position.
    shows : tuple of functions
    absent : dict of str to str
        Names that are not in mcmix.pymc2, with a part of the message.
    """

    section: int
    thing: str
    verdict: str
    names: str = ""
    accepts: dict[str, str] = {}  # noqa: RUF012
    shows: tuple[Callable, ...] = ()
    absent: dict[str, str] = {}  # noqa: RUF012


# -------------------------------------------------------------------- helpers


def run(m, nodes, iterations, burn=0, thin=1, /, step=None, on=None, **options):
    """A sampler after one chain; in both modules the seed is 7."""
    sampler = m.MCMC(nodes)
    if step is not None:
        sampler.use_step_method(step, on, **options)
    if m is old:
        np.random.seed(7)
        return sampler.sample(iterations, burn, thin, progress_bar=False)
    return sampler.sample(iterations, burn, thin, progress_bar=False, chains=1, seed=7)


def one_datum(m, **keywords):
    """Prior N(0, 1), one datum 3 with variance 1: the posterior is N(1.5, 0.5)."""
    mu = m.Normal("mu", 0.0, 1.0, **keywords)
    return mu, m.Normal("y", mu, 1.0, value=3.0, observed=True)


POSTERIOR = stats.norm(1.5, np.sqrt(0.5))


def is_posterior(sampler):
    assert_law(np.asarray(sampler.trace("mu")[:])[None], POSTERIOR)


def labels_and_heights(m, n=30):
    x = np.concatenate([np.full(n, -4.0), np.full(n, 4.0)]) + np.tile(np.linspace(-1, 1, n), 2)
    z = m.Categorical("z", [0.5, 0.5], size=2 * n)
    mu = m.Normal("mu", [-4.0, 4.0], 0.1, size=2)
    return x, z, mu


def step_of(sampler, node):
    return sampler.step_method_dict[node][0].name


# -------------------------------------------------------------------- 1. nodes, decorators, containers


def a_stochastic_draws_its_first_value(m):
    drawn = m.Stochastic(
        logp=lambda value, top: stats.uniform.logpdf(value, 0, top),
        doc="words",
        name="s",
        parents={"top": 4.0},
        random=lambda top: top / 2,
        trace=True,
        value=None,
        dtype=float,
        rseed=False,
        observed=False,
        cache_depth=2,
        plot=None,
        verbose=-1,
        check_logp=True,
        logp_partial_gradients=None,
    )
    assert drawn.value == 2.0 and drawn.logp == pytest.approx(-np.log(4)) and drawn.__doc__ == "words"
    assert drawn.parents["top"] == 4.0 and drawn.keep_trace and not drawn.observed and drawn.mask is None
    with pytest.raises(ValueError, match="start value or a random"):
        m.Stochastic(lambda value: 0.0, "", "s", {})


def a_stochastic_reverts_and_is_read_only(m):
    x = m.Normal("x", 0, 1, value=[1.0, 2.0])
    x.value = [3.0, 4.0]
    assert x.last_value.tolist() == [1.0, 2.0] and x.shape == (2,) and x.dtype == float
    x.revert()
    assert x.value.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        x.value[0] = 9.0
    assert x.random().shape == x.rand().shape == (2,) and x.value.tolist() != [1.0, 2.0]


def a_stochastic_knows_its_neighbours(m):
    a, b, c = (m.Normal(name, 0, 1) for name in "abc")
    mean = a + b
    y = m.Normal("y", mean, m.exp(c), value=0.5, observed=True)
    assert set(a.children) == {mean} and a.extended_children == {y} and y.extended_parents == {a, b, c}
    assert a.coparents == {b, c} and a.moral_neighbors == {b, c, y} and a.markov_blanket == {a, b, c, y}


def a_deterministic_is_computed(m):
    sd = m.Uniform("sd", 0, 100, value=2.0)
    tau = m.Deterministic(
        eval=lambda sd, more: np.array([sd**-2, more]),
        doc="words",
        name="tau",
        parents={"sd": sd, "more": 5.0},
        dtype=float,
        trace=True,
        cache_depth=2,
        plot=None,
        verbose=-1,
        jacobians={},
        jacobian_formats={},
    )
    assert tau.value.tolist() == [0.25, 5.0]
    sd.value = 4.0
    assert tau.value.tolist() == [0.0625, 5.0]
    with pytest.raises(ValueError, match="read-only"):
        tau.value[0] = 1.0
    with pytest.raises(AttributeError):
        tau.value = [1.0, 2.0]


def a_potential_cuts(m):
    x = m.Normal("x", 0, 1, value=0.5)
    above = m.Potential(
        logp=lambda x: np.where(x > 0, 0.0, -np.inf),
        doc="words",
        name="above",
        parents={"x": x},
        cache_depth=2,
        plot=None,
        verbose=-1,
        logp_partial_gradients=None,
    )
    assert above.logp == 0.0
    sampler = run(m, [x, above], 6000, 1000)
    assert_law(sampler.trace("x")[:][None], stats.halfnorm())
    with pytest.raises(ModelError, match="no variable named 'above'"):
        sampler.trace("above")


def a_lambda_has_its_defaults_as_parents(m):
    a = m.Normal("a", 0, 1, value=3.0)
    both = m.Lambda(
        "both",
        lam_fun=lambda a=a, b=2: a**b,
        doc="words",
        dtype=float,
        trace=False,
        cache_depth=2,
        plot=None,
        verbose=0,
    )
    assert both.value == 9.0 and set(both.parents) == {"a", "b"} and not both.keep_trace


def an_index_looks_up_and_gibbs_sees_it(m):
    x, z, mu = labels_and_heights(m)
    z.value = np.repeat([0, 1], 30)
    mu.value = [-3.0, 5.0]
    centre = m.Index("centre", x=mu, index=z, doc="words", trace=False)
    assert centre.value.tolist() == [-3.0] * 30 + [5.0] * 30
    y = m.Normal("y", centre, 1.0, value=x, observed=True)
    assert step_of(m.MCMC([z, mu, y]), z) == "label update"


def a_linear_combination_adds_products(m):
    slope = m.Normal("slope", 0, 1, value=[2.0, -1.0])
    design = np.array([[1.0, 2.0], [3.0, 4.0]])
    line = m.LinearCombination("line", x=[design, 1.0], y=[slope, 10.0], doc="words", trace=True)
    assert line.value.tolist() == [10.0, 12.0]


def a_completed_dirichlet_has_every_weight(m):
    given = [0.2, 0.3] if m is old else [0.2, 0.3, 0.5]
    weights = m.CompletedDirichlet("weights", D=m.Dirichlet("D", [1, 1, 1], value=given), doc="words", trace=False)
    assert weights.value.shape == (3,)
    np.testing.assert_allclose(weights.value, [0.2, 0.3, 0.5])
    own = m.CompletedDirichlet("own", m.Uniform("u", 0, 0.5, value=[0.2, 0.4]))
    np.testing.assert_allclose(own.value, [0.2, 0.4, 0.4])


def logits_and_back(m):
    p, odds = m.Beta("p", 1, 1, value=0.8), m.Normal("odds", 0, 1, value=-2.0)
    assert m.Logit("l", theta=p).value == pytest.approx(np.log(4))
    assert m.InvLogit("q", ltheta=odds).value == pytest.approx(1 / (1 + np.exp(2)))
    assert m.logit(p).value == pytest.approx(np.log(4)) and m.invlogit(0.0) == 0.5


def a_plain_function_takes_nodes(m):
    a = m.Normal("a", 0, 1, value=3.0)

    def squared(x, times=1):
        return times * x**2

    wrapped = m.pfunc(squared)
    assert isinstance(wrapped(a), m.Deterministic) and wrapped(a, times=2).value == 18.0 and wrapped(4) == 16
    assert old.pufunc(squared)(a).value == 9.0


ONE_NODE = (
    "sum any all abs exp log sqrt expm1 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arctanh".split()
)


def functions_of_nodes_are_nodes(m):
    x = m.Uniform("x", 0, 1, value=[0.25, 0.75])
    for name in ONE_NODE:
        node = getattr(m, name)(x)
        assert isinstance(node, m.Deterministic), name
        np.testing.assert_array_equal(node.value, getattr(np, name)([0.25, 0.75]), name)
    np.testing.assert_allclose(m.arccosh(1.0 + x).value, np.arccosh([1.25, 1.75]))
    np.testing.assert_allclose(m.arctan2(x, 2.0).value, np.arctan2([0.25, 0.75], 2))
    np.testing.assert_allclose(m.hypot(3.0, x).value, np.hypot(3, [0.25, 0.75]))


def equal_compares_values(m):
    a, b = m.Poisson("a", 3, value=2), m.Poisson("b", 3, value=2)
    same = m.equal(a, b)
    assert isinstance(same, m.Deterministic) and same.value
    b.value = 3
    assert not same.value and (a == b) is False


def stochastic_in_both_forms(m):
    rate = m.Gamma("rate", 1, 1, value=2.0)

    @m.stochastic
    def short(value=1.5, rate=rate):
        """Words."""
        return np.log(rate) - rate * value

    @m.stochastic(dtype=int, trace=False, plot=False, rseed=False, name="tosses", verbose=0, cache_depth=2)
    def long(value=None, n=10, rate=rate):
        def logp(value, n, rate):
            return stats.binom.logpmf(value, n, rate / 10)

        def random(n, rate):
            return n - 1

    assert short.logp == pytest.approx(stats.expon.logpdf(1.5, scale=0.5)) and short.__doc__ == "Words."
    assert short.value == 1.5 and set(short.parents) == {"rate"}
    assert long.value == 9 and long.name == "tosses" and long.dtype == int and not long.keep_trace
    assert long.logp == pytest.approx(stats.binom.logpmf(9, 10, 0.2))


def a_stochastic_of_ones_own_is_sampled(m):
    @m.stochastic
    def x(value=0.5, low=-1.0, high=2.0):
        return np.where((low < value) & (value < high), 0.0, -np.inf)

    assert_law(run(m, [x], 8000, 1000).trace("x")[:][None], stats.uniform(-1, 3))


def deterministic_takes_parents_from_defaults(m):
    a = m.Normal("a", 0, 1, value=3.0)

    @m.deterministic
    def twice(a=a):
        """Words."""
        return 2 * a

    @m.deterministic(name="thrice", trace=False, plot=False, dtype=float, cache_depth=2, verbose=0)
    def other(a=a, by=3):
        return by * a

    assert twice.value == 6.0 and other.value == 9.0 and set(other.parents) == {"a", "by"}
    with pytest.raises(ValueError, match="'forgotten'"):

        @m.deterministic
        def wrong(forgotten, a=a):
            return a


def potential_takes_parents_from_defaults(m):
    a = m.Normal("a", 0, 1, value=3.0)

    @m.potential
    def pull(a=a, to=5.0):
        return -0.5 * (a - to) ** 2

    @m.potential(name="push", verbose=0, cache_depth=2)
    def other(a=a):
        return a

    assert pull.logp == -2.0 and other.logp == 3.0
    assert m.Model([a, pull, other]).logp == pytest.approx(stats.norm.logpdf(3) + 1.0)


WAITS, ONE = np.array([0.5, 1.5]), np.array([3.0])


def observed_is_a_decorator_and_a_function(m):
    rate = m.Gamma("rate", 1, 1, value=2.0)

    @m.observed
    def waits(value=WAITS, rate=rate):
        return np.sum(np.log(rate) - rate * value)

    @m.observed
    @m.stochastic(dtype=int)
    def count(value=3, rate=rate):
        return stats.poisson.logpmf(value, rate)

    known = m.observed(m.Normal("known", 0, 1, value=[1.0, 2.0]))
    assert waits.observed and count.observed and known.observed
    assert waits.logp == pytest.approx(stats.expon.logpdf([0.5, 1.5], scale=0.5).sum())
    assert count.logp == pytest.approx(stats.poisson.logpmf(3, 2))
    model = m.Model([waits, count, known])
    assert set(model.stochastics) == {rate} and set(model.observed_stochastics) == {waits, count, known}


def the_short_names_are_the_long_ones():
    assert old.stoch is old.stochastic and old.dtrm is old.deterministic and old.pot is old.potential
    assert old.data is old.observed


def names_by_keyword_are_keys_of_traces(m):
    a = m.Normal("a", 0, 1)

    @m.deterministic(name="another name")
    def f(a=a):
        """Words."""
        return a + 1

    sampler = run(m, [a, f], 20)
    assert f.name == f.__name__ == "another name" and f.__doc__ == "Words."
    np.testing.assert_allclose(sampler.trace("another name")[:], sampler.trace("a")[:] + 1)


def robust_init_redraws_parents(m):
    top = m.Uniform("top", 0, 10, value=1.0)
    x = m.robust_init(m.Uniform, 200, "x", lower=0, upper=top, value=5.0, observed=True)
    assert top.value > 5 and x.logp == pytest.approx(-np.log(top.value))


def containers_are_parents(m):
    p, q = m.Beta("p", 1, 1, value=0.2), m.Beta("q", 1, 1, value=0.3)
    z = m.Categorical("z", [p, q, 0.5], value=[0, 1, 2], observed=True)
    assert z.logp == pytest.approx(np.log(0.2 * 0.3 * 0.5)) and set(z.extended_parents) == {p, q}
    total = m.Deterministic(lambda both: both["p"] + both["more"][0], "", "total", {"both": {"p": p, "more": (q, 1)}})
    assert total.value == 0.5
    p.value = 0.6
    assert total.value == pytest.approx(0.9)


def containers_list_their_nodes(m):
    a, y = m.Normal("a", 0, 1, value=1.0), m.Normal("y", 0, 1, value=2.0, observed=True)
    pull = m.Potential(lambda a: -a, "", "pull", {"a": a})
    b = a + 1
    kinds = {
        "ListContainer": [a, y, pull, b],
        "TupleContainer": (a, y, pull, b),
        "SetContainer": {a, y, pull, b},
        "DictContainer": {"a": a, "y": y, "p": pull, "b": b},
        "ArrayContainer": np.array([a, y, pull, b], dtype=object),
        "ObjectContainer": types.SimpleNamespace(a=a, y=y, pull=pull, b=b),
    }
    for name, source in kinds.items():
        c = m.Container(source)
        assert isinstance(c, getattr(old, name)) and isinstance(c, old.ContainerBase), name
        assert (set(c.stochastics), set(c.observed_stochastics)) == ({a}, {y}), name
        assert (set(c.deterministics), set(c.potentials)) == ({b}, {pull}), name
        assert (set(c.nodes), set(c.variables)) == ({a, y, pull, b}, {a, y, b}), name
        assert c.logp == pytest.approx(stats.norm.logpdf([1, 2]).sum() - 1), name
    assert m.Container([a, (y, 3)]).value == [1.0, (2.0, 3)] and m.Container({"a": a}).value == {"a": 1.0}
    assert m.Container(types.SimpleNamespace(a=a)).a is a


def containers_refuse_changes(m):
    a = m.Normal("a", 0, 1, value=1.0)
    frozen, mapping = m.Container([a]), m.Container({"a": a})
    for change in (
        lambda: frozen.append(a),
        lambda: frozen.__setitem__(0, 1),
        lambda: frozen.__iadd__([1]),
        lambda: mapping.__setitem__("b", 2),
        lambda: mapping.update(b=2),
        lambda: m.Container(np.array([a, 1], dtype=object)).__setitem__(0, 1),
    ):
        with pytest.raises(NotImplementedError):
            change()


def the_impossible_raises_zero_probability(m):
    top = m.Uniform("top", 0, 10, value=1.0)
    x = m.Uniform("x", 0, top, value=5.0)
    with pytest.raises(m.ZeroProbability):
        _ = x.logp
    with pytest.raises(m.ZeroProbability):
        _ = m.Model([x]).logp

    @m.stochastic
    def never(value=1.0):
        raise m.ZeroProbability("no")

    with pytest.raises(m.ZeroProbability):
        _ = never.logp


def names_are_unique(m):
    with pytest.raises(ValueError, match="'same'"):
        m.MCMC([m.Normal("same", 0, 1), m.Normal("same", 5, 1)])
    untraced = [m.Lambda("f", lambda a=1: a, trace=False), m.Lambda("f", lambda a=2: a, trace=False)]
    assert len(m.Model([m.Normal("x", 0, 1), *untraced]).deterministics) == 2


def parents_of_a_node_stay():
    a, b = old.Normal("a", 0, 1, value=1.0), old.Normal("b", 0, 1, value=2.0)
    given = [a, 3.0]
    total = old.Deterministic(lambda x: x[0] + x[1], "", "total", {"x": given})
    given[0] = b
    assert total.value == 4.0
    with pytest.raises(NotImplementedError):
        total.parents["x"][0] = b


def verbose_is_accepted(m):
    a = m.Normal("a", 0, 1, value=1.0, verbose=3)
    assert m.Lambda("b", lambda a=a: a + 1, verbose=2).value == 2.0
    assert m.Model([a], verbose=0).stochastics == [a]


def only_what_changed_is_computed(m):
    called = {"f": 0, "g": 0, "h": 0}
    a, b = m.Normal("a", 0, 1, value=1.0), m.Normal("b", 0, 1, value=2.0)

    def counted(name):
        def function(x):
            called[name] += 1
            return x + 1

        return function

    f = m.Deterministic(counted("f"), "", "f", {"x": a}, cache_depth=3)
    g = m.Deterministic(counted("g"), "", "g", {"x": f})
    h = m.Deterministic(counted("h"), "", "h", {"x": b})
    values = [(f.value, g.value, h.value) for _ in range(3)]
    assert values == [(2.0, 3.0, 3.0)] * 3 and called == {"f": 1, "g": 1, "h": 1}
    a.value = 5.0
    assert (f.value, g.value, h.value) == (6.0, 7.0, 3.0) and called == {"f": 2, "g": 2, "h": 1}


def a_law_from_scipy():
    Rayleigh = old.stochastic_from_scipy_dist(stats.rayleigh)
    x = Rayleigh("x", scale=2.0, value=[1.0, 3.0], observed=True)
    assert x.logp == pytest.approx(stats.rayleigh.logpdf([1, 3], scale=2).sum())


def a_law_from_functions():
    Ramp = old.stochastic_from_dist(
        name="ramp",
        logp=lambda value, top: np.sum(np.log(2 * value / top**2)),
        random=lambda top, size=None: top * np.sqrt(np.random.random(size)),
        logp_partial_gradients={},
        dtype=float,
        mv=False,
    )
    np.random.seed(3)
    assert Ramp("x", 2.0, value=[0.5, 1.0], observed=True).logp == pytest.approx(np.log(0.25 * 0.5))
    assert Ramp("y", 2.0, size=4000).value.mean() == pytest.approx(4 / 3, abs=0.05)


STOCHASTIC = (
    "logp doc name parents random trace value dtype rseed observed cache_depth plot verbose check_logp "
    "logp_partial_gradients"
)
TABLE = [
    Row(1, "Stochastic", "must", "Stochastic", {"Stochastic": STOCHASTIC},
        (a_stochastic_draws_its_first_value, a_stochastic_reverts_and_is_read_only, a_stochastic_knows_its_neighbours)),
    Row(1, "Deterministic", "must", "Deterministic",
        {"Deterministic": "eval doc name parents dtype trace cache_depth plot verbose jacobians jacobian_formats"},
        (a_deterministic_is_computed,)),
    Row(1, "Potential", "must", "Potential",
        {"Potential": "logp doc name parents cache_depth plot verbose logp_partial_gradients"}, (a_potential_cuts,)),
    Row(1, "Lambda", "must", "Lambda *lambda_deterministic",
        {"Lambda": "name lam_fun doc dtype trace cache_depth plot verbose"}, (a_lambda_has_its_defaults_as_parents,)),
    Row(1, "Index", "must", "Index", {"Index": "name x index doc dtype trace cache_depth plot verbose"},
        (an_index_looks_up_and_gibbs_sees_it,)),
    Row(1, "LinearCombination", "nice", "LinearCombination",
        {"LinearCombination": "name x y doc dtype trace cache_depth plot verbose"},
        (a_linear_combination_adds_products,)),
    Row(1, "CompletedDirichlet", "must", "CompletedDirichlet",
        {"CompletedDirichlet": "name D doc trace cache_depth plot verbose"}, (a_completed_dirichlet_has_every_weight,)),
    Row(1, "Logit, InvLogit, Stukel", "nice", "Logit InvLogit logit invlogit",
        {"Logit": "name theta doc trace cache_depth plot verbose",
         "InvLogit": "name ltheta doc trace cache_depth plot verbose"},
        (logits_and_back,),
        {"StukelLogit": "write a deterministic", "stukel_invlogit": "write a deterministic"}),
    Row(1, "pfunc, pufunc", "nice", "pfunc *pufunc", {}, (a_plain_function_takes_nodes,)),
    Row(1, "functions of nodes", "must", " ".join([*ONE_NODE, "arccosh", "arctan2", "hypot"]), {},
        (functions_of_nodes_are_nodes,)),
    Row(1, "equal", "nice", "equal", {"equal": "a b"}, (equal_compares_values,)),
    Row(1, "@stochastic", "must", "stochastic *stoch", {},
        (stochastic_in_both_forms, a_stochastic_of_ones_own_is_sampled, the_short_names_are_the_long_ones)),
    Row(1, "@deterministic", "must", "deterministic *dtrm", {}, (deterministic_takes_parents_from_defaults,)),
    Row(1, "@potential", "must", "potential *pot", {}, (potential_takes_parents_from_defaults,)),
    Row(1, "@observed", "must", "observed *data", {}, (observed_is_a_decorator_and_a_function,)),
    Row(1, "name= and doc", "must", "", {}, (names_by_keyword_are_keys_of_traces,)),
    Row(1, "robust_init", "nice", "robust_init", {"robust_init": "cls tries"}, (robust_init_redraws_parents,)),
    Row(1, "special methods on and off", "no", absent={"disable_special_methods": "no attribute"}),
    Row(1, "containers", "must",
        "Container *ListContainer *TupleContainer *SetContainer *DictContainer *ArrayContainer *ObjectContainer", {},
        (containers_are_parents, containers_list_their_nodes, containers_refuse_changes)),
    Row(1, "append", "no", absent={"append": "no attribute"}),
    Row(1, "ZeroProbability", "must", "ZeroProbability", {}, (the_impossible_raises_zero_probability,)),
    Row(1, "unique names", "must", "", {}, (names_are_unique,)),
    Row(1, "changing parents", "no", "", {}, (parents_of_a_node_stay,)),
    Row(1, "verbose", "nice", "", {}, (verbose_is_accepted,)),
    Row(1, "cache_depth", "must", "", {}, (only_what_changed_is_computed,)),
    Row(1, "LazyFunction, Counter", "no", absent={"LazyFunction": "no attribute", "Counter": "no attribute"}),
    Row(1, "CircularStochastic", "no", "*CircVonMises", absent={"CircularStochastic": "move on the circle"}),
    Row(1, "gp", "no", absent={"gp": "out of scope"}),
    Row(1, "stochastic_from_scipy_dist", "nice", "*stochastic_from_scipy_dist", {}, (a_law_from_scipy,)),
    Row(1, "stochastic_from_dist", "nice", "*stochastic_from_dist",
        {"*stochastic_from_dist": "name logp random logp_partial_gradients dtype mv"}, (a_law_from_functions,)),
]  # fmt: skip


# -------------------------------------------------------------------- 2. keywords of distributions


def a_value_is_a_start_or_data(m):
    x = m.Normal("x", 1.0, 4.0, value=[0.5, 2.0])
    assert x.value.tolist() == [0.5, 2.0] and not x.observed
    assert x.logp == pytest.approx(stats.norm.logpdf([0.5, 2.0], 1.0, 0.5).sum())
    first = run(m, [x], 1, step=m.NoStepper, on=x).trace("x")[0]
    assert first.tolist() == [0.5, 2.0]


def observed_data_stay(m):
    y = m.Normal("y", 0.0, 1.0, value=[0.5, 2.0], observed=True)
    assert y.observed
    with pytest.raises(ModelError, match="cannot be set"):
        y.value = [1.0, 1.0]
    with pytest.raises(ValueError, match="expects data"):
        m.Normal("y", 0.0, 1.0, observed=True)


def a_size_is_a_number_or_a_tuple(m):
    assert m.Normal("a", 0.0, 1.0, size=3).shape == (3,) and m.Poisson("b", 2.0, size=(2, 4)).value.shape == (2, 4)
    with pytest.raises(ValueError, match=r"shape \(3,\).*shape \(2,\)"):
        m.Normal("c", 0.0, 1.0, size=3, value=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"shape \(3,\).*shape \(2,\)"):
        m.Categorical("d", [0.5, 0.5], size=3, value=[0, 1])


def laws_of_vectors_refuse_a_size():
    for law, parents in (
        (old.MvNormal, ([0, 0], np.eye(2))),
        (old.MvNormalCov, ([0, 0], np.eye(2))),
        (old.Dirichlet, ([1, 1],)),
        (old.Multinomial, (3, [0.5, 0.5])),
        (old.Wishart, (3, np.eye(2))),
    ):
        with pytest.raises(TypeError, match="takes no size"):
            law("x", *parents, size=2)


def an_untraced_law_leaves_no_draws(m):
    a, b = m.Normal("a", 0, 1, trace=False), m.Normal("b", 0, 1)
    sampler = run(m, [a, b], 30)
    assert sampler.trace("b")[:].shape == (30,) and not a.keep_trace
    with pytest.raises(ModelError, match="'a'"):
        sampler.trace("a")


def starts_are_drawn_anew():
    a = old.Normal("a", 0, 1, rseed=True)
    M, before = old.MCMC([a]), a.value
    M.seed()
    assert a.value != before


def figure_of(plot, *arguments, **keywords):
    assert getattr(old.Matplot, plot)(*arguments, **keywords) is None
    return pyplot.gcf()


def plot_says_what_is_drawn():
    np.random.seed(1)
    nodes = [old.Normal("few", 0, 1), old.Normal("not", 0, 1, plot=False), old.Normal("many", 0, 1, size=12)]
    nodes.append(old.Normal("all", 0, 1, size=11, plot=True))
    M = old.MCMC(nodes)
    M.sample(40, progress_bar=False)
    assert len(figure_of("plot", M).axes) == 3 * (1 + 11)


def doc_is_kept(m):
    x = m.Normal("x", 0, 1, doc="words", verbose=0, debug=False)
    assert x.__doc__ == "words"


def laws_of_whole_numbers_take_a_type(m):
    z = m.Categorical("z", [0.5, 0.5], value=[0, 1], dtype=np.int32)
    counts = m.Multinomial("counts", 3, [0.5, 0.5], value=[1, 2], dtype=np.int16)
    assert z.value.dtype == np.int32 and counts.value.dtype == np.int16


def an_unknown_keyword_is_named(m):
    with pytest.raises(TypeError, match=r"'sd'.*accepted:.*mu.*tau.*value.*observed.*size"):
        m.Normal("x", 0, 1, sd=3)


def frames_are_arrays(m):
    column = pd.Series([0.5, 2.0], index=["a", "b"])
    table = pd.DataFrame({"x": [0.5, 2.0], "y": [1.0, -1.0]})
    for given, plain in ((column, column.to_numpy()), (table, table.to_numpy())):
        y = m.Normal("y", 0.0, 1.0, value=given, observed=True)
        assert isinstance(y.value, np.ndarray) and np.array_equal(y.value, plain)
        assert y.logp == pytest.approx(stats.norm.logpdf(plain).sum())


def parents_broadcast(m):
    assert m.Normal("a", [0.0, 10.0, 20.0], 1.0).shape == (3,) and m.Normal("b", 0.0, 1.0, size=4).shape == (4,)
    x = np.array([[0.5, 9.0], [1.0, 11.0], [0.0, 8.0]])
    y = m.Normal("y", [0.0, 10.0], [[1.0], [4.0], [0.25]], value=x, observed=True)
    assert y.logp == pytest.approx(stats.norm.logpdf(x, [0.0, 10.0], [[1.0], [0.5], [2.0]]).sum())
    with pytest.raises(ValueError, match="broadcast"):
        m.Normal("z", [0.0, 1.0], 1.0, value=[1.0, 2.0, 3.0])


TABLE += [
    Row(2, "value", "must", shows=(a_value_is_a_start_or_data,)),
    Row(2, "observed", "must", shows=(observed_data_stay,)),
    Row(2, "size", "must", shows=(a_size_is_a_number_or_a_tuple, laws_of_vectors_refuse_a_size)),
    Row(2, "trace", "must", shows=(an_untraced_law_leaves_no_draws,)),
    Row(2, "rseed", "nice", shows=(starts_are_drawn_anew,)),
    Row(2, "plot", "nice", shows=(plot_says_what_is_drawn,)),
    Row(2, "doc, verbose, debug", "nice", shows=(doc_is_kept,)),
    Row(2, "dtype, cache_depth", "nice", shows=(laws_of_whole_numbers_take_a_type,)),
    Row(2, "unknown keyword", "must", shows=(an_unknown_keyword_is_named,)),
    Row(2, "pandas", "must", shows=(frames_are_arrays,)),
    Row(2, "broadcasting", "must", shows=(parents_broadcast,)),
]


# -------------------------------------------------------------------- 3. distributions


class ScalarLaw(NamedTuple):
    """A distribution of numbers: its class and functions, parents under PyMC 2's names, and SciPy's word for it."""

    name: str
    stem: str
    parents: dict[str, float]
    reference: object
    x: tuple[float, ...]
    modern: str | None = None  # its name in mcmix, where that is another


SCALAR = [
    ScalarLaw("Normal", "normal", {"mu": 1.0, "tau": 4.0}, stats.norm(1.0, 0.5), (0.3, 2.0, -1.0)),
    ScalarLaw("Uniform", "uniform", {"lower": -1.0, "upper": 3.0}, stats.uniform(-1.0, 4.0), (-1.0, 0.5, 3.0)),
    ScalarLaw("Bernoulli", "bernoulli", {"p": 0.3}, stats.bernoulli(0.3), (0, 1, 1)),
    ScalarLaw("Beta", "beta", {"alpha": 2.0, "beta": 5.0}, stats.beta(2.0, 5.0), (0.1, 0.5, 0.9)),
    ScalarLaw("Gamma", "gamma", {"alpha": 2.5, "beta": 4.0}, stats.gamma(2.5, scale=0.25), (0.1, 0.7, 3.0)),
    ScalarLaw("InverseGamma", "inverse_gamma", {"alpha": 3.0, "beta": 4.0}, stats.invgamma(3.0, scale=4.0), (0.5, 9.0)),
    ScalarLaw("Exponential", "exponential", {"beta": 4.0}, stats.expon(scale=0.25), (0.1, 0.7, 3.0)),
    ScalarLaw("Poisson", "poisson", {"mu": 2.5}, stats.poisson(2.5), (0, 2, 7)),
    ScalarLaw("Binomial", "binomial", {"n": 10, "p": 0.3}, stats.binom(10, 0.3), (0, 3, 10)),
    ScalarLaw("HalfNormal", "half_normal", {"tau": 4.0}, stats.halfnorm(scale=0.5), (0.1, 0.5, 2.0)),
    ScalarLaw("NoncentralT", "noncentral_t", {"mu": 1.0, "lam": 4.0, "nu": 3.0}, stats.t(3.0, 1.0, 0.5),
              (0.3, 5.0, -9.0), "StudentT"),
    ScalarLaw("Lognormal", "lognormal", {"mu": 0.5, "tau": 4.0}, stats.lognorm(0.5, scale=np.exp(0.5)), (0.3, 2.0)),
    ScalarLaw("NegativeBinomial", "negative_binomial", {"mu": 3.0, "alpha": 1.5}, stats.nbinom(1.5, 1 / 3), (0, 2, 9)),
    ScalarLaw("DiscreteUniform", "discrete_uniform", {"lower": -2, "upper": 4}, stats.randint(-2, 5), (-2, 0, 4)),
    ScalarLaw("T", "t", {"nu": 3.0}, stats.t(3.0), (0.3, 5.0), "StudentT"),
    ScalarLaw("HalfCauchy", "half_cauchy", {"alpha": 0.0, "beta": 2.0}, stats.halfcauchy(0, 2.0), (0.3, 50.0)),
    ScalarLaw("Laplace", "laplace", {"mu": 1.0, "tau": 4.0}, stats.laplace(1.0, 0.25), (0.3, 2.0)),
    ScalarLaw("Cauchy", "cauchy", {"alpha": 1.0, "beta": 4.0}, stats.cauchy(1.0, 4.0), (0.3, 50.0)),
    ScalarLaw("Logistic", "logistic", {"mu": 1.0, "tau": 4.0}, stats.logistic(1.0, 0.25), (0.3, 2.0)),
    ScalarLaw("TruncatedNormal", "truncated_normal", {"mu": 1.0, "tau": 4.0, "a": 0.0, "b": 1.5},
              stats.truncnorm(-2.0, 1.0, 1.0, 0.5), (0.3, 1.4)),
    ScalarLaw("SkewNormal", "skew_normal", {"mu": 1.0, "tau": 4.0, "alpha": 2.0}, stats.skewnorm(2.0, 1.0, 0.5),
              (0.3, 2.0)),
    ScalarLaw("Weibull", "weibull", {"alpha": 1.5, "beta": 3.0}, stats.weibull_min(1.5, scale=3.0), (0.3, 4.0)),
    ScalarLaw("Geometric", "geometric", {"p": 0.3}, stats.geom(0.3), (1, 4)),
    ScalarLaw("Betabin", "betabin", {"alpha": 2.0, "beta": 3.0, "n": 8}, stats.betabinom(8, 2.0, 3.0), (0, 4),
              "BetaBinomial"),
    ScalarLaw("Chi2", "chi2", {"nu": 3.0}, stats.chi2(3.0), (0.3, 5.0)),
    ScalarLaw("VonMises", "von_mises", {"mu": 1.0, "kappa": 2.0}, stats.vonmises(2.0, 1.0), (0.3, -2.0)),
]  # fmt: skip
BY_NAME = {law.name: law for law in SCALAR}
N_DRAWS = 4000


def log_density(reference, x):
    return (reference.logpmf if hasattr(reference.dist, "pmf") else reference.logpdf)(x)


def follows(draws, reference):
    """Independent draws follow SciPy's distribution, at a level of one in ten thousand."""
    draws = np.asarray(draws, float)
    assert draws.shape == (N_DRAWS,)
    if not hasattr(reference.dist, "pmf"):
        turned = np.mod(draws + np.pi, 2 * np.pi) - np.pi if reference.dist.name == "vonmises" else draws
        cdf = (lambda x: reference.cdf(x) - reference.cdf(-np.pi)) if turned is not draws else reference.cdf
        assert stats.kstest(turned, cdf).pvalue > 1e-4
        return
    values = np.arange(reference.ppf(0.002), reference.ppf(0.998) + 1)
    expected = N_DRAWS * reference.pmf(values)
    values, expected = values[expected > 8], expected[expected > 8]
    counts = (draws[:, None] == values).sum(0).astype(float)
    if N_DRAWS - expected.sum() > 8:
        counts, expected = np.append(counts, N_DRAWS - counts.sum()), np.append(expected, N_DRAWS - expected.sum())
    else:
        assert N_DRAWS - counts.sum() < 40
    assert stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-4


def checks_of(law):
    """Node, density and draws of a distribution, each with its parents by keyword and by position."""

    def nodes(m):
        made = getattr(m, law.name if m is old else (law.modern or law.name))
        parents = {"mu": 0.0, "lam": 1.0, **law.parents} if (m is new and law.name == "T") else law.parents
        x = made("x", *parents.values(), value=law.x, observed=True)
        assert x.logp == pytest.approx(log_density(law.reference, np.array(law.x)).sum(), rel=1e-9)
        keywords = dict.fromkeys(LAW_KEYWORDS.split()) | {"observed": False, "trace": True, "debug": False}
        drawn = made("drawn", **parents, **(keywords | {"size": N_DRAWS, "verbose": 0}))
        follows(drawn.value, law.reference)

    def density():
        like = getattr(old, f"{law.stem}_like")
        exact = log_density(law.reference, np.array(law.x))
        assert like(np.array(law.x), **law.parents) == pytest.approx(exact.sum(), rel=1e-9)
        assert like(law.x[0], *law.parents.values()) == pytest.approx(exact[0], rel=1e-9)
        assert list(inspect.signature(like).parameters) == ["x", *law.parents]

    def draws():
        np.random.seed(19)
        follows(getattr(old, f"r{law.stem}")(**law.parents, size=N_DRAWS), law.reference)

    density.__name__, draws.__name__ = f"{law.stem}_like", f"r{law.stem}"
    return nodes, density, draws


def law_row(name, verdict, *more):
    law = BY_NAME[name]
    classes = name if law.modern is None else f"*{name} +{law.modern}"
    names = f"{classes} *{law.stem}_like *r{law.stem}"
    accepts = {f"*{name}": f"name {' '.join(law.parents)} {LAW_KEYWORDS}", f"*{law.stem}_like": "x"}
    return Row(3, name, verdict, names, accepts, (*checks_of(law), *more))


def a_uniform_includes_its_ends(m):
    assert m.Uniform("x", -1.0, 3.0, value=[-1.0, 3.0]).logp == pytest.approx(-2 * np.log(4))


def a_bernoulli_is_yes_or_no(m):
    assert m.Bernoulli("x", 0.3).dtype == bool and m.Bernoulli("x", 0.3, size=3).value.dtype == bool


def a_discrete_uniform_includes_its_ends(m):
    assert set(m.DiscreteUniform("x", 1, 3, size=200).value) == {1, 2, 3}


P = np.array([0.2, 0.3, 0.5])


def categorical_weights(m):
    shown = P[:2] if m is old else P
    p = m.Uniform("p", 0, 1, value=0.2)
    rows = np.array([[1.0, 0.0, 0.0], [0.1, 0.2, 0.7], [0.4, 0.4, 0.2], [0.2, 0.2, 0.6]])
    for weights in (P, P.tolist(), [p, 0.3, 0.7 - p], m.Dirichlet("D", [1, 1, 1], value=shown)):
        z = m.Categorical("z", p=weights, value=[0, 1, 2, 2])
        assert z.logp == pytest.approx(np.log(0.2 * 0.3 * 0.5 * 0.5))
    z = m.Categorical("z", rows, value=[0, 1, 1, 2], observed=True)
    assert z.logp == pytest.approx(np.log(0.2 * 0.4 * 0.6))
    follows(m.Categorical("z", P, size=N_DRAWS).value, stats.rv_discrete(values=([0, 1, 2], P))())


def categorical_functions():
    assert old.categorical_like(x=[0, 2, 2], p=P) == pytest.approx(np.log(0.2 * 0.25))
    np.random.seed(5)
    follows(old.rcategorical(p=P, size=N_DRAWS), stats.rv_discrete(values=([0, 1, 2], P))())


THETA = np.array([2.0, 3.0, 5.0])


def dirichlet_weights(m):
    shown = P[:2] if m is old else P
    D = m.Dirichlet("D", theta=THETA, value=shown, observed=False, trace=True, doc="words", verbose=0)
    assert D.shape == shown.shape and D.logp == pytest.approx(stats.dirichlet.logpdf(P, THETA))
    assert D.random().shape == shown.shape
    sampler = run(m, [D], 3000)
    assert_mean(sampler.trace("D")[:][None], (THETA / 10)[: len(shown)])


def a_dirichlet_by_position():
    D = old.Dirichlet("D", THETA, P[:2], True, None, False)
    assert D.observed and not D.keep_trace and D.value.tolist() == [0.2, 0.3]


def dirichlet_functions():
    assert old.dirichlet_like(x=P[:2], theta=THETA) == pytest.approx(stats.dirichlet.logpdf(P, THETA))
    np.random.seed(5)
    draws = old.rdirichlet(theta=THETA, size=N_DRAWS)
    assert draws.shape == (N_DRAWS, 2) and stats.kstest(draws[:, 0], stats.beta(2, 8).cdf).pvalue > 1e-4
    assert stats.kstest(draws[:, 1], stats.beta(3, 7).cdf).pvalue > 1e-4


def multinomial_counts(m):
    shown = P[:2] if m is old else P
    exact = stats.multinomial.logpmf([1, 2, 4], 7, P)
    for weights in (P, m.Dirichlet("D", [1, 1, 1], value=shown)):
        assert m.Multinomial("x", n=7, p=weights, value=[1, 2, 4], observed=True).logp == pytest.approx(exact)
    assert m.Multinomial("x", 7, P).value.sum() == 7


def multinomial_functions():
    assert old.multinomial_like(x=[1, 2, 4], n=7, p=P) == pytest.approx(stats.multinomial.logpmf([1, 2, 4], 7, P))
    np.random.seed(5)
    follows(old.rmultinomial(n=7, p=P, size=N_DRAWS)[:, 1], stats.binom(7, 0.3))


MEAN, COV = np.array([1.0, -2.0]), np.array([[2.0, 0.6], [0.6, 1.0]])
NORMALS = {
    "MvNormal": ("mv_normal", {"mu": MEAN, "tau": np.linalg.inv(COV)}),
    "MvNormalCov": ("mv_normal_cov", {"mu": MEAN, "C": COV}),
    "MvNormalChol": ("mv_normal_chol", {"mu": MEAN, "sig": np.linalg.cholesky(COV)}),
}


def normal_vectors(m):
    x = np.array([[0.5, -1.0], [2.0, -4.0]])
    for name, (_, parents) in NORMALS.items():
        node = getattr(m, name)("x", **parents, value=x, observed=True)
        assert node.logp == pytest.approx(stats.multivariate_normal.logpdf(x, MEAN, COV).sum()), name
        assert getattr(m, name)("y", *parents.values()).value.shape == (2,)
    assert stats.norm.logpdf(0.5) == pytest.approx(m.MvNormal("z", [0.0], [[1.0]], value=[0.5]).logp)


def normal_vector_functions():
    for stem, parents in NORMALS.values():
        exact = stats.multivariate_normal.logpdf([0.5, -1.0], MEAN, COV)
        assert getattr(old, f"{stem}_like")(x=[0.5, -1.0], **parents) == pytest.approx(exact), stem
        np.random.seed(5)
        draws = getattr(old, f"r{stem}")(**parents, size=N_DRAWS)
        white = np.linalg.solve(np.linalg.cholesky(COV), (draws - MEAN).T)
        assert all(stats.kstest(w, stats.norm.cdf).pvalue > 1e-4 for w in white), stem
        assert abs(np.corrcoef(white)[0, 1]) < 0.06, stem


SCALE = np.array([[2.0, 0.6], [0.6, 1.0]])


def wishart_matrices(m):
    x = np.array([[3.0, 0.5], [0.5, 2.0]])
    tau = m.Wishart("W", n=5, Tau=np.linalg.inv(SCALE), value=x)
    assert tau.logp == pytest.approx(stats.wishart.logpdf(x, 5, SCALE))
    assert m.WishartCov("V", n=5, C=SCALE, value=x).logp == pytest.approx(stats.wishart.logpdf(x, 5, SCALE))
    drawn = m.Wishart("drawn", 5, np.eye(2)).value
    assert drawn.shape == (2, 2) and np.all(np.linalg.eigvalsh(drawn) > 0)


def wishart_functions():
    x = np.array([[3.0, 0.5], [0.5, 2.0]])
    for stem, parents in (("wishart", {"n": 5, "Tau": np.linalg.inv(SCALE)}), ("wishart_cov", {"n": 5, "C": SCALE})):
        assert getattr(old, f"{stem}_like")(x, **parents) == pytest.approx(stats.wishart.logpdf(x, 5, SCALE)), stem
        np.random.seed(5)
        draws = getattr(old, f"r{stem}")(**parents, size=N_DRAWS)
        assert draws.shape == (N_DRAWS, 2, 2)
        assert stats.kstest(draws[:, 0, 0], stats.chi2(5, scale=2.0).cdf).pvalue > 1e-4, stem
        assert_mean(draws[None], 5 * SCALE, stem)


def improper_laws():
    flat, whole = old.Uninformative("flat", value=[7.0, -3.0]), old.DiscreteUninformative("whole", value=4)
    scale = old.OneOverX("scale", value=[2.0, 5.0])
    assert flat.logp == whole.logp == 0.0 and scale.logp == pytest.approx(-np.log(10))


def functions_serve_in_a_law_of_ones_own():
    """The mean of normal data under a normal prior, both written with the functions."""

    @old.stochastic
    def mu(value=0.0, mean=0.0, tau=1.0):
        def logp(value, mean, tau):
            return old.normal_like(value, mean, tau)

        def random(mean, tau):
            return old.rnormal(mean, tau)

    @old.observed
    def y(value=ONE, mu=mu):
        return old.normal_like(value, mu, 1.0)

    is_posterior(run(old, [mu, y], 8000, 1000))


MUST_FUNCTIONS = (
    "normal uniform categorical dirichlet bernoulli beta gamma inverse_gamma exponential poisson binomial multinomial "
    "mv_normal mv_normal_cov wishart noncentral_t half_normal lognormal negative_binomial discrete_uniform"
).split()


def law_keywords(parents, without=""):
    return " ".join(["name", parents, *[k for k in LAW_KEYWORDS.split() if k not in without.split()]])


TABLE += [
    law_row("Normal", "must"),
    law_row("Uniform", "must", a_uniform_includes_its_ends),
    Row(3, "Categorical", "must", "Categorical *categorical_like *rcategorical",
        {"*Categorical": law_keywords("p"), "*categorical_like": "x p", "*rcategorical": "p size"},
        (categorical_weights, categorical_functions)),
    Row(3, "Dirichlet", "must", "Dirichlet CompletedDirichlet *dirichlet_like *rdirichlet",
        {"*Dirichlet": law_keywords("theta", "size"), "*dirichlet_like": "x theta", "*rdirichlet": "theta size"},
        (dirichlet_weights, a_dirichlet_by_position, dirichlet_functions)),
    law_row("Bernoulli", "must", a_bernoulli_is_yes_or_no),
    law_row("Beta", "must"),
    law_row("Gamma", "must"),
    law_row("InverseGamma", "must"),
    law_row("Exponential", "must"),
    law_row("Poisson", "must"),
    law_row("Binomial", "must"),
    Row(3, "Multinomial", "must", "Multinomial *multinomial_like *rmultinomial",
        {"*Multinomial": law_keywords("n p", "size"), "*multinomial_like": "x n p", "*rmultinomial": "n p size"},
        (multinomial_counts, multinomial_functions)),
    Row(3, "MvNormal, MvNormalCov, MvNormalChol", "must",
        "MvNormal MvNormalCov MvNormalChol *mv_normal_like *rmv_normal *mv_normal_cov_like *rmv_normal_cov",
        {"*MvNormal": law_keywords("mu tau", "size"), "*MvNormalCov": law_keywords("mu C", "size"),
         "*MvNormalChol": law_keywords("mu sig", "size"), "*mv_normal_like": "x mu tau",
         "*rmv_normal_cov": "mu C size"},
        (normal_vectors, normal_vector_functions)),
    Row(3, "Wishart, WishartCov", "must", "Wishart WishartCov *wishart_like *rwishart *wishart_cov_like *rwishart_cov",
        {"*Wishart": law_keywords("n Tau", "size"), "*WishartCov": law_keywords("n C", "size"),
         "*wishart_like": "x n Tau", "*rwishart": "n Tau"},
        (wishart_matrices, wishart_functions)),
    law_row("T", "nice"),
    law_row("NoncentralT", "must"),
    law_row("HalfNormal", "must"),
    law_row("HalfCauchy", "nice"),
    law_row("Lognormal", "must"),
    law_row("Laplace", "nice"),
    law_row("Cauchy", "nice"),
    law_row("Logistic", "nice"),
    law_row("TruncatedNormal", "nice"),
    law_row("SkewNormal", "nice"),
    law_row("Weibull", "nice"),
    law_row("NegativeBinomial", "must"),
    law_row("Geometric", "nice"),
    law_row("DiscreteUniform", "must", a_discrete_uniform_includes_its_ends),
    law_row("Betabin", "nice"),
    Row(3, "Hypergeometric", "no",
        absent={"Hypergeometric": "from_scipy", "MultivariateHypergeometric": "from_scipy"}),
    law_row("Chi2", "nice"),
    Row(3, "Pareto and others, VonMises", "no", "VonMises *von_mises_like *rvon_mises", {},
        checks_of(BY_NAME["VonMises"]),
        {"Pareto": "from_scipy", "TruncatedPareto": "Truncated", "TruncatedPoisson": "Truncated",
         "Exponweib": "from_scipy", "Degenerate": "no attribute"}),
    Row(3, "Uninformative, DiscreteUninformative, OneOverX", "nice",
        "*Uninformative *DiscreteUninformative *OneOverX *uninformative_like *one_over_x_like", {}, (improper_laws,)),
    Row(3, "arlognormal, gev", "no", absent={"arlognormal_like": "no attribute", "gev_like": "no attribute"}),
    Row(3, "functions of distributions", "must", " ".join(f"*{s}_like *r{s}" for s in MUST_FUNCTIONS), {},
        (functions_serve_in_a_law_of_ones_own,)),
    Row(3, "losses and wrappers", "no", absent={"squared_loss": "no attribute", "gofwrapper": "no attribute"}),
]  # fmt: skip


# -------------------------------------------------------------------- 4. operators


def is_operation(node, exact, what):
    assert type(node).__name__ in ("Deterministic", "Index"), what
    np.testing.assert_array_equal(node.value, exact, what)
    assert not node.keep_trace, what


def arithmetic_makes_nodes(m):
    a, b = np.array([7.0, -2.5]), np.array([2.0, 4.0])
    x, y = m.Normal("x", 0, 1, value=a), m.Normal("y", 0, 1, value=b)
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
        operation = getattr(np, {"truediv": "divide", "sub": "subtract", "mul": "multiply", "floordiv": "floor_divide",
                                 "pow": "power"}.get(name, name))  # fmt: skip
        there, back = (getattr(m.Node, f"__{r}{name}__") for r in ("", "r"))
        is_operation(there(x, y), operation(a, b), name)
        is_operation(there(x, 2.0), operation(a, 2.0), name)
        is_operation(back(y, 3.0), operation(3.0, b), name)
        is_operation(back(y, a), operation(a, b), name)
    for node, exact in zip(divmod(x, 2.0), divmod(a, 2.0), strict=True):
        is_operation(node, exact, "divmod")
    for node, exact in zip(divmod(9.0, y), divmod(9.0, b), strict=True):
        is_operation(node, exact, "rdivmod")
    is_operation(-x, -a, "neg")
    is_operation(abs(x), np.abs(a), "abs")


def bits_make_nodes(m):
    x, y = m.Poisson("x", 3, value=[6, 5]), m.Poisson("y", 3, value=[3, 1])
    a, b = np.array([6, 5]), np.array([3, 1])
    for node, exact in (
        (x << y, a << b), (x >> y, a >> b), (x & y, a & b), (x ^ y, a ^ b), (x | y, a | b), (~x, ~a),
        (12 << y, 12 << b), (12 >> y, 12 >> b), (4 & x, 4 & a), (4 ^ x, 4 ^ a), (4 | x, 4 | a),
    ):  # fmt: skip
        is_operation(node, exact, node.name)


def comparisons_make_nodes(m):
    a = np.array([1.0, 2.0, 3.0])
    x = m.Normal("x", 0, 1, value=a)
    for node, exact in (
        (x < 2, a < 2), (x <= 2, a <= 2), (x > 2, a > 2), (x >= 2, a >= 2), (x != 2, a != 2), (1.5 < x, a > 1.5),
        (x < x + 1, a < 4),
    ):  # fmt: skip
        is_operation(node, exact, node.name)


def equality_is_identity(m):
    a, b = m.Normal("a", 0, 1, value=1.0), m.Normal("a", 0, 1, value=1.0)
    assert (a == a) is True and (a == b) is False and len({a, b}) == 2 and [b, a].index(a) == 1
    with pytest.raises(TypeError, match="np.equal"):
        _ = a == 1.0


def brackets_look_up(m):
    x = m.Normal("x", 0, 1, value=[1.0, 2.0, 3.0])
    table = m.Normal("table", 0, 1, value=[[1.0, 2.0], [3.0, 4.0]])
    i = m.DiscreteUniform("i", 0, 2, value=2)
    assert isinstance(x[1], m.Index) and isinstance(x[i], m.Index)
    is_operation(x[1], 2.0, "number")
    is_operation(x[i], 3.0, "node")
    is_operation(x[:2], [1.0, 2.0], "slice")
    is_operation(table[0, 1], 2.0, "pair")
    is_operation(table[1], [3.0, 4.0], "row")
    i.value = 0
    assert x[i].value == 1.0


def nodes_are_not_called():
    with pytest.raises(TypeError, match="not callable"):
        old.Normal("x", 0, 1)()


def nodes_do_not_change_in_place(m):
    x = m.Normal("x", 0, 1, value=1.0)
    for name in ("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ior", "ixor", "ilshift"):
        with pytest.raises(NotImplementedError, match="'x'"):
            getattr(x, f"__{name}__")(2)
    assert x.value == 1.0


def nodes_are_iterated_and_are_no_numbers(m):
    x, scalar = m.Normal("x", 0, 1, value=[1.0, 2.0]), m.Normal("s", 0, 1, value=1.0)
    first, second = x
    is_operation(first, 1.0, "first")
    is_operation(second, 2.0, "second")
    for cast in (int, float, complex):
        with pytest.raises(TypeError, match="s.value"):
            cast(scalar)


def arrays_and_nodes_make_one_node(m):
    x = m.Normal("x", 0, 1, value=[1.0, 2.0])
    for node, exact in (
        (np.array([10.0, 20.0]) - x, [9.0, 18.0]),
        (np.array([[1.0], [2.0]]) * x, [[1.0, 2.0], [2.0, 4.0]]),
        (np.float64(2.0) / x, [2.0, 1.0]),
        (np.array([1.5, 1.5]) < x, [False, True]),
    ):
        assert isinstance(node, m.Deterministic)
        np.testing.assert_array_equal(node.value, exact)


TABLE += [
    Row(4, "arithmetic and bits", "must", shows=(arithmetic_makes_nodes, bits_make_nodes)),
    Row(4, "comparisons", "must", shows=(comparisons_make_nodes,)),
    Row(4, "==", "must", shows=(equality_is_identity,)),
    Row(4, "x[i]", "must", "Index", shows=(brackets_look_up,)),
    Row(4, "x(...)", "no", shows=(nodes_are_not_called,)),
    Row(4, "in place", "must", shows=(nodes_do_not_change_in_place,)),
    Row(4, "iter and casts", "nice", shows=(nodes_are_iterated_and_are_no_numbers,)),
    Row(4, "array op node", "must", shows=(arrays_and_nodes_make_one_node,)),
]


# -------------------------------------------------------------------- 5. missing data


def masked_entries_are_sampled(m):
    data = np.ma.masked_array([1.0, 0.0, 3.0, 0.0, 2.0], mask=[0, 1, 0, 1, 0], fill_value=999999)
    y = m.Normal("y", [0.0, 10.0, 0.0, -10.0, 0.0], 4.0, value=data, observed=True)
    assert not y.observed and y.value.shape == (5,)
    sampler = run(m, [y], 3000)
    draws = sampler.trace("y")[:]
    assert draws.shape == (3000, 2) and y.value[[0, 2, 4]].tolist() == [1.0, 3.0, 2.0]
    assert_law(draws[None, :, 0], stats.norm(10.0, 0.5))
    assert_law(draws[None, :, 1], stats.norm(-10.0, 0.5))


def an_empty_mask_is_plain_data(m):
    mu = m.Normal("mu", 0, 1)
    y = m.Normal("y", mu, 1.0, value=np.ma.masked_array([1.0, 2.0], mask=[False, False]), observed=True)
    sampler = run(m, [mu, y], 20)
    assert y.observed and sampler.model.stochastics == [mu]
    with pytest.raises(ModelError, match="no variable named 'y'"):
        sampler.trace("y")


def masked_entries_start_from_the_prior(m):
    where = np.arange(400) % 2 == 0
    counts = np.ma.masked_array(np.full(400, 3), mask=where, fill_value=999999)
    y = m.Poisson("y", 3.0, value=counts, observed=True)
    starts = np.asarray(y.value)[where]
    assert abs(starts.mean() - 3) < 6 * np.sqrt(3 / 200) and 1.5 < starts.var() < 5
    z = m.Categorical("z", [0.0, 1.0], value=np.ma.masked_array([1, 0], mask=[0, 1]), observed=True)
    assert z.value.tolist() == [1, 1] and z.logp == 0.0


def entries_are_imputed_one_by_one(m):
    import mcmix.pymc2 as old

    y = old.Impute("y", old.Normal, [1.0, None, 3.0], mu=0.0, tau=1.0)
    assert [node.observed for node in y] == [True, False, True] and y[0].value == 1.0


def none_is_missing(m):
    for given in ([1.0, None, 3.0], np.ma.masked_values([1.0, -999.0, 3.0], -999.0)):
        y = m.Normal("y", 50.0, 1e8, value=given, observed=True)
        assert y.mask.tolist() == [False, True, False] and y.value[1] == pytest.approx(50, abs=0.01)


def nan_is_missing(m):
    mu = m.Normal("mu", 0.0, 1.0)
    y = m.Normal("y", mu, 1.0, value=np.array([3.0, np.nan]), observed=True)
    sampler = run(m, [mu, y], 20000, 1000)
    is_posterior(sampler)
    assert sampler.trace("y")[:].shape == (19000, 1)
    assert_law(sampler.trace("y")[:][None, :, 0], stats.norm(1.5, np.sqrt(1.5)))


TABLE += [
    Row(5, "masked entries", "must", shows=(masked_entries_are_sampled,)),
    Row(5, "nothing masked", "must", shows=(an_empty_mask_is_plain_data,)),
    Row(5, "start of masked entries", "must", shows=(masked_entries_start_from_the_prior,)),
    Row(5, "Impute", "no", "*Impute *ImputeMissing", {}, (entries_are_imputed_one_by_one,)),
    Row(5, "None", "nice", shows=(none_is_missing,)),
    Row(5, "NaN", "must", shows=(nan_is_missing,)),
]


# -------------------------------------------------------------------- 6. models and samplers


def a_model_from_anything(m):
    mu, y = one_datum(m, value=0.5)
    shifted, pull = mu + 1, m.Potential(lambda mu: -mu, "", "pull", {"mu": mu})
    module = types.ModuleType("heights")
    vars(module).update(mu=mu, y=y, shifted=shifted, pull=pull, number=3, np=np)
    inside = type("Heights", (), {"mu": mu, "y": y, "shifted": shifted, "pull": pull})
    exact = stats.norm.logpdf(0.5) + stats.norm.logpdf(3, 0.5, 1) - 0.5
    for source in (
        [mu, y, shifted, pull], (mu, y, shifted, pull), {mu, y, shifted, pull}, module, inside,
        {"mu": mu, "all": [y, (shifted, {"p": pull})]}, np.array([mu, y, shifted, pull], dtype=object),
        types.SimpleNamespace(mu=mu, y=y, shifted=shifted, pull=pull),
    ):  # fmt: skip
        model = m.Model(source)
        assert model.logp == pytest.approx(exact), source
        assert (set(model.stochastics), set(model.observed_stochastics)) == ({mu}, {y}), source
        assert (set(model.deterministics), set(model.potentials)) == ({shifted}, {pull}), source
        assert (set(model.variables), set(model.nodes)) == ({mu, y, shifted}, {mu, y, shifted, pull}), source
        assert [len(g) for g in model.generations] == [1, 3] and model.value["mu"] == 0.5, source


def names_in_dicts_modules_and_classes_are_attributes():
    mu, y = one_datum(old)
    module = types.ModuleType("heights")
    vars(module).update(centre=mu, seen=y)
    for source in ({"centre": mu, "seen": y}, module, type("Heights", (), {"centre": mu, "seen": y})):
        model = old.Model(input=source, name="Heights", verbose=0)
        assert model.centre is mu and model.seen is y and model.name == "Heights"
        assert old.MCMC(source).centre is mu


def a_node_called_data_is_an_attribute():
    mu, y = one_datum(old)
    assert old.Model({"mu": mu, "data": y}).data is y and old.MCMC({"mu": mu, "data": y}).data is y


def a_model_is_drawn_parents_first(m):
    top = m.Uniform("top", 5.0, 6.0, value=5.5)
    x = m.Uniform("x", top - 1e-6, top, value=5.4999995)
    fixed = m.Normal("fixed", 0.0, 1.0, value=2.0, observed=True)
    model = m.Model([top, x, fixed])
    model.draw_from_prior()
    assert top.value != 5.5 and 5 < top.value < 6 and 0 <= top.value - x.value <= 1e-6 and fixed.value == 2.0
    assert model.get_node("x") is x


def a_model_is_seeded():
    mu, y = one_datum(old, value=0.5)
    model = old.Model([mu, y])
    model.seed()
    assert mu.value != 0.5 and y.value == 3.0


def a_sampler_is_made_and_run():
    mu, y = one_datum(old)
    S = old.Sampler(input=[mu, y], db="ram", name="S", calc_deviance=False, verbose=0)
    np.random.seed(3)
    S.sample(iter=2000, verbose=0)
    is_posterior(S)
    assert S.name == "S"


def a_sampler_takes_reinit_model():
    mu, y = one_datum(old)
    assert old.Sampler([mu, y], "ram", "S", reinit_model=True).model.stochastics == [mu]


def a_sampler_takes_a_length():
    mu, y = one_datum(old)
    S = old.Sampler([mu, y])
    S.sample(iter=20, length=None, verbose=0)
    assert S.trace("mu").length() == 20


def a_database_by_name():
    nodes = one_datum(old)
    M = old.MCMC(input=nodes, db="ram", name="M", calc_deviance=True)
    assert M.name == "M" and M.db.chains == 0
    with pytest.raises(AttributeError, match="expected one of ram"):
        old.MCMC(nodes, db="mysql")


def an_open_database_is_refused(tmp_path):
    nodes = one_datum(old)
    np.random.seed(1)
    M = old.MCMC(nodes, db="pickle", dbname=str(tmp_path / "run.pickle"))
    M.sample(10, progress_bar=False)
    with pytest.raises(AttributeError, match="a loaded database cannot be sampled into"):
        old.MCMC(nodes, db=old.database.pickle.load(tmp_path / "run.pickle"))


def a_modern_sampler(m):
    mu, y = one_datum(m)
    assert m.MCMC([mu, y], name="M", calc_deviance=True).name == "M"
    with pytest.raises(TypeError, match=r"'burnin'.*accepted"):
        new.MCMC([mu, y], burnin=3)


def runs_are_as_long_as_asked(m):
    mu, y = one_datum(m)
    assert run(m, [mu, y], 1000.9, 200.9, 4).trace("mu")[:].shape == (200,)
    assert run(m, [mu, y], 10, 1, 3).trace("mu")[:].shape == (3,)
    with pytest.raises(ValueError, match="burn"):
        run(m, [mu, y], 10, 11)


def kept_draws_are_rounded():
    mu, y = one_datum(old)
    assert [len(run(old, [mu, y], n, 0, 3).trace("mu")[:]) for n in (10, 11, 12)] == [3, 4, 4]


def one_draw_is_kept_at_least():
    assert len(run(old, one_datum(old), 1, 0, 3).trace("mu")[:]) == 1


def a_run_is_the_posterior(m):
    mu, y = one_datum(m)
    sampler = m.MCMC([mu, y])
    np.random.seed(11)
    sampler.sample(
        iter=4000, burn=1000, thin=1, tune_interval=100, tune_throughout=False, save_interval=None,
        burn_till_tuned=False, stop_tuning_after=5, verbose=0, progress_bar=False, **({} if m is old else {"seed": 11}),
    )  # fmt: skip
    chain = {} if m is old else {"chain": 0}
    assert_law(sampler.trace("mu", **chain)[:][None], POSTERIOR)


def each_call_is_a_chain_that_goes_on():
    class Counts(old.StepMethod):
        def step(self):
            self.stochastic.value = self.stochastic.value + 1.0

    mu, y = one_datum(old, value=100.0)
    M = old.MCMC([mu, y])
    M.use_step_method(Counts, mu)
    M.sample(50, 10, progress_bar=False)
    M.sample(30, progress_bar=False)
    assert M.trace("mu", chain=0)[:].tolist() == list(range(111, 151))
    assert M.trace("mu", chain=1)[:].tolist() == list(range(151, 181)) and M.db.chains == 2


def only_halt_is_left_of_the_console():
    mu, y = one_datum(old)
    M = old.MCMC([mu, y])
    for name in ("isample", "icontinue", "iprompt", "pause"):
        with pytest.raises(AttributeError, match="Ctrl-C ends a run"):
            getattr(M, name)

    class Stops(old.StepMethod):
        def step(self):
            if self.rng.random() < 0.2:
                M.halt()

    M.use_step_method(Stops, mu)
    np.random.seed(1)
    M.sample(100_000, progress_bar=False)
    assert 0 < M.trace("mu").length() < 1000


def a_sampler_is_ready_or_running():
    mu, y = one_datum(old)
    M = old.MCMC([mu, y])
    seen = [M.status]

    class Looks(old.StepMethod):
        def step(self):
            seen.append(M.status)

    M.use_step_method(Looks, mu)
    M.sample(2, progress_bar=False)
    assert [*seen, M.status] == ["ready", "running", "running", "ready"]


def a_run_goes_on_as_if_it_had_not_stopped():
    def made():
        mu = new.Normal("mu", 0.0, 1.0)
        s = new.Uniform("s", 0.0, 9.0)
        y = new.Normal("y", mu, s**-2, value=[3.0, 2.0, 4.5], observed=True)
        return new.MCMC([mu, s, y])

    whole, parts = made(), made()
    whole.sample(90, 20, chains=2, seed=5, progress_bar=False)
    parts.sample(50, 20, chains=2, seed=5, progress_bar=False)
    parts.sample(40, progress_bar=False)
    for name in ("mu", "s"):
        for chain in (0, 1):
            np.testing.assert_array_equal(parts.trace(name, chain, calls="all")[:], whole.trace(name, chain)[:])


def states_are_not_in_files():
    M = old.MCMC(one_datum(old))
    for name in ("get_state", "restore_sm_state"):
        with pytest.raises(AttributeError, match="save_state"):
            getattr(M, name)


def a_draw_is_remembered(m):
    mu, y = one_datum(m)
    twice = m.Lambda("twice", lambda mu=mu: 2 * mu)
    sampler = run(m, [mu, y, twice], 30)
    sampler.remember(chain=0, trace_index=4)
    assert mu.value == sampler.trace("mu")[4] and twice.value == 2 * mu.value


def a_step_is_chosen(m):
    mu, y = one_datum(m)
    sampler = m.MCMC([mu, y])
    assert step_of(sampler, mu) == "conjugate Gibbs"
    sampler.use_step_method(m.Metropolis, mu, proposal_sd=1e-3)
    assert step_of(sampler, mu) == "adaptive Metropolis"


def a_step_is_taken_back(m):
    mu, y = one_datum(m)
    other = m.Poisson("other", 2.0)
    sampler = m.MCMC([mu, y, other])
    sampler.use_step_method(m.Slicer, mu)
    sampler.assign_step_methods(verbose=0, draw_from_prior_when_possible=True)
    chosen = sampler.step_method_dict[mu][0]
    assert chosen.name == "slice" and chosen in sampler.step_methods and len(sampler.step_methods) == 2
    assert isinstance(sampler.step_method_dict[other][0], m.DrawFromPrior)
    sampler.remove_step_method([chosen])
    assert step_of(sampler, mu) == "conjugate Gibbs"
    sampler.assign_step_methods(draw_from_prior_when_possible=False)
    assert not isinstance(sampler.step_method_dict[other][0], m.DrawFromPrior)


def traces_by_chain():
    mu, y = one_datum(old)
    np.random.seed(2)
    M = old.MCMC([mu, y])
    M.sample(40, progress_bar=False)
    M.sample(25, progress_bar=False)
    t, last = M.trace("mu", chain=None), M.trace(mu)
    assert (t.length(None), last.length(), last.length(0), len(last[:])) == (65, 25, 40, 25)
    np.testing.assert_array_equal(t[:], np.concatenate([M.trace("mu", 0)[:], M.trace("mu", 1)[:]]))
    assert np.ndim(last[3]) == 0 and last[3] == last[:][3]
    np.testing.assert_array_equal(last(burn=5, thin=2, chain=0), M.trace("mu", 0)[:][5::2])
    np.testing.assert_array_equal(last.gettrace(burn=5, thin=2, chain=None)[:18], M.trace("mu", 0)[:][5::2])


def modern_traces_join_chains():
    mu, y = one_datum(new)
    sampler = new.MCMC([mu, y]).sample(30, chains=2, seed=1, progress_bar=False)
    joined = np.concatenate([sampler.trace("mu", chain=c)[:] for c in (0, 1)])
    np.testing.assert_array_equal(sampler.trace(mu)[:], joined)


def nodes_report_themselves(m, capsys):
    mu, y = one_datum(m)
    sampler = run(m, [mu, y], 300)
    draws = sampler.trace("mu")[:]
    np.testing.assert_array_equal(mu.trace(), draws)
    found = mu.stats(alpha=0.1, start=100, batches=50)
    assert found["mean"] == pytest.approx(draws[100:].mean()) and "90% HPD interval" in found


def a_node_prints_its_summary(capsys):
    mu, y = one_datum(old)
    sampler = run(old, [mu, y], 300)
    draws = sampler.trace("mu")[:]
    capsys.readouterr()
    assert mu.summary(alpha=0.1, start=100, batches=50, chain=None, roundto=2) is None
    said = capsys.readouterr().out
    assert "90% HPD" in said and f"{draws[100:].mean():.2f}" in said


def statistics_are_those_of_the_draws(m):
    mu = m.Normal("mu", [0.0, 5.0], 1.0, size=2)
    sampler = run(m, [mu], 2000)
    draws = sampler.trace("mu")[:]
    found = sampler.stats(variables=["mu"], alpha=0.2, start=500, batches=50, chain=None, quantiles=(10, 50, 90))["mu"]
    kept = draws[500:]
    assert found["n"] == 1500 and set(sampler.stats()) == {"mu"}
    np.testing.assert_allclose(found["mean"], kept.mean(0))
    np.testing.assert_allclose(found["standard deviation"], kept.std(0), rtol=1e-3)
    np.testing.assert_allclose(found["mc error"], kept.reshape(50, 30, 2).mean(1).std(0) / np.sqrt(50), rtol=0.02)
    for q in (10, 50, 90):
        np.testing.assert_allclose(found["quantiles"][q], np.percentile(kept, q, axis=0))
    ordered = np.sort(kept, axis=0)
    widths = ordered[1200:] - ordered[:300]
    start = widths.argmin(0)
    exact = [[ordered[s + i, c] for c, s in enumerate(start)] for i in (0, 1200)]
    np.testing.assert_allclose(found["80% HPD interval"], exact)


def default_statistics(m):
    mu, y = one_datum(m)
    found = run(m, [mu, y], 200).stats()["mu"]
    assert set(found["quantiles"]) == {2.5, 25, 50, 75, 97.5} and found["95% HPD interval"].shape == (2,)


def a_summary_is_printed(capsys):
    sampler = run(old, one_datum(old), 400)
    draws = sampler.trace("mu")[:]
    capsys.readouterr()
    assert sampler.summary(variables=["mu"], alpha=0.05, start=0, batches=100, chain=None, roundto=3) is None
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("mu")]
    numbers = [float(word) for word in line.split()[1:]]
    assert numbers[0] == round(draws.mean(), 3) and numbers[1] == pytest.approx(draws.std(), abs=2e-3)
    np.testing.assert_allclose(numbers[-5:], np.percentile(draws, [2.5, 25, 50, 75, 97.5]), atol=6e-4)


def a_modern_summary_is_a_frame():
    mu, y = one_datum(new)
    sampler = new.MCMC([mu, y]).sample(400, chains=2, seed=1, progress_bar=False)
    assert sampler.summary(["mu"]).loc["mu", "mean"] == pytest.approx(sampler.trace("mu")[:].mean(), abs=0.01)


def a_table_is_written(tmp_path):
    sampler = run(old, [old.Normal("mu", [0.0, 5.0], 1.0, size=2)], 200)
    sampler.write_csv(
        tmp_path / "out.csv", variables=["mu"], alpha=0.1, start=50, batches=10, chain=0, quantiles=(5, 95)
    )
    with open(tmp_path / "out.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["Parameter", "Mean", "SD", "MC Error", "Lower 90% HPD", "Upper 90% HPD", "q5", "q95"]
    kept = sampler.trace("mu")[50:]
    np.testing.assert_allclose([[float(r[i]) for i in (1, 6)] for r in rows],
                               np.column_stack([kept.mean(0), np.percentile(kept, 5, axis=0)]))  # fmt: skip


def the_deviance_is_traced(m):
    sampler = run(m, one_datum(m), 50)
    exact = -2 * stats.norm.logpdf(3.0, sampler.trace("mu")[:], 1.0)
    np.testing.assert_allclose(sampler.trace("deviance")[:], exact)


def criteria_of_plug_in_labels_are_refused():
    sampler = run(old, one_datum(old), 20)
    for name in ("DIC", "BPIC", "dic"):
        with pytest.raises(AttributeError, match="az.loo"):
            getattr(sampler, name)


def a_database_lists_chains_and_names():
    sampler = run(old, one_datum(old), 20)
    sampler.sample(10, progress_bar=False)
    sampler.commit()
    sampler.db.commit()
    assert sampler.db.chains == 2 and sampler.db.trace_names == [["mu"], ["mu"]]
    np.testing.assert_array_equal(sampler.db.trace("mu", 0)[:], sampler.trace("mu", chain=0)[:])


def there_was_no_goodness():
    with pytest.raises(AttributeError, match="posterior_predictive"):
        _ = old.MCMC(one_datum(old)).goodness


MEASURED = np.array([1.0, 2.5, 4.0, 0.5])


def a_normal_mean(m):
    """The mode of N(0, 4) times four data of variance 2: precision 1/4 + 4/2."""
    mu = m.Normal("mu", 0.0, 0.25)
    y = m.Normal("y", mu, 0.5, value=MEASURED, observed=True)
    return mu, y, MEASURED.sum() / 2 / 2.25


def the_mode_is_found(m):
    mu, y, mode = a_normal_mean(m)
    M = m.MAP(input=[mu, y], eps=0.001, diff_order=5)
    M.fit(method="fmin_powell", iterlim=1000, tol=1e-4, verbose=0, no_callback=False)
    assert mu.value == pytest.approx(mode, rel=1e-5) and (M.len, M.data_len) == (1, 4)
    likelihood = stats.norm.logpdf(MEASURED, mode, np.sqrt(2)).sum()
    assert M.lnL == pytest.approx(likelihood) and pytest.approx(2 - 2 * likelihood) == M.AIC
    assert pytest.approx(2 - 2 * likelihood + 4 / 2) == M.AICc and pytest.approx(np.log(4) - 2 * likelihood) == M.BIC
    assert M.logp_at_max == pytest.approx(likelihood + stats.norm.logpdf(mode, 0, 2))
    mu.value = 17.0
    M.revert_to_max()
    assert mu.value == pytest.approx(mode, rel=1e-5)


def the_mode_is_a_vector_by_node(m):
    mu, y, mode = a_normal_mean(m)
    other = m.Normal("other", 2.0, 4.0)
    M = m.MAP([mu, other, y])
    M.fit()
    np.testing.assert_allclose(M.mu[other, mu], [2.0, mode], rtol=1e-5)


def counts_are_refused_by_a_mode(m):
    n = m.Poisson("n", 5.0)
    y = m.Normal("y", m.sqrt(n + 1.0), 1.0, value=3.0, observed=True)
    with pytest.raises(ModelError, match="n"):
        m.MAP([n, y])


def a_normal_law_at_the_mode(m):
    mu, y, mode = a_normal_mean(m)
    other = m.Normal("other", 2.0, 4.0)
    N = m.NormApprox([mu, y, other], **({"db": "ram"} if m is old else {}), eps=0.001, diff_order=5)
    N.fit()
    np.testing.assert_allclose(N.C[mu, other], [[1 / 2.25, 0.0], [0.0, 0.25]], rtol=1e-4, atol=1e-8)
    N.sample(4000, seed=2)
    assert_law(N.trace("mu")[:][None], stats.norm(mode, np.sqrt(1 / 2.25)))
    N.draw()
    assert mu.value != pytest.approx(mode, rel=1e-9)


SAMPLE = (
    "iter burn thin tune_interval tune_throughout save_interval burn_till_tuned stop_tuning_after verbose progress_bar"
)
TABLE += [
    Row(6, "Model", "must", "Model", {"Model": "input name verbose"},
        (a_model_from_anything, names_in_dicts_modules_and_classes_are_attributes,
         a_node_called_data_is_an_attribute)),
    Row(6, "Model.draw_from_prior, seed, get_node", "must", "Model.draw_from_prior Model.get_node *Model.seed",
        {"Model.get_node": "name"}, (a_model_is_drawn_parents_first, a_model_is_seeded)),
    Row(6, "Sampler", "must", "*Sampler *Sampler.sample", {"*Sampler": "input db name calc_deviance verbose"},
        (a_sampler_is_made_and_run, a_sampler_takes_reinit_model, a_sampler_takes_a_length)),
    Row(6, "MCMC", "must", "MCMC", {"*MCMC": "input db name calc_deviance", "MCMC": "input"},
        (a_database_by_name, an_open_database_is_refused, a_modern_sampler)),
    Row(6, "MCMC.sample", "must", "MCMC.sample", {"MCMC.sample": SAMPLE},
        (a_run_is_the_posterior, runs_are_as_long_as_asked, kept_draws_are_rounded, one_draw_is_kept_at_least,
         each_call_is_a_chain_that_goes_on)),
    Row(6, "isample, icontinue, iprompt, pause, halt", "no", "MCMC.halt", {}, (only_halt_is_left_of_the_console,)),
    Row(6, "status", "nice", "", {}, (a_sampler_is_ready_or_running,)),
    Row(6, "saved states", "must", "", {}, (a_run_goes_on_as_if_it_had_not_stopped, states_are_not_in_files)),
    Row(6, "remember", "nice", "MCMC.remember", {"MCMC.remember": "chain trace_index"}, (a_draw_is_remembered,)),
    Row(6, "use_step_method", "must", "MCMC.use_step_method", {}, (a_step_is_chosen,)),
    Row(6, "remove_step_method and others", "must",
        "MCMC.remove_step_method MCMC.step_method_dict MCMC.step_methods MCMC.assign_step_methods",
        {"MCMC.assign_step_methods": "verbose draw_from_prior_when_possible"}, (a_step_is_taken_back,)),
    Row(6, "tune", "nice"),
    Row(6, "trace", "must", "MCMC.trace", {"*MCMC.trace": "name chain"}, (traces_by_chain, modern_traces_join_chains)),
    Row(6, "node.trace, node.stats, node.summary", "must", "Node.trace Node.stats Node.summary", {},
        (nodes_report_themselves, a_node_prints_its_summary)),
    Row(6, "stats", "must", "MCMC.stats", {"MCMC.stats": "variables alpha start batches chain quantiles"},
        (statistics_are_those_of_the_draws, default_statistics)),
    Row(6, "summary", "must", "MCMC.summary",
        {"*MCMC.summary": "variables alpha start batches chain roundto", "MCMC.summary": "variables alpha"},
        (a_summary_is_printed, a_modern_summary_is_a_frame)),
    Row(6, "write_csv", "nice", "*MCMC.write_csv",
        {"*MCMC.write_csv": "filename variables alpha start batches chain quantiles"}, (a_table_is_written,)),
    Row(6, "deviance, DIC, BPIC", "nice", "", {}, (the_deviance_is_traced, criteria_of_plug_in_labels_are_refused)),
    Row(6, "db", "nice", "*MCMC.commit", {}, (a_database_lists_chains_and_names,)),
    Row(6, "goodness", "no", "", {}, (there_was_no_goodness,)),
    Row(6, "MAP", "must", "MAP MAP.fit MAP.revert_to_max MAP.AIC MAP.AICc MAP.BIC MAP.lnL",
        {"MAP": "input eps diff_order", "MAP.fit": "method iterlim tol verbose no_callback"},
        (the_mode_is_found, the_mode_is_a_vector_by_node, counts_are_refused_by_a_mode)),
    Row(6, "NormApprox", "nice", "NormApprox NormApprox.fit NormApprox.draw NormApprox.sample",
        {"NormApprox": "input eps diff_order", "*NormApprox": "input db eps diff_order"}, (a_normal_law_at_the_mode,)),
]  # fmt: skip


# -------------------------------------------------------------------- 7. steps


def a_step_of_ones_own(m):
    class Walk(m.StepMethod):
        def __init__(self, variables, verbose=-1, tally=False):
            super().__init__(variables, verbose=verbose, tally=tally)
            self.width = 2.0

        def step(self):
            before = self.logp_plus_loglike
            self.stochastic.value = self.stochastic.value + self.rng.normal(0, self.width)
            if self.logp_plus_loglike - before < np.log(self.rng.random()):
                self.stochastic.revert()

    mu, y = one_datum(m, value=0.5)
    walk = Walk(mu)
    assert walk.loglike == pytest.approx(stats.norm.logpdf(3, 0.5)) and set(walk.markov_blanket) == {mu, y}
    assert walk.logp_plus_loglike == pytest.approx(walk.loglike + stats.norm.logpdf(0.5))
    assert walk.current_state["width"] == 2.0 and walk.tune() is False and list(walk.children) == [y]
    is_posterior(run(m, [mu, y], 5000, 500, step=Walk, on=mu))


def competence_chooses(m):
    class Claims(m.StepMethod):
        @staticmethod
        def competence(stochastic):
            return 3 if stochastic.name == "claimed by the surface" else 0

        def step(self):
            self.stochastic.value = 4.0

    x = m.Normal("claimed by the surface", 0, 1)
    y = m.Normal("y", x, 1.0, value=3.0, observed=True)
    assert m.StepMethod.competence(x) == 0
    assert run(m, [x, y], 5).trace(x)[:].tolist() == [4.0] * 5


def a_step_knows_its_ratio(m):
    mu, y = one_datum(m)
    sampler = run(m, [mu, y], 2000, 500, step=m.Metropolis, on=mu)
    assert 0 < sampler.step_methods[0].ratio < 1


def metropolis_walks(m):
    mu, y = one_datum(m)
    options = {"scale": 2.0, "proposal_sd": 1.0, "proposal_distribution": "normal", "verbose": 0, "tally": True}
    is_posterior(run(m, [mu, y], 12000, 1000, step=m.Metropolis, on=mu, check_before_accepting=True, **options))


def metropolis_from_the_prior(m):
    mu, y = one_datum(m)
    is_posterior(run(m, [mu, y], 6000, 500, step=m.Metropolis, on=mu, proposal_distribution="prior"))


def binary_metropolis_is_exact(m):
    z = m.Bernoulli("z", 0.3)
    y = m.Normal("y", 2.0 * z, 1.0, value=1.5, observed=True)
    masses = np.array([0.7, 0.3]) * stats.norm.pdf(1.5, [0, 2])
    sampler = run(m, [z, y], 6000, 100, step=m.BinaryMetropolis, on=z, p_jump=0.1, proposal_distribution="binary")
    assert_masses(sampler.trace("z")[:].astype(int)[None], masses / masses.sum())


def discrete_metropolis_is_right_from_above(m):
    n = m.Poisson("n", 4.0, value=9)
    y = m.Binomial("y", n, 0.5, value=3, observed=True)
    masses = stats.poisson.pmf(np.arange(14), 4) * stats.binom.pmf(3, np.arange(14), 0.5)
    sampler = run(m, [n, y], 20000, 1000, step=m.DiscreteMetropolis, on=n, scale=1.0, proposal_sd=None,
                  proposal_distribution="poisson", non_negative=True)  # fmt: skip
    assert_masses(sampler.trace("n")[:][None], masses / stats.poisson.pmf(3, 2))


def matrices_walk(m):
    W = m.Wishart("W", 6, np.eye(2))
    sampler = run(m, [W], 12000, 2000, 2, step=m.PDMatrixMetropolis, on=W, scale=1.0, proposal_sd=None)
    assert_law(sampler.trace("W")[:, 0, 0][None], stats.chi2(6))


def a_block_adapts(m):
    a, b = m.Normal("a", 0.0, 1.0), m.Normal("b", 0.0, 1.0)
    y = m.Normal("y", a + b, 100.0, value=2.0, observed=True)
    options = {"cov": np.eye(2), "delay": 1000, "interval": 200, "greedy": True, "shrink_if_necessary": False}
    sampler = run(m, [a, b, y], 30000, 5000, step=m.AdaptiveMetropolis, on=[a, b], **options)
    assert len(sampler.step_methods) == 1
    for name in "ab":  # by symmetry half of 2 * 2 / (2 + 0.01)
        assert_mean(sampler.trace(name)[:][None], 2 / 2.01)


def a_block_takes_scales(m):
    mu, y = one_datum(m)
    is_posterior(run(m, [mu, y], 15000, 2000, step=m.AdaptiveMetropolis, on=[mu], scales={mu: 0.5}))


def a_block_has_ways_to_a_covariance(m):
    for name in ("cov_from_scales", "cov_from_trace", "cov_from_value"):
        assert hasattr(m.AdaptiveMetropolis, name), name


def slices_are_right(m):
    rate = m.Gamma("rate", 2.0, 1.0)
    y = m.Poisson("y", rate, value=[3, 5], observed=True)
    sampler = run(m, [rate, y], 5000, 500, step=m.Slicer, on=rate, w=1.0, m=1000, tune=True, doubling=False)
    assert_law(sampler.trace("rate")[:][None], stats.gamma(10, scale=1 / 3))


def gibbs_is_chosen_and_exact(m):
    """Beta prior, 7 of 10: Beta(9, 5), and independent draws."""
    p = m.Beta("p", 2.0, 2.0)
    x = m.Binomial("x", 10, p, value=7, observed=True)
    sampler = run(m, [p, x], 6000)
    draws = sampler.trace("p")[:]
    assert step_of(sampler, p) == "conjugate Gibbs"
    assert stats.kstest(draws, stats.beta(9, 5).cdf).pvalue > 1e-4
    assert abs(np.corrcoef(draws[1:], draws[:-1])[0, 1]) < 0.06


def what_has_no_data_is_drawn(m):
    a = m.Normal("a", 2.0, 4.0)
    n = m.Poisson("n", m.exp(a), trace=True)
    sampler = run(m, [a, n], 4000)
    assert {type(s) for s in sampler.step_methods} == {m.DrawFromPrior}
    assert stats.kstest(sampler.trace("a")[:], stats.norm(2.0, 0.5).cdf).pvalue > 1e-4
    sampler = m.MCMC([a, n])
    sampler.use_step_method(m.DrawFromPrior, n)
    assert isinstance(sampler.step_method_dict[n][0], m.DrawFromPrior)


def a_held_node_stays(m):
    mu, y = one_datum(m, value=0.25)
    assert np.all(run(m, [mu, y], 50, step=m.NoStepper, on=mu).trace("mu")[:] == 0.25)


def labels_move_one_by_one(m):
    """All labels flip on their own: with weights and data that say nothing, half of them in each sweep."""
    z = m.Categorical("z", [0.5, 0.5], size=400)
    mu = m.Normal("mu", [0.0, 0.0], 1e12, size=2)
    y = m.Normal("y", mu[z], 1.0, value=np.linspace(-1, 1, 400), observed=True)
    labels = run(m, [z, mu, y], 60).trace("z")[:].astype(int)
    assert (labels[1:] != labels[:-1]).mean() == pytest.approx(0.5, abs=0.02)


def conjugate_parents_are_drawn_exactly(m):
    x = np.array([[0.5, 1.0], [2.0, -1.0], [1.0, 0.0]])
    mean, precision = m.Normal("mean", 0.0, 1.0), m.Gamma("precision", 2.0, 1.0)
    D, W = m.Dirichlet("D", [1.0, 2.0]), m.Wishart("W", 4, np.eye(2))
    data = [
        m.Normal("y", mean, precision, value=x[:, 0], observed=True),
        m.Categorical("z", D, value=[0, 1, 1], observed=True),
        m.MvNormal("v", np.zeros(2), W, value=x, observed=True),
    ]
    sampler = run(m, [mean, precision, D, W, *data], 3000)
    assert {s.name for s in sampler.step_methods} == {"conjugate Gibbs"}
    assert_mean(sampler.trace("D")[:, 0][None], 2 / 6)
    assert_mean(sampler.trace("W")[:][None], 7 * np.linalg.inv(np.eye(2) + x.T @ x))


TABLE += [
    Row(7, "StepMethod", "must",
        "StepMethod StepMethod.step StepMethod.tune StepMethod.competence StepMethod.loglike "
        "StepMethod.logp_plus_loglike StepMethod.markov_blanket StepMethod.current_state",
        {"StepMethod": "variables verbose tally"}, (a_step_of_ones_own, competence_chooses, a_step_knows_its_ratio)),
    Row(7, "Metropolis", "must", "Metropolis Metropolis.hastings_factor",
        {"Metropolis": "stochastic scale proposal_sd proposal_distribution verbose tally check_before_accepting"},
        (metropolis_walks, metropolis_from_the_prior)),
    Row(7, "BinaryMetropolis", "must", "BinaryMetropolis",
        {"BinaryMetropolis": "stochastic p_jump proposal_distribution verbose tally"}, (binary_metropolis_is_exact,)),
    Row(7, "DiscreteMetropolis", "must", "DiscreteMetropolis",
        {"DiscreteMetropolis": "stochastic scale proposal_sd proposal_distribution non_negative"},
        (discrete_metropolis_is_right_from_above,)),
    Row(7, "PDMatrixMetropolis", "nice", "PDMatrixMetropolis", {"PDMatrixMetropolis": "stochastic scale proposal_sd"},
        (matrices_walk,)),
    Row(7, "AdaptiveMetropolis", "must", "AdaptiveMetropolis",
        {"AdaptiveMetropolis": "stochastic cov delay interval greedy shrink_if_necessary scales"},
        (a_block_adapts, a_block_takes_scales, a_block_has_ways_to_a_covariance)),
    Row(7, "Slicer", "nice", "Slicer", {"Slicer": "stochastic w m tune doubling"}, (slices_are_right,)),
    Row(7, "Gibbs", "must", "", {}, (gibbs_is_chosen_and_exact,)),
    Row(7, "DrawFromPrior", "must", "DrawFromPrior", {"*DrawFromPrior": "variables generations"},
        (what_has_no_data_is_drawn,)),
    Row(7, "NoStepper", "must", "NoStepper", {"NoStepper": "stochastic"}, (a_held_node_stays,)),
    Row(7, "TWalk", "no", absent={"TWalk": "no attribute"}),
    Row(7, "steps that there were none of", "must", "", {},
        (labels_move_one_by_one, conjugate_parents_are_drawn_exactly)),
]  # fmt: skip


# -------------------------------------------------------------------- 8. databases, plots, diagnostics


def draws_are_in_memory():
    mu, y = one_datum(old)
    M = old.MCMC([mu, y])
    np.random.seed(1)
    M.sample(30, progress_bar=False)
    assert M.db.filename is None and M.trace("mu")[:].shape == (30,)


def no_draws_are_kept():
    mu, y = one_datum(old)
    M = old.MCMC([mu, y], db="no_trace")
    np.random.seed(1)
    M.sample(30, progress_bar=False)
    with pytest.raises(ModelError, match="keeps no draws"):
        M.trace("mu")
    assert mu.value != 0


def a_file_is_read_again(tmp_path, capsys):
    M = old.MCMC(one_datum(old), db="hdf5", dbname=tmp_path / "run.hdf5", dbmode="w")
    np.random.seed(1)
    M.sample(30, progress_bar=False)
    read = old.database.hdf5.load(tmp_path / "run.hdf5")
    np.testing.assert_array_equal(read.trace("mu")[:], M.trace("mu")[:])
    assert read.chains == 1 and read.trace_names == [["mu"]] and [f.name for f in tmp_path.iterdir()] == ["run.nc"]


def lines_of(figure):
    return [np.asarray(line.get_ydata()) for axes in figure.axes for line in axes.lines]


def drawn_in(figure, draws):
    return any(line.shape == draws.shape and np.array_equal(line, draws) for line in lines_of(figure))


def plots_show_the_draws(tmp_path, capsys):
    mu = old.Normal("mu", [0.0, 5.0], 1.0, size=2)
    M = run(old, [mu], 60)
    draws = M.trace("mu")[:]
    for source in (M, mu, M.trace("mu"), {"mu": draws}, draws):
        figure = figure_of("plot", source)
        assert len(figure.axes) == 6 and drawn_in(figure, draws[:, 0]) and drawn_in(figure, draws[:, 1])
    capsys.readouterr()
    old.Matplot.plot(M, "all", format="png", suffix="-1", path=tmp_path, common_scale=False, last=True, verbose=0)
    assert [f.name for f in tmp_path.iterdir()] == ["all-1.png"] and capsys.readouterr().err == ""


def other_plots_show_the_draws():
    M = run(old, [old.Normal("mu", 0.0, 1.0)], 400)
    draws = M.trace("mu")[:]
    assert drawn_in(figure_of("trace", M), draws)
    (heights,) = [axes for axes in figure_of("histogram", M).axes if axes.get_xlabel()]
    assert heights.get_xlim()[0] < draws.min() and heights.get_xlim()[1] > draws.max()
    lags = [axes for axes in figure_of("autocorrelation", M, maxlags=7).axes if axes.get_xlabel()]
    assert len(lags) == 1 and 7 <= lags[0].get_xlim()[1] < 9
    forest = figure_of("summary_plot", M, main="heading", x_range=(-9.0, 9.0))
    shown = [axes.get_xlim() for axes in forest.axes]
    assert (-9.0, 9.0) in [tuple(map(float, limits)) for limits in shown]


def rhat(chains):
    """Rank-normalised split R-hat, of the draws and of their distances from the median; the larger (Vehtari 2021)."""

    def one(x):
        halves = np.concatenate(np.split(x, 2, axis=1))
        z = special.ndtri((stats.rankdata(halves).reshape(halves.shape) - 0.375) / (halves.size + 0.25))
        n = z.shape[1]
        within, between = z.var(1, ddof=1).mean(), n * z.mean(1).var(ddof=1)
        return np.sqrt(((n - 1) / n * within + between / n) / within)

    return max(one(chains), one(np.abs(chains - np.median(chains))))


def chains_are_compared():
    x = np.random.default_rng(3).normal(size=(4, 500)) * [[1], [1], [2], [1]] + [[0], [0.2], [0], [0.5]]
    assert old.gelman_rubin(x=x) == pytest.approx(rhat(x), rel=1e-6)
    pooled = 499 / 500 * x.var(1, ddof=1).mean() + x.mean(1).var(ddof=1)
    assert old.gelman_rubin(x, return_var=True) == pytest.approx(pooled)
    np.testing.assert_allclose(old.gelman_rubin(np.stack([x, x[::-1] ** 3], -1)), [rhat(x), rhat(x[::-1] ** 3)])


def autoregression(rho, shape, seed):
    noise = np.random.default_rng(seed).normal(size=shape)
    x = noise.copy()
    for i in range(1, shape[-1]):
        x[..., i] = rho * x[..., i - 1] + noise[..., i]
    return x


def draws_are_counted():
    x = autoregression(0.6, (4, 10000), 4)
    assert old.effective_n(x=x) == pytest.approx(40000 * 0.4 / 1.6, rel=0.1)


def diagnostics_take_samplers_and_nodes():
    a, b = old.Normal("a", 0, 1), old.Normal("b", [0, 5], 1, size=2)
    np.random.seed(6)
    M = old.MCMC([a, b])
    M.sample(400, progress_bar=False)
    M.sample(400, progress_bar=False)
    found = old.gelman_rubin(M)
    assert set(found) == {"a", "b"} and found["b"].shape == (2,)
    chains = np.stack([M.trace("a", chain=c)[:] for c in (0, 1)])
    assert found["a"] == pytest.approx(rhat(chains), rel=1e-6) and old.gelman_rubin(a) == found["a"]
    assert set(old.effective_n(M)) == {"a", "b"} and old.effective_n(b).shape == (2,)


def times_and_scores():
    x = autoregression(0.6, (20000,), 5)
    assert old.iat(x=x, maxlag=None) == pytest.approx(1.6 / 0.4, rel=0.15)
    y = np.random.default_rng(8).normal(size=4000)
    scores = np.array(old.geweke(x=y, first=0.1, last=0.5, intervals=20, maxlag=20))
    head, tail = y[:400], y[2000:]
    assert scores.shape == (20, 2) and scores[0, 0] == 0
    exact = (head.mean() - tail.mean()) / np.sqrt(head.var() / 400 + tail.var() / 2000)
    assert scores[0, 1] == pytest.approx(exact, rel=0.2, abs=0.1)


def small_functions():
    grid = stats.expon.ppf((np.arange(20000) + 0.5) / 20000)
    np.testing.assert_allclose(old.utils.hpd(x=grid, alpha=0.05), [0.0, stats.expon.ppf(0.95)], atol=2e-3)
    assert old.utils.hpd(np.stack([grid, -grid], -1), 0.5).shape == (2, 2)
    assert old.utils.quantiles(grid, qlist=(50,))[50] == pytest.approx(np.log(2), rel=1e-3)
    assert old.utils.normcdf(1.3) == pytest.approx(stats.norm.cdf(1.3))
    assert old.utils.invcdf(0.2) == pytest.approx(stats.norm.ppf(0.2))
    x = autoregression(0.6, (20000,), 9)
    assert old.utils.autocorr(x, lag=2) == pytest.approx(0.36, abs=0.04)


def a_model_is_drawn_as_a_graph(m):
    source = str(m.Model(one_datum(m)).graph_source())
    assert source.startswith("digraph") and source.count("->") == 1


TABLE += [
    Row(8, "ram", "must", shows=(draws_are_in_memory,)),
    Row(8, "no_trace", "must", shows=(no_draws_are_kept,)),
    Row(8, "pickle, txt, sqlite, hdf5, hdf5ea", "nice",
        "*database.pickle.load *database.txt.load *database.sqlite.load *database.hdf5.load *database.hdf5ea.load",
        {}, (a_file_is_read_again,)),
    Row(8, "Matplot.plot", "must", "*Matplot.plot",
        {"*Matplot.plot": "data name format suffix path common_scale datarange new last rows num fontmap verbose"},
        (plots_show_the_draws,)),
    Row(8, "other plots", "nice",
        "*Matplot.histogram *Matplot.trace *Matplot.autocorrelation *Matplot.summary_plot",
        {"*Matplot.autocorrelation": "data name maxlags"}, (other_plots_show_the_draws,)),
    Row(8, "geweke, raftery_lewis, gelman_rubin, effective_n, iat", "must",
        "*gelman_rubin *effective_n *geweke *iat",
        {"*gelman_rubin": "x return_var", "*effective_n": "x", "*geweke": "x first last intervals maxlag",
         "*iat": "x maxlag"},
        (chains_are_compared, draws_are_counted, diagnostics_take_samplers_and_nodes, times_and_scores),
        {"raftery_lewis": "use effective_n"}),
    Row(8, "discrepancy, ppp_value", "nice", absent={"discrepancy": "posterior_predictive"}),
    Row(8, "batch_means, validate", "no", absent={"batch_means": "no attribute", "validate": "no attribute"}),
    Row(8, "utils", "must",
        "*utils.hpd *utils.quantiles *utils.autocorr *utils.normcdf *utils.invcdf", {"*utils.hpd": "x alpha"},
        (small_functions,)),
    Row(8, "graph", "nice", "Model.graph", {}, (a_model_is_drawn_as_a_graph,), {"graph": "m.model.graph()"}),
]  # fmt: skip


# -------------------------------------------------------------------- the tests


def found_in(m, dotted):
    for part in dotted.split("."):
        m = getattr(m, part)
    return m


def placed(name):
    """The modules that a name has to be in, and the name."""
    return {"*": (old,), "+": (new,)}.get(name[0], BOTH), name.lstrip("*+")


def called(m):
    return "old" if m is old else "new"


NAMES = [
    pytest.param(m, name, id=f"{row.section}-{row.thing}-{called(m)}.{name}")
    for row in TABLE
    for marked in row.names.split()
    for modules, name in [placed(marked)]
    for m in modules
]
KEYWORDS = [
    pytest.param(m, name, keywords.split(), id=f"{row.section}-{row.thing}-{called(m)}.{name}")
    for row in TABLE
    for marked, keywords in row.accepts.items()
    for modules, name in [placed(marked)]
    for m in modules
]
ABSENT = [
    pytest.param(name, message, id=f"{row.section}-{row.thing}-{name}")
    for row in TABLE
    for name, message in row.absent.items()
]
BEHAVIOURS = [
    pytest.param(show, m, id=f"{row.section}-{row.thing}-{show.__name__}{'' if m is None else '-' + called(m)}")
    for row in TABLE
    for show in row.shows
    for m in (BOTH if "m" in inspect.signature(show).parameters else (None,))
]


@pytest.mark.parametrize(("m", "name"), NAMES)
def test_the_name_exists(m, name):
    found = found_in(m, name)
    assert callable(found) or isinstance(found, property)


def keywords_of(thing):
    """Keywords that a signature lists; of a class that passes some on, those of its bases too."""
    listed = list(inspect.signature(thing).parameters.values())
    if isinstance(thing, type) and any(p.kind is p.VAR_KEYWORD for p in listed):
        for base in thing.__mro__[1:-1]:
            if "__init__" in vars(base):
                listed += inspect.signature(base.__init__).parameters.values()
    return [p.name for p in listed if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


@pytest.mark.parametrize(("m", "name", "keywords"), KEYWORDS)
def test_the_keywords_are_accepted(m, name, keywords):
    thing = found_in(m, name)
    accepted = keywords_of(thing)
    assert [k for k in keywords if k not in accepted] == []
    own = [p.name for p in inspect.signature(thing).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [k for k in own if k in keywords] == [k for k in keywords if k in own], "their order by position"


@pytest.mark.parametrize(("name", "message"), ABSENT)
def test_what_is_not_there_says_so(name, message):
    with pytest.raises(AttributeError, match=message):
        getattr(old, name)


@pytest.mark.parametrize(("show", "m"), BEHAVIOURS)
def test_the_behaviour(show, m, request):
    wanted = inspect.signature(show).parameters
    show(**{name: m if name == "m" else request.getfixturevalue(name) for name in wanted})


SURFACE = {
    1: [
        "must Stochastic", "must Deterministic", "must Potential", "must Lambda", "must Index",
        "nice LinearCombination", "must CompletedDirichlet", "nice Logit, InvLogit, Stukel", "nice pfunc, pufunc",
        "must functions of nodes", "nice equal", "must @stochastic", "must @deterministic", "must @potential",
        "must @observed", "must name= and doc", "nice robust_init", "no special methods on and off",
        "must containers", "no append", "must ZeroProbability", "must unique names", "no changing parents",
        "nice verbose", "must cache_depth", "no LazyFunction, Counter", "no CircularStochastic", "no gp",
        "nice stochastic_from_scipy_dist", "nice stochastic_from_dist",
    ],
    2: [
        "must value", "must observed", "must size", "must trace", "nice rseed", "nice plot",
        "nice doc, verbose, debug", "nice dtype, cache_depth", "must unknown keyword", "must pandas",
        "must broadcasting",
    ],
    3: [
        "must Normal", "must Uniform", "must Categorical", "must Dirichlet", "must Bernoulli", "must Beta",
        "must Gamma", "must InverseGamma", "must Exponential", "must Poisson", "must Binomial", "must Multinomial",
        "must MvNormal, MvNormalCov, MvNormalChol", "must Wishart, WishartCov", "nice T", "must NoncentralT",
        "must HalfNormal", "nice HalfCauchy", "must Lognormal", "nice Laplace", "nice Cauchy", "nice Logistic",
        "nice TruncatedNormal", "nice SkewNormal", "nice Weibull", "must NegativeBinomial", "nice Geometric",
        "must DiscreteUniform", "nice Betabin", "no Hypergeometric", "nice Chi2", "no Pareto and others, VonMises",
        "nice Uninformative, DiscreteUninformative, OneOverX", "no arlognormal, gev", "must functions of distributions",
        "no losses and wrappers",
    ],
    4: [
        "must arithmetic and bits", "must comparisons", "must ==", "must x[i]", "no x(...)", "must in place",
        "nice iter and casts", "must array op node",
    ],
    5: [
        "must masked entries", "must nothing masked", "must start of masked entries", "no Impute", "nice None",
        "must NaN",
    ],
    6: [
        "must Model", "must Model.draw_from_prior, seed, get_node", "must Sampler", "must MCMC", "must MCMC.sample",
        "no isample, icontinue, iprompt, pause, halt", "nice status", "must saved states", "nice remember",
        "must use_step_method", "must remove_step_method and others", "nice tune", "must trace",
        "must node.trace, node.stats, node.summary", "must stats", "must summary", "nice write_csv",
        "nice deviance, DIC, BPIC", "nice db", "no goodness", "must MAP", "nice NormApprox",
    ],
    7: [
        "must StepMethod", "must Metropolis", "must BinaryMetropolis", "must DiscreteMetropolis",
        "nice PDMatrixMetropolis", "must AdaptiveMetropolis", "nice Slicer", "must Gibbs", "must DrawFromPrior",
        "must NoStepper", "no TWalk", "must steps that there were none of",
    ],
    8: [
        "must ram", "must no_trace", "nice pickle, txt, sqlite, hdf5, hdf5ea", "must Matplot.plot",
        "nice other plots", "must geweke, raftery_lewis, gelman_rubin, effective_n, iat",
        "nice discrepancy, ppp_value", "no batch_means, validate", "must utils", "nice graph",
    ],
}  # fmt: skip
NOT_THERE = {"tune"}  # nice, and neither there nor pointed elsewhere


@pytest.mark.parametrize(("section", "rows"), [(1, 30), (2, 11), (3, 36), (4, 8), (5, 6), (6, 22), (7, 12), (8, 10)])
def test_every_row_has_an_entry(section, rows):
    here = [row for row in TABLE if row.section == section]
    assert [f"{row.verdict} {row.thing}" for row in here] == SURFACE[section] and len(here) == rows
    assert [row.thing for row in here if row.verdict == "must" and not row.shows] == []
    assert {row.thing for row in here if not (row.shows or row.absent)} <= NOT_THERE
