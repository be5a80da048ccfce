"""The same nodes for the variational engine: plates, a mixture of vectors, the bound."""

from __future__ import annotations

import numpy as np

import mcmix as mc

rng = np.random.default_rng(3)
x = np.concatenate([rng.normal([0.0, 0.0], 1.0, (150, 2)), rng.normal([5.0, 3.0], 1.0, (150, 2))])
weights = mc.Dirichlet("weights", np.full(4, 1e-2))
labels = mc.Categorical("labels", weights, plates=(len(x),))
means = mc.MvNormal("means", np.zeros(2), 1e-3 * np.eye(2), plates=(4,))
precisions = mc.Wishart("precisions", 2, np.eye(2), plates=(4,))
y = mc.Mixture("y", labels, mc.MvNormal, means, precisions, value=x, observed=True)

q = mc.VB([y])
q.update(repeat=200, verbose=False)
print(q.L, q.bound[:3])
posterior = q.posterior(500)
print(mc.classify(posterior))
