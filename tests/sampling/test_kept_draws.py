"""What samplers hand out cannot change what they keep."""

import copy

import numpy as np
import pytest

import mcmix as mc
import mcmix.pymc2 as pymc
from mcmix.pymc2 import database

ROWS = np.random.default_rng(1).normal(6.0 * np.repeat([0, 1], 12), 1.0)


def every_kind():
    """Vectors, labels, missing entries, a deterministic: every kind of variable that is kept."""
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=len(ROWS))
    mu = mc.Normal("mu", 3.0, 0.1, size=2)
    rows = np.where(np.arange(len(ROWS)) == 3, np.nan, ROWS)
    y = mc.Normal("y", mu[z], 1.0, value=rows, observed=True)
    gap = mc.Lambda("gap", lambda mu=mu: mu[1] - mu[0])
    return mc.MCMC([y, gap]).sample(60, 20, chains=2, seed=1, progress_bar=False)


def roads(m):
    """Every public way to the arrays of draws, by what it is called."""
    draws = m.draws()
    for name in ("w", "z", "mu", "gap", "y"):
        yield f"trace({name})[:]", m.trace(name)[:]
        yield f"trace({name}, chain=0)[:]", m.trace(name, chain=0)[:]
        yield f"trace({name}).gettrace()", m.trace(name).gettrace()
        yield f"trace({name})(burn, thin)", m.trace(name)(burn=2, thin=3)
        yield f"draws().variables[{name}]", draws.variables[name]
        yield f"to_arviz {name}", m.to_arviz()["posterior"][name].values
    yield "all calls", m.trace("mu", calls="all")[:]
    yield "one element", m.trace("mu")[:, 0]
    yield "node.trace", m.model.get_node("mu").trace[:]
    yield "deviance", m.deviance
    yield "lp", draws.statistics["lp"]
    yield "lp in ArviZ", m.to_arviz()["sample_stats"]["lp"].values
    yield "relabelled", m.relabel("ordering")["posterior"]["y"].values


def test_writing_into_what_is_handed_out_fails_or_changes_a_copy():
    m = every_kind()
    kept = copy.deepcopy({**m.draws().variables, **m.draws().statistics, "deviance": m.deviance})
    for road, values in roads(m):
        assert values.size, road
        try:
            values[...] = 7
        except ValueError as error:
            assert "read-only" in str(error), road
    now = {**m.draws().variables, **m.draws().statistics, "deviance": m.deviance}
    for name, values in kept.items():
        np.testing.assert_array_equal(now[name], values, err_msg=name)


def test_in_place_arithmetic_and_sorting_are_refused():
    trace = every_kind().trace("mu")[:]
    with pytest.raises(ValueError, match="read-only"):
        trace -= trace.mean(0)
    with pytest.raises(ValueError, match="read-only"):
        trace.sort(axis=0)
    own = trace.copy()
    own.sort(axis=0)


def test_draws_that_were_read_are_not_those_of_whoever_gave_them():
    mu = mc.Normal("mu", 0, 1)
    m = mc.MCMC([mu, mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)])
    given = np.random.default_rng(1).normal(2 / 3, 0.5, (2, 50))
    m.read({"mu": given})
    before = m.stats()["mu"]["mean"].copy()
    given += 100.0
    assert m.stats()["mu"]["mean"] == before


def test_old_traces_and_databases(tmp_path):
    mu = pymc.Normal("mu", 0, 1)
    m = pymc.MCMC(
        [mu, pymc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)], db="pickle", dbname=str(tmp_path / "run")
    )
    m.sample(40, 10, progress_bar=False)
    loaded = database.load(tmp_path / "run")
    for holder in (m, m.db, loaded, mu):
        trace = holder.trace("mu") if hasattr(holder, "commit") or holder is m else holder.trace
        before = trace[:].copy()
        for values in (trace[:], trace.gettrace(), trace(), trace.chains[0], np.asarray(trace), trace[2:]):
            try:
                values[...] = 7.0
            except ValueError as error:
                assert "read-only" in str(error)
        np.testing.assert_array_equal(trace[:], before)
