"""All families by name: a new one is its own file and one row here."""

from __future__ import annotations

from mcmix.distributions.bernoulli import BERNOULLI
from mcmix.distributions.beta import BETA
from mcmix.distributions.beta_binomial import BETA_BINOMIAL
from mcmix.distributions.binomial import BINOMIAL
from mcmix.distributions.categorical import CATEGORICAL
from mcmix.distributions.cauchy import CAUCHY
from mcmix.distributions.chi_squared import CHI_SQUARED
from mcmix.distributions.dirichlet import DIRICHLET
from mcmix.distributions.discrete_uniform import DISCRETE_UNIFORM
from mcmix.distributions.exponential import EXPONENTIAL
from mcmix.distributions.family import KNOWN, Family
from mcmix.distributions.gamma import GAMMA
from mcmix.distributions.geometric import GEOMETRIC
from mcmix.distributions.half_cauchy import HALF_CAUCHY
from mcmix.distributions.half_normal import HALF_NORMAL
from mcmix.distributions.half_student_t import HALF_STUDENT_T
from mcmix.distributions.hurdle_gamma import HURDLE_GAMMA
from mcmix.distributions.hurdle_lognormal import HURDLE_LOGNORMAL
from mcmix.distributions.hurdle_negative_binomial import HURDLE_NEGATIVE_BINOMIAL
from mcmix.distributions.hurdle_poisson import HURDLE_POISSON
from mcmix.distributions.inverse_gamma import INVERSE_GAMMA
from mcmix.distributions.inverse_wishart import INVERSE_WISHART
from mcmix.distributions.laplace import LAPLACE
from mcmix.distributions.lkj import LKJ
from mcmix.distributions.logistic import LOGISTIC
from mcmix.distributions.lognormal import LOGNORMAL
from mcmix.distributions.markov_chain import MARKOV_CHAIN
from mcmix.distributions.multinomial import MULTINOMIAL
from mcmix.distributions.mv_normal import MV_NORMAL, MV_NORMAL_CHOL, MV_NORMAL_COV
from mcmix.distributions.negative_binomial import NEGATIVE_BINOMIAL
from mcmix.distributions.normal import NORMAL
from mcmix.distributions.number_of_components import COMPONENT_WEIGHTS, NUMBER_OF_COMPONENTS
from mcmix.distributions.poisson import POISSON
from mcmix.distributions.skew_normal import SKEW_NORMAL
from mcmix.distributions.student_t import STUDENT_T
from mcmix.distributions.truncated_normal import TRUNCATED_NORMAL
from mcmix.distributions.uniform import UNIFORM
from mcmix.distributions.von_mises import VON_MISES
from mcmix.distributions.weibull import WEIBULL
from mcmix.distributions.wishart import WISHART, WISHART_COV
from mcmix.distributions.zero_inflated_binomial import ZERO_INFLATED_BINOMIAL
from mcmix.distributions.zero_inflated_negative_binomial import ZERO_INFLATED_NEGATIVE_BINOMIAL
from mcmix.distributions.zero_inflated_poisson import ZERO_INFLATED_POISSON
from mcmix.distributions.zero_one_inflated_beta import ZERO_ONE_INFLATED_BETA

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
    WEIBULL,
    LAPLACE,
    CAUCHY,
    LOGISTIC,
    SKEW_NORMAL,
    CHI_SQUARED,
    VON_MISES,
    GEOMETRIC,
    BETA_BINOMIAL,
    ZERO_INFLATED_POISSON,
    ZERO_INFLATED_BINOMIAL,
    ZERO_INFLATED_NEGATIVE_BINOMIAL,
    HURDLE_POISSON,
    HURDLE_NEGATIVE_BINOMIAL,
    TRUNCATED_NORMAL,
    MULTINOMIAL,
    MV_NORMAL,
    MV_NORMAL_COV,
    MV_NORMAL_CHOL,
    WISHART,
    WISHART_COV,
    INVERSE_WISHART,
    LKJ,
    HALF_STUDENT_T,
    HURDLE_GAMMA,
    HURDLE_LOGNORMAL,
    ZERO_ONE_INFLATED_BETA,
)

FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}
KNOWN.update(FAMILIES)
KNOWN.update(
    {family.name: family for family in (NUMBER_OF_COMPONENTS, COMPONENT_WEIGHTS, MARKOV_CHAIN)}
)  # with nodes of their own
