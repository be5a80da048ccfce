"""NormalMixture: normal mixtures behind scikit-learn's interface, by Gibbs sampling or variational Bayes."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.api import normal_draws
from mcmix.api.mcmc import MCMC
from mcmix.api.mixture_estimator import MixtureEstimator, check_random_state
from mcmix.api.vb import VB
from mcmix.nodes.row_weights import standing_for
from mcmix.nodes.stochastic import Stochastic
from mcmix.traces.memory import read_only
from mcmix.variational.starts import WORK

DRAWN = 1000  # from the factors of variational Bayes
MATCHED_ON = 200  # rows by which components are matched from draw to draw
EXPECTED = 5  # components whose covariances together cover the data's one, where nobody knows how many there are
MOST = 100  # starts: with priors on the data's scale the best is rarer than with vague ones
TYPES, METHODS = ("full", "tied", "diag", "spherical"), ("gibbs", "vb")


class NormalMixture(MixtureEstimator):
    """Posterior of a mixture of multivariate normal distributions, as a scikit-learn estimator.

    Parameters
    ----------
    n_components : int or "unknown"
        Components offered; those that the data do not need stay empty. Unknown: their number is sampled with
        everything else, few likelier than many beforehand (one less than it is beta-negative-binomial (1, 4, 3), up to
        30).
    covariance_type : {"full", "tied", "diag", "spherical"}
    method : {"gibbs", "vb"}
        Draws from the posterior by Gibbs sampling, or the best factorised approximation.
    n_draws, thin, burn, n_chains : int
        Gibbs: draws kept of each chain, one every `thin` sweeps (up to 50 where the number of components is unknown and
        rows are few), after `burn` sweeps; chains.
    n_init : int, optional
        Variational Bayes: starts, of which the best bound is kept; by default 4 to 100, fewer where each costs more.
    max_iter, tol : int, float
        Variational Bayes: iterations at most, and the relative change of the bound that ends them.
    reg_covar : float
        Added to the data's covariance, in units of each column's variance, before priors are made from it.
    random_state : int, RandomState or None

    Attributes
    ----------
    inference_ : MCMC or VB
        With all its methods; its rows are ``(X - shift_) / scale_``, the columns' means and standard deviations.
    n_components_ : int
        Components that are told of by name: as many as were asked for, or the most probable number of groups.
    n_components_posterior_ : PosteriorComponents
        Where the number is unknown: posterior and prior of each number (:func:`mcmix.posterior_components`).
    weights_ : ndarray, shape (K,)
    means_ : ndarray, shape (K, D)
    covariances_ : ndarray, shape (K, D, D), (D, D) if tied, (K, D) if diagonal, (K,) if spherical
        Posterior means in the data's units; under Gibbs, relative to the matching of components below.
    converged_ : bool
        Variational Bayes: whether the bound came to rest.
    n_iter_ : int
        Iterations of variational Bayes, or sweeps of each chain.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has names of columns.

    Raises
    ------
    ValueError
        In fit, for an impossible parameter, or data that are no finite table of at least two rows.

    Notes
    -----
    Priors, with S the covariance of the data (its variances where covariances are diagonal, their mean where they are
    spherical): weights Dirichlet(1/K); means N(mean of the data, S); precisions Wishart with D + 2 degrees of freedom
    about the inverse of S / K**(2/D), or gamma with shape 3/2: the least informative whose mean covariance exists, and
    K ellipses of that mean covariance cover as much as the data's one (Fraley and Raftery 2007, "Bayesian
    regularization for normal mixture estimation and model-based clustering", section 3).

    Where the number of components is unknown, weights are Dirichlet(1), and precisions are about the inverse of
    S / 5**(2/D). `score_samples` averages over the number; everything that names components (`predict`,
    `predict_proba`, `transform`, `weights_`, `means_`, `covariances_`, `sample`, `bic`, `aic`) is about the draws that
    have `n_components_` groups, and weights are shares among these.

    Under Gibbs, component labels mean nothing from draw to draw. The components of every kept draw are therefore
    permuted so that its memberships, on at most 200 rows, overlap most with those at the kept draw of highest log
    density (the assignment problem), and once more with the average of those so matched. `predict`, `predict_proba`,
    the posterior means and the draws in `inference_` are relative to this one reference; `score_samples` and `sample`
    need no labels. Chains that disagree say so on the screen.

    A fitted estimator that was pickled comes back with its predictions, factors or draws; Gibbs chains do not go on.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal([[0.0, 0.0], [9.0, 9.0]], 1.0, (50, 2, 2)).reshape(-1, 2)
    >>> mixture = mc.NormalMixture(2, method="vb", random_state=1).fit(x)
    >>> sorted(np.bincount(mixture.predict(x)).tolist())
    [50, 50]
    """

    def __init__(
        self,
        n_components: int | str = 1,
        *,
        covariance_type: str = "full",
        method: str = "gibbs",
        n_draws: int = 250,
        thin: int = 4,
        burn: int = 1000,
        n_chains: int = 4,
        n_init: int | None = None,
        max_iter: int = 1000,
        tol: float = 1e-5,
        reg_covar: float = 1e-6,
        random_state: Any = None,
    ):
        self.n_components, self.covariance_type, self.method = n_components, covariance_type, method
        self.n_draws, self.thin, self.burn, self.n_chains = n_draws, thin, burn, n_chains
        self.n_init, self.max_iter, self.tol = n_init, max_iter, tol
        self.reg_covar, self.random_state = reg_covar, random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> NormalMixture:  # noqa: N803
        """Find the posterior given rows, shape (rows, D), NaN where a cell is missing; `y` is not used.

        `sample_weight`, shape (rows,): how often each row counts. Whole numbers say the same as repeated rows; others
        are powers of the rows' densities.
        """
        rows = self._taken(X)
        self._check()
        self._counts = self._weighed(sample_weight, rows)
        if self.method == "vb" and self.covariance_type in ("diag", "spherical") and np.isnan(rows).any():
            raise ValueError(
                f"X: expected no missing cells with method='vb' and covariance_type={self.covariance_type!r}, got "
                f"{int(np.isnan(rows).sum())}; take method='gibbs', or covariance_type 'full' or 'tied'"
            )
        every = standing_for(rows, self._counts)
        self.shift_, spread = np.nanmean(every, 0), np.nanstd(every, 0)
        self.scale_ = np.where(spread > 1e-12 * np.abs(self.shift_), spread, 1.0)  # a constant column keeps its unit
        self._fitted_on = (rows - self.shift_) / self.scale_
        self._fit_seed = seed = self._seed()
        if self.method == "vb":
            self.inference_: Any = VB(self._model(self.n_components))
            self.n_components_, self._by_name = self.n_components, self.inference_
            cost = len(rows) * self.n_components
            starts = int(np.clip(WORK // cost, 4, MOST)) if self.n_init is None else self.n_init
            self.inference_.update(self.max_iter, self.tol, restarts=starts, seed=seed, verbose=False)
            self.converged_, self.n_iter_ = self.inference_.has_converged, max(1, self.inference_.iterations)
            self._draws = normal_draws.in_one_form(self.inference_.draws(DRAWN, seed), self.covariance_type)
        else:
            self.inference_ = MCMC(self._model(self._size()))
            thin, chains = self._sweeps_of_a_draw(), self.n_chains
            sweeps = self.burn + self.n_draws * thin
            run = self.inference_.sample(sweeps, self.burn, thin, chains=chains, seed=seed, progress_bar=False)
            run.or_interrupted()
            self.n_iter_ = sweeps
            self._count_components()
            self._draws = self._matched()
        self._set_means()
        return self

    def _model(self, k: Any, for_mode: bool = False) -> list[Stochastic]:
        flat = for_mode or self._is_unknown  # a mode needs weights that have a bounded density
        concentration = 1.0 if flat else 1.0 / k
        about = EXPECTED if self._is_unknown else k
        made = normal_draws.normal_mixture(
            self._fitted_on, k, self.covariance_type, self.reg_covar, concentration, about, self._counts
        )
        return [self._named(made)]

    def _best(self) -> dict[str, np.ndarray] | None:
        return super()._best() if self.method == "gibbs" else None

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray((rows - self.shift_) / self.scale_)

    def _log_units(self) -> Any:
        return np.log(self.scale_)

    def _check(self) -> None:
        for name, allowed in (("covariance_type", TYPES), ("method", METHODS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        wanted = ("n_components", "n_draws", "thin", "burn", "n_chains", "max_iter")
        self._checked_counts(*wanted, *(["n_init"] if self.n_init is not None else []))
        if self.method == "vb" and self._is_unknown:
            raise ValueError(
                "n_components: expected a whole number with method='vb', got 'unknown'; take method='gibbs', or offer "
                "more components than are needed: those stay empty"
            )
        for name in ("tol", "reg_covar"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name}: expected a number of at least 0, got {getattr(self, name)!r}")

    def _matched(self) -> normal_draws.Draws:
        """Give components the same meaning in all kept draws, and return these in one form."""
        kept = self._by_name.draws()
        chosen = np.unique(np.linspace(0, len(self._fitted_on) - 1, MATCHED_ON).astype(int))
        places = np.nan_to_num(self._fitted_on[chosen], nan=0.0)  # missing cells at their columns' means
        best = int(kept.statistics["lp"].argmax())
        orders = normal_draws.matched(self._in_one_form(kept.variables), best, places)
        orders = orders.reshape(*kept.statistics["lp"].shape, -1)
        for name, x in [(n, kept.variables[n]) for n in ("weights", "means", "precisions")]:
            if self.covariance_type != "tied" or name != "precisions":
                order = orders.reshape(*orders.shape, *[1] * (x.ndim - 3))
                kept.variables[name] = read_only(np.take_along_axis(x, order, axis=2))
        return self._in_one_form(kept.variables)

    def _in_one_form(self, variables: dict[str, np.ndarray]) -> normal_draws.Draws:
        """Draws of all chains, one after another."""
        flat = {name: x.reshape((-1, *x.shape[2:])) for name, x in variables.items()}
        return normal_draws.in_one_form(flat, self.covariance_type)

    def _set_means(self) -> None:
        """Posterior means of weights, means and covariances, in the data's units."""
        draws, d = self._draws, len(self.scale_)
        self.weights_ = np.exp(draws.log_weights).mean(0)
        self.means_ = self.shift_ + self.scale_ * draws.means.mean(0)
        covariances = np.linalg.inv(draws.precisions).mean(0) * np.outer(self.scale_, self.scale_)
        variances = np.diagonal(covariances, axis1=-2, axis2=-1)
        self.covariances_ = {
            "full": covariances, "tied": covariances[0], "diag": variances, "spherical": variances.sum(-1) / d
        }[self.covariance_type]  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        """What was found instead of the nodes, which cannot be pickled."""
        state = dict(super().__getstate__())
        found, named = state.pop("inference_", None), state.pop("_by_name", None)
        if found is not None and self.method == "vb":
            state["_found"] = found._engine.state()
        elif found is not None:
            state["_found"] = found.draws(), named.draws() if self._is_unknown else None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        found = state.pop("_found", None)
        super().__setstate__(state)
        if found is not None and self.method == "vb":
            self.inference_ = self._by_name = VB(self._model(self.n_components))
            self.inference_._begin()
            self.inference_._engine.put(found)
        elif found is not None:
            self._restore(*found)

    def sample(self, n_samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Draw rows from the posterior predictive distribution: rows, shape (n_samples, D), and their components."""
        n_samples = self._checked_samples(n_samples)
        rng, draws = check_random_state(self.random_state), self._draws
        which = rng.randint(len(draws.means), size=n_samples)
        cumulative = np.cumsum(np.exp(draws.log_weights[which]), axis=1)
        labels = (cumulative[:, :-1] <= rng.random_sample((n_samples, 1)) * cumulative[:, -1:]).sum(1)
        roots = np.linalg.cholesky(draws.precisions[which, labels])
        steps = np.linalg.solve(np.swapaxes(roots, 1, 2), rng.standard_normal((n_samples, len(self.scale_), 1)))
        return self.shift_ + self.scale_ * (draws.means[which, labels] + steps[..., 0]), labels


__all__ = ["NormalMixture"]
