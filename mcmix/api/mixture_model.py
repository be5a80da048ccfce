"""MixtureModel: mixtures of any distribution of the package behind scikit-learn's interface."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import mcmix as mc
from mcmix.api.default_priors import PRIORS, VECTORS
from mcmix.api.mcmc import MCMC
from mcmix.api.mixed.described import MixedColumns, OneDistribution
from mcmix.api.mixture_estimator import MixtureEstimator, validate_data
from mcmix.api.posterior import Posterior
from mcmix.api.relabel import Wish, renamed
from mcmix.distributions.family import Family
from mcmix.distributions.table import FAMILIES
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.model import Model
from mcmix.nodes.names import DataNames, names_of
from mcmix.nodes.row_weights import are_whole, standing_for
from mcmix.nodes.stochastic import Stochastic
from mcmix.report.frames import table_frame
from mcmix.traces.memory import Draws, read_only

AUTO = "auto"
NAMED = {"".join(c for c in name if c.isalnum()).lower(): name for name in (*PRIORS, "MvNormal")}


class MixtureModel(MixtureEstimator):
    """Posterior of a mixture of any distribution, by Gibbs sampling, as a scikit-learn estimator.

    Parameters
    ----------
    n_components : int or "unknown"
        Unknown: their number is sampled with everything else, few likelier than many beforehand (one less than it is
        beta-negative-binomial (1, 4, 3), up to 30).
    distribution : distribution class or str, "auto", or mapping of str to these
        Of the components, such as ``mc.Poisson`` or ``"poisson"``: any of single numbers that has a default prior (see
        the notes), or ``mc.MvNormal`` for rows of columns that depend on one another. With another distribution, the
        columns are independent given the component. ``"auto"``: X is a data frame (or columns by name) whose columns
        have a distribution each by what they hold, numbers, counts, categories, ..., as :func:`mcmix.from_frame`
        says; a mapping names some of these by column.
    correlated : sequence of sequences of str
        Columns of such a frame that depend on one another given the component.
    fixed : mapping of str to number, optional
        Parameters of the distribution that are known, such as ``{"trials": 20}`` of a Binomial; of a frame, such a
        mapping by column.
    n_draws, thin, burn, n_chains : int
        Draws kept of each chain, one every `thin` sweeps (up to 50 where the number of components is unknown and rows
        are few), after `burn` sweeps; chains.
    random_state : int, RandomState or None

    Attributes
    ----------
    inference_ : MCMC
        With all its methods. Its draws are relabelled (see :func:`mcmix.relabel`), unless the number is unknown.
    n_components_ : int
        Components that are told of by name: as many as were asked for, or the most probable number of groups.
    n_components_posterior_ : PosteriorComponents
        Where the number is unknown: posterior and prior of each number (:func:`mcmix.posterior_components`).
    weights_ : ndarray, shape (K,)
    parameters_ : dict of str to ndarray, shape (K,) or (K, D)
        Posterior mean of every parameter that has a prior (of a MvNormal: (K, D) and (K, D, D)); of a location of
        angles its circular mean.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has names of columns.

    Raises
    ------
    ValueError
        In fit, for an impossible parameter, data that the distribution cannot produce, or fewer than two rows.

    See Also
    --------
    NormalMixture : normal mixtures with other covariances, and by variational Bayes.

    Notes
    -----
    Weights are Dirichlet with ones. Parameters have weak priors on the scale of each column of the data:

    {priors}

    Where the number of components is unknown, `score_samples` averages over it. Everything that names components
    (`predict`, `predict_proba`, `transform`, `weights_`, `parameters_`, `sample`, `bic`, `aic`) is about the draws that
    have `n_components_` groups; weights are shares among these.

    NaN is a missing cell (at random): an unknown of the model, and left out of densities and responsibilities.
    A fitted estimator that was pickled comes back with its draws; its chains do not go on.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> visits = np.random.default_rng(1).poisson([[1.0], [12.0]], (2, 60)).reshape(-1, 1)
    >>> mixture = mc.MixtureModel(2, distribution="poisson", random_state=1).fit(visits)
    >>> np.sort(mixture.parameters_["mean"]).round().astype(int).tolist(), mixture.transform(visits).shape
    ([1, 12], (120, 2))
    """

    _parts: OneDistribution | MixedColumns

    def __init__(
        self,
        n_components: int | str = 1,
        *,
        distribution: Any = "normal",
        correlated: Sequence[Sequence[str]] = (),
        fixed: Mapping[str, Any] | None = None,
        n_draws: int = 250,
        thin: int = 4,
        burn: int = 1000,
        n_chains: int = 4,
        random_state: Any = None,
    ):
        self.n_components, self.distribution, self.fixed = n_components, distribution, fixed
        self.correlated = correlated
        self.n_draws, self.thin, self.burn, self.n_chains = n_draws, thin, burn, n_chains
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MixtureModel:  # noqa: N803
        """Find the posterior given rows, shape (rows, D), NaN where a cell is missing; `y` is not used.

        `sample_weight`, shape (rows,): how often each row counts. Whole numbers say the same as repeated rows; others
        are powers of the rows' densities.
        """
        rows = self._taken(X)
        self._counts = self._weighed(sample_weight, rows)
        self._checked_counts("n_components", "n_draws", "thin", "burn", "n_chains")
        if not self._is_mixed:
            family = _family_of(self.distribution)
            self._parts = OneDistribution(family, _checked_fixed(family, self.fixed))
        if self._is_mixed and self._counts is not None and are_whole(self._counts):
            rows, self._counts = standing_for(rows, self._counts), None  # categories ask for a label of each row
        self._fitted_on = rows[~np.isnan(rows).all(1)]  # empty rows tell nothing
        self._fit_seed = seed = self._seed()
        self.inference_ = MCMC(self._model(self._size()))
        thin = self._sweeps_of_a_draw()
        sweeps = self.burn + self.n_draws * thin
        run = self.inference_.sample(sweeps, self.burn, thin, chains=self.n_chains, seed=seed, progress_bar=False)
        run.or_interrupted()
        self._count_components()
        self._hold(self._matched(self._by_name.draws()))
        return self

    def _model(self, k: Any, for_mode: bool = False) -> list[Stochastic]:
        rows = self._fitted_on
        made = self._parts.nodes(rows, self._label(len(rows), k), k, self._counts)
        return [self._named(made[0])] if len(made) == 1 and not self._is_mixed else made

    def _complete(self, k: Any) -> list[Stochastic]:
        """A model of as many complete rows, for questions about other rows."""
        rows = self._fitted_on
        made = self._parts.complete(rows, self._label(len(rows), k), k, self._counts)
        return made if self._is_mixed else [self._named(made[0])]

    def _label(self, rows: int, k: Any) -> Any:
        return mc.Categorical("label", mc.Dirichlet("weights", 1.0, size=k), size=rows, trace=False)

    @property
    def _is_mixed(self) -> bool:
        """Whether each column has a distribution of its own."""
        return self.distribution == AUTO or isinstance(self.distribution, Mapping)

    def _put(self, rows: np.ndarray) -> Any:
        return self._parts.put(rows)

    def _taken(self, X: Any) -> np.ndarray:  # noqa: N803
        if not self._is_mixed:
            if self.correlated:
                raise ValueError(f"correlated: expected distribution={AUTO!r} or a mapping, got {self.distribution!r}")
            return super()._taken(X)
        table = _as_frame(X)
        validate_data(self, table, skip_check_array=True)
        if len(table) < 2:
            raise ValueError(f"X: expected at least 2 rows, got {len(table)}")
        wishes = self.distribution if isinstance(self.distribution, Mapping) else None
        self._parts = parts = MixedColumns(table, wishes, self.correlated, self.fixed)
        said = names_of(table)
        self._names, self._mode = DataNames(said.index, said.columns, axes=said.axes), None
        return parts.rows(table)

    def _rows(self, X: Any) -> np.ndarray:  # noqa: N803
        parts = getattr(self, "_parts", None)
        if not isinstance(parts, MixedColumns):
            return super()._rows(X)
        table = _as_frame(X)
        validate_data(self, table, skip_check_array=True, reset=False)
        return parts.rows(table)

    def _matched(self, draws: Draws) -> Draws:
        """Draws in which components have one name throughout."""
        if self.n_components_ == 1:
            return draws
        return renamed(self._by_name, draws, Wish("auto"))[0]

    def _hold(self, draws: Draws) -> None:
        """Let draws be those of the estimator."""
        kept = self._by_name.draws()
        for name in kept.variables:
            kept.variables[name] = read_only(draws.variables[name])
        self._ask()
        names = [n for n in kept.variables if n not in ("weights", "rows")]
        self.weights_ = self._by_name.moments("weights")[0]
        self.parameters_ = {n: np.asarray(self._by_name.moments(n)[0]) for n in names}

    def _ask(self) -> None:
        """Hand the draws to whom rows are asked of: models of complete rows."""
        self._answering = Posterior(Model(self._complete(self._size())), [self.inference_.draws()])
        if self._is_unknown:
            self._answering_by_name = Posterior(Model(self._complete(self.n_components_)), [self._by_name.draws()])

    def sample(self, n_samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Draw rows from the posterior predictive distribution: rows, shape (n_samples, D), and their components."""
        n = self._checked_samples(n_samples)
        rng, draws = np.random.default_rng(self._seed()), self._by_name.draws()
        which = rng.integers(draws.n_chains * draws.n_draws, size=n)
        drawn = {name: x.reshape(-1, *x.shape[2:])[which] for name, x in draws.variables.items()}
        cumulative = np.cumsum(drawn["weights"], axis=1)
        labels = (cumulative[:, :-1] <= rng.random((n, 1)) * cumulative[:, -1:]).sum(1)
        return self._parts.drawn(rng, self._fitted_on, self.n_components_, drawn, labels), labels

    def __getstate__(self) -> dict[str, Any]:
        """Draws instead of the nodes."""
        state = dict(super().__getstate__())
        found, named = state.pop("inference_", None), state.pop("_by_name", None)
        for asked in ("_answering", "_answering_by_name"):
            state.pop(asked, None)
        if found is not None:
            state["_found"] = found.draws(), named.draws() if self._is_unknown else None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        found = state.pop("_found", None)
        super().__setstate__(state)
        if found is not None:
            self._restore(*found)
            self._ask()


