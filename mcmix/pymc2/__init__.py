"""PyMC 2's names on top of mcmix: old programs run with ``import mcmix.pymc2 as pymc`` in the place of their import.

What differs from mcmix's own names: distributions take value, observed, size and so on by position too; a Dirichlet
shows K - 1 weights; each call of ``sample`` is one chain that goes on from the last, seeded by ``np.random.seed``;
summaries are printed. Models, distributions, steps and diagnostics are mcmix's and ArviZ's.

Examples
--------
>>> import numpy as np
>>> import mcmix.pymc2 as pymc
>>> p = pymc.Beta("p", 1, 1)
>>> x = pymc.Binomial("x", 10, p, value=7, observed=True)
>>> M = pymc.MCMC([p, x])
>>> np.random.seed(1)
>>> _ = M.sample(3000, 500)
>>> bool(abs(M.trace("p")[:].mean() - 8 / 12) < 0.02)
True
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy
import numpy as _np
import scipy.special as _special

from mcmix._version import __version__
from mcmix.errors import ZeroProbability
from mcmix.nodes.containers import (
    ArrayContainer,
    Contained,
    Container,
    DictContainer,
    ListContainer,
    ObjectContainer,
    SetContainer,
    TupleContainer,
)
from mcmix.nodes.decorators import deterministic, potential, stochastic
from mcmix.nodes.deterministic import Deterministic, Lambda, Potential
from mcmix.nodes.from_scipy import from_scipy
from mcmix.nodes.functions import CompletedDirichlet, InvLogit, LinearCombination, Logit, equal, pfunc, robust_init
from mcmix.nodes.node import Node
from mcmix.nodes.operators import Index
from mcmix.nodes.stochastic import Stochastic
from mcmix.pymc2 import expectations as _expectations
from mcmix.pymc2 import functions as _functions
from mcmix.pymc2.from_data import Impute, stochastic_from_data
from mcmix.pymc2.old_distributions import (
    DISTRIBUTIONS as _DISTRIBUTIONS,
)
from mcmix.pymc2.old_distributions import (
    Dirichlet,
    DiscreteUninformative,
    OneOverX,
    Uninformative,
    discrete_uninformative_like,
    observed,
    one_over_x_like,
    stochastic_from_dist,
    uninformative_like,
)

dtrm, stoch, pot, data = deterministic, stochastic, potential, observed
lambda_deterministic = lam_dtrm = Lambda
Variable, ContainerBase, pufunc = Node, Contained, pfunc
stochastic_from_scipy_dist = from_scipy
ImputeMissing, inf = Impute, _np.inf
logit, invlogit = _special.logit, _special.expit
_MADE: dict[str, Any] = {
    **_DISTRIBUTIONS, **_functions.LIKES, **_functions.DRAWS, **_functions.REDUCTIONS, **_expectations.EXPECTATIONS,
    "CircVonMises": _DISTRIBUTIONS["VonMises"],  # angles move on the circle whatever their distribution's name
}  # fmt: skip
_MADE |= {
    name: getattr(_np, name)
    for name in (
        "abs", "exp", "log", "sqrt", "expm1", "log1p", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh",
        "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "arctan2", "hypot",
    )
}  # fmt: skip
globals().update(_MADE)

_SAMPLER = ("MAP", "MCMC", "NormApprox", "Sampler")
_STEPS = ("AdaptiveMetropolis", "BinaryMetropolis", "DiscreteMetropolis", "Metropolis", "NoStepper",
          "PDMatrixMetropolis", "Slicer")  # fmt: skip
_DIAGNOSTICS = ("effective_n", "gelman_rubin", "geweke", "iat")
_MODULES = ("Matplot", "database", "diagnostics", "distributions", "utils")
_LATER = {
    **{name: ("mcmix.pymc2.sampler", name) for name in _SAMPLER},
    "Model": ("mcmix.pymc2.model", "Model"),
    **{name: ("mcmix.steps.methods", name) for name in _STEPS},
    "StepMethod": ("mcmix.steps.own", "StepMethod"),
    "DrawFromPrior": ("mcmix.steps.forward", "DrawFromPrior"),
    **{name: ("mcmix.pymc2.diagnostics", name) for name in _DIAGNOSTICS},
    "load": ("mcmix.pymc2.database", "load"),
    **{name: (f"mcmix.pymc2.{name}", None) for name in _MODULES},
}
_ABSENT = {
    "raftery_lewis": "use effective_n, or ESS and MCSE from mcmix.MCMC.summary",
    "gp": "Gaussian processes are out of scope",
    "graph": "m.model.graph() draws a model",
    "CircularStochastic": "VonMises is a distribution of angles, which move on the circle",
    "discrepancy": "compare the data with m.posterior_predictive()",
    **dict.fromkeys(("Hypergeometric", "MultivariateHypergeometric", "Pareto", "Exponweib"), "take it from from_scipy"),
    "TruncatedPareto": "use mcmix.Truncated with from_scipy(scipy.stats.pareto)",
    "TruncatedPoisson": "use mcmix.Truncated with mcmix.Poisson",
    **dict.fromkeys(("StukelLogit", "StukelInvLogit", "stukel_logit", "stukel_invlogit"), "write a deterministic"),
}


def __getattr__(name: str) -> Any:
    """Load samplers, diagnostics and plots when they are first used."""
    if name in _LATER:
        module, attribute = _LATER[name]
        loaded = import_module(module)
        globals()[name] = loaded if attribute is None else getattr(loaded, attribute)
        return globals()[name]
    if name in _ABSENT:
        raise AttributeError(f"mcmix.pymc2 has no {name}: {_ABSENT[name]}")
    raise AttributeError(f"module 'mcmix.pymc2' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "ArrayContainer", "CompletedDirichlet", "Container", "ContainerBase", "Deterministic", "DictContainer",
    "Dirichlet", "DiscreteUninformative", "Impute", "ImputeMissing", "Index", "InvLogit", "Lambda",
    "LinearCombination", "ListContainer", "Logit", "Node", "ObjectContainer", "OneOverX", "Potential", "SetContainer",
    "Stochastic", "TupleContainer", "Uninformative", "Variable", "ZeroProbability", "__version__", "data",
    "deterministic", "discrete_uninformative_like", "dtrm", "equal", "inf", "invlogit", "lam_dtrm",
    "lambda_deterministic", "logit", "numpy", "observed", "one_over_x_like", "pfunc", "pot", "potential", "pufunc",
    "robust_init", "stoch", "stochastic", "stochastic_from_data", "stochastic_from_dist",
    "stochastic_from_scipy_dist", "uninformative_like",
]  # fmt: skip
__all__ += [*_MADE, *_LATER]
