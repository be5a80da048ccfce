"""Small models that no list of families brings: joint priors, hierarchies, labels of several kinds, distributions in
distributions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

import mcmix as mc
from mcmix.distributions.family import Family
from tests.harness import gaps, grammar
from tests.harness.grammar import LABELS, MANY, ROWS, Made, Small

ZEROS, POINTS = np.zeros(ROWS), np.zeros((ROWS, 2))


# -------------------------------------------------------------------- censored and truncated distributions


def bounded(families: Mapping[str, Family]) -> Iterator[Small]:
    """Every distribution with cumulative functions, once censored and once truncated: a third below, few above."""
    for family in families.values():
        if not family.is_cumulative:
            continue
        # a whole number of trials of the prior's may lie below the lower bound
        slot = next(s for s in grammar.slots(family) if s.parameter.constraint != "count")
        prior, parameters = next(iter(grammar.priors(slot, family.name, families).items()))
        for wrapper in (mc.Censored, mc.Truncated):

            def make(
                w: Any = wrapper, f: Any = family, s: Any = slot, p: Any = families[prior], a: Any = parameters
            ) -> Made:
                known = grammar.example(f)
                rows = grammar.some(f, known, (101,))
                low, high = (float(np.quantile(rows, q, method="nearest")) for q in (0.3, 0.97))
                if low == high:
                    high = low + 1.0
                table = s.linked(grammar.unknown(s, p, a, (LABELS,), "unknown"))
                labels = grammar.labels((2.0, 2.0))
                given = dict(zip([q.name for q in f.parameters], grammar.numbers(known), strict=True))
                given[s.parameter.name] = table[labels]
                own = [given[q.name] for q in f.parameters]
                value = np.resize([low, high], ROWS)
                return [w("data", grammar.law(f), *own, lower=low, upper=high, value=value, observed=True)], None

            yield Small(f"{wrapper.__name__} {family.name} {slot.parameter.name} ~ {prior}", family.name, make)


# -------------------------------------------------------------------- others


def joint_prior_of_numbers() -> Any:
    theta = mc.NormalGamma("theta", 0.0, 0.5, 3.0, 3.0, size=LABELS)
    return mc.Mixture("data", grammar.labels((2.0, 1.5)), mc.Normal, theta, value=ZEROS, observed=True)


def joint_prior_of_vectors() -> Any:
    theta = mc.NormalWishart("theta", np.zeros(2), 0.5, 5.0, 2.0 * np.eye(2), size=LABELS)
    return mc.Mixture("data", grammar.labels((2.0, 1.5)), mc.MvNormal, theta, value=POINTS, observed=True)


def mean_and_precision() -> Any:
    mu, tau = mc.Normal("mu", 0.0, 0.5, size=LABELS), mc.Gamma("tau", 3.0, 3.0, size=LABELS)
    return mc.Mixture("data", grammar.labels((2.0, 1.5)), mc.Normal, mu, tau, value=ZEROS, observed=True)


def hierarchy() -> Any:
    centre, spread = mc.Normal("centre", 0.0, 1.0), mc.Gamma("spread", 3.0, 2.0)
    mu = mc.Normal("mu", centre, spread, size=LABELS)
    return mc.Mixture("data", grammar.labels((2.0, 2.0)), mc.Normal, mu, 1.0, value=ZEROS, observed=True)


def standard_deviations() -> Any:
    sd: Any = mc.Uniform("sd", 0.2, 3.0, size=LABELS)
    z = grammar.labels((2.0, 2.0))
    return mc.Normal("data", 0.0, 1.0 / sd[z] ** 2, value=ZEROS, observed=True)


def variances() -> Any:
    variance: Any = mc.InverseGamma("variance", 3.0, 2.0, size=LABELS)
    return mc.Normal("data", 0.0, 1.0 / variance[grammar.labels((2.0, 2.0))], value=ZEROS, observed=True)


def priors_that_differ() -> Any:
    mu = mc.Normal("mu", [-0.5, 0.5], [0.5, 1.0])
    return mc.Mixture("data", grammar.labels((2.0, 2.0)), mc.Normal, mu, 1.0, value=ZEROS, observed=True)


def known_unequal_weights() -> Any:
    mu = mc.Normal("mu", 0.0, 0.5, size=3)
    return mc.Mixture("data", [0.2, 0.3, 0.5], mc.Normal, mu, 1.0, value=ZEROS, observed=True)


def yes_or_no_labels() -> Any:
    p = mc.Beta("p", 2.0, 1.5)
    mu = mc.Normal("mu", 0.0, 0.5, size=2)
    return mc.Mixture("data", mc.Bernoulli("z", p, size=ROWS), mc.Normal, mu, 1.0, value=ZEROS, observed=True)


def a_probability_and_its_complement() -> Any:
    p = mc.Uniform("p", 0.0, 1.0)
    rate = mc.Gamma("rate", 2.0, 1.0, size=2)
    z = mc.Categorical("z", [p, 1 - p], size=ROWS)
    return mc.Mixture("data", z, mc.Exponential, rate, value=ZEROS + 1.0, observed=True)


def uniform_labels() -> Any:
    mu = mc.Normal("mu", 0.0, 0.5, size=3)
    z = mc.DiscreteUniform("z", 0, 2, size=ROWS)
    return mc.Mixture("data", z, mc.Normal, mu, 1.0, value=ZEROS, observed=True)


def nested() -> Any:
    inner, mu = mc.Dirichlet("inner", [2.0, 2.0], size=2), mc.Normal("mu", 0.0, 0.5, size=(2, 2))
    outer = mc.Dirichlet("outer", [2.0, 2.0])
    return mc.Mixture("data", outer, mc.Mixture, inner, mc.Normal, mu, 1.0, value=ZEROS, observed=True)


def several_rows_per_label() -> Any:
    mu: Any = mc.Normal("mu", 0.0, 0.5, size=LABELS)
    z: Any = mc.Categorical("z", mc.Dirichlet("w", [2.0, 2.0]), size=3)
    group = np.array([0, 0, 1, 2, 2, 2])
    return mc.Normal("data", mu[z[group]], 1.0, value=np.zeros(6), observed=True)


def different_laws() -> Any:
    mu = mc.Normal("mu", 0.0, 0.5)
    parts = [mc.Normal.dist(mu, 1.0), mc.Uniform.dist(-4.0, 4.0)]
    return mc.Mixture("data", grammar.labels((2.0, 2.0)), parts, value=ZEROS, observed=True)


def a_chain_of_labels(units: int) -> Any:
    """Each row depends on its label and on the one before."""
    mu = mc.Normal("mu", 0.0, 0.5, size=LABELS)
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 2.0]), size=units)
    both = mc.Lambda("both", lambda mu=mu, z=z: mu[z] + 0.5 * mu[np.concatenate([z[:1], z[:-1]])])
    return mc.Normal("data", both, 1.0, value=np.zeros(units), observed=True)


def few_labels_in_a_chain() -> Any:
    return a_chain_of_labels(ROWS)


def many_labels_in_a_chain() -> Any:
    return a_chain_of_labels(MANY)


COVARIATE = np.linspace(-1.0, 1.0, ROWS)
DESIGN = np.column_stack([np.ones(ROWS), COVARIATE])


def regressions(coefficients: Any, law: Any = mc.Normal) -> Any:
    """A regression in each component."""
    z = grammar.labels((2.0, 2.0))
    mean = mc.Lambda("mean", lambda b=coefficients, z=z: np.sum(DESIGN * b[z], axis=1))
    return law("data", mean, 1.0, value=np.ones(ROWS), observed=True)


def regressions_in_components() -> Any:
    return regressions(mc.Normal("beta", 0.0, mc.Gamma("ridge", 3.0, 2.0), size=(LABELS, 2)))


def vectors_of_coefficients() -> Any:
    return regressions(mc.MvNormal("beta", np.zeros(2), 2.0 * np.eye(2), size=LABELS))


def coefficients_with_a_covariance() -> Any:
    return regressions(mc.MvNormalCov("beta", np.zeros(2), 0.5 * np.eye(2), size=LABELS), mc.Lognormal)


def coefficients_with_a_factor() -> Any:
    return regressions(mc.MvNormalChol("beta", np.zeros(2), 0.7 * np.eye(2), size=LABELS))


def lines_of_a_common_slope() -> Any:
    tau, slope = mc.Gamma("tau", 3.0, 3.0), mc.Normal("slope", 0.0, 1.0)
    own: Any = mc.Normal("own", 0.0, 0.5, size=LABELS)
    return mc.Normal("data", own[grammar.labels((2.0, 2.0))] + slope * COVARIATE, tau, value=ZEROS, observed=True)


def counts_below_a_link() -> Any:
    beta = mc.Normal("beta", 0.2, mc.Gamma("ridge", 4.0, 2.0), size=(LABELS, 2))
    z = grammar.labels((2.0, 2.0))
    mean = mc.Lambda("mean", lambda b=beta, z=z: np.exp(np.sum(DESIGN * b[z], axis=1)))
    return mc.Poisson("data", mean, value=ZEROS.astype(int), observed=True)


def yes_and_no_below_a_link() -> Any:
    own, slope = mc.Normal("own", 0.3, 0.5, size=LABELS), mc.Normal("slope", 0.0, 1.0)
    chance = mc.InvLogit("chance", own[grammar.labels((2.0, 2.0))] + slope * COVARIATE)  # type: ignore[index]
    return mc.Bernoulli("data", chance, value=ZEROS.astype(int), observed=True)


def many_coefficients() -> Any:
    """Coefficients that enter every row, with a prior and a likelihood that no normal distribution is proposed for."""
    x = np.random.default_rng(1).normal(size=(ROWS, 10))
    beta = mc.Laplace("beta", 0.0, 1.0, size=10)
    return mc.Bernoulli(
        "data", mc.InvLogit("chance", mc.Lambda("sum", lambda b=beta: x @ b)), value=ZEROS, observed=True
    )


def no_one_by_one() -> Any:
    """A function that cannot be recorded leaves Metropolis alone."""
    rate = mc.Gamma("rate", 2.0, 1.0)

    def branch(rate: Any = rate) -> float:
        return float(rate) if float(rate) < 1.0 else 2.0 - 1.0 / float(rate)

    mean = mc.Lambda("mean", branch)
    return mc.Poisson("data", mean, value=ZEROS.astype(int), observed=True)


def many_values() -> Any:
    """More values than are all tried, and a function that says only when called what each of them means."""
    k = mc.DiscreteUniform("k", 0, 39)

    def rate(k: Any) -> Any:
        return {place: 0.5 + abs(place - 20) / 5.0 for place in range(40)}[int(k)]

    return mc.Poisson("data", mc.Lambda("rate", lambda k=k: rate(k)), value=ZEROS, observed=True)


def a_truncated_prior() -> Any:
    rate = mc.Truncated("rate", mc.Gamma, 2.0, 1.0, lower=0.5, size=LABELS)
    return mc.Mixture("data", grammar.labels((2.0, 2.0)), mc.Poisson, rate, value=ZEROS.astype(int), observed=True)


def a_law_of_scipy() -> Any:
    law = mc.from_scipy(stats.hypsecant)
    mu = mc.Normal("mu", 0.0, 0.5)
    return law("data", loc=mu, value=ZEROS, observed=True)


def a_law_of_the_users() -> Any:
    def log_density(value: Any, mu: Any) -> Any:
        return np.sum(-np.log(np.cosh(value - mu)) - np.log(np.pi))

    def drawn(mu: Any, rng: Any) -> Any:
        return np.asarray(mu) + np.log(np.abs(np.tan(0.5 * np.pi * rng.random(ROWS))))

    mu: Any = mc.Normal("mu", 0.0, 0.5, size=LABELS)
    where = mu[grammar.labels((2.0, 2.0))]
    return mc.Stochastic(
        logp=log_density, doc="", name="data", parents={"mu": where}, random=drawn, value=ZEROS, observed=True
    )


def correlations_and_scales() -> Any:
    correlation, sd = mc.LKJ("R", 2.0, 2, size=2), mc.HalfStudentT("sd", 5.0, 1.0, size=(2, 2))
    cover = mc.Lambda("cover", lambda R=correlation, s=sd: s[:, :, None] * R * s[:, None, :])
    centres = np.array([[0.0, 0.0], [2.0, 2.0]])
    return mc.Mixture("data", grammar.labels((2.0, 2.0)), mc.MvNormalCov, centres, cover, value=POINTS, observed=True)


def unknown_number() -> Any:
    """A hierarchy of as many components as there are, rates that are drawn exactly and shapes that are not."""
    number = mc.NumberOfComponents("number", [0.3, 0.3, 0.2, 0.2])
    z = mc.Categorical("z", mc.Dirichlet("w", mc.Gamma("a", 3.0, 3.0) / number, size=number), size=ROWS)
    spread = mc.Gamma("spread", 3.0, 2.0)
    shape, rate = mc.Gamma("shape", 3.0, spread, size=number), mc.Gamma("rate", 3.0, spread, size=number)
    return mc.Mixture("data", z, mc.Gamma, shape, rate, value=ZEROS + 1.0, observed=True)


def experts() -> Any:
    """Weights by row, with a precision that their coefficients share."""
    w = mc.Gate("w", np.column_stack([np.ones(ROWS), np.arange(ROWS)]), size=2, precision=mc.Gamma("shared", 4.0, 4.0))
    mu = mc.Normal("mu", 0.0, 0.5, size=2)
    return mc.Normal("data", mu[mc.Categorical("z", w, size=ROWS)], 1.0, value=ZEROS, observed=True)


def pairs_of_units() -> Any:
    """A table of pairs of labels, which ties of units are drawn with."""
    first, second = np.triu_indices(4, 1)
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 2.0]), size=4)
    table = mc.Gamma("table", 3.0, 2.0, size=(2, 2))
    return mc.Poisson("data", table[z[first], z[second]], value=np.zeros(6, int), observed=True)


MODELS: dict[str, tuple[str, Callable[[], Any]]] = {
    "normal-gamma pairs": ("Normal", joint_prior_of_numbers),
    "normal-Wishart pairs": ("MvNormal", joint_prior_of_vectors),
    "means and precisions": ("Normal", mean_and_precision),
    "means of unknown centre and spread": ("Normal", hierarchy),
    "standard deviations": ("Normal", standard_deviations),
    "variances": ("Normal", variances),
    "priors that differ": ("Normal", priors_that_differ),
    "known unequal weights": ("Normal", known_unequal_weights),
    "labels of yes or no": ("Normal", yes_or_no_labels),
    "a probability and its complement": ("Exponential", a_probability_and_its_complement),
    "uniform labels": ("Normal", uniform_labels),
    "nested mixtures": ("Normal", nested),
    "several rows per label": ("Normal", several_rows_per_label),
    "components of different distributions": ("Normal", different_laws),
    "few labels in a chain": ("Normal", few_labels_in_a_chain),
    "many labels in a chain": ("Normal", many_labels_in_a_chain),
    "regressions in components": ("Normal", regressions_in_components),
    "vectors of coefficients": ("Normal", vectors_of_coefficients),
    "coefficients with a covariance": ("Lognormal", coefficients_with_a_covariance),
    "coefficients with a factor": ("Normal", coefficients_with_a_factor),
    "lines of a common slope": ("Normal", lines_of_a_common_slope),
    "counts below a link": ("Poisson", counts_below_a_link),
    "yes and no below a link": ("Bernoulli", yes_and_no_below_a_link),
    "many coefficients": ("Bernoulli", many_coefficients),
    "a function that is not recorded": ("Poisson", no_one_by_one),
    "a discrete unknown of many values": ("Poisson", many_values),
    "a truncated prior": ("Poisson", a_truncated_prior),
    "a distribution of SciPy": ("Normal", a_law_of_scipy),
    "a distribution of the user's": ("Normal", a_law_of_the_users),
    "an unknown number of components": ("Gamma", unknown_number),
    "pairs of units": ("Poisson", pairs_of_units),
    "experts": ("Normal", experts),
    "correlations and scales": ("MvNormalCov", correlations_and_scales),
}


def of_their_own() -> Iterator[Small]:
    """Every model of this file, and those with missing entries."""
    for models, has_gaps in ((MODELS, False), (gaps.MODELS, True)):
        for name, (family, build) in models.items():
            yield Small(name, family, partial(_alone, build), has_gaps)


def _alone(build: Callable[[], Any]) -> Made:
    return [build()], None
