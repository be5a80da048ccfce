"""Means and probabilities below a link: the linear predictor of counts and of yes and no, read off the expression.

A mean is a known or held part times ``exp`` of a predictor; a probability is ``1 / (1 + exp(-e))`` in any of its
spellings, ``expit(e)``, or the normal distribution function of it, or what is left of one of these to one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mcmix.structure import expression as ex
from mcmix.structure.contributions import Contribution
from mcmix.structure.expression import Expression, constant, elementwise
from mcmix.structure.meetings import Child
from mcmix.structure.tempering import POWER

PARAMETERS = {
    "Poisson": "mean",
    "NegativeBinomial": "mean",
    "Bernoulli": "probability",
    "Binomial": "probability",
}
LOG, LOGIT, PROBIT, IDENTITY = "log", "logit", "probit", "identity"


@dataclass(frozen=True, eq=False)
class LinkedChild(Child):
    """Rows that depend on coefficients by a linear predictor below a link.

    Attributes
    ----------
    weight, rest : Expression, shape (rows,) or ()
        The second and the first number of each row, as :mod:`mcmix.kernels.linked` has them for its link.
    offset : Expression, shape (rows,) or ()
        The part of the predictor that no coefficient is in.
    link : str
        That of the kernel: negative binomial counts are below a logit there.
    name : str
        The link as the user has it.
    """

    offset: Expression = constant(0.0)
    link: str = IDENTITY
    name: str = IDENTITY


@dataclass(frozen=True)
class Linked:
    """A parameter below a link: the link, and its predictor.

    Attributes
    ----------
    link : int
    predictor : Expression
    factor : Expression or None
        What the exponential of the predictor is multiplied by, for the log link; its log is part of the offset.
    """

    link: str
    predictor: Expression
    factor: Expression | None = None


def linked_parameter(e: Contribution) -> str | None:
    """The parameter of a factor that may stand below a link, or None."""
    return PARAMETERS.get(e.factor.family.name) if e.factor.family is not None and e.over != "labels" else None


def read_link(e: Contribution, leaves: set[Expression]) -> Linked | None:
    """The link above the coefficients in a factor's parameter, or None."""
    name = linked_parameter(e)
    if name is None:
        return None
    return (_mean if name == "mean" else _probability)(e.parameters[name], leaves)


def numbers_of(e: Contribution) -> tuple[Expression, Expression]:
    """The two numbers of each row (or cell of rows), times the power of a tempered chain.

    Counts and how many rows they are from; successes and failures; for negative binomial counts, whose density in the
    log odds of mean and dispersion is that of yes and no, the count and the dispersion.
    """
    family = e.factor.family
    assert family is not None and e.factor.x is not None
    if e.sums is None:
        power = POWER if e.tempered else constant(1.0)
        first, rows = e.factor.x * power, power
    else:
        first, rows = ex.as_expression(e.sums.total(0)), ex.as_expression(e.sums.n)
    # y log(mean) - n mean: the sum of n counts with one mean is enough.
    if family.name == "Poisson":
        return first, rows
    if family.name == "NegativeBinomial":
        # With p = mean / (mean + r) the log density is y log p + r log(1 - p), and log(p / (1 - p)) = log mean - log r.
        return first, elementwise("multiply", rows, e.parameters["dispersion"])
    # Successes, and trials less successes.
    trials = e.parameters["trials"] if family.name == "Binomial" else constant(1.0)
    return first, elementwise("subtract", elementwise("multiply", rows, trials), first)


def offset_of(e: Contribution, found: Linked) -> tuple[str, Expression | None]:
    """The link as the kernel knows it, and what is added to the predictor: logs of exposures, of dispersions."""
    added = None if found.factor is None else elementwise("log", found.factor)
    if e.factor.family is not None and e.factor.family.name == "NegativeBinomial":
        less = elementwise("log", e.parameters["dispersion"])
        return LOGIT, elementwise("negative", less) if added is None else elementwise("subtract", added, less)
    return found.link, added


# -------------------------------------------------------------------- means


def _mean(x: Expression, leaves: set[Expression]) -> Linked | None:
    """A product of exponentials of the coefficients and of what is free of them."""
    read = _logarithm(x, leaves)
    return None if read is None or read[1] is None else Linked(LOG, read[1], read[0])


