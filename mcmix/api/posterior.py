"""What users ask of draws: summaries, a verdict, names for components, predictions, files, pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mcmix.api import diagnosis
from mcmix.api.arguments import at_least_one, checked_flag, listed
from mcmix.api.given_clusters import refuse_names, with_a_meaning
from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.errors import ModelError
from mcmix.nodes.node import Node
from mcmix.nodes.numbers import with_gaps
from mcmix.notebook import MOST_SHOWN, shown
from mcmix.report import frames
from mcmix.report.diagnosis.result import Diagnosis
from mcmix.report.page.link import Link
from mcmix.report.statistics import node_statistics
from mcmix.sampling import pointwise, predictive, predictive_density, replay
from mcmix.screen import say
from mcmix.traces.memory import Draws


class Posterior(PosteriorDraws):
    """What came out of a run: draws, the model that they are of, and everything that is said about them.

    An :class:`MCMC` is one that goes on drawing. :attr:`MCMC.posterior` is one that does not: it holds the draws of the
    calls so far, and stays as it is when the sampler goes on.

    Parameters
    ----------
    model : Model
    calls : sequence of Draws
    seed_sequence : numpy.random.SeedSequence, optional

    Examples
    --------
    >>> import mcmix as mc
    >>> mu = mc.Normal("mu", 0, 1)
    >>> y = mc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)
    >>> found = mc.MCMC([mu, y]).sample(1200, 200, seed=1).posterior
    >>> found
    <Posterior of <Model: 1 unknown (mu), data y>: 4 chains x 1000 draws>
    >>> bool(abs(found.trace("mu")[:].mean() - 2 / 3) < 0.05)
    True
    """

    _kind = "Posterior"
    _come_and_go = property(diagnosis.of_no_fixed_number)
    _seen: tuple[Draws, Diagnosis] | None = None
    _renamed: tuple[Draws, Draws, str] | None = None  # draws, the same under one name for each component, how

    def posterior_predictive(self, n: int = 1000, seed: Any = None, names: Any = None) -> dict[str, np.ndarray]:
        """Replicates of the data at kept draws of the last call.

        Label vectors are drawn anew from their distribution given the kept parameters, so a replicate is one of new
        units, and free of labels and their switching. (Labels of rows whose other unknowns were kept, and labels that
        do not separate by row, are taken as kept.) Other unknowns that were not kept are drawn from their distribution
        given their parents, and named on the screen. Data that depend on other data follow their replicates where both
        are asked for. Potentials are no distributions: they are left aside.

        Parameters
        ----------
        n : int
            Draws at most, evenly spaced over all chains.
        seed : int, SeedSequence or Generator, optional
        names : str, node or sequence of these, optional
            Data nodes; by default all that can be drawn (those that cannot are named on the screen).

        Returns
        -------
        dict of str to ndarray, shape ``(draws, *shape of the data)``
            Draws of the first chain first.

        Raises
        ------
        ModelError
            If a node cannot be drawn, draws that are needed were not kept, or the arrays would exceed 1 GiB.
        """
        draws = self.draws()
        positions = draws.thinned(at_least_one(n, "n", "posterior_predictive"))
        return predictive.posterior_predictive(self.assembled, draws, positions, seed, names)

    def stats(
        self,
        variables: Sequence[Any] | str | None = None,
        alpha: float = 0.05,
        start: int = 0,
        batches: int = 100,
        chain: int | None = None,
        quantiles: Sequence[float] = (2.5, 25, 50, 75, 97.5),
        calls: str | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Per variable: n, mean, standard deviation, mc error, quantiles, and the highest-density interval.

        The interval's key follows alpha: ``'95% HPD interval'`` for 0.05; its value has shape ``(2, *shape)``. Of
        angles (variables of a distribution such as VonMises) all of it is circular, in (-pi, pi].

        Parameters
        ----------
        variables : str, node or sequence of these, optional
            By default all that were kept.
        alpha : float
            The interval holds a share 1 - alpha of the draws.
        start : int
            Draws of each chain that are left out at its beginning.
        batches : int
            Whose means the Monte Carlo error is read from.
        chain : int, optional
            One chain; by default all.
        quantiles : sequence of float
            In percent.
        calls : {"last", "all"}, optional

        Returns
        -------
        dict of str to dict
            Statistics by variable, each of the variable's shape.
        """
        draws = self.draws(calls)
        names = self._reported(draws) if variables is None else listed(variables)
        found = {}
        for name in names:
            values = self.trace(name, chain, calls)._draws[:, start:]
            circular = (name.name if isinstance(name, Node) else str(name)) in draws.angles
            found[name] = node_statistics(values, alpha, batches, tuple(quantiles), circular)
        return found

    @property
    def verdict(self) -> str:
        """What the last call's draws are worth, in one to three lines; :meth:`diagnose` has the whole of it.

        ``sample`` prints it where something is wrong, and where there is a terminal or notebook.
        """
        return self._at_a_glance().verdict

    def _at_a_glance(self) -> Diagnosis:
        draws = self.draws()
        if self._seen is None or self._seen[0] is not draws:
            self._seen = draws, diagnosis.at_a_glance(self, draws)
        return self._seen[1]

    def diagnose(self, calls: str | None = None) -> Diagnosis:
        """Whether the run can be trusted: a verdict, every finding, and how well each quantity mixes.

        Chains are compared by what no name of a component enters (log density, log likelihood with labels summed out,
        sorted components, number of occupied components, entropy of the labels, predictive density at some rows of the
        data) and by each variable under its name, which decides nothing where components are exchangeable.

        Looked for are chains that disagree or stand apart, steps that are never accepted, unknowns that never move,
        weights that collapse to the boundary, components that are empty or never filled again, label switching, and
        too few effective draws. R-hat is 1 where chains agree; above 1.1 they are said to disagree. Effective draws
        should be 100 for each chain, and 400.

        Parameters
        ----------
        calls : {"last", "all"}, optional

        Returns
        -------
        Diagnosis
            ``verdict``, ``ok``, ``findings`` (each with ``kind``, ``severity``, ``what``, ``advice``) and ``table``, a
            DataFrame with a row for each quantity. Likelihood and predictive density are computed at 400 draws.

        Raises
        ------
        ModelError
            If nothing was drawn yet.

        Notes
        -----
        Rank-normalised split R-hat, bulk and tail effective draws: Vehtari, Gelman, Simpson, Carpenter and Buerkner
        (2021), "Rank-normalization, folding, and localization", Bayesian Analysis 16(2).

        Examples
        --------
        >>> import numpy as np, mcmix as mc
        >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
        >>> w = mc.Dirichlet("w", [1, 1])
        >>> mu = mc.Normal("mu", 0, 0.01, size=2)
        >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True)])
        >>> found = m.sample(1000, 200, seed=1).diagnose()
        >>> found.ok, sorted(set(found.table["kind"]))
        (True, ['label-invariant', 'named'])
        """
        return diagnosis.in_full(self, self.draws(calls))

    def relabel(self, method: str = "auto", **options: Any) -> Any:
        """Draws with one name for each component; see :func:`mcmix.relabel`.

        Parameters
        ----------
        method : str
            One of the methods of :func:`mcmix.relabel`.
        **options
            Of the same function.

        Returns
        -------
        arviz.InferenceData (ArviZ 0.x) or xarray.DataTree (ArviZ 1.x)
        """
        from mcmix.api.relabel import relabel  # what loads ArviZ or pandas is loaded when it is asked for

        return relabel(self, method, **options)

    def sensitivity(
        self, priors: Any = None, names: Any = None, *, draws: int = 4000, calls: str = "last", method: str = "auto"
    ) -> Any:
        """How the posterior answers to its priors and likelihood, by power-scaling; see :func:`mcmix.sensitivity`.

        Parameters
        ----------
        priors, names, draws, calls, method
            As for :func:`mcmix.sensitivity`.

        Returns
        -------
        Sensitivity
        """
        from mcmix.api.sensitivity import sensitivity

        return sensitivity(self, priors=priors, names=names, draws=draws, calls=calls, method=method)

    def summary(
        self,
        variables: Sequence[Any] | str | None = None,
        alpha: float = 0.05,
        calls: str | None = None,
        relabel: bool = True,
    ) -> Any:
        """A table of every element: mean, sd, interval, Monte Carlo errors, effective draws and R-hat.

        Parameters
        ----------
        variables : str, node or sequence of these, optional
            By default all but labels.
        alpha : float
            The interval (highest density) holds a share 1 - alpha of the draws.
        calls : {"last", "all"}, optional
        relabel : bool
            Where components are exchangeable, label switching makes means of draws by component meaningless. They, and
            functions of them, are therefore relabelled as by :meth:`relabel`; the screen and the table's ``attrs`` say
            so where that changed a draw. With False, the draws as sampled.

        Returns
        -------
        DataFrame
            One row per element, under the names that its axes have. What else is reported of draws (:meth:`trace`,
            :meth:`stats`, :meth:`to_arviz`) is as sampled.

        Raises
        ------
        ModelError
            If a variable is not there, its draws were not kept, or it is of components of an unknown number.

        Examples
        --------
        >>> import numpy as np, mcmix as mc
        >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
        >>> mu, w = mc.Normal("mu", 0, 0.01, size=2), mc.Dirichlet("w", [1, 1])
        >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True), mu])
        >>> table = m.sample(600, 100, seed=1).summary("mu")
        >>> sorted(table["mean"].round().astype(int)), bool(table["r_hat"].max() < 1.05)
        ([0, 9], True)
        """
        draws = self.draws(calls)
        names = (
            self._reported(draws) if variables is None else [self.trace(v, calls=calls).name for v in listed(variables)]
        )
        if not names:
            raise ModelError("summary: only labels were sampled; look at memberships()")
        if not checked_flag(relabel, "relabel"):
            return frames.summary_frame(draws, names, alpha=alpha)
        names = with_a_meaning(names, self._come_and_go, variables is not None, "summary")
        shown, said = self._named(draws, names)
        table = frames.summary_frame(shown, names, alpha=alpha)
        if said:
            table.attrs["relabelling"] = said
            say(f"summary: {said}", error=True)
        return table

    def _named(self, draws: Draws, names: Sequence[str]) -> tuple[Draws, str]:
        """Draws under one name for each component, where some of these variables have none, and what to say of it."""
        from mcmix.api.naming import named_once

        self._renamed, found = named_once(self, draws, names, self._renamed)
        return found

    def memberships(self, new: Any = None, at_most: int = 1000, *, label: Any = None, name: Any = None) -> np.ndarray:
        """Posterior probability of each component for each unit, or for new rows.

        These are the responsibilities (allocation probabilities): an E-step (responsibilities) for each of some thinned
        draws, and their mean; of a new row, the plain mean of what each draw says of it. Labels are as sampled: where
        components are exchangeable, relabel before reading them.

        Parameters
        ----------
        new : array_like or dict of str to array_like, optional
            Rows as those of the data; by name where several data nodes depend on the labels, or rows have covariates.
            NaN for missing coordinates.
        at_most : int
            Draws that are averaged over.
        label, name : node or name, optional
            Which label vector; by default the first, and for new rows the only one. ``memberships("z")`` says the same.

        Returns
        -------
        ndarray, shape (units or rows, K)
            Units whose label is known have it for certain.

        Raises
        ------
        ModelError
            As for :meth:`predict_logpdf`; or if there are no labels.

        Examples
        --------
        >>> import numpy as np, mcmix as mc
        >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
        >>> w = mc.Dirichlet("w", [1, 1])
        >>> mu = mc.Normal("mu", [0, 9], 1.0)
        >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True)])
        >>> _ = m.sample(600, 100, chains=2, seed=1)
        >>> m.memberships([0.2, 8.7]).round(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
        """
        if isinstance(new, (str, Node)):
            new, label = None, new
        node = self._label(name if label is None else label, "memberships")
        refuse_names(self, node, "memberships")
        if new is not None:
            return predictive_density.memberships(self.assembled, self.draws(), new, node, at_most)
        nodes = self.assembled.labels
        if not nodes:
            raise ModelError("memberships: the model has no label vector")
        return pointwise.memberships(self.assembled, self.draws(), nodes[0] if node is None else node, at_most)

    def predict_logpdf(self, new: Any, *, label: Any = None, draws: int = 1000) -> np.ndarray:
        """Log posterior predictive density of new rows, labels summed out: shape (rows,).

        Free of label switching: it is the log of the mean, over kept draws, of the density that the draw's own weights
        and components give a row.

        Parameters
        ----------
        new : array_like or dict of str to array_like
            Rows as those of the data; by name where several data nodes depend on the labels (or, without labels, where
            there are several), and with the rows' own covariates by name (:class:`Covariates`). NaN for
            missing coordinates of tables and of normal vectors: they are integrated out.
        label : node or name, optional
            Which label vector, where rows of data depend on several that do not meet.
        draws : int
            Kept draws of the last call to average over, evenly spaced over all chains.

        Returns
        -------
        ndarray, shape (rows,)
            Of rows of counts (Multinomial), given each row's own total.

        Raises
        ------
        ModelError
            If the rows do not fit, a distribution's parameters depend on the data's own rows (offsets, exposures,
            groups that are no covariates; censoring), labels cannot be summed out, or draws that are needed were not
            kept.

        Examples
        --------
        >>> import numpy as np, mcmix as mc
        >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
        >>> w = mc.Dirichlet("w", [1, 1])
        >>> mu = mc.Normal("mu", 0, 0.01, size=2)
        >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True)])
        >>> _ = m.sample(600, 100, chains=2, seed=1)
        >>> int(m.predict_logpdf([0.0, 4.5, 9.0]).argmin())
        1
        """
        node, most = self._label(label, "predict_logpdf"), at_least_one(draws, "draws", "predict_logpdf")
        return predictive_density.predict_logpdf(self.assembled, self.draws(), new, node, most)

    def predictive_density(self, name: str | None, grid: Any, n_draws: int = 200) -> np.ndarray:
        """Density of a new row of a data node at each grid point, at thinned draws, labels summed out.

        Parameters
        ----------
        name : str or None
            Of a data node; None for the only one.
        grid : array_like, shape (grid,)
        n_draws : int
            Draws at most, evenly spaced.

        Returns
        -------
        ndarray, shape (n_draws, grid)
        """
        return self.component_densities(name, grid, n_draws).sum(axis=1)

    def component_densities(self, name: str | None, grid: Any, n_draws: int = 200) -> np.ndarray:
        """As :meth:`predictive_density`, each component apart and times its weight; shape (n_draws, K, grid).

        Parameters
        ----------
        name : str or None
            Of a data node; None for the only one.
        grid : array_like, shape (grid,)
        n_draws : int
            Draws at most, evenly spaced.

        Returns
        -------
        ndarray, shape (n_draws, K, grid)
        """
        node = self._data(name)
        return replay.component_densities(
            self.assembled, self.draws(), node, with_gaps("component_densities: grid", grid), n_draws
        )

    def to_arviz(
        self,
        *,
        log_likelihood: bool = False,
        log_prior: bool = False,
        posterior_predictive: bool = False,
        prior: bool = False,
        at_most: int | None = None,
        calls: str | None = None,
    ) -> Any:
        """Everything for ArviZ: groups posterior, sample_stats, observed_data, and more on request.

        Parameters
        ----------
        log_likelihood : bool
            One entry per unit of the label vector, labels summed out; ``az.loo`` is then meaningful. Of every draw; of
            evenly thinned ones, which the screen states, where `at_most` says so or all would take more than 1 GiB. The
            group's ``draw`` says which.
        log_prior : bool
            Log prior density of every unknown but labels and missing data.
        posterior_predictive : bool
            Replicates of the data on at most `at_most` evenly thinned draws; see :meth:`posterior_predictive`.
        prior : bool
            Groups prior and prior_predictive, one chain of 500 draws; see :meth:`prior_predictive`. As with
            posterior_predictive, the seed is the run's.
        at_most : int
            Draws of all chains together for log_likelihood (by default all) and posterior_predictive (by default 1000).
            The group posterior has every draw whatever it says.
        calls : {"last", "all"}, optional

        Returns
        -------
        arviz.InferenceData (ArviZ 0.x) or xarray.DataTree (ArviZ 1.x)
        """
        from mcmix.api.export import Wanted, exported

        most = None if at_most is None else at_least_one(at_most, "at_most", "to_arviz")
        wanted = Wanted(log_likelihood, log_prior, posterior_predictive, prior, most)
        return exported(self, self.draws(calls), wanted)

    def report(self, folder: str | Path, **options: Any) -> Link:
        """Write a page about the run: verdict, tables, figures, the model, and how to repeat it.

        Parameters
        ----------
        folder : str or Path
            Made if need be; the page is ``report.html`` in it, one file that holds its figures and asks no other host.
        **options
            ``title``, ``comparison`` (from :func:`mcmix.compare`), ``notes``, ``calls``; see :mod:`mcmix.api.report`.

        Returns
        -------
        Path
            Of the page; a notebook shows it as a link.

        Examples
        --------
        >>> m.report("folder", comparison=mc.compare({2: m, 3: other}))  # doctest: +SKIP
        """
        from mcmix.api.report import report as page_of

        return Link(page_of(self, folder, **options))

    def __repr__(self) -> str:
        last = self._calls[-1] if self._calls else None
        drawn = f"{last.n_chains} chains x {last.n_draws} draws" if last is not None else "not sampled yet"
        drawn += f"; {self._seen[1].headline}" if self._seen is not None else ""
        return f"<{self._kind} of {self.model!r}: {drawn}>"

    def _repr_html_(self) -> str:
        if not self._calls:
            return shown(self)
        seen = self._at_a_glance()
        table = seen.table.iloc[:MOST_SHOWN, 1:]
        columns = {"quantity": table.index.tolist(), **{str(name): table[name].tolist() for name in table}}
        return shown(self, columns, *seen.verdict.splitlines())


__all__ = ["Posterior"]
