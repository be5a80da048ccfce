"""PyMC 2's names of distributions, each with the family that serves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcmix.distributions.family import Family, Parameter
from mcmix.distributions.table import FAMILIES


@dataclass(frozen=True)
class Row:
    """One distribution under PyMC 2's names.

    Attributes
    ----------
    name : str
        Of the node class.
    stem : str
        Of its functions: ``<stem>_like`` and ``r<stem>``.
    family_name : str
    fixed : mapping of str to float
        Parameters of the family that PyMC 2's distribution does not have.
    """

    name: str
    stem: str
    family_name: str
    fixed: Mapping[str, float] = field(default_factory=dict)

    @property
    def family(self) -> Family:
        """The family."""
        return FAMILIES[self.family_name]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that PyMC 2's distribution has, in its order."""
        return tuple(p for p in self.family.parameters if p.name not in self.fixed)


ROWS = (
    Row("Bernoulli", "bernoulli", "Bernoulli"),
    Row("Beta", "beta", "Beta"),
    Row("Betabin", "betabin", "BetaBinomial"),
    Row("Binomial", "binomial", "Binomial"),
    Row("Categorical", "categorical", "Categorical"),
    Row("Cauchy", "cauchy", "Cauchy"),
    Row("Chi2", "chi2", "Chi2"),
    Row("DiscreteUniform", "discrete_uniform", "DiscreteUniform"),
    Row("Exponential", "exponential", "Exponential"),
    Row("Gamma", "gamma", "Gamma"),
    Row("Geometric", "geometric", "Geometric"),
    Row("HalfCauchy", "half_cauchy", "HalfCauchy"),
    Row("HalfNormal", "half_normal", "HalfNormal"),
    Row("InverseGamma", "inverse_gamma", "InverseGamma"),
    Row("Laplace", "laplace", "Laplace"),
    Row("Logistic", "logistic", "Logistic"),
    Row("Lognormal", "lognormal", "Lognormal"),
    Row("Multinomial", "multinomial", "Multinomial"),
    Row("MvNormal", "mv_normal", "MvNormal"),
    Row("MvNormalChol", "mv_normal_chol", "MvNormalChol"),
    Row("MvNormalCov", "mv_normal_cov", "MvNormalCov"),
    Row("NegativeBinomial", "negative_binomial", "NegativeBinomial"),
    Row("NoncentralT", "noncentral_t", "StudentT"),
    Row("Normal", "normal", "Normal"),
    Row("Poisson", "poisson", "Poisson"),
    Row("SkewNormal", "skew_normal", "SkewNormal"),
    Row("T", "t", "StudentT", {"location": 0.0, "precision": 1.0}),
    Row("TruncatedNormal", "truncated_normal", "TruncatedNormal"),
    Row("Uniform", "uniform", "Uniform"),
    Row("VonMises", "von_mises", "VonMises"),
    Row("Weibull", "weibull", "Weibull"),
    Row("Wishart", "wishart", "Wishart"),
    Row("WishartCov", "wishart_cov", "WishartCov"),
)
