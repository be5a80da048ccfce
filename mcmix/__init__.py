"""mcmix: MCMC sampling for mixture models, written as you think of them.

Examples
--------
>>> import numpy as np, mcmix as mc
>>> x = np.random.default_rng(1).normal([[0.0], [5.0]], 1.0, (2, 50)).ravel()
>>> w = mc.Dirichlet("w", [1, 1])
>>> z = mc.Categorical("z", w, size=len(x))
>>> mu = mc.Normal("mu", 0, 0.01, size=2)
>>> y = mc.Normal("y", mu[z], 1.0, value=x, observed=True)
>>> m = mc.MCMC([y])
>>> _ = m.sample(1500, 500, chains=2, seed=1)
"""

from __future__ import annotations

from typing import Any
from warnings import warn

from mcmix import errors
from mcmix._version import __version__
from mcmix.distributions.table import FAMILIES
from mcmix.errors import (
    ClusterError,
    ImproperPosterior,
    ImproperPosteriorWarning,
    McmixError,
    ModelError,
    SupportError,
    TraceError,
    ZeroProbability,
)
from mcmix.nodes.containers import Container
from mcmix.nodes.covariates import Covariates
from mcmix.nodes.decorators import deterministic, observed, potential, stochastic
from mcmix.nodes.deterministic import Deterministic, Lambda, Potential
from mcmix.nodes.distribution import Distribution, node_class
from mcmix.nodes.from_scipy import from_scipy
from mcmix.nodes.functions import (
    CompletedDirichlet,
    InvLogit,
    LinearCombination,
    Logit,
    equal,
    pfunc,
    robust_init,
)
from mcmix.nodes.gate import Gate
from mcmix.nodes.markov_chain import MarkovChain
from mcmix.nodes.mixture import Mixture
from mcmix.nodes.model import Model
from mcmix.nodes.node import Node
from mcmix.nodes.normal_pairs import NormalGamma, NormalWishart
from mcmix.nodes.number_of_components import NumberOfComponents
from mcmix.nodes.operators import Index
from mcmix.nodes.stick_breaking import StickBreaking
from mcmix.nodes.stochastic import Stochastic
from mcmix.nodes.wrapped import Censored, Truncated
from mcmix.structure.on_disk import OnDisk

Bernoulli = node_class(FAMILIES["Bernoulli"])
Beta = node_class(FAMILIES["Beta"])
BetaBinomial = node_class(FAMILIES["BetaBinomial"])
Binomial = node_class(FAMILIES["Binomial"])
Categorical = node_class(FAMILIES["Categorical"])
Cauchy = node_class(FAMILIES["Cauchy"])
Chi2 = node_class(FAMILIES["Chi2"])
ChiSquared = Chi2
Dirichlet = node_class(FAMILIES["Dirichlet"])
DiscreteUniform = node_class(FAMILIES["DiscreteUniform"])
Exponential = node_class(FAMILIES["Exponential"])
Gamma = node_class(FAMILIES["Gamma"])
Geometric = node_class(FAMILIES["Geometric"])
HalfCauchy = node_class(FAMILIES["HalfCauchy"])
HalfNormal = node_class(FAMILIES["HalfNormal"])
HalfStudentT = node_class(FAMILIES["HalfStudentT"])
HurdleGamma = node_class(FAMILIES["HurdleGamma"])
HurdleLognormal = node_class(FAMILIES["HurdleLognormal"])
HurdleNegativeBinomial = node_class(FAMILIES["HurdleNegativeBinomial"])
HurdlePoisson = node_class(FAMILIES["HurdlePoisson"])
InverseGamma = node_class(FAMILIES["InverseGamma"])
InverseWishart = node_class(FAMILIES["InverseWishart"])
LKJ = node_class(FAMILIES["LKJ"])
Laplace = node_class(FAMILIES["Laplace"])
Logistic = node_class(FAMILIES["Logistic"])
Lognormal = node_class(FAMILIES["Lognormal"])
Multinomial = node_class(FAMILIES["Multinomial"])
MvNormal = node_class(FAMILIES["MvNormal"])
MvNormalChol = node_class(FAMILIES["MvNormalChol"])
MvNormalCov = node_class(FAMILIES["MvNormalCov"])
NegativeBinomial = node_class(FAMILIES["NegativeBinomial"])
Normal = node_class(FAMILIES["Normal"])
Poisson = node_class(FAMILIES["Poisson"])
SkewNormal = node_class(FAMILIES["SkewNormal"])
StudentT = node_class(FAMILIES["StudentT"])
TruncatedNormal = node_class(FAMILIES["TruncatedNormal"])
Uniform = node_class(FAMILIES["Uniform"])
VonMises = node_class(FAMILIES["VonMises"])
Weibull = node_class(FAMILIES["Weibull"])
Wishart = node_class(FAMILIES["Wishart"])
WishartCov = node_class(FAMILIES["WishartCov"])
ZeroOneInflatedBeta = node_class(FAMILIES["ZeroOneInflatedBeta"])
ZeroInflatedBinomial = node_class(FAMILIES["ZeroInflatedBinomial"])
ZeroInflatedNegativeBinomial = node_class(FAMILIES["ZeroInflatedNegativeBinomial"])
ZeroInflatedPoisson = node_class(FAMILIES["ZeroInflatedPoisson"])

