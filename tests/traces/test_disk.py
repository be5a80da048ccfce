"""Draws in a folder that grows: whole draws alone are seen, and what is damaged is named."""

import json
import subprocess
import sys

import numpy as np
import pytest

import mcmix as mc
from mcmix.traces import disk
from mcmix.traces.disk import About, Folder
from mcmix.traces.disk_arrays import write_chunk

RNG = np.random.default_rng(1)
DRAWS = {
    "posterior": {"mu": RNG.normal(size=(2, 90, 3)), "z": RNG.integers(0, 3, (2, 90, 50)).astype(np.uint8)},
    "sample_stats": {"lp": RNG.normal(size=(2, 90))},
}


def part(start, stop):
    return {g: {n: x[:, start:stop] for n, x in arrays.items()} for g, arrays in DRAWS.items()}


@pytest.fixture
def folder(tmp_path):
    made = Folder.made(tmp_path / "run.zarr", DRAWS, rows=32)
    for start, stop in ((0, 37), (37, 38), (38, 60)):
        made.append(part(start, stop))
    yield made
    made.close()


def assert_holds(folder, n):
    assert folder.n_draws == n
    for group, arrays in DRAWS.items():
        assert folder.names(group) == sorted(arrays)
        for name, values in arrays.items():
            found = folder.read(group, name)
            np.testing.assert_array_equal(found, values[:, :n])
            assert found.dtype == values.dtype


def test_draws_come_back_as_they_went(folder):
    assert_holds(Folder.opened(folder.path), 60)
    folder.append(part(60, 90))
    assert_holds(Folder.opened(folder.path), 90)
    folder.trim()
    assert_holds(Folder.opened(folder.path), 90)


@pytest.mark.parametrize("every", [2, 7, 33, 100])
def test_every_so_many_draws(folder, every):
    for group, arrays in DRAWS.items():
        for name, values in arrays.items():
            np.testing.assert_array_equal(Folder.opened(folder.path).read(group, name, every), values[:, :60:every])


def test_chunks_are_those_that_the_library_writes(tmp_path):
    """Byte for byte, of doubles and small numbers, of a whole chunk and of its first draws."""
    for group, name, n in (("posterior", "mu", 32), ("posterior", "z", 32), ("sample_stats", "lp", 20)):
        values, files = DRAWS[group][name][:, :n], []
        for by_library in (False, True):
            path = tmp_path / f"{name}{by_library}.zarr"
            folder = Folder.made(path, {"posterior": {name: values}}, About(room=64), rows=32)
            array = folder._arrays["posterior"][name]
            if by_library:
                array[:, 32 : 32 + n] = values
            else:
                assert write_chunk(array, 1, values)
            (file,) = [f for f in (folder.path / "posterior" / name / "c").rglob("*") if f.is_file()]
            files.append((file.relative_to(folder.path), file.read_bytes()))
        assert files[0] == files[1]


def test_a_chunk_is_written_again_from_its_first_draw(tmp_path):
    made = Folder.made(tmp_path / "run.zarr", DRAWS, rows=32)
    made.append(part(0, 40))
    made.append(part(32, 60), count=20, again=8)
    assert_holds(Folder.opened(made.path), 60)
    with pytest.raises(mc.ModelError, match="expected draws of"):
        made.append(part(32, 60), count=20, again=9)


def test_rows_come_block_by_block(tmp_path, monkeypatch):
    """Labels of draws, and counts beside a state: nobody holds them whole, and they come back as they went."""
    monkeypatch.setattr("mcmix.traces.disk_arrays.ROWS_AT_ONCE", 20)
    z, lp = DRAWS["posterior"]["z"], DRAWS["sample_stats"]["lp"]
    like = {"labels": {"z": z[:, :0]}, "sample_stats": {"lp": lp}}
    about = About(every={"labels": 2}, in_blocks={"labels": ["z"]})
    made = Folder.made(tmp_path / "run.zarr", like, about, rows=8)
    for chain in range(2):
        for draw in range(3):
            made.fill("labels", "z", chain, (z[chain, draw, a : a + 15] for a in range(0, 50, 15)), draw)
    assert made.n_draws == 0
    made.append({"sample_stats": {"lp": lp[:, :5]}}, 5)
    counts = RNG.integers(0, 9, (2, 50, 3)).astype(np.uint32)
    made.checkpoint(b"state", {"counts z": counts})
    made.close()
    again, found = Folder.opened(made.path), np.zeros_like(counts)
    np.testing.assert_array_equal(again.read("labels", "z"), z[:, :3])
    again.take_beside("counts z", found)
    np.testing.assert_array_equal(found, counts)
    (made.path / "labels" / "z" / "c" / "0" / "2" / "1").unlink()
    with pytest.raises(mc.ModelError, match="chunks are missing"):
        again.read("labels", "z")


