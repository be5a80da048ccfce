"""A sampler for draws of a mixture from elsewhere: the model is built around their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcmix.api.foreign import model_and_draws
from mcmix.api.mcmc import MCMC


def from_draws(draws: Any, *, vars: Mapping[str, Any]) -> MCMC:
    """A sampler that holds draws of a mixture made elsewhere, so that everything works on them.

    Parameters
    ----------
    draws : path, arviz.InferenceData, xarray.DataTree, or mapping of str to array_like
        Draws of shape (chains, draws, ...).
    vars : mapping
        What is what:

        ``"distribution"``
            The distribution of a row given its component, such as ``mc.Normal``.
        ``"components"``
            Its parameters, in its order or by its names (``{"mu": "center", "sigma": 1.0}``): names of variables, whose
            first axis is the component unless all components share them, or known numbers.
        ``"weights"``
            Name of the weights, or K numbers.
        ``"data"``
            The rows, or their name among the observed data; the only observed data by default.
        ``"labels"``
            Name of the labels, one for each row, if they were kept.
        ``"first_label"``
            0 or 1, where the labels do not show which it is: the first or last component is empty in all draws.

    Returns
    -------
    MCMC
        As after :meth:`MCMC.read`.

    Raises
    ------
    ModelError
        If something is missing, or shapes or values do not fit the distribution.

    Notes
    -----
    The priors of this model are proper and wide (ten times the spread of the draws, the same for all components;
    weights Dirichlet with ones). What reads densities at draws does not see them; the evidence of such a sampler, and
    its sensitivity to priors, are those of these priors. Where the priors are known, write the model and let
    :meth:`MCMC.read` take the draws.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> rng = np.random.default_rng(1)
    >>> theirs = {"center": rng.normal([0.0, 9.0], 0.1, (2, 200, 2)), "w": np.full((2, 200, 2), 0.5)}
    >>> parts = {"distribution": mc.Normal, "components": {"mu": "center", "sigma": 1.0}, "weights": "w"}
    >>> m = mc.from_draws(theirs, vars={**parts, "data": [0.1, -0.3, 8.7, 9.2]})
    >>> mc.classify(m).classes.tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True
    """
    model, found, source = model_and_draws(draws, vars)
    return MCMC(model)._take(found, source)


__all__ = ["from_draws"]
