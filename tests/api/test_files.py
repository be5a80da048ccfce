"""Files are whole or absent, and what is damaged or foreign is refused before anything changes."""

import io
import os
import signal
import threading

import numpy as np
import pytest

import mcmix as mc
from mcmix.files import STALE, read_arrays, write_arrays, write_text, written_beside
from mcmix.report.arviz_bridge import from_netcdf, to_netcdf

QUIET = {"progress_bar": False}


def build(rows=(0.5, 1.5)):
    mu = mc.Normal("mu", 0, 1)
    m = mc.MCMC([mu, mc.Normal("y", mu, 1, value=list(rows), observed=True)])
    m.use_step_method(mc.Metropolis, mu)
    return m


def ascent():
    x = np.random.default_rng(1).normal(9.0 * np.repeat([0, 1], 20), 1.0)
    y = mc.Mixture(
        "y", mc.Dirichlet("w", [1, 1]), mc.Normal, mc.Normal("mu", 0, 0.01, size=2), 1.0, value=x, observed=True
    )
    return mc.VB([y])


# -------------------------------------------------------------------- the home


def test_a_block_that_fails_leaves_the_old_file_alone(tmp_path):
    file = tmp_path / "a.txt"
    write_text(file, "old")
    with pytest.raises(RuntimeError), written_beside(file) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert file.read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["a.txt"]


def test_links_rights_and_what_is_no_file(tmp_path):
    file, link = tmp_path / "a.txt", tmp_path / "link.txt"
    write_text(file, "old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_text(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o640
    write_text(os.devnull, "nothing")
    assert not os.path.isfile(os.devnull)
    with pytest.raises(mc.ModelError, match="got the folder"):
        write_text(tmp_path, "text")
    with pytest.raises(mc.ModelError, match="cannot write .*a.txt"):
        write_text(file / "below.txt", "text")


def test_what_killed_processes_left_is_taken_away_later(tmp_path):
    old, new = tmp_path / ".a[1].1-1.writing.txt", tmp_path / ".a[1].1-2.writing.txt"
    for left in (old, new):
        left.write_text("half")
    os.utime(old, (os.path.getmtime(old) - 2 * STALE,) * 2)
    write_text(tmp_path / "a[1].txt", "text")
    assert not old.exists()
    assert new.exists()  # perhaps its writer lives


# -------------------------------------------------------------------- damaged and foreign


def damages(file):
    """What can become of a file, by name; the signature and every other entry lost, cut or of another kind in turn."""
    whole, one_array = file.read_bytes(), io.BytesIO()
    np.save(one_array, np.zeros(3))
    arrays = read_arrays(file, "test", "test")
    yield "empty", lambda: file.write_bytes(b"")
    yield "text", lambda: file.write_text("hello")
    yield "cut", lambda: file.write_bytes(whole[: len(whole) // 2])
    yield "last byte lost", lambda: file.write_bytes(whole[:-1])
    yield "flipped", lambda: file.write_bytes(whole[:200] + bytes([whole[200] ^ 255]) + whole[201:])
    yield "one array", lambda: file.write_bytes(one_array.getvalue())
    yield "no entry", lambda: write_arrays(file, {})
    for name, array in arrays.items():
        rest = {k: v for k, v in arrays.items() if k != name}
        yield f"{name} lost", lambda rest=rest: write_arrays(file, rest)
        longer = np.append(array, array.ravel()[:1])
        if not name.startswith("story"):  # how many bounds there were is anybody's
            yield (
                f"{name} longer",
                lambda rest=rest, name=name, longer=longer: write_arrays(file, {**rest, name: longer}),
            )
        yield f"{name} text", lambda rest=rest, name=name: write_arrays(file, {**rest, name: np.array("x")})


def test_damaged_states_are_refused_and_change_nothing(tmp_path):
    file = build().sample(200, 50, chains=2, seed=1, **QUIET).save_state(tmp_path / "s.npz")
    whole = file.read_bytes()
    untouched = build().sample(50, 10, chains=3, seed=2, **QUIET).trace("mu")[:]
    q = build()
    n = 0
    for name, damage in damages(file):
        damage()
        with pytest.raises(mc.ModelError, match="restore_state: .*s.npz"):
            q.restore_state(file)
        assert not q._runners, name
        file.write_bytes(whole)
        n += 1
    assert n > 20
    np.testing.assert_array_equal(q.sample(50, 10, chains=3, seed=2, **QUIET).trace("mu")[:], untouched)


def test_states_of_other_samplers_are_refused(tmp_path):
    file = build().sample(60, 20, chains=2, seed=1, **QUIET).save_state(tmp_path / "s.npz")
    with pytest.raises(mc.ModelError, match="expected a file written by save_state, got none"):
        build().restore_state(tmp_path / "nowhere.npz")
    with pytest.raises(mc.ModelError, match="got a folder"):
        build().restore_state(tmp_path)
    tempered = mc.MCMC(build().model, tempering=3)
    with pytest.raises(mc.ModelError, match="tempered|steps"):
        tempered.restore_state(file)
    other = ascent().update(seed=1, verbose=False).save(tmp_path / "vb.npz")
    with pytest.raises(mc.ModelError, match="restore_state"):
        build().restore_state(other)
    q = build().restore_state(file)
    with pytest.raises(mc.ModelError, match="2 of them"):
        q.sample(20, chains=3, **QUIET)


def test_damaged_ascents_are_refused_and_change_nothing(tmp_path):
    q = ascent().update(seed=1, verbose=False)
    file = q.save(tmp_path / "q.npz")
    whole = file.read_bytes()
    other = ascent().update(seed=2, repeat=3, verbose=False)
    before, bounds = other["mu"].mean.copy(), other.bound
    for _, damage in damages(file):
        damage()
        with pytest.raises(mc.ModelError, match="load: .*q.npz"):
            other.load(file)
        np.testing.assert_array_equal(other["mu"].mean, before)
        np.testing.assert_array_equal(other.bound, bounds)
        file.write_bytes(whole)
    np.testing.assert_array_equal(other.load(file)["mu"].mean, q["mu"].mean)


# -------------------------------------------------------------------- killed writers


def writers(folder):
    """Each writer: how it writes, and how a whole file of it is read."""
    m = build().sample(60, 20, chains=2, seed=1, **QUIET)
    q = ascent().update(seed=1, verbose=False)
    data = m.to_arviz()
    state, vb, draws = folder / "s.npz", folder / "q.npz", folder / "d.nc"
    text = "<html>" + "x" * 2_000_000 + "</html>"

    def page():
        assert (folder / "report.html").read_text() == text

    return {
        "state": (lambda: m.save_state(state), lambda: build().restore_state(state)),
        "VB": (lambda: q.save(vb), lambda: ascent().load(vb)),
        "netCDF": (lambda: to_netcdf(data, draws), lambda: from_netcdf(draws)),
        "page": (lambda: write_text(folder / "report.html", text), page),
    }


def killed_while_writing(write, check, seconds):
    """Kill a child that writes over and over, so long after it began; then the file must be whole."""
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:  # never back into pytest
        try:
            os.write(tell, b"1")
            while True:
                write()
        finally:
            os._exit(1)
    os.read(ready, 1)
    threading.Event().wait(seconds)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(ready), os.close(tell)
    assert os.WIFSIGNALED(status)
    check()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.parametrize("writer", ["state", "VB", "netCDF", "page"])
def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path, writer, kills):
    write, check = writers(tmp_path)[writer]
    write()
    for i in range(kills):
        killed_while_writing(write, check, 0.003 + 0.0007 * i)
