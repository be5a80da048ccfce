"""Models as PyMC 2 makes them: from a dict, a module or the main program."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import numpy as np

from mcmix.nodes import model as base_model
from mcmix.nodes.node import Node, holds_nodes
from mcmix.pymc2.old_distributions import FullDirichlet, whole

_LABELS = (
    "labels have no posterior mean, so this has no meaning for mixtures; use az.loo on to_arviz(log_likelihood=True)"
)
_CONSOLE = "there is no interactive console; Ctrl-C ends a run and keeps its draws, and sample() goes on"
_STATE = "the state of a sampler is written and read as a whole: save_state(), restore_sampler_state()"
ABSENT = {
    "DIC": _LABELS, "dic": _LABELS, "BPIC": _LABELS, "bpic": _LABELS,
    "isample": _CONSOLE, "icontinue": _CONSOLE, "iprompt": _CONSOLE, "pause": _CONSOLE,
    "get_state": _STATE, "restore_sm_state": _STATE,
    "goodness": "it never existed; compare with m.posterior_predictive()",
}  # fmt: skip


class Named:
    """Nodes as attributes: by the names that a dict, module or object gave them, else by their own."""

    def __getattr__(self, name: str) -> Any:
        if name in ABSENT:
            raise AttributeError(f"{type(self).__name__}.{name}: {ABSENT[name]}")
        if name.startswith("_") or "model" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.__dict__["model"], name)


class Model(base_model.Model):
    """The nodes of a model: what is listed, the data and potentials below it, and every ancestor of these.

    Nodes are attributes too: ``m.switchpoint``. Data nodes may share a name, as in PyMC 2; so that tables and files can
    tell them apart, the second one then is called ``y_2``, and so on.

    Parameters
    ----------
    input : module, dict, list, tuple, set or object, optional
        By default the variables of the main program.
    name : str, optional
    verbose : int
        Accepted for PyMC 2's sake.

    Examples
    --------
    >>> import mcmix.pymc2 as pymc
    >>> m = pymc.Model({"location": pymc.Normal("mu", 0, 1, value=0.5)})
    >>> float(m.location.value), float(m.mu.value)
    (0.5, 0.5)
    """

    def __init__(self, input: Any = None, name: str | None = None, verbose: int = -1):  # noqa: A002
        source = _main_program() if input is None else input
        given = list(dict.fromkeys(base_model._listed(source)))
        self._by_name = _names_in(source)
        super().__init__([*given, *[whole(n) for n in given if whole(n) is not n]], name, verbose)

    def _refuse_doubles(self) -> None:
        """Number data of one name; refuse unknowns and functions of one name."""
        taken = {n.name for n in self.nodes}
        seen: set[str] = set()
        numbers: dict[str, Iterator[int]] = {}  # of each name in turn: thousands may have one name
        for node in sorted(self.nodes, key=lambda n: n.created):
            if getattr(node, "observed", False) and node.name in seen:
                stem = node.name
                number = numbers.setdefault(stem, count(2))
                node.__name__ = next(f"{stem}_{i}" for i in number if f"{stem}_{i}" not in taken)
                taken.add(node.name)
            seen.add(node.name)
        super()._refuse_doubles()

    def get_node(self, name: str) -> Node:
        """The node with this name; see :meth:`mcmix.Model.get_node`."""
        found = super().get_node(name)
        return found.shown if isinstance(found, FullDirichlet) else found

    def seed(self) -> None:
        """Draw every unknown from its distribution given its parents: new start values."""
        self.draw_from_prior()

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and "_by_name" in self.__dict__:
            if name in self._by_name:
                return self._by_name[name]
            if any(n.name == name for n in self.__dict__.get("nodes", ())):
                return self.get_node(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute or node {name!r}")


def _main_program() -> dict[str, Any]:
    """Variables of the main program, without what an interactive session keeps of its answers."""
    variables = vars(sys.modules["__main__"])
    return {k: v for k, v in variables.items() if not k.startswith("_") and k not in ("In", "Out")}


def _names_in(source: Any) -> dict[str, Any]:
    if isinstance(source, Model):
        return source._by_name
    if isinstance(source, (Node, list, tuple, set, frozenset, np.ndarray)):
        return {}
    found = source if isinstance(source, Mapping) else getattr(source, "__dict__", {})
    return {str(k): v for k, v in found.items() if not str(k).startswith("_") and holds_nodes(v)}


def _model(source: Any) -> Any:
    return source if isinstance(source, base_model.Model) else Model(source)
