"""What the estimators have in common: data in, responsibilities and densities out, in scikit-learn's words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, Self

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "mc.NormalMixture and mc.MixtureModel need scikit-learn 1.6 or later: pip install 'mcmix[sklearn]'"
    ) from error

from mcmix.api.default_priors import weakly_informative
from mcmix.api.fit.limits import MOST_COMPONENTS, sweeps_of_a_draw
from mcmix.api.mcmc import MCMC
from mcmix.api.mode import MAP
from mcmix.api.posterior import Posterior
from mcmix.api.posterior_components import PosteriorComponents, posterior_components
from mcmix.api.with_clusters import with_clusters
from mcmix.errors import ModelError
from mcmix.nodes.model import Model
from mcmix.nodes.names import DataNames, names_of
from mcmix.nodes.number_of_components import NumberOfComponents
from mcmix.nodes.row_weights import checked_weights
from mcmix.nodes.stochastic import Stochastic
from mcmix.report.evidence.scores import bayesian_information
from mcmix.traces.memory import Draws

UNKNOWN = "unknown"
PREDICTED = 1000  # draws that densities and responsibilities are averaged over


class MixtureEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, BaseEstimator, ABC):
    """A mixture behind scikit-learn's interface; what it is a mixture of, a subclass says.

    A subclass has `_model`, the data of the mixture of the rows that it was fitted on, `_scaled`, rows in the model's
    units, and `_log_units`, what log densities lose by these, for each column.

    Where the number of components is unknown, what is said of components is about the draws that have the most probable
    number of groups; densities are those of all draws.
    """

    n_components: Any
    n_components_: int
    n_draws: int
    thin: int
    n_chains: int
    random_state: Any
    weights_: np.ndarray
    inference_: Any
    n_components_posterior_: PosteriorComponents
    _fitted_on: np.ndarray
    _counts: np.ndarray | None = None
    _by_name: Any
    _draws: Any
    _names = DataNames()
    _mode: Any = None

    @abstractmethod
    def _model(self, k: Any, for_mode: bool = False) -> list[Stochastic]:
        """Data and unknowns of the rows that are fitted, with k components: a number, or a node."""

    def _complete(self, k: Any) -> list[Stochastic]:
        """The data node of a model that is asked about other rows."""
        return self._model(k, for_mode=True)

    # ---------------------------------------------------------------- how many components

    @property
    def _is_unknown(self) -> bool:
        return isinstance(self.n_components, str)

    def _size(self) -> Any:
        """What components of the model have as their size."""
        if not self._is_unknown:
            return self.n_components
        return NumberOfComponents("components", weakly_informative(), most=min(MOST_COMPONENTS, len(self._fitted_on)))

    def _sweeps_of_a_draw(self) -> int:
        """As many as were asked for, and more where groups come and go."""
        if not self._is_unknown:
            return int(self.thin)
        return max(int(self.thin), sweeps_of_a_draw(len(self._fitted_on), self.n_chains * self.n_draws))

    def _count_components(self) -> None:
        """Settle how many components are told of by name, and which draws are about them."""
        self._by_name = self.inference_
        self.n_components_ = self.n_components
        if self._is_unknown:
            self.n_components_posterior_ = posterior_components(self.inference_)
            self.n_components_ = self.n_components_posterior_.most_clusters
            self._by_name = with_clusters(self.inference_, self._model(self.n_components_), self.n_components_)

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        return rows

    def _log_units(self) -> Any:
        return 0.0

    def _best(self) -> dict[str, np.ndarray] | None:
        """The draw of highest density, by name; None where there are no draws."""
        kept = self._by_name.draws()
        at = np.unravel_index(int(np.argmax(kept.statistics["lp"])), kept.statistics["lp"].shape)
        return {n: x[at] for n, x in kept.variables.items()}

    def __sklearn_tags__(self) -> Any:
        """Missing cells are accepted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _restore(self, draws: Draws, named: Draws | None) -> None:
        """Put draws of a fitted estimator that was pickled in their places; chains do not go on."""
        self.inference_ = self._by_name = MCMC(self._model(self._size()))
        self.inference_._calls.append(draws)
        if named is not None:
            self._by_name = Posterior(Model(self._model(self.n_components_)), [named])

    # ---------------------------------------------------------------- data in

    def _taken(self, X: Any) -> np.ndarray:  # noqa: N803
        """Rows to be fitted, shape (rows, D), NaN where missing; names of rows and columns are remembered."""
        said = names_of(X)
        rows = validate_data(self, X, dtype=np.float64, ensure_min_samples=2, ensure_all_finite="allow-nan")
        empty = np.flatnonzero(np.isnan(rows).all(0))
        if empty.size:
            called = getattr(self, "feature_names_in_", list(range(rows.shape[1])))[empty[0]]
            raise ValueError(f"X: expected some value in every column, got none in column {called!r}")
        self._names = DataNames(said.index, said.columns, axes=said.axes)
        self._mode = None
        return np.asarray(rows)

    def _weighed(self, sample_weight: Any, rows: np.ndarray) -> np.ndarray | None:
        """How often each row counts; None where each counts once."""
        if sample_weight is None:
            return None
        if self._is_unknown:
            raise ValueError(
                f"sample_weight: expected a known number of components, got n_components={UNKNOWN!r}; where weights "
                "are whole numbers, repeated rows say the same"
            )
        if np.isnan(rows).any():
            raise ValueError("sample_weight: expected no missing cells, got some in X; leave these rows out")
        try:
            return checked_weights("sample_weight", sample_weight, len(rows))
        except ModelError as error:
            raise ValueError(str(error)) from error

    def _named(self, node: Stochastic) -> Stochastic:
        """The node of the data, under the names that they came with."""
        node.data_names = self._names
        return node

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _checked_counts(self, *names: str) -> None:
        for name in names:
            value, least = getattr(self, name), int(name != "burn")
            if name == "n_components" and isinstance(value, str) and value == UNKNOWN:
                continue
            if not isinstance(value, Integral) or value < least:
                beside = f", or {UNKNOWN!r}" if name == "n_components" else ""
                raise ValueError(f"{name}: expected a whole number of at least {least}{beside}, got {value!r}")

    def _rows(self, X: Any) -> np.ndarray:  # noqa: N803
        """New rows in the units of the model, NaN where missing."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False, ensure_all_finite="allow-nan")
        return self._scaled(np.asarray(rows))

    # ---------------------------------------------------------------- what is asked of rows

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """Log posterior predictive density of each row, shape (rows,); missing cells are integrated out."""
        rows = self._rows(X)
        return self._in_units(rows, _where_known(rows, self._log_density, np.zeros(())))

    def _log_density(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self._asked.predict_logpdf(self._put(rows)))

    def _memberships(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self._asked_by_name.memberships(self._put(rows)))

    def _put(self, rows: np.ndarray) -> Any:
        """Rows as the model is asked about them."""
        return rows

    @property
    def _asked(self) -> Any:
        """What answers questions about rows, of no component."""
        return getattr(self, "_answering", self.inference_)

    @property
    def _asked_by_name(self) -> Any:
        """What answers questions about components of rows."""
        return getattr(self, "_answering_by_name", getattr(self, "_answering", self._by_name))

    def _in_units(self, rows: np.ndarray, logs: np.ndarray) -> np.ndarray:
        """Log densities of rows in the data's units, of the cells that are there."""
        return np.asarray(logs - np.where(np.isnan(rows), 0.0, self._log_units()).sum(1))

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """Mean log posterior predictive density of the rows; `y` is not used."""
        return float(self.score_samples(X).mean())

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Posterior probability of each component for each row (responsibilities), shape (rows, K)."""
        rows = self._rows(X)
        return _where_known(rows, self._memberships, self.weights_)

    def transform(self, X: Any) -> Any:  # noqa: N803
        """The responsibilities, as :meth:`predict_proba`; a frame after ``set_output(transform="pandas")``."""
        return self.predict_proba(X)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose what :meth:`transform` and `fit_transform` return.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, optional
            An array, or a frame with a column for each component; None leaves it as it is.

        Returns
        -------
        MixtureEstimator
            Itself.
        """
        super().set_output(transform=transform)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most probable component of each row, shape (rows,)."""
        return np.asarray(self.predict_proba(X).argmax(1))

    def fit_predict(self, X: Any, y: Any = None) -> np.ndarray:  # noqa: N803
        """Fit, and the most probable component of each row; `y` is not used."""
        return self.fit(X).predict(X)

    @abstractmethod
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:  # noqa: N803
        """Find the posterior given rows, shape (rows, D), NaN where a cell is missing; `y` is not used.

        `sample_weight`, shape (rows,): how often each row counts. Whole numbers say the same as repeated rows; others
        are powers of the rows' densities.
        """

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    # ---------------------------------------------------------------- criteria

    def bic(self, X: Any) -> float:  # noqa: N803
        """Schwarz's criterion of the rows (lower is better), at the mode of the posterior, labels summed out.

        The mode is looked for when a criterion is first asked for, from the best draw on; weights have a flat prior
        there.
        """
        height, parameters, rows = self._at_mode(X)
        return bayesian_information(height, parameters, rows)

    def aic(self, X: Any) -> float:  # noqa: N803
        """Akaike's criterion of the rows (lower is better), at the mode of the posterior; see :meth:`bic`."""
        height, parameters, _ = self._at_mode(X)
        return 2.0 * parameters - 2.0 * height

    def _at_mode(self, X: Any) -> tuple[float, int, int]:  # noqa: N803
        """Log likelihood of the rows at the mode, number of free parameters, rows of which something is there."""
        rows = self._rows(X)
        if self._mode is None:
            found = MAP(self._model(self.n_components_, for_mode=True))
            _begin(found, self._best())
            found.fit(seed=self._fit_seed)
            self._mode = {n.name: np.asarray(v) for n, v in found._values.items()}, found.len
        values, parameters = self._mode
        draw = Draws({name: value[None, None] for name, value in values.items()})
        at_it = Posterior(Model(self._complete(self.n_components_)), [draw])
        logs = _where_known(rows, lambda there: np.asarray(at_it.predict_logpdf(self._put(there))), np.zeros(()))
        height = self._in_units(rows, logs).sum()
        return float(height), parameters, int((~np.isnan(rows)).any(1).sum())

    _fit_seed = 0

    # ---------------------------------------------------------------- draws of rows

    def _checked_samples(self, n_samples: Any) -> int:
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples: expected a whole number of at least 1, got {n_samples!r}")
        return int(n_samples)


def _where_known(rows: np.ndarray, answer: Callable[[np.ndarray], Any], unknown: np.ndarray) -> np.ndarray:
    """Answers for rows of which something is there, and one for those of which nothing is."""
    there = ~np.isnan(rows).all(1)
    if there.all():
        return np.asarray(answer(rows))
    found = np.broadcast_to(unknown, (len(rows), *unknown.shape)).astype(float)
    if there.any():
        found[there] = answer(rows[there])
    return found


def _begin(found: MAP, values: Mapping[str, np.ndarray] | None) -> None:
    """Let the search for a mode begin at given values."""
    for node in found.model.stochastics if values is not None else ():
        if values is not None and node.name in values and node.mask is None:
            node.value = values[node.name]
            node.given = node.value


__all__ = ["MixtureEstimator", "check_random_state", "validate_data"]
