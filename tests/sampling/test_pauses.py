"""Where chains pause, and where a call that was cut goes on, no draw depends on."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.kernels import driver
from mcmix.sampling import state
from mcmix.sampling.buffers import buffers
from mcmix.sampling.run import collected, run, runner
from mcmix.sampling.seeding import Pool
from mcmix.sampling.start import seeds_of

ROWS = np.random.default_rng(1).normal(3.0 * np.repeat([0, 1], 30), 1.0)
CALL = (400, 150, 3)  # iterations, burn-in, thin
ROW_COUNT = (400 - 150) // 3


def sampler(**options):
    """Labels, conjugate draws, slice, Metropolis that has learned, and a draw by NumPy's sampler."""
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=len(ROWS))
    mu = mc.Normal("mu", [0.0, 3.0], 0.1, size=2)
    sd = mc.HalfCauchy("sd", 0, 1, size=2)
    y = mc.Normal("y", mu[z], 1 / sd[z] ** 2, value=ROWS, observed=True)
    return mc.MCMC([y, mc.Poisson("new", np.exp(0.3 * mu))], **options)


class Every:
    """Pauses that come after so many iterations each, and write down what a cut run would go on from."""

    def __init__(self, step, compiled=None, runners=(), out=None, keep_at=-1):
        self.step, self.compiled, self.runners, self.out, self.keep_at = step, compiled, runners, out, keep_at
        self.seen, self.saved, self.numbers = [], None, None

    def first(self, left):
        return left

    def at(self, left):
        assert {r.left for r in self.runners} == {left}
        assert len({r.rows for r in self.runners}) == 1
        self.seen.append(left)
        if left == self.keep_at:
            self.saved, self.meetings = state.Saved.of(self.runners), len(self.runners[0].meetings)
            self.numbers = self.out.numbers.copy(), {n: x.copy() for n, x in self.out.labels.items()}
        return max(0, left - self.step)

    def last(self, whole):
        self.whole = whole


def chains(m, n_chains=3):
    """A sampler's compiled model with chains that start, and where their draws go."""
    compiled, sequence = m.assembled, np.random.SeedSequence(4)
    pools: dict[object, Pool | None] = seeds_of(compiled, sequence, {})
    made = [runner(compiled, i, s, {}, pools, m._tempering) for i, s in enumerate(sequence.spawn(n_chains))]
    return compiled, made, buffers(compiled, n_chains, ROW_COUNT, 10**8)


def drawn(m, step=None, cores=None, keep_at=-1):
    compiled, runners, out = chains(m)
    pauses = None if step is None else Every(step, compiled, runners, out, keep_at)
    assert not run(runners, out, *CALL, cores=cores, progress_bar=False, pauses=pauses)
    return collected(compiled, out, ROW_COUNT), pauses


def assert_same(one, other):
    for kind in ("variables", "statistics"):
        first, second = getattr(one, kind), getattr(other, kind)
        assert set(first) == set(second)
        for name, values in first.items():
            np.testing.assert_array_equal(second[name], values, err_msg=name)


OPTIONS = pytest.mark.parametrize(
    "options",
    [{"marginal_moves": False}, {"marginal_moves": True}, {"tempering": 2}],
    ids=["given labels", "marginal", "tempered"],
)


@OPTIONS
def test_pauses_change_no_draw(options):
    unbroken, _ = drawn(sampler(**options))
    for step, cores in ((7, 1), (100, 2)):
        paused, pauses = drawn(sampler(**options), step, cores)
        assert pauses.seen == list(range(400, 0, -step))
        assert pauses.whole
        assert_same(unbroken, paused)


@OPTIONS
@pytest.mark.parametrize("left", [400, 355, 330, 250, 179])
def test_a_call_goes_on_in_its_middle_bit_for_bit(options, left):
    unbroken, pauses = drawn(sampler(**options), 1, keep_at=left)
    compiled, runners, out = chains(sampler(**options))
    rows = max(0, (250 - left) // 3)
    pauses.saved.restore(runners)
    out.numbers[:, :rows] = pauses.numbers[0][:, :rows]
    for mine, theirs in zip(out.labels.values(), pauses.numbers[1].values(), strict=True):
        mine[:, :rows] = theirs[:, :rows]
    run(runners, out, *CALL, cores=1, progress_bar=False, done=400 - left, meetings=pauses.meetings)
    assert [r.rows for r in runners] == [ROW_COUNT] * 3
    assert_same(unbroken, collected(compiled, out, ROW_COUNT))


def test_what_a_pause_raises_ends_the_run():
    class Full(Every):
        def at(self, left):
            raise mc.ModelError("the disk is full")

    compiled, runners, out = chains(sampler())
    with pytest.raises(mc.ModelError, match="the disk is full"):
        run(runners, out, *CALL, cores=2, progress_bar=False, pauses=Full(5))
    assert all(r.team is None and r.left == 400 for r in runners)


def test_a_chain_that_stops_early_ends_the_pauses():
    class Stopping(Every):
        def at(self, left):
            if left == 200:
                self.runners[1].stop[0] = 1
            return super().at(left)

    compiled, runners, out = chains(sampler())
    pauses = Stopping(10, compiled, runners, out)
    assert run(runners, out, *CALL, progress_bar=False, pauses=pauses)
    assert pauses.seen[-1] == 200
    assert len({r.rows for r in runners}) == 1
    assert all(r.status in (0, driver.STOPPED) for r in runners)