def _logarithm(x: Expression, leaves: set[Expression]) -> tuple[Expression | None, Expression | None] | None:
    """(Free factor, exponent of the rest), either of which may not be there; or None where it is no such product."""
    if not x.leaves & leaves:
        return x, None
    if x.op == "exp":
        return None, x.arguments[0]
    if x.op in ("multiply", "divide"):
        parts = [_logarithm(a, leaves) for a in x.arguments]
        if parts[0] is None or parts[1] is None:
            return None
        pairs = list(zip(parts[0], parts[1], strict=True))
        return _either(x.op, *pairs[0]), _either("add" if x.op == "multiply" else "subtract", *pairs[1])
    power = _known_power(x)
    if power is not None:
        return _power(_logarithm(x.arguments[0], leaves), power)
    moved = _moved(x, leaves)
    read = None if moved is None else _logarithm(x.arguments[0], leaves)
    if moved is None or read is None:
        return None
    return None if read[0] is None else moved(read[0]), None if read[1] is None else moved(read[1])


def _either(name: str, a: Expression | None, b: Expression | None) -> Expression | None:
    """Two parts together, of which either may not be there."""
    if b is None:
        return a
    if a is not None:
        return elementwise(name, a, b)
    return {"divide": _reciprocal, "subtract": _negative}.get(name, lambda x: x)(b)


def _reciprocal(x: Expression) -> Expression:
    return elementwise("divide", 1.0, x)


def _negative(x: Expression) -> Expression:
    return elementwise("negative", x)


def _known_power(x: Expression) -> float | None:
    """Where x is one known power of its argument."""
    if x.op == "power" and x.arguments[1].is_constant and x.arguments[1].size == 1:
        return float(np.ravel(x.arguments[1].known)[0])
    return {"reciprocal": -1.0, "sqrt": 0.5, "square": 2.0}.get(x.op)


def _power(
    read: tuple[Expression | None, Expression | None] | None, power: float
) -> tuple[Expression | None, Expression | None] | None:
    if read is None:
        return None
    factor, exponent = read
    return (
        None if factor is None else elementwise("power", factor, power),
        None if exponent is None else elementwise("multiply", exponent, power),
    )


def _moved(x: Expression, leaves: set[Expression]) -> Callable[[Expression], Expression] | None:
    """What a look-up at places free of the coefficients, or another shape, does to what stands below it."""
    shape = x.arguments[0].shape if x.arguments else ()

    def whole(p: Expression) -> Expression:
        return p if p.shape == shape else ex.broadcast_to(p, shape)

    if x.op == "reshape":
        return lambda p: p if p.size == 1 else ex.reshape(whole(p), x.shape)
    if x.op == "take" and not x.arguments[1].leaves & leaves:
        return lambda p: ex.reshape(p, ()) if p.size == 1 else ex.gather(whole(p), x.arguments[1])
    return None


# -------------------------------------------------------------------- probabilities


def _probability(x: Expression, leaves: set[Expression]) -> Linked | None:
    """A logistic or normal distribution function of the predictor, or what is left of it to one."""
    if x.op == "expit":
        return Linked(LOGIT, x.arguments[0])
    if x.op == "ndtr":
        return Linked(PROBIT, x.arguments[0])
    if x.op == "subtract" and ex.is_everywhere(x.arguments[0], 1.0):
        found = _probability(x.arguments[1], leaves)
        return None if found is None else Linked(found.link, _negative(found.predictor))
    if x.op == "divide" or _known_power(x) == -1.0:
        odds = _odds(x, leaves)
        return None if odds is None else Linked(LOGIT, odds)
    moved = _moved(x, leaves)
    found = None if moved is None else _probability(x.arguments[0], leaves)
    return None if moved is None or found is None else Linked(found.link, moved(found.predictor))


def _odds(x: Expression, leaves: set[Expression]) -> Expression | None:
    """The log odds of 1 / (1 + a), or of a / (1 + a), where a is an exponential times what is free."""
    top, bottom = x.arguments if x.op == "divide" else (constant(1.0), x.arguments[0])
    if bottom.op != "add" or not any(ex.is_everywhere(a, 1.0) for a in bottom.arguments):
        return None
    other = bottom.arguments[1] if ex.is_everywhere(bottom.arguments[0], 1.0) else bottom.arguments[0]
    read = _logarithm(other, leaves)
    if read is None or read[1] is None or not (ex.is_everywhere(top, 1.0) or top is other):
        return None
    # a / (1 + a) = expit(log a), and 1 / (1 + a) = expit(-log a).
    odds = read[1] if read[0] is None else elementwise("add", read[1], elementwise("log", read[0]))
    return odds if top is other else _negative(odds)


__all__ = ["IDENTITY", "Linked", "LinkedChild", "linked_parameter", "numbers_of", "offset_of", "read_link"]
