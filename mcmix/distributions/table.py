"""All families by name: a new one is its own file and one row here."""

from __future__ import annotations

from mcmix.distributions.bernoulli import BERNOULLI
from mcmix.distributions.beta import BETA
from mcmix.distributions.binomial import BINOMIAL
from mcmix.distributions.categorical import CATEGORICAL
from mcmix.distributions.dirichlet import DIRICHLET
from mcmix.distributions.discrete_uniform import DISCRETE_UNIFORM
from mcmix.distributions.exponential import EXPONENTIAL
from mcmix.distributions.family import Family
from mcmix.distributions.gamma import GAMMA
from mcmix.distributions.half_cauchy import HALF_CAUCHY
from mcmix.distributions.half_normal import HALF_NORMAL
from mcmix.distributions.inverse_gamma import INVERSE_GAMMA
from mcmix.distributions.lognormal import LOGNORMAL
from mcmix.distributions.negative_binomial import NEGATIVE_BINOMIAL
from mcmix.distributions.normal import NORMAL
from mcmix.distributions.poisson import POISSON
from mcmix.distributions.student_t import STUDENT_T
from mcmix.distributions.uniform import UNIFORM

_ALL = (
    NORMAL,
    UNIFORM,
    BERNOULLI,
    BETA,
    BINOMIAL,
    GAMMA,
    INVERSE_GAMMA,
    EXPONENTIAL,
    POISSON,
    NEGATIVE_BINOMIAL,
    LOGNORMAL,
    HALF_NORMAL,
    HALF_CAUCHY,
    STUDENT_T,
    DISCRETE_UNIFORM,
    CATEGORICAL,
    DIRICHLET,
)

FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}
