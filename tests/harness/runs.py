"""Every function that takes a run, as it is called on any model: each answers, or refuses in words.

A refusal is a ModelError whose text is a sentence; anything else that is raised is a fault. What comes back is held to
what is known of the model (`tests/harness/features.py`).
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mcmix as mc
from tests.harness.features import UNITS, Built, Reference

Check = Callable[[Built, mc.MCMC, Reference, Path], None]


def refused(error: mc.ModelError) -> bool:
    """Whether an error is a refusal in words."""
    text = str(error)
    return len(text.split()) >= 5 and "Traceback" not in text


def deviance(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    assert np.allclose(m.deviance, -2.0 * r.units.sum(axis=1), rtol=1e-6, atol=1e-5)


def log_likelihood(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    data = m.to_arviz(log_likelihood=True)["log_likelihood"]
    found = [np.asarray(data[n]).reshape(len(r.units), -1) for n in data]
    assert len(found) == 1 and np.allclose(found[0], r.units[:, r.seen], rtol=1e-6, atol=1e-6)


def memberships(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    assert np.allclose(m.memberships("z"), r.shares.mean(axis=0), atol=1e-6)


def labels_follow_them(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    """Labels that were drawn are as frequent as they are probable: one error in 4.5, of batches of a longer run."""
    drawn = m.trace("z")[:]
    unknown = np.ones(UNITS, dtype=bool) if m.model.get_node("z").mask is None else m.model.get_node("z").mask
    gaps = (drawn == 1) - r.shares[:, unknown, 1]
    batches = gaps[: len(gaps) // 20 * 20].reshape(20, -1, gaps.shape[1]).mean(axis=1)
    errors = batches.std(axis=0, ddof=1) / np.sqrt(20.0)
    assert (np.abs(gaps.mean(axis=0)) < 6.0 * errors + 0.02).all()


def relabel(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    mc.relabel(m, label="z")


def classify(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    found = mc.classify(m, label="z")
    assert found.probabilities.shape == (UNITS, 2)
    if found.method == "as sampled":
        assert np.allclose(found.probabilities, r.shares.mean(axis=0), atol=1e-6)
    assert m.last_labels("z", chain=0).shape == (UNITS,)
    try:
        blocks = [part.probabilities for _, part in mc.classify_blocks(m, label="z", rows=3)]
    except mc.ModelError as error:  # rows that depend on more than the parameters of their component
        assert refused(error), f"classify_blocks: no words: {error}"
    else:
        assert np.concatenate(blocks).shape == (UNITS, 2)


def partition(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    assert mc.partition(m, label="z").labels.shape == (UNITS,)
    with pytest.raises(mc.ModelError, match="mc.occupied"):  # the number of components is known
        mc.posterior_components(m)
    for ask in (mc.most_probable_states, partial(mc.forecast, steps=2)):  # labels are independent
        with pytest.raises(mc.ModelError, match="no label vector that follows a Markov chain"):
            ask(m)


def evidence(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    assert np.isfinite(mc.evidence(m).log)


def compare(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    """Scores as they follow from the log likelihood of units at all draws."""
    table = mc.compare({"only": m}, draws=len(r.units)).table.loc["only"]
    logs = r.units[:, r.seen]
    expected = np.logaddexp.reduce(logs, axis=0) - np.log(len(logs)) - logs.var(axis=0, ddof=1)
    assert np.isclose(table["waic"], expected.sum(), rtol=1e-6) and np.isfinite(table["loo"])
    assert np.isfinite(table[["bic", "dic"]].to_numpy(float)).all()


def predictive(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    rows = mc.predictive(m, "y").rvs(3, seed=1)
    assert np.shape(rows) == (3,)


def posterior_predictive(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    found = m.posterior_predictive(5, seed=1)
    assert {n.name for n in m.model.data_nodes} - {"z"} <= set(found)
    assert all(1 <= len(x) <= 5 and x.shape[1:] == m.model.get_node(name).shape for name, x in found.items())


def sensitivity(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    assert len(m.sensitivity(draws=100).table)


def diagnose(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    assert len(m.diagnose().table) and m.verdict


def summary(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    assert len(m.summary()) and m.stats()


def explain(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    print(m.explain())


def there_and_back(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    """Through a netCDF file of ArviZ into a new sampler."""
    file = folder / "draws.nc"
    data = m.to_arviz()
    data.to_netcdf(str(file))
    again = mc.MCMC(m.model).read(file)
    for name in m.draws().variables:
        assert np.allclose(again.trace(name)[:], m.trace(name)[:]), name


def state(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    """What is restored goes on as what was saved."""
    again = mc.MCMC(m.model, **b.options).restore_state(m.save_state(folder / "state.npz"))
    first, second = copy.deepcopy(m), again
    first.sample(20, progress_bar=False)
    second.sample(20, progress_bar=False)
    for name in first.draws().variables:
        assert np.array_equal(first.trace(name)[:], second.trace(name)[:]), name


def copies(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    again = copy.deepcopy(m)
    assert np.array_equal(again.trace("w")[:], m.trace("w")[:])


def report(b: Built, m: mc.MCMC, r: Reference, folder: Path) -> None:
    assert m.report(folder / "page").exists()


FAST: dict[str, Check] = {
    f.__name__: f
    for f in (
        deviance, log_likelihood, memberships, labels_follow_them, relabel, classify, partition, predictive,
        posterior_predictive, diagnose, summary, explain, there_and_back, state, copies,
    )
}  # fmt: skip
SLOW: dict[str, Check] = {f.__name__: f for f in (evidence, compare, sensitivity, report)}


def run(check: Check, b: Built, m: mc.MCMC, r: Reference, folder: Path) -> str:
    """What came of it: "" for an answer, the reason of a refusal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of short runs
        try:
            check(b, m, r, folder)
        except mc.ModelError as error:
            assert refused(error), f"{check.__name__}: no words: {error}"
            return str(error)
    return ""


def answers(b: Built, checks: dict[str, Check], folder: Path, **run_options: Any) -> dict[str, str]:
    """Refusals by function, of one model after a short run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        m = b.sampled(**run_options)
    r = Reference(b, m)
    return {name: said for name, check in checks.items() if (said := run(check, b, m, r, folder))}