_LATER = {
    "MCMC": ("mcmix.api.mcmc", "MCMC"),
    "MAP": ("mcmix.api.mode", "MAP"),
    "Posterior": ("mcmix.api.posterior", "Posterior"),
    "NormApprox": ("mcmix.api.mode", "NormApprox"),
    "Store": ("mcmix.api.destinations", "Store"),
    "load": ("mcmix.api.resumed", "load"),
    "resume": ("mcmix.api.resumed", "resume"),
    "Tempering": ("mcmix.sampling.ladder", "Tempering"),
    "VB": ("mcmix.api.vb", "VB"),
    "NormalMixture": ("mcmix.api.estimator", "NormalMixture"),
    "MixtureModel": ("mcmix.api.mixture_model", "MixtureModel"),
    **{
        name: (f"mcmix.steps.{home}", name)
        for name, home in {
            "AdaptiveMetropolis": "methods",
            "BinaryMetropolis": "methods",
            "CollapsedLabels": "collapsed",
            "CollapsedTopics": "topics",
            "DiscreteMetropolis": "methods",
            "DrawFromPrior": "forward",
            "MarginalMove": "marginal",
            "Metropolis": "methods",
            "NoStepper": "methods",
            "NonReversibleLabels": "allocation",
            "PDMatrixMetropolis": "methods",
            "Slicer": "methods",
            "SplitMerge": "split_merge",
            "StepMethod": "own",
        }.items()
    },
    **{
        name: ("numpy", name)
        for name in (
            "sum",
            "any",
            "all",
            "abs",
            "exp",
            "log",
            "sqrt",
            "expm1",
            "log1p",
            "sin",
            "cos",
            "tan",
            "arcsin",
            "arccos",
            "arctan",
            "sinh",
            "cosh",
            "tanh",
            "arcsinh",
            "arccosh",
            "arctanh",
            "arctan2",
            "hypot",
        )
    },  # NumPy's own functions: they make nodes of nodes
    "logit": ("scipy.special", "logit"),
    "invlogit": ("scipy.special", "expit"),
    "plots": ("mcmix.report.plots", None),
    "circ_var_names": ("mcmix.api.export", "circ_var_names"),
    "classify": ("mcmix.api.memberships", "classify"),
    "classify_blocks": ("mcmix.api.responsibilities", "classify_blocks"),
    "compare": ("mcmix.api.compare", "compare"),
    "evidence": ("mcmix.api.evidence", "evidence"),
    "from_draws": ("mcmix.api.from_draws", "from_draws"),
    "from_frame": ("mcmix.api.from_frame", "from_frame"),
    "predictive": ("mcmix.api.predictive", "predictive"),
    "forecast": ("mcmix.api.chains", "forecast"),
    "most_probable_states": ("mcmix.api.chains", "most_probable_states"),
    "posterior_components": ("mcmix.api.posterior_components", "posterior_components"),
    "prior_components": ("mcmix.api.prior_components", "prior_components"),
    "refit": ("mcmix.api.refit", "refit"),
    "relabel": ("mcmix.api.relabel", "relabel"),
    "sensitivity": ("mcmix.api.sensitivity", "sensitivity"),
    **{
        name: ("mcmix.api.partitions", name)
        for name in ("adjusted_rand", "occupied", "partition", "similarity", "variation_of_information")
    },
    "steps": ("mcmix.steps", None),
}


