"""How far a run is: in a file of lines, in the log, from another process."""

import json
import logging
import time

import numpy as np
import pytest

import mcmix as mc
from mcmix.api import watching
from mcmix.api.command import main
from mcmix.sampling import watch
from mcmix.sampling.running import Running
from mcmix.traces.disk import Folder


def sampler():
    mu = mc.Normal("mu", 0, 1, size=2)
    return mc.MCMC([mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)])


def test_a_line_of_json_at_each_look(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "EVERY", 0.0)
    file = tmp_path / "run.jsonl"
    sampler().sample(40_000, 1000, chains=2, seed=1, progress_bar=False, progress_file=file)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    last = lines[-1]
    assert (last["done"], last["iterations"], last["chains"], last["draws"]) == (40_000, 40_000, 2, 39_000)
    assert last["fewest"]["of"] in ("log density", "mu[0]", "mu[1]") and last["fewest"]["effective"] > 20_000
    assert last["per_second"] > 0 and last["seconds"] > 0
    assert [line["done"] for line in lines] == sorted(line["done"] for line in lines)


def test_a_stored_run_has_lines_too(tmp_path):
    file = tmp_path / "run.jsonl"
    m = sampler()
    m.sample(3000, 500, seed=1, progress_bar=False, progress_file=file, store=tmp_path / "run.zarr")
    assert json.loads(file.read_text().splitlines()[-1])["draws"] == 2500


def test_a_file_that_cannot_be_written_is_said_before_the_run(tmp_path):
    m = sampler()
    with pytest.raises(mc.ModelError, match="progress_file: cannot write"):
        m.sample(100, progress_file=tmp_path, progress_bar=False)
    with pytest.raises(mc.ModelError, match="progress_file: cannot write"):
        m.sample(100, progress_file=tmp_path / "none" / "run.jsonl", progress_bar=False)


def test_what_the_bar_says(monkeypatch):
    class Chain:
        left, rows = 100, 500

    draws = np.random.default_rng(1).normal(size=(2, 500, 1))
    running = Running(2, ["mu"])
    running.take(draws)
    monkeypatch.setattr(watch, "EVERY", 0.0)
    assert watch.Watch(running, lambda x: x).look([Chain(), Chain()], 600).startswith("min ESS ")
    monkeypatch.setattr(watch, "EVERY", 1e9)
    assert watch.Watch(running, lambda x: x).look([Chain(), Chain()], 600) == ""


def test_a_call_is_logged(caplog, tmp_path):
    with caplog.at_level(logging.DEBUG, logger="mcmix"):
        sampler().sample(300, 100, chains=2, seed=1, progress_bar=False, store=tmp_path / "run.zarr")
    said = [r.getMessage() for r in caplog.records]
    assert any(s.startswith("MCMC: 2 chains x 300 iterations, 100 of them burn-in") for s in said)
    assert any("draws go to" in s for s in said) and any("kept the state of the chains at 200 draws" in s for s in said)


@pytest.fixture
def folder(tmp_path):
    sampler().sample(1500, 500, chains=2, seed=1, progress_bar=False, store=tmp_path / "run.zarr")
    return Folder.opened(tmp_path / "run.zarr")


def test_a_run_is_watched(folder, capsys):
    assert main(["watch", str(folder.path)]) == 0  # it has ended: one look
    said = capsys.readouterr().out
    assert "1500 of 1500 iterations x 2 chains (100%), 1000 draws" in said and "; ended" in said
    assert "mu[0]" in said and "r_hat" in said


@pytest.mark.parametrize(
    ("progress", "finished", "words"),
    [
        ({"done": 300}, None, "300 of 1500 iterations x 2 chains (20%), burn-in"),
        ({"done": 1000, "seconds": 10.0}, None, "about 5 s left"),
        ({"done": 1000}, False, "cut: mc.resume goes on with it"),
        ({"done": 1000, "at": 0.0}, None, "it may have been killed"),
    ],
)
def test_what_is_said_of_a_run_that_has_not_ended(folder, progress, finished, words):
    folder.said["progress"] |= {"at": time.time(), **progress}
    folder.said["finished"] = finished
    assert words in watching.headline(folder)


def test_what_is_no_run_is_refused(tmp_path, capsys):
    assert main(["watch", str(tmp_path)]) == 1
    assert "mcmix watch: expected a folder of draws written by mcmix" in capsys.readouterr().err


def test_long_tables_are_cut(folder, monkeypatch):
    monkeypatch.setattr(watching, "MOST_ROWS", 1)
    assert watching.table(folder).endswith("... and 1 more")
