"""Whether exchangeable components changed names, within a chain or between chains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcmix.report.diagnosis.facts import LabelFacts
from mcmix.report.diagnosis.quantities import holds_angles, table_values
from mcmix.traces.memory import Draws

MOST_DRAWS = 50  # of each chain
MOST_VALUES = 2**24  # numbers of components that are looked at: of more tables some, evenly spaced
MOST_PAIRS = 2**18  # of components at a time
FEW = 0.02  # share of draws that may look exchanged by chance


@dataclass(frozen=True)
class Switching:
    """Chains in which components changed names, and whether chains name them differently."""

    within: list[int]
    between: bool

    @property
    def present(self) -> bool:
        """Either."""
        return bool(self.within) or self.between


def switching(draws: Draws, facts: LabelFacts) -> Switching | None:
    """Whether components changed names in thinned draws; None where no draws of components were kept.

    Components k and l of a draw stand the other way round than in a reference where (draw k - draw l) points away from
    (reference k - reference l), all tables together. A chain's reference is its last draw, and then the mean of its
    draws that agree with that; chains that keep their names are compared by their references.
    """
    components = _components(draws, facts)
    if components is None:
        return None
    scaled = components / _scale(components)
    numbers = _class_numbers(facts)
    references = np.stack([_reference(chain, numbers) for chain in scaled])
    shares = [_exchanged(chain, own, numbers).mean() for chain, own in zip(scaled, references, strict=True)]
    within = [chain for chain, share in enumerate(shares) if share > FEW]
    steady = references[[chain for chain in range(len(references)) if chain not in within]]
    return Switching(within, bool(len(steady) > 1 and _exchanged(steady[1:], steady[0], numbers).any()))


def _reference(chain: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return np.asarray(chain[~_exchanged(chain, chain[-1], numbers)].mean(axis=0))


def _class_numbers(facts: LabelFacts) -> np.ndarray:
    """The class of each component, shape (K,): those of one class may change places."""
    numbers = np.zeros(facts.n_components, dtype=np.int64)
    for i, members in enumerate(facts.alike):
        numbers[members] = i
    return numbers


def _scale(components: np.ndarray) -> np.ndarray:
    """How far each table moves from one draw to the next: names that change now and then do not enter."""
    moves = np.median(np.abs(np.diff(components, axis=1)), axis=(0, 1)).mean(axis=0)
    spread = components.std(axis=(0, 1, 2))
    return np.where(moves > 0, moves, np.where(spread > 0, spread, 1.0))


def _components(draws: Draws, facts: LabelFacts) -> np.ndarray | None:
    """Thinned draws of all that belongs to components, shape (chains, draws, K, tables)."""
    kept = draws.thinned(MOST_DRAWS * draws.n_chains)
    kept = kept[kept[:, 0] == 0, 1]
    thinned = Draws({n: draws.variables[n][:, kept] for n in _names(draws, facts)}, angles=draws.angles)
    there = [t for t in facts.tables if all(name in thinned.variables for name, _ in t)]
    most = max(1, MOST_VALUES // (draws.n_chains * max(1, len(kept)) * facts.n_components))
    tables = [line for t in there[:: -(-len(there) // most) or 1] for line in _lines(t, thinned)]
    for name in facts.complements:
        if name in thinned.variables:
            share = thinned.variables[name].reshape(*thinned.variables[name].shape[:2], -1)[..., 0]
            tables.append(np.stack([share, 1.0 - share], axis=-1))
    return np.stack(tables, axis=-1) if tables else None


def _lines(table: Sequence[tuple[str, int]], draws: Draws) -> list[np.ndarray]:
    """A table; of angles the two coordinates of their points on the circle, where distances know no seam."""
    values = table_values(table, draws)
    return [np.cos(values), np.sin(values)] if holds_angles(table, draws) else [values]


def _names(draws: Draws, facts: LabelFacts) -> set[str]:
    names = {name for table in facts.tables for name, _ in table} | set(facts.complements)
    return names & set(draws.variables)


def _exchanged(components: np.ndarray, reference: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Whether any two components of one class stand the other way round than in the reference, shape (draws,).

    Pairs are looked at in blocks of draws, and of components where these are many: nothing of size draws x K x K is
    made.
    """
    center = reference.mean(axis=0)
    b, size = reference - center, len(reference)
    step, places = max(1, MOST_PAIRS // size), np.arange(size)
    draws_at_once = max(1, MOST_PAIRS // size**2)
    found = np.zeros(len(components), dtype=bool)
    for t in range(0, len(components), draws_at_once):
        a = components[t : t + draws_at_once] - center
        own = np.einsum("tkf,kf->tk", a, b)
        for k in range(0, size, step):
            some = slice(k, k + step)
            agreements = own[:, some, None] + own[:, None] - a[:, some] @ b.T - b[some] @ a.transpose(0, 2, 1)
            pairs = (numbers[some, None] == numbers) & (places[some, None] != places)
            found[t : t + draws_at_once] |= ((agreements < 0) & pairs).any(axis=(1, 2))
    return found
