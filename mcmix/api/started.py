"""How chains start: how many, with which seed, where, and with room for their draws."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mcmix.api.alone import Alone
from mcmix.api.arguments import at_least_one, checked_start, sequence_from
from mcmix.api.destinations import Destination, Store, destination, placed_on
from mcmix.api.last_labels import last_labels
from mcmix.api.stored import Stored
from mcmix.cluster.clients import Cluster
from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import Node, short
from mcmix.nodes.numbers import as_numbers
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.checkpoints import Length
from mcmix.sampling.run import runner
from mcmix.sampling.runner import Runner
from mcmix.sampling.start import seeds_of
from mcmix.screen import say
from mcmix.steps.methods import NoStepper
from mcmix.structure.ties import warn_of_ties

MOST_CHAINS = 10_000


class Begun(NamedTuple):
    """A call before its first sweep."""

    runners: list[Runner]
    sequence: np.random.SeedSequence | None
    to: Destination


class Started(Stored):
    """A sampler whose chains start at its first call."""

    def _begun(
        self,
        chains: int | None,
        seed: Any,
        start: Mapping[Any, Any] | None,
        tempering: Any,
        length: Length,
        store: Store | None,
        client: Any = None,
    ) -> Begun:
        """All that a call needs before its first sweep. Nothing here is the sampler's yet, so it may be interrupted."""
        before = self._tempering, self._assembled, self._marginal_moves, self._filled
        if client is not None:
            Cluster(client)  # refused before anything is computed
        try:
            if tempering is not None:
                self._temper(tempering)
            if (store is not None or client is not None) and not self._runners and self.assembled.rooms:
                self._filled, self._assembled = True, None
            self._decide(length.iterations, length.burn, length.thin)
            runners, sequence = self._set_up(chains, seed, start)
            placed = placed_on(self, client)
            return Begun(runners, sequence, destination(self, runners, sequence, length, store, placed))
        except BaseException:
            self._tempering, self._assembled, self._marginal_moves, self._filled = before
            raise

    def last_labels(self, label: str | None = None, *, chain: int = -1, folder: str | Path | None = None) -> np.ndarray:
        """Labels as a chain has drawn them last, one for each row: also of rows on disk, and in shards of a cluster.

        Labels of such rows are not kept while sampling. They are drawn again here, from the parameters and random
        numbers of the chain's last iteration, so they are the ones that it had: one pass over the rows.

        Parameters
        ----------
        label : str, optional
            Name of the label vector, where there are several.
        chain : int
            By default the last.
        folder : str or Path, optional
            Where the temporary file is that holds labels of rows that are not in memory, by default where the system
            has them (TMPDIR). It has no name, and goes when the array does.

        Returns
        -------
        ndarray, shape (rows,)
            Of the smallest type of whole numbers that holds them; a memory map of rows that are not in memory.

        Raises
        ------
        ModelError
            If nothing was sampled, there are no such labels, or these rows have none: few rows stand for those on disk.

        Examples
        --------
        >>> import mcmix as mc
        >>> y = mc.Mixture("y", [0.5, 0.5], mc.Normal, mc.Normal("mu", [0.0, 9.0], 1.0), 1.0, value=[0.3, 8.8, 9.1],
        ...                observed=True)
        >>> mc.MCMC([y]).sample(200, 100, seed=1).last_labels().tolist()
        [0, 1, 1]
        """
        with Alone(self, "last_labels") as held:
            return held.letting_through(lambda: last_labels(self, label, chain, folder))

    def _set_up(
        self, chains: int | None, seed: Any, start: Mapping[Any, Any] | None
    ) -> tuple[list[Runner], np.random.SeedSequence | None]:
        """The chains, made at the first call, and what seeds them."""
        if self._runners:
            if (chains is not None and chains != len(self._runners)) or seed is not None or start is not None:
                raise ModelError(
                    f"sample: the chains have started ({len(self._runners)} of them); chains, seed and start belong to "
                    "the first call"
                )
            return self._runners, self.seed_sequence
        if self._was_read:
            raise ModelError("sample: this sampler holds draws that were read; make a new MCMC object to sample")
        n_chains = at_least_one(4 if chains is None else chains, "chains")
        if n_chains > MOST_CHAINS:
            raise ModelError(f"sample: chains expected at most {MOST_CHAINS}, got {n_chains}")
        sequence = sequence_from(seed)
        compiled = self.assembled
        warn_of_ties(compiled.structure)
        if not self.model.holds_data and not self.model.potentials:
            say("the model has no data: these are draws from the prior", error=True)
        if self.model.left_out:
            names = ", ".join(n.name for n in self.model.left_out)
            say(
                f"not in the model, though it depends on its unknowns (list it to include it): {names}",
                error=True,
            )
        given = self._given(checked_start(start))
        for step in compiled.steps:
            step.unbind()
        children = streams.of_chains(sequence, n_chains)
        pools = seeds_of(compiled, sequence, given)
        return [runner(compiled, i, child, given, pools, self._tempering) for i, child in enumerate(children)], sequence

    def _given(self, start: Mapping[Any, Any]) -> dict[Stochastic, Any]:
        """Start values by node: what nodes were given as value=, then what the call says."""
        found = {n: n.given for n in self.model.stochastics if n.given is not None}
        held = [n for s in self.assembled.steps if isinstance(s, NoStepper) for n in s.nodes]
        found |= {n: n.value for n in held}
        for key, value in start.items():
            node = key if isinstance(key, Node) else self._node(str(key), "start")
            if not isinstance(node, Stochastic) or node not in self.model.stochastics:
                raise ModelError(f"start: expected unknowns of the model, got {key!r}")
            found[node] = self._start_value(node, value)
        return found

    def _start_value(self, node: Stochastic, value: Any) -> np.ndarray:
        array = np.asarray(as_numbers(f"start: {node.name}", value))
        if array.shape not in ((), node.shape):
            raise ModelError(f"start: {node.name} expected shape {node.shape}, got {array.shape}")
        if not np.isfinite(array).all():
            raise ModelError(f"start: {node.name} expected finite numbers, got {short(array)}")
        if isinstance(node, Distribution):
            node.check_value(np.broadcast_to(array, node.shape))
        return array


__all__ = ["Begun", "Started"]
