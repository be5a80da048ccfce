"""Every family against scipy and against itself: densities, draws, statistics, messages, alternatives, the disk cache.

All tests run over `FAMILIES`, with the parameters in family_examples.py, so that a new family is covered by its row.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import warnings
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from family_examples import EXAMPLES, VECTOR_EXAMPLES, example_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special as scipy_special
from scipy import stats

from mcmix.distributions import special
from mcmix.distributions.dirichlet import draw_log
from mcmix.distributions.family import Family, Message, Sums
from mcmix.distributions.table import FAMILIES

SCALAR = [name for name, family in FAMILIES.items() if family.scalar_logpdf is not None]
WITH_STATISTICS = [name for name, f in FAMILIES.items() if f.statistics is not None and name not in VECTOR_EXAMPLES]
MESSAGES = [(name, target) for name in WITH_STATISTICS for target in FAMILIES[name].statistics.messages]

# Densities are sums of terms up to 1e4 (log gamma of the largest example parameters) that may cancel, with roundings of
# 1e-16 on either side; scipy's negative binomial also loses 1e-12 by rounding its probability of success, near 5e-4.
RTOL = 4e-12
ATOL = 1e-12

EXTREMES = (0.0, -1.0, 1.0, 2.0, 3.0, 0.5, 1e-300, -1e-300, 1e-9, 7.9, 1e8, 1e17, 1e160, -1e160, 1e300, -1e300)
EXTREMES += (sys.float_info.min, sys.float_info.max, -sys.float_info.max)


def scipy_logpdf(name: str, parameters: tuple[Any, ...], x: Any) -> np.ndarray:
    """What scipy says, warnings about logs of zero silenced; a value where it says infinity has no density here."""
    law = example_of(name).law(*parameters)
    function = law.logpmf if hasattr(law, "logpmf") else law.logpdf
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = np.asarray(function(x))
    return np.where(answer == np.inf, -np.inf, answer)


def one_draw(family: Family, parameters: tuple[Any, ...], n: int, seed: int) -> np.ndarray:
    """n draws of a family (rows of simplexes for a vector family)."""
    size = (n, len(parameters[0])) if family.event_ndim else n
    return family.draw(np.random.default_rng(seed), size, *parameters)


def cases(names: list[str]) -> list[Any]:
    """Every (family name, parameter set); families without a row are told so by the first test."""
    sets = [(name, i, p) for name in names if name in EXAMPLES for i, p in enumerate(EXAMPLES[name].parameters)]
    return [pytest.param(name, parameters, id=f"{name}-{i}") for name, i, parameters in sets]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_examples(name: str) -> None:
    assert (VECTOR_EXAMPLES[name] if name in VECTOR_EXAMPLES else example_of(name)).parameters
    assert FAMILIES[name].name == name


def test_a_family_without_examples_is_told_where_to_add_them() -> None:
    with pytest.raises(LookupError, match="'Nonesuch' has no example parameters: add a row to EXAMPLES"):
        example_of("Nonesuch")


# ---- densities


@pytest.mark.parametrize(("name", "parameters"), cases(list(FAMILIES)))
def test_logpdf_is_that_of_scipy(name: str, parameters: tuple[Any, ...]) -> None:
    if FAMILIES[name].event_ndim:
        points = one_draw(FAMILIES[name], parameters, 50, seed=5)
        expected = np.array([scipy_logpdf(name, parameters, x) for x in points])
    else:
        points = np.array(example_of(name).points)
        expected = scipy_logpdf(name, parameters, points)
    np.testing.assert_allclose(FAMILIES[name].logpdf(points, *parameters), expected, rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if EXAMPLES[name].border])
def test_parameters_on_the_border_of_their_constraints(name: str) -> None:
    points = np.array(example_of(name).points)
    for parameters in example_of(name).border:
        actual = FAMILIES[name].logpdf(points, *parameters)
        if (name, parameters) in [("NegativeBinomial", (0.0, 2.0)), ("Poisson", (0.0,))]:
            expected = np.where(points == 0.0, 0.0, -np.inf)  # scipy gives NaN for some of these
        else:
            expected = scipy_logpdf(name, parameters, points)
        np.testing.assert_allclose(actual, expected, rtol=RTOL, atol=1e-14, err_msg=str(parameters))


@pytest.mark.parametrize(("name", "parameters"), cases(list(FAMILIES)))
def test_minus_infinity_off_the_support(name: str, parameters: tuple[Any, ...]) -> None:
    outside = np.array(example_of(name).outside)
    if FAMILIES[name].event_ndim:
        k = len(parameters[0])
        outside = np.array([[1.5, -0.5] + [0.0] * (k - 2), [0.25] * k if k != 4 else [0.3] * k])
    assert np.all(FAMILIES[name].logpdf(outside, *parameters) == -np.inf)


@pytest.mark.parametrize("name", EXAMPLES)
def test_minus_infinity_for_broken_parameters(name: str) -> None:
    family = FAMILIES[name]
    for parameters in example_of(name).broken:
        x = np.full(len(parameters[0]), 0.5) if family.event_ndim else np.array([0.0, 1.0, 3.0])
        assert np.all(family.logpdf(x, *parameters) == -np.inf), parameters


@pytest.mark.parametrize("name", SCALAR)
def test_no_nan_for_finite_input_and_python_agrees(name: str) -> None:
    family = FAMILIES[name]
    columns = np.array(list(product(EXTREMES, repeat=1 + len(family.parameters)))).T
    assert not np.any(np.isnan(family.logpdf(*columns)))
    some = columns[:, np.random.default_rng(1).permutation(columns.shape[1])[:400]]
    compiled, python = family.logpdf(*some), np.array([family.scalar_logpdf(*row) for row in some.T.tolist()])
    np.testing.assert_array_equal(np.isinf(compiled), np.isinf(python))
    # terms are at most an input times a log (up to 710) and may cancel; fused multiply-adds round them differently
    sizes = 710.0 * np.minimum(np.max(np.abs(some), axis=0), 1e305)
    equal = compiled == python
    compiled, python, sizes = compiled[~equal], python[~equal], sizes[~equal]
    assert np.all(np.abs(compiled - python) <= 1e-14 * (sizes + np.abs(python)))


@pytest.mark.parametrize(("name", "parameters"), cases(SCALAR))
def test_python_and_compiled_densities_agree(name: str, parameters: tuple[Any, ...]) -> None:
    points = example_of(name).points + example_of(name).outside
    python = [FAMILIES[name].scalar_logpdf(x, *parameters) for x in points]
    np.testing.assert_allclose(FAMILIES[name].logpdf(points, *parameters), python, rtol=1e-13, atol=1e-12)


@pytest.mark.parametrize("name", SCALAR)
def test_logpdf_broadcasts(name: str) -> None:
    family, example = FAMILIES[name], example_of(name)
    points = np.array(example.points)[:, None]
    columns = np.array(example.parameters).T
    table = family.logpdf(points, *columns)
    assert table.shape == (len(points), len(example.parameters))
    for k, parameters in enumerate(example.parameters):
        np.testing.assert_array_equal(table[:, k], family.logpdf(points[:, 0], *parameters))
    assert family.logpdf(example.points[0], *example.parameters[0]).shape == ()


finite = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.tuples(finite, finite, finite, finite))
def test_no_finite_number_surprises_a_scalar_density(row: tuple[float, float, float, float]) -> None:
    for name in SCALAR:
        family = FAMILIES[name]
        assert not math.isnan(family.scalar_logpdf(*row[: 1 + len(family.parameters)])), name


@pytest.mark.parametrize("dispersion", [1e8, 1e12, 1e200])
def test_a_large_dispersion_is_the_poisson_law(dispersion: float) -> None:
    """The difference of the log masses is ((x - mean)**2 - x) / (2 dispersion), the next term x**3 / dispersion**2."""
    x = np.array([0.0, 1.0, 5.0, 60.0])
    expected = FAMILIES["Poisson"].logpdf(x, 4.0) + ((x - 4.0) ** 2 - x) / (2.0 * dispersion)
    actual = FAMILIES["NegativeBinomial"].logpdf(x, 4.0, dispersion)
    np.testing.assert_allclose(actual, expected, rtol=1e-13, atol=1e-12 + 60.0**3 / dispersion / dispersion)


@pytest.mark.parametrize("freedom", [1e10, 1e14, 1e200])
def test_many_degrees_of_freedom_are_the_normal_law(freedom: float) -> None:
    """The difference of the log densities is of order z**4 / (4 degrees of freedom)."""
    x = np.array([-6.0, -1.0, 0.0, 0.2, 9.0])
    expected = FAMILIES["Normal"].logpdf(x, 0.5, 2.0)
    np.testing.assert_allclose(FAMILIES["StudentT"].logpdf(x, 0.5, 2.0, freedom), expected, atol=1e4 / freedom + 1e-12)


def test_tails_that_overflow_when_squared() -> None:
    """The density of a Cauchy distribution at 1e200 is 1e-400 / pi: no double, but its log is."""
    student = FAMILIES["StudentT"].logpdf(1e200, 0.0, 1.0, 1.0)
    np.testing.assert_allclose(student, -400.0 * math.log(10.0) - math.log(math.pi), rtol=1e-14)
    cut = FAMILIES["HalfCauchy"].logpdf(1e200, 0.0, 1.0)
    np.testing.assert_allclose(cut, student + math.log(2.0), rtol=1e-14)


def test_logs_of_almost_certain_events() -> None:
    """Minus the probability of the alternative, where 1 - probability rounds to 1."""
    np.testing.assert_allclose(FAMILIES["Bernoulli"].logpdf(0.0, 1e-20), -1e-20, rtol=1e-15)
    np.testing.assert_allclose(FAMILIES["Binomial"].logpdf(0.0, 3.0, 1e-12) + 3e-12, 0.0, atol=1e-14)


# ---- shared scalar functions


def test_log_gamma_is_that_of_scipy() -> None:
    values = np.concatenate([np.geomspace(1e-300, 1e300, 601), np.linspace(0.01, 20.0, 2000)])
    actual = np.array([special.log_gamma(v) for v in values])
    np.testing.assert_allclose(actual, scipy_special.gammaln(values), rtol=2e-15, atol=2e-14)


def test_log_one_plus_is_that_of_numpy() -> None:
    values = np.concatenate([-np.geomspace(1e-300, 1.0 - 1e-16, 500), np.geomspace(1e-300, 1e300, 500), [0.0]])
    actual = np.array([special.log_one_plus(v) for v in values])
    np.testing.assert_allclose(actual, np.log1p(values), rtol=1e-15)


@pytest.mark.parametrize("start", [1e-10, 0.7, 7.999, 8.0, 31.0, 1e6, 1e15])
@pytest.mark.parametrize("rise", [0, 1, 2, 5])
def test_log_rising_is_the_log_of_the_product(start: float, rise: int) -> None:
    expected = sum(math.log(start + i) for i in range(rise))
    np.testing.assert_allclose(special.log_rising(start, float(rise)), expected, rtol=1e-14, atol=3e-14)


# ---- vector families


def test_categorical_rows_of_probabilities() -> None:
    rows = np.array([[0.2, 0.8, 0.0], [0.1, 0.3, 0.6]])
    family = FAMILIES["Categorical"]
    np.testing.assert_allclose(family.logpdf([1, 2], rows), np.log([0.8, 0.6]))
    np.testing.assert_allclose(family.logpdf([[1, 1], [2, 0]], rows), [np.log([0.8, 0.3]), [-np.inf, np.log(0.1)]])
    np.testing.assert_allclose(family.logpdf(1, rows), np.log([0.8, 0.3]))
    np.testing.assert_array_equal(family.logpdf([3, -1], rows), [-np.inf, -np.inf])
    np.testing.assert_allclose(family.logpdf(np.array([True, False]), rows[:, :]), np.log([0.8, 0.1]))
    draws = family.draw(np.random.default_rng(2), None, np.eye(4))
    np.testing.assert_array_equal(draws, np.arange(4))
    np.testing.assert_array_equal(family.logpdf([0, 1], [[0.5, 0.5], [0.5, 0.6]]), [math.log(0.5), -np.inf])


def test_dirichlet_at_the_faces_of_the_simplex() -> None:
    logpdf = FAMILIES["Dirichlet"].logpdf
    np.testing.assert_allclose(logpdf([0.0, 1.0], [1.0, 1.0]), 0.0, atol=1e-15)
    np.testing.assert_allclose(logpdf([0.0, 0.5, 0.5], [1.0, 2.0, 2.0]), math.log(24.0 * 0.25))
    assert logpdf([0.0, 1.0], [2.0, 1.0]) == -np.inf
    assert logpdf([0.0, 1.0], [0.5, 1.0]) == -np.inf  # without bound, so no observation of this distribution
    assert logpdf([0.0, 0.0, 1.0], [0.5, 2.0, 1.0]) == -np.inf
    assert logpdf([0.5, 0.4], [1.0, 1.0]) == -np.inf
    rows = logpdf(np.full((3, 2), 0.5), [[1.0, 1.0], [2.0, 2.0], [0.0, 1.0]])
    np.testing.assert_allclose(rows, [0.0, math.log(1.5), -np.inf], atol=1e-15)


def test_dirichlet_draws_survive_tiny_concentrations() -> None:
    """With concentrations 1e-5 (and 1e-290) all weight sits on one entry, each equally often; logs stay finite."""
    for concentration in (1e-5, 1e-290, 5e-324):
        logs = draw_log(np.random.default_rng(7), (4000, 4), np.full(4, concentration))
        assert np.all(np.isfinite(logs))
        np.testing.assert_allclose(np.sum(np.exp(logs), axis=-1), 1.0, rtol=1e-14)
        largest = np.bincount(np.argmax(logs, axis=-1), minlength=4)
        assert np.all(np.abs(largest - 1000) < 4.5 * math.sqrt(4000 * 0.25 * 0.75))
        weights = FAMILIES["Dirichlet"].draw(np.random.default_rng(7), None, np.full(4, concentration))
        np.testing.assert_allclose(np.sum(weights), 1.0)


def test_dirichlet_log_weights_have_the_mean_of_theory() -> None:
    """Each log weight has mean digamma(a_k) - digamma(sum a) and variance trigamma(a_k) - trigamma(sum a)."""
    concentration = np.array([0.01, 0.5, 3.0])
    logs = draw_log(np.random.default_rng(11), (20000, 3), concentration)
    mean = scipy_special.digamma(concentration) - scipy_special.digamma(concentration.sum())
    variance = scipy_special.polygamma(1, concentration) - scipy_special.polygamma(1, concentration.sum())
    assert np.all(np.abs(logs.mean(axis=0) - mean) < 4.5 * np.sqrt(variance / 20000))


# ---- draws


def check_against_law(draws: np.ndarray, law: Any, discrete: bool) -> None:
    """Draws against a distribution function and its moments.

    The distance of distribution functions exceeds 2.3 / sqrt(n) with probability below 2 exp(-2 * 2.3**2) = 5e-5
    (Dvoretzky, Kiefer, Wolfowitz, Massart; discrete distributions included), the mean 4.5 standard errors with 7e-6.
    """
    n = draws.size
    ordered = np.sort(draws.astype(float))
    if discrete:
        values, counts = np.unique(ordered, return_counts=True)
        distance = np.max(np.abs(np.cumsum(counts) / n - law.cdf(values)))
    else:
        distance = stats.kstest(ordered, law.cdf).statistic
    assert distance < 2.3 / math.sqrt(n)
    with np.errstate(all="ignore"):
        mean, variance = float(law.mean()), float(law.var())
    if math.isfinite(mean) and math.isfinite(variance):
        assert abs(ordered.mean() - mean) <= 4.5 * math.sqrt(variance / n)


def inside(family: Family, draws: np.ndarray, parameters: tuple[Any, ...]) -> bool:
    """Whether draws lie in the stated support."""
    named = dict(zip([p.name for p in family.parameters], parameters, strict=True))
    lower, upper = (named.get(end, end) for end in (family.support.lower, family.support.upper))
    whole = not family.support.discrete or bool(np.all(draws == np.floor(draws.astype(float))))
    return bool(np.all(draws >= lower) and np.all(draws <= upper)) and whole


@pytest.mark.parametrize(("name", "parameters"), cases(list(FAMILIES)))
def test_draws_follow_the_law(name: str, parameters: tuple[Any, ...]) -> None:
    family = FAMILIES[name]
    draws = one_draw(family, parameters, 20000, seed=20240)
    assert draws.dtype == np.dtype(family.dtype)
    assert inside(family, draws, parameters)
    if family.event_ndim:
        np.testing.assert_allclose(np.sum(draws, axis=-1), 1.0, rtol=1e-14)
        first, total = parameters[0][0], sum(parameters[0])
        check_against_law(draws[:, 0], stats.beta(first, total - first), discrete=False)
    else:
        check_against_law(
            draws, example_of(name).law(*parameters), family.support.discrete or bool(family.support.atoms)
        )


def test_the_check_of_draws_catches_a_planted_mistake() -> None:
    """A scale taken for a rate, a precision for a standard deviation, one trial too few."""
    generator = np.random.default_rng(3)
    with pytest.raises(AssertionError):
        check_against_law(generator.gamma(2.5, 0.8, 20000), EXAMPLES["Gamma"].law(2.5, 0.8), False)
    with pytest.raises(AssertionError):
        check_against_law(generator.normal(0.3, 1.7, 20000), EXAMPLES["Normal"].law(0.3, 1.7), False)
    with pytest.raises(AssertionError):
        check_against_law(generator.binomial(7, 0.35, 20000), EXAMPLES["Binomial"].law(8.0, 0.35), True)


@pytest.mark.parametrize("name", SCALAR)
def test_draws_broadcast_parameters(name: str) -> None:
    family, example = FAMILIES[name], example_of(name)
    columns = [np.array(column) for column in np.array(example.parameters).T]
    k = len(example.parameters)
    assert np.shape(family.draw(np.random.default_rng(0), (5, k), *columns)) == (5, k)
    assert np.shape(family.draw(np.random.default_rng(0), None, *columns)) == (k,)
    assert np.shape(family.draw(np.random.default_rng(0), (), *example.parameters[0])) == ()
    usual = example.parameters[0]
    mixed = [np.full((3, 1), usual[0]), *[np.full(4, value) for value in usual[1:]]]
    assert np.shape(family.draw(np.random.default_rng(0), None, *mixed)) == ((3, 4) if len(usual) > 1 else (3, 1))


@pytest.mark.parametrize("name", ["Gamma", "Beta", "InverseGamma", "Lognormal"])
def test_vague_laws_draw_values_with_a_finite_density(name: str) -> None:
    """Shapes of 1e-3 (a popular vague prior) round to the ends of the support; draws keep off them."""
    family = FAMILIES[name]
    draws = family.draw(np.random.default_rng(4), 2000, 1e-3, 1e-6 if name == "Lognormal" else 1e-3)
    assert np.all(np.isfinite(draws)) and np.all(draws > 0.0)
    assert np.all(np.isfinite(family.logpdf(draws, 1e-3, 1e-3)))


# ---- sufficient statistics and messages


def sums_of(family: Family, data: np.ndarray, shift: float) -> Sums:
    """Statistics of data about a shift (zero for columns that pin it)."""
    assert family.statistics is not None
    columns = family.statistics.columns
    shifts = tuple(shift if column.shifted else 0.0 for column in columns)
    centred = [column.transform(data) - s for column, s in zip(columns, shifts, strict=True)]
    squares = tuple(float(np.sum(c * c)) if column.square else None for column, c in zip(columns, centred, strict=True))
    return Sums(n=data.size, sums=tuple(float(np.sum(c)) for c in centred), squares=squares, shifts=shifts)


def by_name(family: Family, parameters: tuple[Any, ...]) -> dict[str, Any]:
    """Parameters as a mapping from canonical names."""
    return dict(zip([p.name for p in family.parameters], parameters, strict=True))


def parameters_nearby(name: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The same parameters and some others, equal in those that the statistics take as known."""
    names = [p.name for p in FAMILIES[name].parameters]
    fixed = [parameter in example_of(name).known for parameter in names]
    return [
        tuple(own if keep else other for own, other, keep in zip(parameters, others, fixed, strict=True))
        for others in (parameters, *example_of(name).parameters)
    ]