def test_chunks_that_are_small(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "CHUNK", 2000)
    made = Folder.made(tmp_path / "run.zarr", DRAWS)
    made.append(part(0, 41))
    made.append(part(41, 90))
    assert_holds(made, 90)


def test_xarray_reads_it(folder):
    xarray = pytest.importorskip("xarray")
    with xarray.open_datatree(folder.path, engine="zarr") as tree:
        assert tree["posterior"]["mu"].dims == ("chain", "draw", "mu_dim_0")
        np.testing.assert_array_equal(tree["posterior"]["mu"], DRAWS["posterior"]["mu"][:, :60])
    folder.trim()
    with xarray.open_datatree(folder.path, engine="zarr", consolidated=False) as tree:
        np.testing.assert_array_equal(tree["posterior"]["mu"], DRAWS["posterior"]["mu"][:, :60])


def test_axes_have_names_and_what_has_no_draws_stands_beside(tmp_path):
    xarray = pytest.importorskip("xarray")
    about = About(
        dims={"posterior": {"mu": ["place"], "z": ["row"]}, "observed_data": {"y": ["row"]}},
        coords={"place": ["a", "b", "c"], "row": np.arange(50)},
        fixed={"observed_data": {"y": np.arange(50.0)}},
        attributes={"made": "here"},
        every={"labels": 7},
    )
    some = {**DRAWS, "labels": {"z": DRAWS["posterior"]["z"]}}
    made = Folder.made(tmp_path / "run.zarr", some, about)
    for start, stop in ((0, 10), (10, 36)):
        kept = [i for i in range(start, stop) if i % 7 == 0]
        made.append({**part(start, stop), "labels": {"z": DRAWS["posterior"]["z"][:, kept]}}, stop - start)
    made.close()
    np.testing.assert_array_equal(Folder.opened(made.path).read("labels", "z"), DRAWS["posterior"]["z"][:, :36:7])
    with xarray.open_datatree(made.path, engine="zarr") as tree:
        assert tree["posterior"]["mu"].dims == ("chain", "draw", "place")
        assert tree["posterior"]["place"].values.tolist() == ["a", "b", "c"]
        np.testing.assert_array_equal(tree["observed_data"]["y"], np.arange(50.0))
        assert tree.attrs["made"] == "here" and "checkpoint" not in tree.children


def test_states_are_written_in_turn(folder):
    assert folder.state() is None
    for state in (b"one", b"two and more", b"three"):
        folder.checkpoint(state, told=len(state))
        again = Folder.opened(folder.path)
        assert again.state() == (state, 60) and again.said["told"] == len(state)


def test_zeros_are_written_and_what_is_not_there_is_missed(tmp_path):
    nothing = {"posterior": {"z": np.zeros((2, 40, 3), np.uint8)}, "sample_stats": {"lp": np.zeros((2, 40))}}
    made = Folder.made(tmp_path / "run.zarr", nothing, rows=10)
    made.append(nothing)
    made.close()
    assert not Folder.opened(made.path).read("posterior", "z").any()
    next(p for p in (made.path / "posterior" / "z" / "c").rglob("*") if p.is_file()).unlink()
    with pytest.raises(mc.ModelError, match=r"z of posterior.*chunks are missing"):
        Folder.opened(made.path).read("posterior", "z")


def test_what_a_kill_left_of_a_root_is_taken_away(folder):
    folder.close()
    left = folder.path / "zarr.json.123.partial"
    left.write_text("{")
    assert_holds(Folder.opened(folder.path), 60)
    again = Folder.opened(folder.path, to_append=True)
    again.append(part(60, 70))
    again.close()
    assert not left.exists()
    assert_holds(Folder.opened(folder.path), 70)


def test_two_cannot_write_at_once(folder):
    with pytest.raises(mc.ModelError, match="written to by another run"):
        Folder.opened(folder.path, to_append=True)
    folder.close()
    Folder.opened(folder.path, to_append=True).close()


