"""What type checkers and editors know of the top level: the stub says what is there, and nothing else."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import mcmix as mc
from mcmix.distributions.table import FAMILIES

ROOT = Path(__file__).parent.parent
STUB = ROOT / "mcmix" / "__init__.pyi"


def generator():
    spec = importlib.util.spec_from_file_location("stub", ROOT / ".ci" / "stub.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names_in_stub():
    found = set()
    for statement in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.ImportFrom):
            found |= {a.asname for a in statement.names if a.asname}
        elif isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
            found.add(statement.name)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            found.add(target.id)
    return found


def test_the_stub_is_what_the_tables_say():
    written, made = ast.parse(STUB.read_text(encoding="utf-8")), ast.parse(generator().text())
    assert ast.dump(written) == ast.dump(made), "python .ci/stub.py && ruff format mcmix/__init__.pyi"


def test_every_public_name_is_known():
    assert set(dir(mc)) <= names_in_stub() | {"errors"}


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_keyword_of_every_distribution_is_known(name):
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    cls = next(s for s in tree.body if isinstance(s, ast.ClassDef) and s.name == name)
    arguments = cls.body[0].args
    known = [a.arg for a in (*arguments.args, *arguments.kwonlyargs)]
    family = FAMILIES[name]
    wanted = [p.name for p in family.parameters] + [p.alias for p in family.parameters if p.alias]
    assert {*wanted, *family.alternatives} <= set(known)
    real = {*inspect.signature(mc.Distribution.__init__).parameters} - {"self", "positional", "keywords"}
    assert real <= set(known)


def test_names_are_completed():
    assert {"MCMC", "VB", "Normal", "plots", "classify", "NormalMixture"} <= set(dir(mc))


WRONG = """
import mcmix as mc
mc.Normal("mu", 0, 1, sizes=2)
mc.MCMC([]).samples(10)
mc.plots.no_such_picture
"""


@pytest.mark.slow  # mypy reads the whole package
def test_mypy_knows_mistakes_from_programs(tmp_path):
    pytest.importorskip("mypy")
    program = tmp_path / "wrong.py"
    program.write_text(WRONG)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "--follow-imports=silent", str(program)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    for word in ("sizes", "samples", "no_such_picture"):
        assert word in done.stdout
