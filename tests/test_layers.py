"""Imports go one way through the house, and each large dependency has one home."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mcmix

PACKAGE = Path(mcmix.__file__).parent

BELOW_ALL = {"errors", "files", "notebook", "screen", "_version"}
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "_version": set(),
    "files": set(),
    "screen": set(),
    "notebook": set(),
    "kernels": set(),
    "distributions": {"kernels"},
    "traces": set(),
    "nodes": {"distributions"},
    "structure": {"nodes", "distributions", "kernels"},
    "steps": {"structure", "kernels", "distributions", "nodes"},
    "sampling": {"steps", "traces", "structure", "nodes", "distributions", "kernels"},
    "cluster": {"sampling", "steps", "structure", "nodes", "distributions", "kernels"},
    "variational": {"sampling", "steps", "structure", "nodes", "distributions", "kernels"},
    "report": {"traces", "structure", "nodes", "distributions", "kernels"},
}
LAYERS["api"] = {*LAYERS, "__init__"}  # the demo is written as a user would write it
LAYERS["pymc2"] = {*LAYERS, "__init__"}  # PyMC 2's names for all of it
LAYERS["testing"] = {*LAYERS, "__init__"}  # tests of whole samplers, as a user would run them
LAYERS["__main__"] = LAYERS["__init__"] = {*LAYERS, "__init__", "__main__"}

HOMES = {
    "numba": "kernels/",
    "llvmlite": "kernels/",
    "arviz": "report/arviz_",
    "xarray": "report/arviz_",
    "pandas": "report/frames.py",
    "matplotlib": "report/plots/",
    "zarr": "traces/disk",
    "dask": "cluster/",
    "distributed": "cluster/",
    "cloudpickle": "cluster/",
}
HEAVY = ["arviz", "arviz_base", "xarray", "pandas", "matplotlib", "zarr", "dask", "distributed", "cloudpickle"]


def trespasses(package: Path) -> list[str]:
    """Each import that goes up or strays from its home, as 'file: what it imports'."""
    return [
        f"{path.relative_to(package).as_posix()}: {name}"
        for path in sorted(package.rglob("*.py"))
        for name, for_types in imports(ast.parse(path.read_text()))
        if goes_up(path.relative_to(package), name)
        or (not for_types and strays(path.relative_to(package).as_posix(), name))
    ]


def imports(tree: ast.AST, for_types: bool = False) -> Iterator[tuple[str, bool]]:
    """Dotted names, wherever in the file they are imported, and whether it is for type hints only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((f"{node.module}.{alias.name}", for_types) for alias in node.names)
        else:
            typing_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            yield from imports(node, for_types or typing_only)


def goes_up(path: Path, name: str) -> bool:
    if name.partition(".")[0] != "mcmix":
        return False
    here = path.parts[0].removesuffix(".py")
    target = [*name.split("."), ""][1]
    target = target if target in LAYERS else "__init__"  # `import mcmix`, `from mcmix import MCMC`
    return target != here and target not in LAYERS[here] | BELOW_ALL


def strays(path: str, name: str) -> bool:
    top = name.partition(".")[0]
    home = HOMES.get("arviz" if top.startswith("arviz") else top)
    return home is not None and not path.startswith(home)


def test_imports_go_one_way_and_dependencies_stay_at_home():
    assert trespasses(PACKAGE) == []


def test_every_file_stands_in_a_known_layer():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    assert rooms <= set(LAYERS)


