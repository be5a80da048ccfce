"""Draws as PyMC 2 hands them out: one chain per call of ``sample``, the last one unless another is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.statistics import node_statistics
from mcmix.traces.memory import Draws, read_only

QUANTILES = (2.5, 25, 50, 75, 97.5)


class Trace:
    """Draws of one variable.

    ``t[:]``, ``t[-1]``, ``t[100:, 0]`` index the chosen chain, its draws first; ``t(burn, thin, chain)`` takes another.

    Parameters
    ----------
    name : str
    chains : sequence of ndarray, each of shape (draws, *shape)
    chain : int, optional
        Which chain is meant unless another is asked for; None joins all.
    circular : bool
        Whether these are angles.
    """

    def __init__(self, name: str, chains: Sequence[np.ndarray], chain: int | None = -1, circular: bool = False):
        self.name, self.chain, self.circular = name, chain, circular
        self.chains = [read_only(np.asarray(c)) for c in chains]
        if chain is not None and not -len(self.chains) <= chain < len(self.chains):
            raise ModelError(f"trace: chain expected 0 to {len(self.chains) - 1} (None joins all), got {chain}")

    def gettrace(self, burn: int = 0, thin: int = 1, chain: int | None = -1, slicing: Any = None) -> np.ndarray:
        """Draws of one chain (None: of all joined), each chain without its first `burn` and thinned.

        Parameters
        ----------
        burn, thin : int
        chain : int or None
        slicing : slice, optional
            Instead of burn and thin.
        """
        chosen = self.chains if chain is None else Trace(self.name, self.chains, chain)._of(chain)
        kept = slice(burn, None, thin) if slicing is None else slicing
        return _signed(np.concatenate([draws[kept] for draws in chosen]))

    __call__ = gettrace

    def _of(self, chain: int | None) -> list[np.ndarray]:
        return self.chains if chain is None else [self.chains[chain]]

    def __getitem__(self, index: Any) -> Any:
        joined = self._of(self.chain)
        whole = joined[0] if len(joined) == 1 else np.concatenate(joined)
        return _signed(whole[index])

    def __len__(self) -> int:
        return self.length(self.chain)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The chosen chain, for NumPy's functions."""
        found = np.asarray(self[:])
        return found if dtype is None else found.astype(dtype)

    def length(self, chain: int | None = -1) -> int:
        """Draws in a chain (None: in all)."""
        return sum(len(draws) for draws in self._of(chain))

    def stats(
        self,
        alpha: float = 0.05,
        start: int = 0,
        batches: int = 100,
        chain: int | None = None,
        quantiles: Sequence[float] = QUANTILES,
    ) -> dict[str, Any]:
        """Mean, standard deviation, Monte Carlo error, quantiles and interval; of all chains unless one is named."""
        chosen = Trace(self.name, self.chains, chain)._of(chain)
        joined = np.concatenate([draws[start:] for draws in chosen])
        return node_statistics(joined[None], alpha, batches, tuple(quantiles), self.circular)

    def draws(self) -> Draws:
        """The chosen chain, or those as long as the last, side by side."""
        chosen = self._of(self.chain)
        angles = frozenset([self.name] if self.circular else [])
        return Draws({self.name: np.stack([c for c in chosen if len(c) == len(chosen[-1])])}, angles=angles)

    def __repr__(self) -> str:
        lengths = ", ".join(str(len(draws)) for draws in self.chains)
        return f"<Trace of {self.name}: {len(self.chains)} chain(s) of {lengths} draws>"


def _signed(values: Any) -> Any:
    """Labels are kept in a small unsigned type, in which 0 - 1 is 255: hand out one that can be counted with."""
    kind = getattr(values, "dtype", None)
    return values.astype(np.int32) if kind is not None and kind.kind == "u" else values


__all__ = ["Trace"]