@pytest.mark.parametrize("shift", [0.0, 0.7, -40.0])
@pytest.mark.parametrize(("name", "parameters"), cases(WITH_STATISTICS))
def test_statistics_give_the_log_likelihood(name: str, parameters: tuple[Any, ...], shift: float) -> None:
    """Sum of log densities, exactly; with known parameters, up to what they and the data alone decide."""
    family = FAMILIES[name]
    data = one_draw(family, parameters, 40, seed=9)
    sums = sums_of(family, data, shift)
    base = 0.0 if family.base is None else float(np.sum(family.base(data)))
    gaps, sizes = [], []
    for others in parameters_nearby(name, parameters):
        densities = family.logpdf(data, *others)
        gaps.append(float(family.statistics.log_likelihood(sums, by_name(family, others))) + base - densities.sum())
        sizes.append(np.abs(densities).sum())
    if example_of(name).known:
        gaps = [gap - gaps[0] for gap in gaps]
    # a shift far from the data costs digits: squares of 40 where data vary by 1e-2, say, under a precision of 400
    tolerance = 1e-12 * (1.0 + abs(shift)) ** 2 * (1e4 + max(sizes))
    np.testing.assert_allclose(gaps, 0.0, atol=tolerance)


@pytest.mark.parametrize("name", WITH_STATISTICS)
def test_statistics_at_the_border_of_the_parameters(name: str) -> None:
    """A probability of exactly 0 or 1, a mean of 0: finite where it fits the data, minus infinity where not."""
    family = FAMILIES[name]
    for parameters, data in product(example_of(name).border, (np.zeros(10), np.ones(10))):
        if inside(family, data, parameters):
            found = family.statistics.log_likelihood(sums_of(family, data, 0.0), by_name(family, parameters))
            assert np.isfinite(found) == np.all(np.isfinite(family.logpdf(data, *parameters)))
            assert not np.isnan(found)


