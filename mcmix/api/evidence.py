"""The log marginal likelihood of a model, with labels summed out and components' names integrated over exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lgamma
from typing import Any

import numpy as np
from scipy import stats

from mcmix.api.arguments import at_least_one, checked_sampler, sequence_from
from mcmix.api.diagnosis import at_a_glance
from mcmix.api.relabel import with_the_model
from mcmix.api.symmetries import roles_of
from mcmix.distributions.circle import mean_direction
from mcmix.errors import ModelError
from mcmix.notebook import shown
from mcmix.report.diagnosis.quantities import table_values
from mcmix.report.evidence.bridge import Estimate, bridge, importance
from mcmix.report.labels.domain import Domain
from mcmix.report.labels.relabelled import exchanged
from mcmix.report.labels.roles import LabelRoles
from mcmix.sampling.few_rows import FewRows
from mcmix.sampling.marginal import summable
from mcmix.sampling.unconstrained import Unconstrained
from mcmix.structure.component_tables import component_tables
from mcmix.structure.recording import record
from mcmix.traces.memory import Draws

HEAVY = 5  # degrees of freedom of the importance sampler's proposal
FEWEST = 50  # draws on each side of the bridge
TIMES = 6  # as many draws as free parameters: half of them fit a normal distribution with all its correlations


@dataclass(frozen=True, repr=False)
class Evidence:
    """The log marginal likelihood by two estimators that share no proposals.

    Attributes
    ----------
    bridge : Estimate
        By bridge sampling: the one to report.
    importance : Estimate
        By importance sampling from a heavy-tailed distribution.
    verdict : str
        What the run's own verdict found wrong with the chains, or nothing: both estimators see only where chains were.
    """

    bridge: Estimate
    importance: Estimate
    verdict: str = ""

    @property
    def log(self) -> float:
        """Log marginal likelihood (natural logarithm)."""
        return self.bridge.log

    @property
    def error(self) -> float:
        """Its Monte Carlo standard error."""
        return self.bridge.error

    @property
    def agree(self) -> bool:
        """Whether the two differ by no more than three of their joint errors (or 0.02)."""
        joint = np.hypot(self.bridge.error, self.importance.error)
        return bool(abs(self.bridge.log - self.importance.log) <= max(3.0 * joint, 0.02))

    def __repr__(self) -> str:
        says = "they agree" if self.agree else "they DISAGREE: more draws, or a posterior with modes that were not met"
        says += f"; but of the chains: {self.verdict}" if self.verdict else ""
        return f"<Evidence: log {self.bridge} (bridge), {self.importance} (importance); {says}>"

    def _repr_html_(self) -> str:
        both = {"bridge sampling": self.bridge, "importance sampling": self.importance}
        table = {
            "by": list(both),
            "log marginal likelihood": [f"{e.log:.3f}" for e in both.values()],
            "Monte Carlo error": [f"{e.error:.3f}" for e in both.values()],
        }
        return shown("Log marginal likelihood (evidence)", table, repr(self).rstrip(">").split("; ", 1)[1])


def evidence(m: Any, *, draws: int = 4000, calls: str = "last", seed: Any = 0) -> Evidence:
    """Estimate the log marginal likelihood from the draws of a sampler.

    Labels are summed out, and missing coordinates of rows of vectors integrated out. Where components are exchangeable,
    the posterior has K! alike parts (where they are so within classes alone, the product of each class's factorial):
    draws are brought into one by relabelling, proposals outside it count zero, and the number of parts is known. So
    neither label switching nor its absence matters.

    Parameters
    ----------
    m : MCMC
        After sampling, with all continuous unknowns traced.
    draws : int
        Draws of all chains that are used, and as many proposals for each estimator.
    calls : {"last", "all"}
    seed : int or SeedSequence
        Of the proposals.

    Returns
    -------
    Evidence

    Raises
    ------
    ModelError
        If there are discrete unknowns that cannot be summed out, unknowns that were not kept, two label vectors that
        look up the same components, or too few draws.

    Notes
    -----
    Half of the draws fit the proposal, a normal distribution over unconstrained coordinates; the other half meets it on
    the bridge (Meng and Wong 1996; Fruehwirth-Schnatter 2004). The prior must be proper and normalised.

    Examples
    --------
    >>> import mcmix as mc
    >>> mu = mc.Normal("mu", 0, 1)
    >>> m = mc.MCMC([mu, mc.Normal("y", mu, 1, value=[0.3, -0.2], observed=True)]).sample(3000, 500, seed=1)
    >>> bool(abs(mc.evidence(m).log + 2.4490) < 0.02)
    True
    """
    checked_sampler(m, "evidence")
    target = Integrand(m, m.draws(calls))
    own = target.draws_at(m.draws(calls), at_least_one(draws, "draws", "evidence"))
    needed = draws_needed(own.shape[2])
    if own.shape[1] < needed // max(1, own.shape[0]) or own.shape[0] * own.shape[1] < needed:
        raise ModelError(
            f"evidence: expected at least {needed} draws, got {own.shape[0] * own.shape[1]} ({own.shape[2]} free "
            "parameters); draw more, or raise draws="
        )
    middle = own.shape[1] // 2
    fitted, met = own[:, :middle].reshape(-1, own.shape[2]), own[:, middle:]
    mean, cover = fitted.mean(axis=0), np.atleast_2d(np.cov(fitted.T)) + 1e-10 * np.eye(own.shape[2])
    rng = np.random.default_rng(sequence_from(seed, "evidence"))
    n = int(met.shape[0] * met.shape[1])
    plain: Any = stats.multivariate_normal(mean, cover)
    heavy: Any = stats.multivariate_t(mean, cover, HEAVY)
    proposals = [distribution.rvs(n, random_state=rng).reshape(n, -1) for distribution in (plain, heavy)]
    on_draws = target.log(met.reshape(n, -1)) - plain.logpdf(met.reshape(n, -1))
    at = [target.log(x) - distribution.logpdf(x) for x, distribution in zip(proposals, (plain, heavy), strict=True)]
    seen = at_a_glance(m, m.draws(calls))
    verdict = seen.headline if seen.wrong else ""
    return Evidence(bridge(on_draws.reshape(met.shape[:2]), at[0]), importance(at[1]), verdict)


def draws_needed(unknowns: int) -> int:
    """How many draws the evidence takes at least, where so many numbers are unknown."""
    return max(2 * FEWEST, TIMES * unknowns)


class Integrand:
    """Log density over free coordinates, times the number of alike parts, zero outside the chosen one."""

    def __init__(self, m: Any, draws: Draws):
        self.marginal = FewRows(record(m.model, rows=m.rows), m.model)
        summable(self.marginal, "evidence")
        gone = [*self.marginal.labels, *self.marginal.left_out]
        self.view = Unconstrained([n for n in m.model.stochastics if n not in gone])
        absent = [n.name for n in self.view.nodes if n.name not in draws.variables]
        if absent:
            raise ModelError(f"evidence: expected draws of all continuous unknowns; not kept: {', '.join(absent)}")
        _refuse_shared(m)
        self.roles = {n: r for n, r in roles_of(m).items() if r.permutable}
        self.domains = {n: Domain.of(with_the_model(m, draws, r)) for n, r in self.roles.items()}
        self.log_parts = sum(lgamma(len(alike) + 1.0) for r in self.roles.values() for alike in r.classes)

    def draws_at(self, draws: Draws, most: int) -> np.ndarray:
        """Thinned draws in the chosen part, shape (chains, draws, size)."""
        chosen = draws.thinned(most)
        kept = chosen[chosen[:, 0] == 0, 1]
        values = {n.name: draws.variables[n.name][:, kept] for n in self.view.nodes}
        for name, domain in self.domains.items():
            order = domain.order(_tables(self.roles[name], values, domain)).reshape(draws.n_chains, len(kept), -1)
            values |= exchanged(
                values, self.roles[name].tables, self.roles[name].complements, order, self.roles[name].squares
            )
        angles = [n for n in self.view.nodes if n.is_circular]
        if angles:  # an angle counts once: circles are opened opposite to where the draws are
            centres = {n: mean_direction(values[n.name], axis=(0, 1)) for n in angles}
            self.view = Unconstrained(self.view.nodes, centres)
        return self.view.free({n: values[n.name] for n in self.view.nodes})

    def log(self, free: np.ndarray) -> np.ndarray:
        """At points (n, size)."""
        values, kept = self.view.values(free), self.view.kept(free)
        inside = np.isfinite(free).all(axis=1) & self.view.inside(kept)
        named = {n.name: x[None] for n, x in values.items()}
        for name, domain in self.domains.items():
            inside &= domain.holds(_tables(self.roles[name], named, domain))
        return self.marginal.log_densities(kept, inside) + self.view.log_jacobian(free) + self.log_parts


def _refuse_shared(m: Any) -> None:
    """Refuse label vectors that exchange the same components: only together do they leave the posterior as it is."""
    structure = m.assembled.structure
    seen: dict[str, str] = {}
    for block in structure.blocks:
        tables = component_tables(block, structure)
        for variable in tables.variables if tables.likelihood_allows_all else []:
            other = seen.setdefault(variable.name, block.label.node.name)
            if other != block.label.node.name:
                raise ModelError(
                    f"evidence: {other} and {block.label.node.name} look up the same components ({variable.name}); the "
                    "number of alike parts of such a posterior is not known here"
                )


def _tables(roles: LabelRoles, values: Mapping[str, np.ndarray], domain: Domain) -> dict[str, np.ndarray]:
    """The numbers of components at points, shape (n, K) each."""
    at = Draws(dict(values))
    rows = [table_values(t, at) for t in roles.tables]
    found = [x.reshape(-1, roles.n_components) for x in rows]
    for name in roles.complements:
        share = values[name].reshape(-1, 1)
        found.append(np.concatenate([share, 1.0 - share], axis=1))
    return dict(zip(domain.components.tables, found, strict=True))


__all__ = ["Evidence", "Integrand", "draws_needed", "evidence"]