def test_draws_that_are_half_written_are_not_seen_and_are_written_over(folder, monkeypatch):
    import zarr

    writes = zarr.Array.__setitem__

    def full(array, where, values):
        if array.name.endswith("z"):
            raise OSError(28, "No space left on device")
        writes(array, where, values)

    with monkeypatch.context() as at, pytest.raises(mc.ModelError, match=r"cannot write .*run.zarr: No space left"):
        at.setattr(zarr.Array, "__setitem__", full)
        folder.append(part(60, 80))
    assert_holds(Folder.opened(folder.path), 60)
    folder.append(part(60, 65))
    assert_holds(Folder.opened(folder.path), 65)


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_a_damaged_chunk_is_named_and_the_rest_is_readable(folder, damage):
    chunk = next(p for p in (folder.path / "posterior" / "mu" / "c").rglob("*") if p.is_file())
    held = bytearray(chunk.read_bytes())
    held[len(held) // 2] ^= 1
    chunk.write_bytes(held if damage == "flip" else held[: len(held) // 2])
    again = Folder.opened(folder.path)
    with pytest.raises(mc.ModelError, match="damaged.*") as told:
        again.read("posterior", "mu")
    assert "mu of posterior" in str(told.value)
    np.testing.assert_array_equal(again.read("posterior", "z"), DRAWS["posterior"]["z"][:, :60])


def test_what_is_there_is_kept(folder, tmp_path):
    with pytest.raises(mc.ModelError, match="exists: .*overwrite=True begins anew"):
        Folder.made(folder.path, DRAWS)
    assert_holds(Folder.opened(folder.path), 60)
    assert Folder.made(folder.path, DRAWS, overwrite=True).n_draws == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(mc.ModelError, match="got a folder of something else"):
        Folder.made(tmp_path / "mine", DRAWS, overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_what_cannot_be_opened(folder, tmp_path):
    with pytest.raises(mc.ModelError, match="got nothing at"):
        Folder.opened(tmp_path / "none.zarr")
    (tmp_path / "file").write_text("")
    with pytest.raises(mc.ModelError, match="got a file at"):
        Folder.opened(tmp_path / "file")
    with pytest.raises(mc.ModelError, match="cannot write .*Not a directory"):
        Folder.made(tmp_path / "file" / "run.zarr", DRAWS)
    with pytest.raises(mc.ModelError, match="expected draws of"):
        folder.append({"posterior": part(0, 1)["posterior"]})
    about = folder.path / "zarr.json"
    said = json.loads(about.read_text())
    said["attributes"]["mcmix_format"] = 99
    about.write_text(json.dumps(said))
    with pytest.raises(mc.ModelError, match="format 99, written by mcmix .*update mcmix"):
        Folder.opened(folder.path)
    about.write_text(about.read_text()[:40])
    with pytest.raises(mc.ModelError, match="damaged"):
        Folder.opened(folder.path)


def test_without_zarr_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(mc.ModelError, match=r"pip install 'mcmix\[store\]'"):
        Folder.opened(tmp_path)


WRITER = """
import sys
import numpy as np
from mcmix.traces.disk import Folder

rows = np.arange(2 * 3000.0).reshape(2, 3000)
folder = Folder.made(sys.argv[1], {"posterior": {"mu": rows}, "sample_stats": {"lp": rows}})
print("made", flush=True)
for at in range(0, 3000, 3):
    folder.append({"posterior": {"mu": rows[:, at : at + 3]}, "sample_stats": {"lp": rows[:, at : at + 3]}})
    print(folder.n_draws, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 5, 12])
def test_a_killed_writer_leaves_whole_draws(tmp_path, lines):
    path, rows = tmp_path / "run.zarr", np.arange(2 * 3000.0).reshape(2, 3000)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.kill()
    folder = Folder.opened(path, to_append=True)
    n = folder.n_draws
    assert n % 3 == 0 and n >= (int(said[-1]) if lines > 1 else 0) and n < 3000
    for group, name in (("posterior", "mu"), ("sample_stats", "lp")):
        np.testing.assert_array_equal(folder.read(group, name), rows[:, :n])
    folder.append({"posterior": {"mu": rows[:, n:]}, "sample_stats": {"lp": rows[:, n:]}})
    np.testing.assert_array_equal(Folder.opened(path).read("posterior", "mu"), rows)
