"""Derivatives of log densities that families give, beside finite differences of the densities."""

from __future__ import annotations

import numpy as np
import pytest

from mcmix.distributions.table import FAMILIES
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import leaf
from tests.family_examples import EXAMPLES

# those of vectors and matrices: tests/structure/test_gradients_of_vectors.py
SCORED = [name for name, family in FAMILIES.items() if family.score is not None and family.event is None]


def inside(family, parameters):
    """Values where the density is smooth and positive, drawn and a little spread."""
    rng = np.random.default_rng(7)
    x = np.asarray(family.draw(rng, 40, *[np.asarray(p) for p in parameters]), dtype=float)
    near = np.isfinite(family.logpdf(x, *parameters))
    return x[near & (np.abs(x) < 1e6) & ((np.abs(x) > 1e-4) | family.support.discrete)]


def slope(f, at):
    """Central differences at two steps, and how far they may be off: no number at a border or beside a kink."""
    step = 1e-4 * np.maximum(np.abs(at), 1e-3)
    with np.errstate(invalid="ignore"):
        coarse, fine = ((f(at + h) - f(at - h)) / (2 * h) for h in (step, step / 2))
        better = (4 * fine - coarse) / 3  # Richardson
        rounding = 1e-13 * (1.0 + np.abs(f(at))) / step
        smooth = np.abs(coarse - fine) < 1e-3 * np.abs(fine) + 1e-3 + 4 * rounding
        tolerance = np.abs(coarse - fine) * 0.2 + 20 * rounding + 1e-7 * np.abs(fine)
    return np.where(smooth, better, np.nan), tolerance


def test_who_has_no_score_is_known():
    without = sorted(name for name, family in FAMILIES.items() if family.score is None)
    assert without == "Categorical Dirichlet DiscreteUniform Multinomial TruncatedNormal ZeroOneInflatedBeta".split()


@pytest.mark.parametrize("name", SCORED)
def test_scores_are_slopes_of_the_log_density(name):
    family = FAMILIES[name]
    compared = np.zeros(len(family.parameters) + 1, dtype=int)
    for parameters in EXAMPLES[name].parameters:
        x = inside(family, parameters)
        with np.errstate(all="ignore"):  # at a border a slope may be infinite
            found = family.score(x, *[np.asarray(p, dtype=float) for p in parameters])
        given = [x, *[np.full_like(x, p) for p in parameters]]
        for place, own in enumerate(found):
            if isinstance(own, float) and own == 0.0:
                continue

            def density(v, place=place, given=given):
                return family.logpdf(*given[:place], v, *given[place + 1 :])

            expected, tolerance = slope(density, given[place])
            smooth = np.isfinite(expected)
            compared[place] += smooth.sum()
            error = np.abs(np.broadcast_to(own, x.shape) - expected)
            assert np.all(error[smooth] <= tolerance[smooth]), (parameters, place)
    for place, count in enumerate(compared):
        whole = place > 0 and family.parameters[place - 1].constraint == "count"
        flat = name == "Uniform" and place == 0
        assert (count == 0) == (whole or flat or (place == 0 and family.support.discrete)), place


@pytest.mark.parametrize("name", SCORED)
def test_scores_can_be_recorded(name):
    family, parameters = FAMILIES[name], EXAMPLES[name].parameters[0]
    x = inside(family, parameters)[:5]
    leaves = [leaf("x", x.shape), *[leaf(p.name, ()) for p in family.parameters]]
    values = {"x": x, **{p.name: np.asarray(v, float) for p, v in zip(family.parameters, parameters, strict=True)}}
    plain = family.score(x, *[np.asarray(p, float) for p in parameters])
    for own, expected in zip(family.score(*leaves), plain, strict=True):
        found = own if isinstance(own, float) else evaluate(own, values)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