_RENAMED = {"Law": "Distribution", "law": "node_class"}  # old names, for one release


def __getattr__(name: str) -> Any:
    """Load the sampler and the plots when they are first used: importing mcmix stays quick."""
    if name in _RENAMED:
        warn(f"mcmix.{name} is called mcmix.{_RENAMED[name]} now", DeprecationWarning, stacklevel=2)
        return globals()[_RENAMED[name]]
    if name not in _LATER:
        raise AttributeError(f"module 'mcmix' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _LATER[name]
    loaded = import_module(module)
    found = loaded if attribute is None else getattr(loaded, attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "MixtureModel", "NormalMixture"])


# without NormalMixture and MixtureModel: they need scikit-learn, which `from mcmix import *` must not
__all__ = [
    "AdaptiveMetropolis", "Bernoulli", "Beta", "BetaBinomial", "BinaryMetropolis", "Binomial", "Categorical", "Cauchy",
    "Censored", "Chi2", "ChiSquared", "ClusterError", "CollapsedLabels", "CollapsedTopics",
    "CompletedDirichlet", "Container",
    "Covariates", "Deterministic", "Dirichlet",
    "DiscreteMetropolis", "DiscreteUniform", "Distribution", "DrawFromPrior", "Exponential", "Gamma", "Gate",
    "Geometric",
    "HalfCauchy",
    "HalfNormal", "HalfStudentT", "HurdleGamma", "HurdleLognormal", "HurdleNegativeBinomial", "HurdlePoisson",
    "ImproperPosterior",
    "ImproperPosteriorWarning", "Index", "InvLogit", "InverseGamma", "InverseWishart", "LKJ", "Lambda", "Laplace",
    "LinearCombination", "Logistic", "Logit", "Lognormal", "MAP", "MCMC", "MarginalMove", "MarkovChain", "McmixError",
    "Metropolis",
    "Mixture", "Model", "ModelError", "Multinomial", "MvNormal", "MvNormalChol", "MvNormalCov", "NegativeBinomial",
    "NoStepper",
    "Node", "NonReversibleLabels",
    "NormApprox", "Normal", "NormalGamma", "NormalWishart", "NumberOfComponents", "OnDisk",
    "PDMatrixMetropolis", "Poisson", "Posterior",
    "Potential", "SkewNormal", "Slicer", "SplitMerge", "StepMethod", "StickBreaking", "Stochastic",
    "Store", "StudentT", "SupportError", "Tempering",
    "TraceError", "Truncated", "TruncatedNormal", "Uniform", "VB", "VonMises", "Weibull", "Wishart", "WishartCov",
    "ZeroInflatedBinomial", "ZeroInflatedNegativeBinomial", "ZeroInflatedPoisson",
    "ZeroOneInflatedBeta", "ZeroProbability", "__version__",
    "adjusted_rand", "circ_var_names", "classify", "classify_blocks", "compare", "deterministic", "equal", "errors",
    "evidence", "forecast", "from_draws", "from_frame", "from_scipy", "load", "most_probable_states",
    "observed", "occupied", "partition", "pfunc", "plots", "posterior_components", "potential", "predictive",
    "prior_components", "refit", "relabel", "resume",
    "robust_init", "sensitivity", "similarity", "steps", "stochastic", "variation_of_information",
]  # fmt: skip