def _as_frame(X: Any) -> Any:  # noqa: N803
    """A data frame as it is; columns by name as one."""
    if not isinstance(X, Mapping):
        return X
    return table_frame({str(name): np.asarray(x) for name, x in X.items()}, range(len(next(iter(X.values()), ()))))


def _family_of(distribution: Any) -> Family:
    """The family of a distribution class, or of its name in any spelling.

    Raises
    ------
    ValueError
        If it is none, or has no default prior; those that have one are listed.
    """
    name = distribution
    if isinstance(distribution, type) and issubclass(distribution, Distribution):
        name = getattr(getattr(distribution, "family", None), "name", distribution.__name__)
    plain = "".join(c for c in name if c.isalnum()).lower() if isinstance(name, str) else ""
    if plain not in NAMED:
        listed = ", ".join(sorted(NAMED.values()))
        raise ValueError(f"distribution: expected one that has a default prior ({listed}), got {distribution!r}")
    return FAMILIES[NAMED[plain]]


def _checked_fixed(family: Family, fixed: Any) -> dict[str, Any]:
    """Known parameters, by name.

    Raises
    ------
    ValueError
        If one is no parameter of the distribution, or no number.
    """
    names = [p.name for p in family.parameters]
    if not isinstance(fixed or {}, Mapping):
        raise ValueError(f"fixed: expected numbers by name of parameter, {{'{names[0]}': ...}}, got {fixed!r}")
    for name, value in (fixed or {}).items():
        if name not in names or family.event_ndim:
            raise ValueError(f"fixed: expected parameters of {family.name} ({', '.join(names)}), got {name!r}")
        if not isinstance(value, (int, float, np.number)):
            raise ValueError(f"fixed: {name} expected a number, got {value!r}")
    if fixed and set(fixed) == set(names):
        raise ValueError(f"fixed: expected some parameter of {family.name} to be unknown, got all of them")
    return dict(fixed or {})


def _with_priors(text: str | None) -> str | None:
    """The docstring, the table of priors in its place; Python 3.13 has taken its margin away."""
    listed = [f"- {name}: {prior.words}." for name, prior in PRIORS.items()] + [f"- MvNormal: {VECTORS}."]
    margin = re.search(r"^( *)\{priors\}", text or "", re.MULTILINE)
    return text if text is None or margin is None else text.replace("{priors}", f"\n{margin[1]}".join(listed))


MixtureModel.__doc__ = _with_priors(MixtureModel.__doc__)

__all__ = ["MixtureModel"]
