"""Draws that came out of a run, with the model that they are of: what everything after the run reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.api.observed import Observed
from mcmix.distributions.circle import circular_deviation, mean_direction
from mcmix.errors import ModelError
from mcmix.nodes.model import Model
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling import pointwise
from mcmix.steps.plan import CompiledModel, assemble
from mcmix.steps.rooms import Rooms, show
from mcmix.traces.memory import Draws, joined, read_only


class Trace:
    """Draws of one variable: ``m.trace("mu")[:]`` joins the chains, first axis the draws.

    What it hands out is read-only where it is the memory in which draws are kept; ``.copy()`` makes draws that can be
    changed.
    """

    def __init__(self, name: str, draws: np.ndarray):
        self.name, self._draws = name, read_only(draws)

    def __getitem__(self, index: Any) -> np.ndarray:
        return self.gettrace()[index]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["name"], state["_draws"])  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self.gettrace())

    def gettrace(self, burn: int = 0, thin: int = 1) -> np.ndarray:
        """Draws of all chains one after another, each without its first `burn` and thinned."""
        kept = self._draws[:, burn::thin]
        return kept.reshape((-1, *kept.shape[2:]))

    __call__ = gettrace

    def __repr__(self) -> str:
        n_chains, n_draws, *shape = self._draws.shape
        return f"<Trace of {self.name}: {n_chains} chains x {n_draws} draws, shape {tuple(shape)}>"


class PosteriorDraws(Observed):
    """Draws of a model's unknowns, call by call, and how they were made.

    Samplers are such objects that go on drawing; what was read from a file or from elsewhere is one that does not.

    Parameters
    ----------
    model : Model
    calls : sequence of Draws
        As many as calls of ``sample``, the last one last.
    seed_sequence : numpy.random.SeedSequence, optional
        Of the run.

    Attributes
    ----------
    lengths : tuple of int
        Iterations, burn-in and thinning of the last call.
    sampling_seconds : float
        Of the slowest chain in the last call.
    sampling_wall_seconds : float
        Of the last call, waiting for all chains.
    """

    label_budget: int = 0
    name = "posterior"

    def __init__(self, model: Model, calls: Sequence[Draws] = (), seed_sequence: np.random.SeedSequence | None = None):
        self.model = model
        self.seed_sequence = seed_sequence
        self.lengths = (0, 0, 1)
        self.sampling_seconds = self.sampling_wall_seconds = 0.0
        self._calls: list[Draws] = list(calls)
        self._deviances: dict[int, np.ndarray] = {}
        self._assembled: CompiledModel | None = None
        self._rooms: Rooms = {}  # how many components draws have room for, where that grows

    @property
    def assembled(self) -> CompiledModel:
        """The model made ready: structure seen, programs compiled."""
        if self._assembled is None:
            show(self.model, self._rooms)
            self._assembled = assemble(self.model, rows=self.rows)
        show(self.model, self._assembled.rooms)
        return self._assembled

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: nothing that is made anew from the model when it is needed."""
        made_anew = ("_assembled", "_deviances", "_seen", "_renamed")
        rooms = self._rooms if self._assembled is None else self._assembled.rooms
        return {name: held for name, held in self.__dict__.items() if name not in made_anew} | {"_rooms": rooms}

    def __setstate__(self, held: dict[str, Any]) -> None:
        self.__dict__.update(held)
        self._assembled, self._deviances = None, {}

    def draws(self, calls: str | None = None) -> Draws:
        """Draws of the last call, or of all calls with ``calls="all"``.

        Parameters
        ----------
        calls : {"last", "all"}, optional

        Returns
        -------
        Draws
            Arrays by name, shape ``(chains, draws, *shape of the node)``.

        Raises
        ------
        ModelError
            If nothing was drawn yet.
        """
        if not self._calls:
            raise ModelError("nothing was drawn yet; call sample() first")
        if calls not in (None, "all", "last"):
            raise ModelError(f"calls: expected 'last' or 'all', got {calls!r}")
        return joined(self._calls) if calls == "all" else self._calls[-1]

    def trace(self, name: Any, chain: int | None = None, calls: str | None = None) -> Trace:
        """Draws of one variable, or of the ``"deviance"`` (see :attr:`deviance`).

        Parameters
        ----------
        name : str or node
        chain : int, optional
            One chain; by default all.
        calls : {"last", "all"}, optional

        Returns
        -------
        Trace
            ``m.trace("mu")[:]`` joins the chains, first axis the draws.

        Raises
        ------
        ModelError
            If there is no such variable (the names are listed) or its draws were not kept (and why).
        """
        draws = self.draws(calls)
        key = name.name if isinstance(name, Node) else str(name)
        if key not in draws.variables and key != "deviance":
            raise ModelError(self._missing(key, draws))
        values = draws.variables[key] if key in draws.variables else self._deviance(calls)
        if chain is not None:
            if not -draws.n_chains <= chain < draws.n_chains:
                raise ModelError(f"trace: chain expected 0 to {draws.n_chains - 1}, got {chain}")
            values = values[[chain]]
        return Trace(key, values)

    def _missing(self, key: str, draws: Draws) -> str:
        labels = {n.name for n in self.assembled.labels}
        if key in labels:
            return (
                f"trace: the labels of {key!r} were not kept (they exceed label_budget={self.label_budget} bytes); "
                f"use memberships({key!r}), or thin"
            )
        if key in draws.moments:
            return (
                f"trace: the missing entries of {key!r} were not kept (they exceed label_budget={self.label_budget} "
                f"bytes); moments({key!r}) has their mean and standard deviation; or thin"
            )
        if key in self.assembled.per_row:
            return f"trace: {key!r} has one entry per row and is not kept unasked; make MCMC(..., trace=[{key!r}])"
        return f"trace: no variable named {key!r}; there are {', '.join(sorted(draws.variables))}"

    def _node(self, name: str, what: str) -> Node:
        try:
            return self.model.get_node(name)
        except KeyError as error:
            raise ModelError(f"{what}: {error.args[0]}") from error

    @property
    def deviance(self) -> np.ndarray:
        """Minus twice the log likelihood of the data at each draw of the last call, labels summed out.

        Computed from the kept draws when first asked for; ``trace("deviance")`` has it by chain.
        """
        return self.trace("deviance")[:]

    def _deviance(self, calls: str | None) -> np.ndarray:
        """By chain and draw."""
        for call in self._calls if calls == "all" else self._calls[-1:]:
            if id(call) not in self._deviances:
                self._deviances[id(call)] = pointwise.deviance(self.assembled, call)
        wanted = self._calls if calls == "all" else self._calls[-1:]
        return np.concatenate([self._deviances[id(call)] for call in wanted], axis=1)

    def moments(self, name: Any) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and standard deviation of a variable, element by element, over all chains.

        Missing entries that are too many to be kept draw by draw have running ones.

        Parameters
        ----------
        name : str or node

        Returns
        -------
        mean, standard deviation : ndarray of the variable's shape (missing entries: one axis)
        """
        draws = self.draws()
        key = name.name if isinstance(name, Node) else str(name)
        if key in draws.moments:
            return draws.moments[key]
        kept = self.trace(key)[:]
        if key in draws.angles:
            return mean_direction(kept, axis=0), circular_deviation(kept, axis=0)
        return kept.mean(0), kept.std(0)

    def completed(self, name: Any) -> np.ndarray:
        """Data with the posterior mean in the place of each missing entry (for labels and counts, of their numbers).

        Parameters
        ----------
        name : str or node
            Data with missing entries.

        Returns
        -------
        ndarray
            Of the data's shape.
        """
        node = self._node(name, "completed") if isinstance(name, str) else name
        assert isinstance(node, Stochastic)
        column = self.rows.column_of(node)
        if column is None or column.missing is None:
            return np.asarray(self.rows.value_of(node))
        return column.completed(self.moments(node)[0])

    def observed_data(self) -> dict[str, np.ndarray]:
        """The data by node name; NaN where an entry is missing. Data that stay on disk are left out.

        Returns
        -------
        dict of str to ndarray
        """
        rows = self.rows
        return {n.name: rows[n].shown() for n in self.model.data_nodes if rows[n].weights is None}

    def is_discrete(self, name: str) -> bool:
        """Whether a data node takes whole numbers only.

        Parameters
        ----------
        name : str
            Of a data node.

        Returns
        -------
        bool
        """
        family = self._data(name).family
        return bool(family is not None and family.support.discrete)

    def point_masses(self, name: str) -> tuple[float, ...]:
        """Values that rows of a data node take with probabilities of their own, beside a density.

        Parameters
        ----------
        name : str
            Of a data node.

        Returns
        -------
        tuple of float
        """
        return self._data(name).atoms

    def _data(self, name: str | None) -> Stochastic:
        data = self.model.data_nodes
        if name is None and len(data) != 1:
            raise ModelError(f"which data node? there are {', '.join(n.name for n in data) or 'none'}")
        node = data[0] if name is None else self._node(name, "density")
        assert isinstance(node, Stochastic)
        return node

    def _label(self, given: Any, what: str) -> Stochastic | None:
        node = self._node(given, what) if isinstance(given, str) else given
        if not (node is None or isinstance(node, Stochastic)):
            raise ModelError(f"{what}: expected a label vector or its name, got {given!r}")
        return node

    def _reported(self, draws: Draws) -> list[str]:
        labels = {n.name for n in self.assembled.labels}
        return [name for name in draws.variables if name not in labels]


__all__ = ["PosteriorDraws", "Trace"]