def test_only_the_two_entrances_are_above_all():
    order = list(LAYERS)
    for layer in order[: order.index("api")]:
        assert all(order.index(below) < order.index(layer) for below in LAYERS[layer])


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("kernels/bad.py", "from mcmix.nodes.node import Node"),
        ("kernels/bad.py", "import mcmix.traces.memory"),
        ("traces/bad.py", "from mcmix import steps"),
        ("nodes/bad.py", "def late():\n    from mcmix import MCMC"),
        ("nodes/bad.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from mcmix.api import MCMC"),
        ("errors.py", "import mcmix"),
        ("nodes/bad.py", "import numba as nb"),
        ("report/bad.py", "def late():\n    from arviz_stats import rhat"),
        ("report/bad.py", "import pandas"),
        ("api/bad.py", "from matplotlib import pyplot"),
    ],
)
def test_a_planted_trespass_is_caught(tmp_path: Path, path: str, line: str):
    planted = tmp_path / path
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(line)
    assert len(trespasses(tmp_path)) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("kernels/good.py", "import numba\nfrom mcmix.errors import McmixError\nfrom mcmix.kernels import base"),
        ("api/good.py", "from mcmix.report import frames\nfrom mcmix.sampling.run import run"),
        ("report/plots/good.py", "from matplotlib.figure import Figure\nimport numpy"),
        ("api/good.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pandas import DataFrame"),
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, path: str, line: str):
    planted = tmp_path / path
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(line)
    assert trespasses(tmp_path) == []


LIGHT = ("mcmix", "mcmix.report.frames", "mcmix.report.arviz_bridge", "mcmix.report.plots", "mcmix.pymc2")


def test_import_loads_nothing_heavy():
    """One after another in one process: each is looked at with those before it."""
    code = "\n".join(
        ["import sys", *(f"import {m}\nprint({m!r}, [n for n in {HEAVY} if n in sys.modules])" for m in LIGHT)]
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == [f"{module} []" for module in LIGHT]


def test_what_is_printed_goes_through_the_screen():
    """It alone knows what to do where a terminal lacks a letter."""
    printing = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert set(printing) == {"screen.py"}


def modules(package: Path) -> dict[str, Path]:
    """Files by the dotted name under which they are imported."""
    found = {}
    for path in package.rglob("*.py"):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def circles(package: Path) -> list[set[str]]:
    """Files that import each other, directly or not, anywhere in them and for type hints too."""
    files = modules(package)
    asked: dict[str, set[str]] = {}
    for name, path in files.items():
        named = {n for n, _ in imports(ast.parse(path.read_text()))}
        asked[name] = {t for n in named for t in (n if n in files else n.rpartition(".")[0],) if t in files} - {name}
    reached = {name: below(name, asked) for name in files}
    found = [frozenset(o for o in reached[name] if name in reached[o]) for name in files]
    return [set(c) for c in dict.fromkeys(found) if len(c) > 1]


def below(name: str, asked: dict[str, set[str]]) -> set[str]:
    """What a file imports, and what that imports."""
    found, waiting = set[str](), list(asked[name])
    while waiting:
        here = waiting.pop()
        if here not in found:
            found.add(here)
            waiting += asked[here]
    return found


def test_no_files_import_each_other():
    rooms = [c for c in circles(PACKAGE) if "mcmix" not in c]  # the package itself is what users import
    assert rooms == []


def test_a_planted_circle_is_seen(tmp_path: Path):
    planted = {"__init__.py": "", "one.py": "from mcmix.two import g", "two.py": "def f():\n    import mcmix.one"}
    for name, text in planted.items():
        (tmp_path / "mcmix").mkdir(exist_ok=True)
        (tmp_path / "mcmix" / name).write_text(text)
    assert circles(tmp_path / "mcmix") == [{"mcmix.one", "mcmix.two"}]


def test_random_streams_are_named_in_one_module():
    found = [p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py") if "spawn_key" in p.read_text()]
    assert found == ["kernels/streams.py"]


LONGEST_FILE, LONGEST_BODY = 500, 60  # lines


def body_lines(function: ast.FunctionDef) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return 1 + (body[-1].end_lineno or 0) - body[0].lineno if body else 0


def test_files_and_functions_are_short():
    long = []
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        long += [path.name] if text.count("\n") > LONGEST_FILE else []
        functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
        long += [f"{path.name}: {f.name}" for f in functions if body_lines(f) > LONGEST_BODY]
    assert long == []
