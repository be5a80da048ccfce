"""The examples in docstrings run, and every public name says what it is."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import mcmix as mc

MODULES = sorted(name for _, name, _ in pkgutil.walk_packages(mc.__path__, "mcmix.") if not name.endswith("__main__"))


@pytest.mark.parametrize("name", ["mcmix", *MODULES])
def test_examples_run(name):
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0


def test_some_examples_were_found():
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [t for name in ("mcmix", *MODULES) for t in finder.find(importlib.import_module(name)) if t.examples]
    assert len(examples) >= 8


@pytest.mark.parametrize("name", sorted(mc.__all__))
def test_public_names_are_documented(name):
    thing = getattr(mc, name)
    if inspect.ismodule(thing) or isinstance(thing, str):
        return
    assert inspect.getdoc(thing), name


@pytest.mark.parametrize("family", sorted(mc.distributions.table.FAMILIES))
def test_laws_document_every_parameter(family):
    law, known = getattr(mc, family), mc.distributions.table.FAMILIES[family]
    documentation = inspect.getdoc(law)
    for parameter in known.parameters:
        assert f"{parameter.name} :" in documentation
    for keyword in known.alternatives:
        assert f"{keyword} :" in documentation


def methods():
    """Public methods of what users sample, fit and ask, each once."""
    found = {}
    for kind in (mc.MCMC, mc.Posterior, mc.VB, mc.MAP):
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_"):
                found[f"{method.__module__}.{method.__qualname__}"] = method
    return sorted(found.items())


def told(documentation):
    """Names that stand at the head of an entry, several before one colon included."""
    heads = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: :.*)?$", documentation, re.MULTILINE)
    return {name.strip(" *") for head in heads for name in head.split(",")}


@pytest.mark.parametrize("name, method", methods(), ids=[name for name, _ in methods()])
def test_methods_document_their_parameters_and_what_comes_back(name, method):
    documentation, signature = inspect.getdoc(method) or "", inspect.signature(method)
    parameters = {n for n in list(signature.parameters)[1:] if n != "unknown"}
    assert parameters <= told(documentation)
    assert signature.return_annotation in (None, "None") or "\nReturns\n-------\n" in documentation
