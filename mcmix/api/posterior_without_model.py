"""Draws on disk without their model: what can be said of them all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from mcmix.api.diagnosis import GLIMPSE
from mcmix.api.posterior import Posterior
from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.report.diagnosis.facts import Facts, LabelFacts
from mcmix.report.diagnosis.result import Diagnosis, diagnosed
from mcmix.traces.disk import Folder
from mcmix.traces.memory import Draws
from mcmix.traces.stored import draws_by_name


class PosteriorWithoutModel(Posterior):
    """Draws that :func:`load` has read without their model.

    Traces, statistics, summaries, the verdict, relabelling and ArviZ need no more; what does says so.

    Parameters
    ----------
    folder : Folder
    labelled : bool
        The draws at which labels were kept.
    """

    def __init__(self, folder: Folder, labelled: bool = False):
        said = folder.said
        call, labels = said["call"], said["labels"]
        there = {n: said["names"].get(n, n) for n in said["order"]}
        along = _labels(folder, {n: x for n, x in there.items() if x in folder.names("posterior")})
        self._facts = facts_from(said["facts"])
        draws = draws_by_name(folder, list(there), labels, frozenset(said["angles"]), along, labelled)
        self._path, self._labels = folder.path, frozenset(said["labels"])
        self.seed_sequence = streams.read(call["seed"] or {})
        self.lengths = call["iterations"], call["burn"], call["thin"]
        self.label_budget = call["label_budget"]
        self.sampling_seconds = self.sampling_wall_seconds = float(said.get("progress", {}).get("seconds", 0.0))
        self._calls, self._deviances = [draws], {}

    def _needs(self) -> ModelError:
        return ModelError(f"this needs the model of the draws: mc.load({str(self._path)!r}, model)")

    @property
    def model(self) -> Any:  # type: ignore[override]
        """None is here; whoever asks is told how to bring one."""
        raise self._needs()

    @property
    def assembled(self) -> Any:
        """None is here either."""
        raise self._needs()

    def _missing(self, key: str, draws: Draws) -> str:
        if key in self._labels:
            return f"trace: the draws of the labels {key!r} were not kept in {self._path}"
        return f"trace: no variable named {key!r}; there are {', '.join(sorted(draws.variables))}"

    def _reported(self, draws: Draws) -> list[str]:
        return [name for name in draws.variables if name not in self._labels]

    def _at_a_glance(self) -> Diagnosis:
        draws = self.draws()
        if self._seen is None:
            self._seen = draws, diagnosed(draws.glimpse(GLIMPSE), self._facts)
        return self._seen[1]

    def diagnose(self, calls: str | None = None) -> Diagnosis:
        """Whether the run can be trusted; see :meth:`Posterior.diagnose`. Likelihood and predictive need the model.

        Parameters
        ----------
        calls : {"last", "all"}, optional

        Returns
        -------
        Diagnosis
        """
        return diagnosed(self.draws(calls), self._facts, in_full=True)

    @property
    def _come_and_go(self) -> frozenset[str]:
        return self._facts.come_and_go

    def _named(self, draws: Draws, names: Sequence[str]) -> tuple[Draws, str]:
        """Draws under one name for each component, where some of these variables have none, and what to say of it."""
        if not set(names) & self._facts.nameless or not set(draws.variables) & self._labels:
            return draws, ""
        from mcmix.report import arviz_bridge

        variables, statistics = arviz_bridge.draws_of(self.relabel())
        back = {theirs: ours for ours, theirs in draws.folder.said["names"].items()}  # type: ignore[attr-defined]
        renamed = draws.changed({back.get(n, n): x for n, x in variables.items()}, statistics)
        return renamed, "components have one name in all draws (mc.relabel); relabel=False shows them as sampled"

    def relabel(self, method: str = "auto", **options: Any) -> Any:
        """Draws with one name for each component; see :func:`mcmix.relabel`.

        Parameters
        ----------
        method : str
        **options
            Of the same function.

        Returns
        -------
        arviz.InferenceData (ArviZ 0.x) or xarray.DataTree (ArviZ 1.x)
        """
        from mcmix.api.relabel import relabel

        return relabel(self._path, method, **options)

    def to_arviz(self, *, calls: str | None = None, **groups: Any) -> Any:
        """Draws, what the sampler says of them, and data for ArviZ; groups that are computed need the model.

        Parameters
        ----------
        calls : {"last", "all"}, optional
        **groups
            As for :meth:`Posterior.to_arviz`.

        Returns
        -------
        arviz.InferenceData (ArviZ 0.x) or xarray.DataTree (ArviZ 1.x)
        """
        if any(groups.values()):
            raise self._needs()
        from mcmix.report import arviz_zarr

        return arviz_zarr.from_zarr(self._path)

    def observed_data(self) -> dict[str, np.ndarray]:
        """The data by node name; NaN where an entry is missing.

        Returns
        -------
        dict of str to ndarray
        """
        folder = self.draws().folder  # type: ignore[attr-defined]
        back = {theirs: ours for ours, theirs in folder.said["names"].items()}
        return {back.get(n, n): x for n, x in folder.group("observed_data").items() if x.dtype.kind in "fiub"}

    def __repr__(self) -> str:
        draws = self.draws()
        return f"<Posterior in {self._path}: {draws.n_chains} chains x {draws.n_draws} draws>"


def facts_to_text(facts: Facts) -> dict[str, Any]:
    """As JSON takes them."""
    labels = {n: {**asdict(x), "known": np.asarray(x.known).tolist()} for n, x in facts.labels.items()}
    plain = {f.name: getattr(facts, f.name) for f in fields(facts) if f.name != "labels"}
    return {"labels": labels, **{n: sorted(x) if isinstance(x, frozenset) else x for n, x in plain.items()}}


def facts_from(said: Mapping[str, Any]) -> Facts:
    """Back from JSON."""
    labels = {n: LabelFacts(**{**x, "known": np.array(x["known"], dtype=int)}) for n, x in said["labels"].items()}
    rest: dict[str, Any] = {n: frozenset(x) if isinstance(x, list) else x for n, x in said.items() if n != "labels"}
    return Facts(labels=labels, **rest)


def _labels(folder: Folder, there: Mapping[str, str]) -> dict[str, tuple[Any, ...]]:
    """Names along the axes of variables, where they are names."""
    coords = {n: x for n, x in folder.group("posterior").items() if x.dtype.kind not in "iufb"}
    dims = {ours: folder.dims("posterior", theirs)[2:] for ours, theirs in there.items()}
    found = {n: tuple(coords.get(d) for d in own) for n, own in dims.items()}
    return {n: own for n, own in found.items() if any(x is not None for x in own)}


__all__ = ["PosteriorWithoutModel", "facts_to_text"]
