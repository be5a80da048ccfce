"""What a model is, in a few bytes for each node: two models with equal fingerprints have one posterior.

Of every random node and potential: the expression of its log density, with unknowns and data by name. Of data: their
numbers. Of functions that are called as written: their byte code, which only the same Python compares.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from hashlib import blake2b
from types import CodeType
from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.nodes.node import Node, short
from mcmix.structure.columns import Column
from mcmix.structure.expression import Expression
from mcmix.structure.recorded import Factor, Recording
from mcmix.structure.walks import ordered

Fingerprint = dict[str, dict[str, Any]]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def fingerprint(recording: Recording) -> Fingerprint:
    """Hashes by kind (``distributions``, ``data``, ``functions``) and node name, with a few words on each.

    Examples
    --------
    >>> import mcmix as mc
    >>> def model(sigma, data):
    ...     mu = mc.Normal("mu", 0, sigma=sigma)
    ...     return mc.MCMC([mc.Normal("y", mu, 1, value=data, observed=True)]).assembled.recording
    >>> one, same, other = (fingerprint(model(s, [1.0, 2.0])) for s in (1.0, 1.0, 3.0))
    >>> one == same, differences(one, other)
    (True, ["the distribution of 'mu': Normal(mean=0, precision=1) there, Normal(mean=0, precision=0.1111) here"])
    """
    hashes: dict[Expression, bytes] = {}
    found: Fingerprint = {"distributions": {}, "data": {}, "functions": {}}
    for factor in recording.factors:
        own = found["distributions"].setdefault(factor.node.name, {"hash": "", "is": _words(factor)})
        own["hash"] = _hash(own["hash"].encode(), _of_expression(factor.elements, hashes)).hex()
    found["data"] = {node.name: _of_column(recording.rows[node]) for node in recording.rows}
    for node in recording.opaque:
        function = getattr(node, "function", None) or getattr(node, "logp", None)
        if callable(function):
            found["functions"][node.name] = {"hash": _of_function(function).hex(), "is": PYTHON}
    return found


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What differs between two models, one sentence each; empty where they are one.

    Parameters
    ----------
    there, here : mapping
        Fingerprints.
    """
    found: list[str] = []
    for kind, what in (("data", "the data"), ("distributions", "the distribution"), ("functions", "the function")):
        theirs, ours = dict(there.get(kind, {})), dict(here.get(kind, {}))
        for name in dict.fromkeys([*theirs, *ours]):
            said = _difference(theirs.get(name), ours.get(name), kind == "functions")
            if said and (kind != "distributions" or not any(f"{name!r}:" in s for s in found)):
                found.append(f"{what} of {name!r}: {said}")
    return found


def _difference(there: Any, here: Any, of_code: bool) -> str:
    if there is None or here is None:
        return "none there" if there is None else "none here"
    if there["hash"] == here["hash"] or (of_code and there["is"] != here["is"]):
        return ""
    alike = there["is"] == here["is"]
    return f"another one than there ({here['is']})" if alike else f"{there['is']} there, {here['is']} here"


# -------------------------------------------------------------------- hashes


def _hash(*parts: bytes) -> bytes:
    """Of some bytes, each with its length: what is cut elsewhere is something else."""
    made = blake2b(digest_size=16)
    for part in parts:
        made.update(len(part).to_bytes(8, "little"))
        made.update(part)
    return made.digest()


def _of_array(values: Any) -> bytes:
    array = np.ascontiguousarray(values)
    made = blake2b(repr((array.dtype.str, np.shape(values))).encode(), digest_size=16)
    made.update(array.view(np.uint8).reshape(-1).data if array.size else b"")
    return made.digest()


def _of_column(column: Column) -> dict[str, Any]:
    if column.is_object:
        return {"hash": "", "is": "an object"}
    missing = column.missing
    values = np.asarray(column.values)
    if missing is not None:
        values = np.where(missing, np.zeros((), values.dtype), values)
    marks = b"" if missing is None else _of_array(missing)
    gaps = "" if missing is None else f", {int(np.sum(missing))} missing"
    weights = [] if column.weights is None else [_of_array(column.weights)]
    return {"hash": _hash(_of_array(values), marks, *weights).hex(), "is": f"shape {column.shape}{gaps}"}


def _of_expression(x: Expression, hashes: dict[Expression, bytes]) -> bytes:
    for part in ordered(x, hashes):
        below = [hashes[a] for a in part.arguments]
        hashes[part] = _hash(f"{part.op} {part.shape} {part.kind}".encode(), _of_extra(part), *below)
    return hashes[x]


def _of_extra(x: Expression) -> bytes:
    """What an operation needs beside its arguments; of data, which data they are."""
    if x.is_constant:
        source = x.source
        return f"data {source.name}".encode() if isinstance(source, Column) else _of_array(x.value)
    if x.op == "python":
        return str(x.extra[1]).encode()
    return _of_value(x.extra)


def _of_value(value: Any) -> bytes:
    if isinstance(value, (Node, Family)):
        return f"{type(value).__name__} {value.name}".encode()
    if isinstance(value, (tuple, list)):
        return _hash(*[_of_value(v) for v in value])
    if isinstance(value, np.ndarray):
        return _of_array(value)
    if isinstance(value, CodeType):
        return _hash(value.co_code, _of_value(value.co_consts), repr(value.co_names).encode())
    if isinstance(value, (int, float, complex, str, bytes, bool, type(None), np.generic)):
        return repr(value).encode()
    return _of_function(value) if callable(value) and hasattr(value, "__code__") else type(value).__qualname__.encode()


def _of_function(function: Callable[..., Any]) -> bytes:
    """Its byte code, defaults, and the numbers and arrays that it closes over."""
    code = getattr(function, "__code__", None)
    if code is None:
        return type(function).__qualname__.encode()
    held = [c.cell_contents for c in getattr(function, "__closure__", None) or () if _is_plain(c)]
    return _hash(_of_value(code), _of_value(getattr(function, "__defaults__", None)), _of_value(held))


def _is_plain(cell: Any) -> bool:
    try:
        return isinstance(cell.cell_contents, (int, float, str, bool, np.ndarray, np.generic))
    except ValueError:  # a cell that is still empty
        return False


def _words(factor: Factor) -> str:
    """A distribution with its parameters, as far as these are known numbers."""
    if factor.family is None:
        return type(factor.node).__name__
    told = [f"{name}={_parameter(p)}" for name, p in factor.parameters.items()]
    return f"{factor.family.name}({', '.join(told)})"


def _parameter(x: Expression) -> str:
    if x.value is None:
        return x.extra.name if x.op == "leaf" else "..."
    return f"{x.value:.4g}" if x.value.ndim == 0 else short(x.value)


__all__ = ["Fingerprint", "differences", "fingerprint"]