def natural_form(message: Message, sums: Sums, others: Mapping[str, Any], v: np.ndarray) -> np.ndarray:
    """The likelihood's log as a function of the target, from its natural parameters, up to a constant."""
    first, second = message.natural(sums, others)
    forms = {
        "normal": lambda: -0.5 * first * v * v + second * v,
        "gamma": lambda: first * np.log(v) - second * v,
        "beta": lambda: first * np.log(v) + second * np.log1p(-v),
    }
    return forms[message.kind]()


@pytest.mark.parametrize("shift", [0.0, 0.7])
@pytest.mark.parametrize(("name", "target"), MESSAGES)
def test_messages_are_the_likelihood_of_their_target(name: str, target: str, shift: float) -> None:
    family = FAMILIES[name]
    for parameters in example_of(name).parameters:
        data = one_draw(family, parameters, 30, seed=13)
        sums, named = sums_of(family, data, shift), by_name(family, parameters)
        message = family.statistics.messages[target]
        centre = named.pop(target)  # a message that read its own target would now fail
        named |= message.where
        grid = np.array([0.1, 0.25, 0.5, 0.9]) if message.kind == "beta" else np.array([0.5, 0.9, 1.0, 1.7]) * centre
        order = [p.name for p in family.parameters]
        exact = np.array([np.sum(family.logpdf(data, *[{**named, target: v}[p] for p in order])) for v in grid])
        claimed = natural_form(message, sums, named, grid)
        gaps = (exact - exact[0]) - (claimed - claimed[0])
        np.testing.assert_allclose(gaps, 0.0, atol=1e-12 * (1e4 + np.abs(exact).max()))


