"""Writes mcmix/__init__.pyi: what type checkers and editors know of the top level, made of the tables of the package.

Distributions are made of the table of families when mcmix is imported, and samplers and pictures are loaded when they
are first asked for; neither is seen by who only reads the source. ``python .ci/stub.py`` writes the file anew;
tests/test_types.py says when it must be.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import mcmix
from mcmix.distributions.family import Family
from mcmix.distributions.table import FAMILIES

ROOT = Path(__file__).parent.parent
STUB = ROOT / "mcmix" / "__init__.pyi"

HEAD = '''"""What type checkers know of mcmix: written by .ci/stub.py from the tables of the package."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from numpy.typing import ArrayLike

'''

TYPES = """
Parameter: TypeAlias = Node | ArrayLike | Sequence[Any]
Size: TypeAlias = int | Sequence[int]
"""

COMMON = """        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...
"""


def text() -> str:
    """The whole file."""
    classes = {name: cls for name, cls in vars(mcmix).items() if _is_made(cls)}
    imported = sorted({*_from_source(), *_loaded_later()})
    parts = [HEAD, *imported, TYPES, "__version__: str\n"]
    written: dict[type, str] = {}
    for name, cls in classes.items():
        if cls in written:
            parts.append(f"\n{name} = {written[cls]}\n")
            continue
        written[cls] = name
        parts.append(_distribution(name, cls.family))
    parts += ["", *(_function(name) for name, (home, _) in mcmix._LATER.items() if home in ("numpy", "scipy.special"))]
    return "".join(parts)


def _is_made(thing: object) -> bool:
    return inspect.isclass(thing) and getattr(thing, "family", None) in FAMILIES.values()


def _from_source() -> list[str]:
    """What the top level imports itself, exported under its own name."""
    tree = ast.parse((ROOT / "mcmix" / "__init__.py").read_text(encoding="utf-8"))
    hidden = {"FAMILIES", "node_class", "__version__", "Any", "warn", "annotations"}
    found = []
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("mcmix"):
            names = [a.name for a in statement.names if a.name not in hidden]
            found += [f"from {statement.module} import {name} as {name}\n" for name in names]
    return [*found, "from mcmix.nodes.distribution import node_class as node_class\n"]


def _loaded_later() -> list[str]:
    found = []
    for name, (home, attribute) in mcmix._LATER.items():
        if home in ("numpy", "scipy.special"):
            continue
        if attribute is None:
            parent, _, module = home.rpartition(".")
            found.append(f"from {parent} import {module} as {name}\n")
        else:
            found.append(f"from {home} import {attribute} as {name}\n")
    return found


def _distribution(name: str, family: Family) -> str:
    """The class of a family: its parameters by place or name, PyMC 2's names and other parameters by keyword."""
    lines = [f"\nclass {name}(Distribution):\n    def __init__(\n        self,\n        name: str,\n"]
    lines += [f"        {p.name}: Parameter = ...,\n" for p in family.parameters]
    lines.append("        *,\n")
    aliases = [p.alias for p in family.parameters if p.alias and p.alias != p.name]
    for keyword in dict.fromkeys([*aliases, *family.alternatives]):
        lines.append(f"        {keyword}: Parameter = ...,\n")
    return "".join([*lines, COMMON])


def _function(name: str) -> str:
    """NumPy's functions make nodes of nodes, and arrays of arrays."""
    return f"def {name}(*arguments: Any, **keywords: Any) -> Any: ...\n"


if __name__ == "__main__":
    STUB.write_text(text(), encoding="utf-8")
