"""What a diagnosis must know of a model beside its draws; whoever knows the model fills it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class LabelFacts:
    """One label vector.

    Attributes
    ----------
    lowest : int
        The smallest label.
    known : ndarray, shape (K,)
        Units whose label is data, by label: they are in no draw.
    tables : sequence of sequence of (str, int)
        Where components are exchangeable: for each table that is looked up by the label, the variable and the element
        that hold each component's entry.
    complements : sequence of str
        Scalar probabilities of one of two exchangeable components.
    classes : sequence of sequence of int
        Components that may change places, class by class; all of them in one class where none is given.
    number : str
        The unknown that says how many of the components there are; empty where there are always all of them.
    """

    lowest: int
    known: np.ndarray
    tables: Sequence[Sequence[tuple[str, int]]] = ()
    complements: Sequence[str] = ()
    classes: Sequence[Sequence[int]] = ()
    number: str = ""

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.known)

    @property
    def exchangeable(self) -> bool:
        """Whether the names of some components mean nothing."""
        return bool(self.tables or self.complements)

    @property
    def alike(self) -> Sequence[Sequence[int]]:
        """The classes of components that may change places, those of one component too."""
        return self.classes or [list(range(self.n_components))]


@dataclass(frozen=True)
class Facts:
    """A model and its run.

    Attributes
    ----------
    labels : dict of str to LabelFacts
    nameless : set of str
        Variables by component where components are exchangeable, and functions of these or of labels: chains need not
        agree on them under their names.
    suspects : set of str
        Variables with one entry (along their first axis) for each of several components that nothing proves alike:
        their names may differ between chains all the same.
    discrete : set of str
        Unknowns of whole numbers: they may be certain, and then never move.
    continuous : set of str
        Unknowns that cannot repeat a value unless they stand still.
    held : set of str
        Unknowns that were asked to stand still.
    simplexes : set of str
    acceptance : dict of str to str
        Statistics of steps that have proposed something: whom the step moves, in words.
    thin : int
        Sweeps between two kept draws.
    come_and_go : set of str
        Variables by component of which there is no fixed number, and functions of these: no entry keeps a meaning.
    """

    labels: dict[str, LabelFacts] = field(default_factory=dict)
    nameless: frozenset[str] = frozenset()
    suspects: frozenset[str] = frozenset()
    discrete: frozenset[str] = frozenset()
    continuous: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    simplexes: frozenset[str] = frozenset()
    acceptance: dict[str, str] = field(default_factory=dict)
    thin: int = 1
    come_and_go: frozenset[str] = frozenset()