# ---- alternatives


@pytest.mark.parametrize(
    ("name", "alternative", "value", "others", "expected"),
    [
        ("Normal", "sigma", 0.5, {"mean": 1.0}, 4.0),
        ("Normal", "variance", 0.25, {"mean": 1.0}, 4.0),
        ("Lognormal", "sigma", 0.5, {"mean": 1.0}, 4.0),
        ("Lognormal", "variance", 0.25, {"mean": 1.0}, 4.0),
        ("HalfNormal", "sigma", 0.5, {}, 4.0),
        ("StudentT", "scale", 0.5, {"location": 0.0, "degrees_of_freedom": 4.0}, 4.0),
        ("StudentT", "sigma", 0.5, {"location": 0.0, "degrees_of_freedom": 4.0}, 4.0),
        ("Gamma", "scale", 0.5, {"shape": 3.0}, 2.0),
        ("Gamma", "mean", 1.5, {"shape": 3.0}, 2.0),
        ("InverseGamma", "mean", 1.5, {"shape": 3.0}, 3.0),
        ("Exponential", "scale", 0.5, {}, 2.0),
        ("Exponential", "mean", 0.5, {}, 2.0),
        ("Laplace", "scale", 0.5, {"mean": 1.0}, 2.0),
        ("Logistic", "scale", 0.5, {"location": 1.0}, 2.0),
        ("SkewNormal", "scale", 0.5, {"location": 0.0, "skewness": 3.0}, 4.0),
        ("SkewNormal", "sigma", 0.5, {"location": 0.0, "skewness": 3.0}, 4.0),
    ],
)
def test_alternatives_convert(
    name: str, alternative: str, value: float, others: dict[str, float], expected: float
) -> None:
    family = FAMILIES[name]
    chosen = family.alternatives[alternative]
    assert chosen.convert(value, others) == pytest.approx(expected, rel=1e-15)
    np.testing.assert_allclose(chosen.convert(np.array([value, value]), others), [expected, expected])
    law = EXAMPLES[name].law(*[{**others, chosen.replaces: expected}[p.name] for p in family.parameters])
    if alternative == "mean":
        assert law.mean() == pytest.approx(value)


