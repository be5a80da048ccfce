"""How tests run a sampler, and how they ask which step serves a variable.

A file says its own length of run once, ``sampled = runs.sampler(iterations=12_000, burn=500)``, and a test names only
what it has otherwise: ``sampled([y], seed=4, iterations=20_000)``.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import mcmix as mc
from mcmix.nodes.node import Node

_OF_THE_RUN = frozenset(inspect.signature(mc.MCMC.sample).parameters)


def sampler(
    *, iterations: int, burn: int, chains: int | None = 4, seed: Any = None, quiet: bool = False
) -> Callable[..., mc.MCMC]:
    """A function that runs samplers, with the defaults of one file of tests.

    Parameters
    ----------
    iterations, burn, chains : int
        Length of a run, where a test does not say otherwise; no number of chains is that of the package.
    seed : int, optional
        Seed where a test has none of its own; without either, a run is refused.
    quiet : bool
        Whether what a short run warns of is no concern of these tests.

    Returns
    -------
    callable
        ``sampled(nodes, seed, iterations, burn, *, chains, steps, quiet, **options)``, which returns the sampler after
        its run. Nodes are a list, one node, a model, or a sampler that a test has made already. ``steps`` maps names of
        variables to the step methods that should serve them; None is the one that would serve anyway. Options that
        `MCMC.sample` has go there, others to `MCMC`. Moves with the labels summed out are for tests that ask for them:
        the others are of what moves without.
    """
    usual = {"seed": seed, "iterations": iterations, "burn": burn, "chains": chains, "quiet": quiet}

    def sampled(
        nodes: Any,
        seed: Any = usual["seed"],
        iterations: int = usual["iterations"],
        burn: int = usual["burn"],
        *,
        chains: int | None = usual["chains"],
        steps: Mapping[str, Any] | None = None,
        quiet: bool = usual["quiet"],
        **options: Any,
    ) -> mc.MCMC:
        if seed is None:
            raise TypeError("a run in a test has a seed")
        running = {name: options.pop(name) for name in list(options) if name in _OF_THE_RUN}
        if isinstance(nodes, mc.MCMC):
            if options:
                raise TypeError(f"this sampler is made already: {sorted(options)} come too late")
            m = nodes
        else:
            usually = {"marginal_moves": False, **options}
            m = mc.MCMC([nodes] if isinstance(nodes, Node) else nodes, **usually)
        for name, step in (steps or {}).items():
            if step is not None:
                m.use_step_method(step, m.model.get_node(name))
        with warnings.catch_warnings():
            if quiet:
                warnings.simplefilter("ignore")
            return m.sample(iterations, burn, **{"chains": chains, "seed": seed, "progress_bar": False, **running})

    return sampled


def steps_of(m: mc.MCMC) -> dict[str, Any]:
    """The step that serves each variable, by the variable's name."""
    return {v.name: step for step in m.assembled.steps for v in step.variables}


def step_of(m: mc.MCMC, name: str) -> Any:
    """The step that serves a variable."""
    return next(step for step in m.assembled.steps if name in [v.name for v in step.variables])


def line_of(m: mc.MCMC, name: str, capsys: Any) -> str:
    """What `explain` says about a variable."""
    capsys.readouterr()
    print(m.explain())
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{name}:")]
    return line


def vb(*nodes: Any, **options: Any) -> mc.VB:
    """A variational posterior after its updates, from seed 1 where a test has no other."""
    return mc.VB(list(nodes)).update(**{"seed": 1, "verbose": False, **options})
