"""The docstring of a distribution's node class, made of what its family says: parameters, density, support, example."""

from __future__ import annotations

import math

from mcmix.distributions.family import Family
from mcmix.distributions.notation import NOTATION, Notation

_COMMON = [
    "value : array_like, optional", "    The data when `observed`, else a start value.",
    "observed : bool", "    Whether `value` is data.",
    "size : int or tuple of int, optional", "    Shape of the value (plates in front of any event axis).",
    "trace : bool", "    Whether draws are kept.",
    "dims : str or tuple of str, optional", "    Names of the axes of the value, for tables, figures and files.",
    "coords : mapping of str to array_like, optional",
    "    Labels along these axes, by name; where they say all lengths, `size` may be left out.",
    "weights : array_like, shape (rows,), optional",
    "    Of data: what the log densities of each row are multiplied by.",
    "doc : str, optional", "    What it is, in words.", "", "Raises", "------",
    "TypeError", "    For unknown, missing or doubled parameters; the accepted names are listed.",
    "ModelError, SupportError",
    "    For shapes that do not broadcast, values outside the support, parameters out of range.",
]  # fmt: skip


def documentation(family: Family) -> str:
    """The docstring; families without a row in the table of notation get no formula and no example."""
    notation = NOTATION.get(family.name)
    lines = [family.summary or f"{family.name} distribution.", "", "Parameters", "----------"]
    lines += ["name : str", "    Of the variable, in tables and files."]
    for i, p in enumerate(family.parameters):
        symbol = f" :math:`{notation.symbols[i]}` in the formula." if notation else ""
        also = f" PyMC 2's keyword ``{p.alias}`` is accepted." if p.alias and p.alias != p.name else ""
        default = "" if p.default is None else f", default {p.default:g}"
        lines += [f"{p.name} : {p.constraint}{default}", "    Number, array or node; broadcasts against `size`."]
        lines[-1] += symbol + also
    for keyword, alternative in family.alternatives.items():
        lines += [f"{keyword} : {alternative.constraint}, keyword only", f"    Instead of `{alternative.replaces}`."]
    return "\n".join([*lines, *_COMMON, *(_formula(family, notation) if notation else [])])


def _formula(family: Family, notation: Notation) -> list[str]:
    kind = "Mass" if family.support.discrete else "Density, and mass of points," if family.support.atoms else "Density"
    variable = "X" if family.event_ndim == 2 else "x"
    return [
        "", "Notes", "-----", f"{kind} on {support_in_words(family)}:", "",
        f".. math:: p({variable}) = {notation.density}", "", "Examples", "--------", ">>> import mcmix as mc",
        f'>>> x = mc.{family.name}("x", {notation.example})', ">>> round(float(x.logp), 4)", f"{notation.logp}",
    ]  # fmt: skip


def support_in_words(family: Family) -> str:
    """Where a family puts its mass, for a reader.

    Examples
    --------
    >>> from mcmix.distributions.table import FAMILIES
    >>> support_in_words(FAMILIES["Poisson"])
    'the whole numbers 0, 1, 2, ...'
    """
    support = family.support
    if support.positive_definite:
        return "the symmetric positive definite matrices"
    if support.correlation:
        return "the correlation matrices"
    if support.simplex:
        return "the simplex (vectors of weights that sum to 1)"
    if family.event_ndim == 1:
        return "vectors of whole numbers with a given total" if support.discrete else "the real vectors"
    low, high = _end(support.lower), _end(support.upper)
    if family.name == "Categorical":
        high = "K - 1"
    if family.name == "Bernoulli":
        return "false (0) and true (1)"
    if support.discrete and high == "inf":
        return f"the whole numbers {low}, {int(low) + 1}, {int(low) + 2}, ..."
    if support.discrete:
        return f"the whole numbers from {low} to {high}"
    if (low, high) == ("-inf", "inf"):
        return "the real line"
    return "the half line from 0 on" if (low, high) == ("0", "inf") else f"the interval from {low} to {high}"


def _end(end: float | str) -> str:
    return end if isinstance(end, str) else "pi" if end == math.pi else "-pi" if end == -math.pi else f"{end:g}"
