"""Random small models: refused by name before sampling, or sampled without NaN and right by a joint test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings

import mcmix as mc
import mcmix.testing
from mcmix.nodes.ancestral import drawn_forward
from tests.harness.fuzzing import Plan, built, plans

FAST, SLOW = 25, 600
EACH = 1e-5 / (2 * (FAST + SLOW))  # the whole of it fails a right sampler with a probability of at most 1e-5

QUIET = dict(
    derandomize=True,  # the same models in every run: a failure can be looked at
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def names_a_node(refusal: mc.McmixError, plan: Plan) -> bool:
    return any(name in str(refusal) for name in ["data", "more", "idle", "z", *[u.parameter for u in plan.unknowns]])


def assembled(plan: Plan) -> mc.MCMC | None:
    """The sampler of a plan, on data of the model's own; None where it is refused by the name of one of its nodes."""
    try:
        model = mc.Model(built(plan))
        drawn = drawn_forward([*model.stochastics, *model.data_nodes], {}, np.random.default_rng(90))
        for node in model.data_nodes:
            node.observe(drawn[node])
        return mc.MCMC(model)
    except mc.McmixError as refusal:
        assert names_a_node(refusal, plan), f"the refusal names no node: {refusal}"
        return None


def check(plan: Plan, replications: int = 20) -> str:
    """Run one plan through all that it must survive; says whether it was refused."""
    m = assembled(plan)
    if m is None:
        return "refused"
    try:
        m.sample(30, 0, chains=1, seed=91, progress_bar=False)
    except mc.ZeroProbability as refusal:  # no start was found; the joint test brings its own
        assert names_a_node(refusal, plan), f"the refusal names no node: {refusal}"
    else:
        for node in m.model.stochastics:
            if node.name in m.draws().variables:
                assert not np.isnan(np.asarray(m.trace(node.name)[:], float)).any(), node.name
    result = mcmix.testing.joint_test(m.model, replications=replications, stages=2, sweeps=4, false_alarm=EACH, seed=92)
    assert result.passed, result
    return "sampled"


@given(plans())
@settings(max_examples=FAST, **QUIET)
def test_random_models(plan: Plan):
    note(repr(plan))
    check(plan)


@pytest.mark.slow
@given(plans())
@settings(max_examples=SLOW, **QUIET)
def test_many_random_models(plan: Plan):
    note(repr(plan))
    check(plan)


# -------------------------------------------------------------------- what it has found


def vectors_by_label_and_group(rows: int) -> mc.MvNormal:
    """Row i has its mean at 0 under label i mod 2 alone, at 5 under the other."""
    centres = np.array([[[0.0, 0.0], [5.0, 5.0]], [[5.0, 5.0], [0.0, 0.0]]])
    mu = mc.MvNormal("mu", centres, 1e4 * np.eye(2), size=(2, 2))
    z = mc.Categorical("z", [0.5, 0.5], size=rows)
    return mc.MvNormal("y", mu[z, np.arange(rows) % 2], np.eye(2), value=np.zeros((rows, 2)), observed=True)


def vectors_with_a_covariate(rows: int) -> mc.MvNormal:
    """The same with a known term for each row."""
    mu = mc.MvNormal("mu", np.array([[0.0, 0.0], [5.0, 5.0]]), 1e4 * np.eye(2), size=2)
    z, known = mc.Categorical("z", [0.5, 0.5], size=rows), -5.0 * (np.arange(rows) % 2)[:, None]
    return mc.MvNormal("y", mu[z] + known, np.eye(2), value=np.zeros((rows, 2)), observed=True)


@pytest.mark.parametrize("rows", [1, 2, 3, 6])
@pytest.mark.parametrize("build", [vectors_by_label_and_group, vectors_with_a_covariate])
def test_rows_of_vectors_that_differ_in_more_than_a_label(build, rows: int):
    """Two rows and two labels: the parameters of rows were once taken for those of labels, of other numbers refused."""
    m = mc.MCMC([build(rows)]).sample(60, 10, chains=1, seed=93, progress_bar=False)
    np.testing.assert_array_equal(m.trace("z")[:], np.tile(np.arange(rows) % 2, (50, 1)))
