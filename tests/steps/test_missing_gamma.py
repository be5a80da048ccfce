"""Missing entries of gamma data, drawn while the shape parameter comes from far away."""

import numpy as np

import mcmix as mc


def test_a_tiny_shape_at_the_start_does_not_end_the_run():
    x = np.random.default_rng(1).gamma(3.0, 2.0, 200)
    x[5] = np.nan
    shape, rate = mc.Gamma("shape", 1.0, 0.05), mc.Gamma("rate", 1.0, 1.0)
    m = mc.MCMC([mc.Gamma("y", shape, rate, value=x, observed=True)])
    draws = m.sample(1500, 500, seed=2).trace("shape")[:]  # of this seed, a chain's shape was 1e-23 after one sweep
    assert 2.0 < draws.mean() < 5.0