def test_alternatives_and_messages_name_parameters_of_their_family() -> None:
    for family in FAMILIES.values():
        names = {p.name for p in family.parameters}
        assert {alternative.replaces for alternative in family.alternatives.values()} <= names
        assert not names & set(family.alternatives)
        if family.statistics is not None:
            assert set(family.statistics.messages) <= names


def test_parameters_keep_the_order_and_keywords_of_pymc_2() -> None:
    expected = {
        "Normal": "mu tau",
        "Uniform": "lower upper",
        "Bernoulli": "p",
        "Beta": "alpha beta",
        "Binomial": "n p",
        "Gamma": "alpha beta",
        "InverseGamma": "alpha beta",
        "Exponential": "beta",
        "Poisson": "mu",
        "NegativeBinomial": "mu alpha",
        "Lognormal": "mu tau",
        "HalfNormal": "tau",
        "HalfCauchy": "alpha beta",
        "StudentT": "mu lam nu",
        "DiscreteUniform": "lower upper",
        "Categorical": "p",
        "Dirichlet": "theta",
        "Weibull": "alpha beta",
        "Laplace": "mu tau",
        "Cauchy": "alpha beta",
        "Logistic": "mu tau",
        "Geometric": "p",
        "Chi2": "nu",
        "SkewNormal": "mu tau alpha",
        "VonMises": "mu kappa",
        "BetaBinomial": "alpha beta n",
    }
    actual = {name: " ".join(p.alias or p.name for p in family.parameters) for name, family in FAMILIES.items()}
    assert {name: actual[name] for name in expected} == expected


