"""What a label vector and its components are in draws by name: enough to relabel them without the model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.diagnosis.quantities import holds_angles, table_values
from mcmix.report.labels.components import Components, Probabilities
from mcmix.report.labels.relabelled import Table
from mcmix.traces.memory import Draws

LABELS = "mcmix_labels"  # the attribute of a container that holds all of this as text
NAMES = "mcmix_names"  # that of the model's names by those in the container, where these differ


@dataclass(frozen=True)
class LabelRoles:
    """One label vector.

    Attributes
    ----------
    name : str
    lowest : int
        The smallest label.
    n_components : int
        K.
    tables : sequence of tables
        For each number that belongs to a component, the variable and the element that hold each component's.
    complements : sequence of str
        Scalar probabilities of the first of two components.
    classes : sequence of sequence of int
        Components that likelihood and priors treat alike, class by class; none where that cannot be seen.
    why : str
        What tells classes apart, or why no components are alike.
    shared_with : sequence of str
        Other label vectors that look up the same components.
    data : sequence of str
        Data nodes whose rows the labels part, one for each unit.
    number : str
        The unknown that says how many of the components there are; empty where there are always all of them.
    squares : sequence of str
        Variables with a row and a column for each component, which change places together; their diagonals are tables.
    """

    name: str
    lowest: int
    n_components: int
    tables: Sequence[Table] = ()
    complements: Sequence[str] = ()
    classes: Sequence[Sequence[int]] = ()
    why: str = ""
    shared_with: Sequence[str] = ()
    data: Sequence[str] = field(default_factory=tuple)
    number: str = ""
    squares: Sequence[str] = ()

    @property
    def permutable(self) -> bool:
        """Whether any two components may change places."""
        return any(len(c) > 1 for c in self.classes)

    @property
    def whole(self) -> bool:
        """Whether all components are alike."""
        return [len(c) for c in self.classes] == [self.n_components]

    @property
    def within(self) -> str:
        """The classes in words."""
        if self.whole:
            return "all components"
        sets = ["{" + ", ".join(map(str, c)) + "}" for c in self.classes if len(c) > 1]
        return f"{' and '.join(sets)} ({self.why})" if self.why else " and ".join(sets)

    def over_all(self) -> LabelRoles:
        """With all components in one class, whatever priors say, where the likelihood lets them change places."""
        return replace(self, classes=[list(range(self.n_components))]) if self.classes else self

    def components(
        self, draws: Draws, rows: np.ndarray | None = None, probabilities: Probabilities | None = None
    ) -> Components:
        """The components in draws, chain after chain."""
        s, k = draws.n_chains * draws.n_draws, self.n_components
        kept = [t for t in self.tables if all(v in draws.variables for v, _ in t)]
        tables = {title: table_values(t, draws).reshape(s, k) for title, t in titled(kept).items()}
        angles = frozenset(title for title, t in titled(kept).items() if holds_angles(t, draws))
        for p in self.complements:
            if p in draws.variables:
                share = draws.variables[p].reshape(s, -1)[:, :1]
                tables[p] = np.concatenate([share, 1.0 - share], axis=1)
        labels = draws.variables[self.name].reshape(s, -1) if self.name in draws.variables else None
        return Components(
            k,
            tables,
            None if labels is None else np.ascontiguousarray(from_zero(labels, self.lowest)),
            draws.statistics["lp"].ravel() if "lp" in draws.statistics else None,
            None if rows is None else standardised(rows),
            probabilities,
            self.classes,
            angles=angles,
        )


def from_zero(labels: np.ndarray, lowest: int) -> np.ndarray:
    """Labels from 0, in their own type where they begin there."""
    return labels if lowest == 0 and labels.dtype.kind in "iu" else labels.astype(np.int64) - lowest


def standardised(rows: np.ndarray) -> np.ndarray:
    """Each column with mean 0 and variance 1."""
    spread = rows.std(axis=0)
    return np.ascontiguousarray((rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def titled(tables: Sequence[Table]) -> dict[str, Table]:
    """A title for each table: the variable's name, with a number where it has several numbers for each component."""
    names = [table[0][0] for table in tables]
    several = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    found: dict[str, Table] = {}
    seen: dict[str, int] = {}
    for name, table in zip(names, tables, strict=True):
        number = seen.get(name, 0)
        seen[name] = number + 1
        found[f"{name}[{number}]" if name in several else name] = table
    return found


def tables_of(name: str, values: np.ndarray) -> list[Table]:
    """Tables of a variable whose first axis after chain and draw is the component."""
    k = values.shape[2]
    size = int(np.prod(values.shape[3:], dtype=int))
    return [[(name, j * size + i) for j in range(k)] for i in range(size)]


# -------------------------------------------------------------------- as text


def to_text(roles: Iterable[LabelRoles], names: Mapping[str, str]) -> str:
    """Roles as JSON, variables under the names that they have in the file."""
    return json.dumps([_plain(r, names) for r in roles], separators=(",", ":"))


def from_text(text: str) -> dict[str, LabelRoles]:
    """What :func:`to_text` wrote, by label vector.

    Raises
    ------
    ModelError
        If it is something else.
    """
    try:
        found = [_restored(entry) for entry in json.loads(text)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"expected the attribute {LABELS!r} as mcmix writes it, got {text[:60]!r}") from error
    return {r.name: r for r in found}


def _plain(r: LabelRoles, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": names.get(r.name, r.name),
        "lowest": r.lowest,
        "components": r.n_components,
        "tables": _packed(r.tables, names),
        "complements": [names.get(p, p) for p in r.complements],
        "classes": [list(c) for c in r.classes],
        "why": r.why,
        "shared with": list(r.shared_with),
        "data": [names.get(d, d) for d in r.data],
        "number": names.get(r.number, r.number),
        "squares": [names.get(v, v) for v in r.squares],
    }


def _restored(entry: Mapping[str, Any]) -> LabelRoles:
    return LabelRoles(
        entry["name"],
        int(entry["lowest"]),
        int(entry["components"]),
        [t for run in entry["tables"] for t in _unpacked(run, int(entry["components"]))],
        list(entry["complements"]),
        [[int(k) for k in c] for c in entry["classes"]],
        str(entry["why"]),
        list(entry["shared with"]),
        list(entry["data"]),
        str(entry.get("number", "")),
        list(entry.get("squares", [])),
    )


def _packed(tables: Sequence[Table], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Tables of one variable at even steps as runs; others slot by slot."""
    runs: list[dict[str, Any]] = []
    for table in tables:
        variables = {name for name, _ in table}
        elements = [element for _, element in table]
        steps = set(np.diff(elements).tolist())
        if len(variables) > 1 or len(steps) > 1:
            runs.append({"slots": [[names.get(name, name), element] for name, element in table]})
            continue
        name, first, step = table[0][0], elements[0], steps.pop() if steps else 1
        last = runs[-1] if runs else {}
        if (last.get("of"), last.get("step")) == (names.get(name, name), step) and last["first"] + last[
            "count"
        ] == first:
            last["count"] += 1
        else:
            runs.append({"of": names.get(name, name), "first": first, "step": step, "count": 1})
    return runs


def _unpacked(run: Mapping[str, Any], k: int) -> list[Table]:
    if "slots" in run:
        return [[(name, int(element)) for name, element in run["slots"]]]
    name, first, step = run["of"], int(run["first"]), int(run["step"])
    return [[(name, first + i + j * step) for j in range(k)] for i in range(int(run["count"]))]


__all__ = ["LABELS", "NAMES", "LabelRoles", "from_text", "from_zero", "standardised", "tables_of", "titled", "to_text"]
