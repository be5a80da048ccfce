"""What type checkers know of mcmix: written by .ci/stub.py from the tables of the package."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from numpy.typing import ArrayLike

from mcmix import errors as errors
from mcmix import steps as steps
from mcmix.api.chains import forecast as forecast
from mcmix.api.chains import most_probable_states as most_probable_states
from mcmix.api.compare import compare as compare
from mcmix.api.destinations import Store as Store
from mcmix.api.estimator import NormalMixture as NormalMixture
from mcmix.api.evidence import evidence as evidence
from mcmix.api.export import circ_var_names as circ_var_names
from mcmix.api.from_draws import from_draws as from_draws
from mcmix.api.from_frame import from_frame as from_frame
from mcmix.api.mcmc import MCMC as MCMC
from mcmix.api.memberships import classify as classify
from mcmix.api.mixture_model import MixtureModel as MixtureModel
from mcmix.api.mode import MAP as MAP
from mcmix.api.mode import NormApprox as NormApprox
from mcmix.api.partitions import adjusted_rand as adjusted_rand
from mcmix.api.partitions import occupied as occupied
from mcmix.api.partitions import partition as partition
from mcmix.api.partitions import similarity as similarity
from mcmix.api.partitions import variation_of_information as variation_of_information
from mcmix.api.posterior import Posterior as Posterior
from mcmix.api.posterior_components import posterior_components as posterior_components
from mcmix.api.predictive import predictive as predictive
from mcmix.api.prior_components import prior_components as prior_components
from mcmix.api.refit import refit as refit
from mcmix.api.relabel import relabel as relabel
from mcmix.api.responsibilities import classify_blocks as classify_blocks
from mcmix.api.resumed import load as load
from mcmix.api.resumed import resume as resume
from mcmix.api.sensitivity import sensitivity as sensitivity
from mcmix.api.vb import VB as VB
from mcmix.errors import ClusterError as ClusterError
from mcmix.errors import ImproperPosterior as ImproperPosterior
from mcmix.errors import ImproperPosteriorWarning as ImproperPosteriorWarning
from mcmix.errors import McmixError as McmixError
from mcmix.errors import ModelError as ModelError
from mcmix.errors import SupportError as SupportError
from mcmix.errors import TraceError as TraceError
from mcmix.errors import ZeroProbability as ZeroProbability
from mcmix.nodes.containers import Container as Container
from mcmix.nodes.covariates import Covariates as Covariates
from mcmix.nodes.decorators import deterministic as deterministic
from mcmix.nodes.decorators import observed as observed
from mcmix.nodes.decorators import potential as potential
from mcmix.nodes.decorators import stochastic as stochastic
from mcmix.nodes.deterministic import Deterministic as Deterministic
from mcmix.nodes.deterministic import Lambda as Lambda
from mcmix.nodes.deterministic import Potential as Potential
from mcmix.nodes.distribution import Distribution as Distribution
from mcmix.nodes.distribution import node_class as node_class
from mcmix.nodes.from_scipy import from_scipy as from_scipy
from mcmix.nodes.functions import CompletedDirichlet as CompletedDirichlet
from mcmix.nodes.functions import InvLogit as InvLogit
from mcmix.nodes.functions import LinearCombination as LinearCombination
from mcmix.nodes.functions import Logit as Logit
from mcmix.nodes.functions import equal as equal
from mcmix.nodes.functions import pfunc as pfunc
from mcmix.nodes.functions import robust_init as robust_init
from mcmix.nodes.gate import Gate as Gate
from mcmix.nodes.markov_chain import MarkovChain as MarkovChain
from mcmix.nodes.mixture import Mixture as Mixture
from mcmix.nodes.model import Model as Model
from mcmix.nodes.node import Node as Node
from mcmix.nodes.normal_pairs import NormalGamma as NormalGamma
from mcmix.nodes.normal_pairs import NormalWishart as NormalWishart
from mcmix.nodes.number_of_components import NumberOfComponents as NumberOfComponents
from mcmix.nodes.operators import Index as Index
from mcmix.nodes.stick_breaking import StickBreaking as StickBreaking
from mcmix.nodes.stochastic import Stochastic as Stochastic
from mcmix.nodes.wrapped import Censored as Censored
from mcmix.nodes.wrapped import Truncated as Truncated
from mcmix.report import plots as plots
from mcmix.sampling.ladder import Tempering as Tempering
from mcmix.steps.allocation import NonReversibleLabels as NonReversibleLabels
from mcmix.steps.collapsed import CollapsedLabels as CollapsedLabels
from mcmix.steps.forward import DrawFromPrior as DrawFromPrior
from mcmix.steps.marginal import MarginalMove as MarginalMove
from mcmix.steps.methods import AdaptiveMetropolis as AdaptiveMetropolis
from mcmix.steps.methods import BinaryMetropolis as BinaryMetropolis
from mcmix.steps.methods import DiscreteMetropolis as DiscreteMetropolis
from mcmix.steps.methods import Metropolis as Metropolis
from mcmix.steps.methods import NoStepper as NoStepper
from mcmix.steps.methods import PDMatrixMetropolis as PDMatrixMetropolis
from mcmix.steps.methods import Slicer as Slicer
from mcmix.steps.own import StepMethod as StepMethod
from mcmix.steps.split_merge import SplitMerge as SplitMerge
from mcmix.steps.topics import CollapsedTopics as CollapsedTopics
from mcmix.structure.on_disk import OnDisk as OnDisk

Parameter: TypeAlias = Node | ArrayLike | Sequence[Any]
Size: TypeAlias = int | Sequence[int]
__version__: str

class Bernoulli(Distribution):
    def __init__(
        self,
        name: str,
        probability: Parameter = ...,
        *,
        p: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Beta(Distribution):
    def __init__(
        self,
        name: str,
        alpha: Parameter = ...,
        beta: Parameter = ...,
        *,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class BetaBinomial(Distribution):
    def __init__(
        self,
        name: str,
        alpha: Parameter = ...,
        beta: Parameter = ...,
        trials: Parameter = ...,
        *,
        n: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Binomial(Distribution):
    def __init__(
        self,
        name: str,
        trials: Parameter = ...,
        probability: Parameter = ...,
        *,
        n: Parameter = ...,
        p: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Categorical(Distribution):
    def __init__(
        self,
        name: str,
        probabilities: Parameter = ...,
        *,
        p: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Cauchy(Distribution):
    def __init__(
        self,
        name: str,
        location: Parameter = ...,
        scale: Parameter = ...,
        *,
        alpha: Parameter = ...,
        beta: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Chi2(Distribution):
    def __init__(
        self,
        name: str,
        degrees_of_freedom: Parameter = ...,
        *,
        nu: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

ChiSquared = Chi2

class Dirichlet(Distribution):
    def __init__(
        self,
        name: str,
        concentration: Parameter = ...,
        *,
        theta: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class DiscreteUniform(Distribution):
    def __init__(
        self,
        name: str,
        lower: Parameter = ...,
        upper: Parameter = ...,
        *,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Exponential(Distribution):
    def __init__(
        self,
        name: str,
        rate: Parameter = ...,
        *,
        beta: Parameter = ...,
        scale: Parameter = ...,
        mean: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Gamma(Distribution):
    def __init__(
        self,
        name: str,
        shape: Parameter = ...,
        rate: Parameter = ...,
        *,
        alpha: Parameter = ...,
        beta: Parameter = ...,
        scale: Parameter = ...,
        mean: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Geometric(Distribution):
    def __init__(
        self,
        name: str,
        probability: Parameter = ...,
        *,
        p: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class HalfCauchy(Distribution):
    def __init__(
        self,
        name: str,
        location: Parameter = ...,
        scale: Parameter = ...,
        *,
        alpha: Parameter = ...,
        beta: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class HalfNormal(Distribution):
    def __init__(
        self,
        name: str,
        precision: Parameter = ...,
        *,
        tau: Parameter = ...,
        sigma: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class HalfStudentT(Distribution):
    def __init__(
        self,
        name: str,
        degrees_of_freedom: Parameter = ...,
        scale: Parameter = ...,
        *,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class HurdleGamma(Distribution):
    def __init__(
        self,
        name: str,
        zero_probability: Parameter = ...,
        shape: Parameter = ...,
        rate: Parameter = ...,
        *,
        psi: Parameter = ...,
        alpha: Parameter = ...,
        beta: Parameter = ...,
        scale: Parameter = ...,
        mean: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class HurdleLognormal(Distribution):
    def __init__(
        self,
        name: str,
        zero_probability: Parameter = ...,
        mean: Parameter = ...,
        precision: Parameter = ...,
        *,
        psi: Parameter = ...,
        mu: Parameter = ...,
        tau: Parameter = ...,
        sigma: Parameter = ...,
        variance: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class HurdleNegativeBinomial(Distribution):
    def __init__(
        self,
        name: str,
        zero_probability: Parameter = ...,
        mean: Parameter = ...,
        dispersion: Parameter = ...,
        *,
        psi: Parameter = ...,
        mu: Parameter = ...,
        alpha: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class HurdlePoisson(Distribution):
    def __init__(
        self,
        name: str,
        zero_probability: Parameter = ...,
        mean: Parameter = ...,
        *,
        psi: Parameter = ...,
        mu: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class InverseGamma(Distribution):
    def __init__(
        self,
        name: str,
        shape: Parameter = ...,
        scale: Parameter = ...,
        *,
        alpha: Parameter = ...,
        beta: Parameter = ...,
        mean: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class InverseWishart(Distribution):
    def __init__(
        self,
        name: str,
        degrees_of_freedom: Parameter = ...,
        scale: Parameter = ...,
        *,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class LKJ(Distribution):
    def __init__(
        self,
        name: str,
        concentration: Parameter = ...,
        dimension: Parameter = ...,
        *,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Laplace(Distribution):
    def __init__(
        self,
        name: str,
        mean: Parameter = ...,
        rate: Parameter = ...,
        *,
        mu: Parameter = ...,
        tau: Parameter = ...,
        scale: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Logistic(Distribution):
    def __init__(
        self,
        name: str,
        location: Parameter = ...,
        rate: Parameter = ...,
        *,
        mu: Parameter = ...,
        tau: Parameter = ...,
        scale: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Lognormal(Distribution):
    def __init__(
        self,
        name: str,
        mean: Parameter = ...,
        precision: Parameter = ...,
        *,
        mu: Parameter = ...,
        tau: Parameter = ...,
        sigma: Parameter = ...,
        variance: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Multinomial(Distribution):
    def __init__(
        self,
        name: str,
        trials: Parameter = ...,
        probabilities: Parameter = ...,
        *,
        n: Parameter = ...,
        p: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class MvNormal(Distribution):
    def __init__(
        self,
        name: str,
        mean: Parameter = ...,
        precision: Parameter = ...,
        *,
        mu: Parameter = ...,
        tau: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class MvNormalChol(Distribution):
    def __init__(
        self,
        name: str,
        mean: Parameter = ...,
        factor: Parameter = ...,
        *,
        mu: Parameter = ...,
        sig: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class MvNormalCov(Distribution):
    def __init__(
        self,
        name: str,
        mean: Parameter = ...,
        covariance: Parameter = ...,
        *,
        mu: Parameter = ...,
        C: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class NegativeBinomial(Distribution):
    def __init__(
        self,
        name: str,
        mean: Parameter = ...,
        dispersion: Parameter = ...,
        *,
        mu: Parameter = ...,
        alpha: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Normal(Distribution):
    def __init__(
        self,
        name: str,
        mean: Parameter = ...,
        precision: Parameter = ...,
        *,
        mu: Parameter = ...,
        tau: Parameter = ...,
        sigma: Parameter = ...,
        variance: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Poisson(Distribution):
    def __init__(
        self,
        name: str,
        mean: Parameter = ...,
        *,
        mu: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class SkewNormal(Distribution):
    def __init__(
        self,
        name: str,
        location: Parameter = ...,
        precision: Parameter = ...,
        skewness: Parameter = ...,
        *,
        mu: Parameter = ...,
        tau: Parameter = ...,
        alpha: Parameter = ...,
        scale: Parameter = ...,
        sigma: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class StudentT(Distribution):
    def __init__(
        self,
        name: str,
        location: Parameter = ...,
        precision: Parameter = ...,
        degrees_of_freedom: Parameter = ...,
        *,
        mu: Parameter = ...,
        lam: Parameter = ...,
        nu: Parameter = ...,
        scale: Parameter = ...,
        sigma: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class TruncatedNormal(Distribution):
    def __init__(
        self,
        name: str,
        mean: Parameter = ...,
        precision: Parameter = ...,
        lower: Parameter = ...,
        upper: Parameter = ...,
        *,
        mu: Parameter = ...,
        tau: Parameter = ...,
        a: Parameter = ...,
        b: Parameter = ...,
        sigma: Parameter = ...,
        variance: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Uniform(Distribution):
    def __init__(
        self,
        name: str,
        lower: Parameter = ...,
        upper: Parameter = ...,
        *,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class VonMises(Distribution):
    def __init__(
        self,
        name: str,
        location: Parameter = ...,
        concentration: Parameter = ...,
        *,
        mu: Parameter = ...,
        kappa: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Weibull(Distribution):
    def __init__(
        self,
        name: str,
        shape: Parameter = ...,
        scale: Parameter = ...,
        *,
        alpha: Parameter = ...,
        beta: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class Wishart(Distribution):
    def __init__(
        self,
        name: str,
        degrees_of_freedom: Parameter = ...,
        inverse_scale: Parameter = ...,
        *,
        n: Parameter = ...,
        Tau: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class WishartCov(Distribution):
    def __init__(
        self,
        name: str,
        degrees_of_freedom: Parameter = ...,
        scale: Parameter = ...,
        *,
        n: Parameter = ...,
        C: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class ZeroOneInflatedBeta(Distribution):
    def __init__(
        self,
        name: str,
        border_probability: Parameter = ...,
        one_probability: Parameter = ...,
        alpha: Parameter = ...,
        beta: Parameter = ...,
        *,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class ZeroInflatedBinomial(Distribution):
    def __init__(
        self,
        name: str,
        zero_probability: Parameter = ...,
        trials: Parameter = ...,
        probability: Parameter = ...,
        *,
        psi: Parameter = ...,
        n: Parameter = ...,
        p: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class ZeroInflatedNegativeBinomial(Distribution):
    def __init__(
        self,
        name: str,
        zero_probability: Parameter = ...,
        mean: Parameter = ...,
        dispersion: Parameter = ...,
        *,
        psi: Parameter = ...,
        mu: Parameter = ...,
        alpha: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

class ZeroInflatedPoisson(Distribution):
    def __init__(
        self,
        name: str,
        zero_probability: Parameter = ...,
        mean: Parameter = ...,
        *,
        psi: Parameter = ...,
        mu: Parameter = ...,
        value: ArrayLike | Sequence[Any] | Node | None = None,
        observed: bool = False,
        size: Size | Node | None = None,
        plates: Size | None = None,
        trace: bool = True,
        doc: str | None = None,
        dtype: Any = None,
        rseed: Any = None,
        debug: bool = False,
        plot: bool | None = None,
        verbose: int = -1,
        dims: str | Sequence[str | None] | None = None,
        coords: Mapping[str, ArrayLike | Sequence[Any]] | None = None,
        weights: ArrayLike | None = None,
    ) -> None: ...

def sum(*arguments: Any, **keywords: Any) -> Any: ...
def any(*arguments: Any, **keywords: Any) -> Any: ...
def all(*arguments: Any, **keywords: Any) -> Any: ...
def abs(*arguments: Any, **keywords: Any) -> Any: ...
def exp(*arguments: Any, **keywords: Any) -> Any: ...
def log(*arguments: Any, **keywords: Any) -> Any: ...
def sqrt(*arguments: Any, **keywords: Any) -> Any: ...
def expm1(*arguments: Any, **keywords: Any) -> Any: ...
def log1p(*arguments: Any, **keywords: Any) -> Any: ...
def sin(*arguments: Any, **keywords: Any) -> Any: ...
def cos(*arguments: Any, **keywords: Any) -> Any: ...
def tan(*arguments: Any, **keywords: Any) -> Any: ...
def arcsin(*arguments: Any, **keywords: Any) -> Any: ...
def arccos(*arguments: Any, **keywords: Any) -> Any: ...
def arctan(*arguments: Any, **keywords: Any) -> Any: ...
def sinh(*arguments: Any, **keywords: Any) -> Any: ...
def cosh(*arguments: Any, **keywords: Any) -> Any: ...
def tanh(*arguments: Any, **keywords: Any) -> Any: ...
def arcsinh(*arguments: Any, **keywords: Any) -> Any: ...
def arccosh(*arguments: Any, **keywords: Any) -> Any: ...
def arctanh(*arguments: Any, **keywords: Any) -> Any: ...
def arctan2(*arguments: Any, **keywords: Any) -> Any: ...
def hypot(*arguments: Any, **keywords: Any) -> Any: ...
def logit(*arguments: Any, **keywords: Any) -> Any: ...
def invlogit(*arguments: Any, **keywords: Any) -> Any: ...