# ---- symbolic values


class Opaque(np.lib.mixins.NDArrayOperatorsMixin):
    """A stand-in for a symbolic value: it goes through operators, ufuncs and NumPy functions, and shows no value."""

    def __init__(self, hidden: Any):
        self.hidden = np.asarray(hidden)
        self.shape, self.ndim = self.hidden.shape, self.hidden.ndim

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        assert method == "__call__"
        return Opaque(ufunc(*_shown(inputs), **keywords))

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        return Opaque(function(*_shown(arguments), **keywords))

    def __getitem__(self, key: Any) -> Any:
        return Opaque(self.hidden[_shown(key) if isinstance(key, tuple) else _shown((key,))[0]])

    def _density_of(self, family: Family, x: Any, parameters: tuple[Any, ...]) -> Any:
        return Opaque(family.logpdf(*_shown((x, *parameters))))

    def __array__(self, *arguments: Any, **keywords: Any) -> Any:
        raise TypeError("a symbolic value was turned into an array")

    def __bool__(self) -> bool:
        raise TypeError("a symbolic value was branched on")


def _shown(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The hidden arrays behind opaque values, everything else as it is."""
    return tuple(v.hidden if isinstance(v, Opaque) else v for v in values)


@pytest.mark.parametrize(("name", "parameters"), cases([n for n in FAMILIES if FAMILIES[n].expression is not None]))
def test_expressions_take_symbolic_values(name: str, parameters: tuple[Any, ...]) -> None:
    family = FAMILIES[name]
    x, values = one_draw(family, parameters, 20, seed=3), [np.array(p) for p in parameters]
    expected = family.logpdf(x, *values)
    rows = [np.broadcast_to(v, (20, *v.shape)) for v in values]
    for symbolic in (values, rows):
        for given_x in (x, Opaque(x)):
            found = family.expression(given_x, *[Opaque(v) for v in symbolic])
            np.testing.assert_allclose(found.hidden, expected, rtol=1e-14)


def test_plain_labels_out_of_range_meet_symbolic_probabilities() -> None:
    found = FAMILIES["Categorical"].expression(np.array([0, 2, -1]), Opaque([0.5, 0.5]))
    np.testing.assert_array_equal(found.hidden, [math.log(0.5), -np.inf, -np.inf])


@pytest.mark.parametrize("name", WITH_STATISTICS)
def test_statistics_take_symbolic_values(name: str) -> None:
    family, parameters = FAMILIES[name], example_of(name).parameters[0]
    sums = sums_of(family, one_draw(family, parameters, 10, seed=1), 0.2)
    squares = tuple(None if s is None else Opaque(s) for s in sums.squares)
    opaque = Sums(n=Opaque(sums.n), sums=tuple(map(Opaque, sums.sums)), squares=squares, shifts=sums.shifts)
    named = by_name(family, parameters)
    hidden = {key: Opaque(value) for key, value in named.items()}
    found = family.statistics.log_likelihood(opaque, hidden)
    np.testing.assert_allclose(found.hidden, family.statistics.log_likelihood(sums, named), rtol=1e-14)
    for message in family.statistics.messages.values():
        for symbolic, number in zip(message.natural(opaque, hidden), message.natural(sums, named), strict=True):
            np.testing.assert_allclose(symbolic.hidden, number, rtol=1e-14)
    for alternative in family.alternatives.values():
        np.testing.assert_allclose(alternative.convert(Opaque(0.5), hidden).hidden, alternative.convert(0.5, named))


# ---- the disk cache

ASK_FOR_ADDRESSES = """
import sys
from mcmix.distributions.table import FAMILIES
for name in sys.argv[1:]:
    family = FAMILIES[name]
    family.density.address
    print(family.name, family.density._compiled.cache_hits)
"""
SOME = ["Normal", "Lognormal", "Poisson", "VonMises"]


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
@pytest.mark.parametrize("names", [SOME, pytest.param(SCALAR, marks=pytest.mark.slow)], ids=["some", "all"])
def test_a_second_process_compiles_nothing(tmp_path: Path, names: list[str]) -> None:
    """In a cache folder of its own, so that no other run can overwrite the cache's index meanwhile."""
    folders = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": folders, "NUMBA_CACHE_DIR": str(tmp_path)}
    for hits in "01":
        command = [sys.executable, "-W", "error", "-c", ASK_FOR_ADDRESSES, *names]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert dict(line.split() for line in done.stdout.splitlines()) == dict.fromkeys(names, hits)
