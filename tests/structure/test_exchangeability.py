"""Exchangeability has one source: explain, the verdict, relabel, classify and evidence cannot disagree."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.api.diagnosis import facts_of
from mcmix.api.evidence import Integrand
from mcmix.api.symmetries import roles_of
from mcmix.steps.explain import explanation
from tests import runs

ROWS = 40
TRUTH = np.arange(ROWS) % 2
X = np.random.default_rng(1).normal(6.0 * TRUTH, 1.0)
PAIRS = np.random.default_rng(2).normal(6.0 * TRUTH[:, None], 1.0, (ROWS, 2))
CATEGORIES = np.array(
    [np.random.default_rng(i).choice(3, p=[[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]][k]) for i, k in enumerate(TRUTH)]
)
EYE = np.eye(2)


def labels(k=2):
    w = mc.Dirichlet("w", np.full(k, 5.0))
    return w, mc.Categorical("z", w, size=ROWS)


def classes_with(prior):
    w, z = labels()
    mu = mc.Normal("mu", 0, 0.01, size=2)
    q = prior()
    looked_up = mc.Lambda("p", lambda q=q, z=z: np.array(q)[z]) if isinstance(q, list) else q[z]
    return [
        mc.Normal("y", mu[z], 1.0, value=X, observed=True),
        mc.Categorical("cat", looked_up, value=CATEGORIES, observed=True),
        w, mu, z, q,
    ]  # fmt: skip


def vectors_with(prior, precision=lambda: EYE):
    w, z = labels()
    mu, p = prior(), precision()
    return [mc.Mixture("y", z, mc.MvNormal, mu, p, value=PAIRS, observed=True), w, z, mu, p]


def scalars_with(prior, precision=lambda: 1.0, k=2, known=None):
    w, z = labels(k)
    if known is not None:
        z = mc.Categorical("z", w, value=known, observed=True)
    mu, tau = prior(), precision()
    return [mc.Mixture("y", z, mc.Normal, mu, tau, value=X, observed=True), w, z, mu, tau]


def complement(prior):
    p = prior()
    z = mc.Categorical("z", [p, 1 - p], size=ROWS)
    mu = mc.Normal("mu", 0, 0.01, size=2)
    return [mc.Normal("y", mu[z], 1.0, value=X, observed=True), p, z, mu]


def two_label_vectors():
    w, z = labels()
    v = mc.Categorical("v", [0.5, 0.5], size=ROWS)
    mu = mc.Normal("mu", 0, 0.01, size=2)
    return [
        mc.Normal("y", mu[z], 1.0, value=X, observed=True),
        mc.Normal("x", mu[v], 1.0, value=X + 1, observed=True),
        w, z, v, mu,
    ]  # fmt: skip


def hierarchy():
    m, t = mc.Normal("m", 0, 0.01), mc.Gamma("t", 2, 2)
    return [*scalars_with(lambda: mc.Normal("mu", m, t, size=2)), m, t]


def some_known(components):
    mask = np.ones(ROWS, dtype=bool)
    chosen = [int(np.flatnonzero(TRUTH == k)[0]) for k in components]
    mask[chosen] = False
    return np.ma.masked_array(TRUTH, mask=mask)


ALIKE = {
    "equal concentrations, size": lambda: classes_with(lambda: mc.Dirichlet("q", [1, 1, 1], size=2)),
    "equal rows of concentrations": lambda: classes_with(lambda: mc.Dirichlet("q", np.ones((2, 3)))),
    "equal uneven rows": lambda: classes_with(lambda: mc.Dirichlet("q", np.tile([1.0, 2.0, 3.0], (2, 1)))),
    "list of simplexes": lambda: classes_with(lambda: [mc.Dirichlet(f"q{k}", [1, 2, 1]) for k in range(2)]),
    "shared mean of vectors": lambda: vectors_with(lambda: mc.MvNormal("mu", [0, 0], 0.01 * EYE, size=2)),
    "repeated means of vectors": lambda: vectors_with(lambda: mc.MvNormal("mu", np.zeros((2, 2)), 0.01 * EYE)),
    "list of vectors": lambda: vectors_with(lambda: [mc.MvNormal(f"mu{k}", [1, 2], 0.01 * EYE) for k in range(2)]),
    "matrices": lambda: vectors_with(
        lambda: mc.MvNormal("mu", [0, 0], 0.01 * EYE, size=2), lambda: mc.Wishart("P", 4, EYE, size=2)
    ),
    "scalars": lambda: scalars_with(lambda: mc.Normal("mu", 0, 0.01, size=2)),
    "repeated scalars": lambda: scalars_with(lambda: mc.Normal("mu", [3, 3], [0.01, 0.01])),
    "list of scalars": lambda: scalars_with(lambda: [mc.Normal(f"mu{k}", 3, 0.01) for k in range(2)]),
    "hierarchy": hierarchy,
    "half and half": lambda: complement(lambda: mc.Beta("p", 2, 2)),
    "uniform share": lambda: complement(lambda: mc.Uniform("p", 0, 1)),
}  # fmt: skip
APART = {
    "unequal rows of concentrations": lambda: classes_with(lambda: mc.Dirichlet("q", [[1, 1, 1], [1, 1, 2]])),
    "unlike list of simplexes": lambda: classes_with(lambda: [mc.Dirichlet(f"q{k}", [1, 1, 1 + k]) for k in range(2)]),
    "unequal means of vectors": lambda: vectors_with(lambda: mc.MvNormal("mu", [[0, 0], [0, 1]], 0.01 * EYE)),
    "unequal matrices": lambda: vectors_with(
        lambda: mc.MvNormal("mu", [0, 0], 0.01 * EYE, size=2), lambda: mc.Wishart("P", 4, np.stack([EYE, 2 * EYE]))
    ),
    "unequal scalars": lambda: scalars_with(lambda: mc.Normal("mu", [0, 6], 0.01)),
    "unlike list of scalars": lambda: scalars_with(lambda: [mc.Normal(f"mu{k}", 6 * k, 0.01) for k in range(2)]),
    "uneven share": lambda: complement(lambda: mc.Beta("p", 1, 2)),
    "known labels": lambda: scalars_with(lambda: mc.Normal("mu", 0, 0.01, size=2), known=some_known([0, 1])),
    "shared by two label vectors": two_label_vectors,
}  # fmt: skip


sampled = runs.sampler(iterations=400, burn=100, chains=2, seed=1, quiet=True)


def answers(m):
    """What each of those that speak of exchangeability says: whether all components are alike."""
    roles = roles_of(m)["z"]
    facts = facts_of(m).labels["z"]
    step = m.step_method_dict[m.model.get_node("z")][0]
    said = str(explanation(m.assembled))
    return {
        "relabel": roles.whole,
        "diagnose": facts.exchangeable and facts.alike == [[0, 1]],
        "explain": "components are exchangeable" in said,
        "step": step.tables.whole and not step.tables.swaps,
    }


@pytest.mark.parametrize("name", ALIKE)
def test_components_alike_are_so_for_everybody(name):
    m = sampled(ALIKE[name]())
    assert set(answers(m).values()) == {True}, answers(m)
    assert mc.relabel(m) is not None
    assert mc.classify(m).method not in ("", "as sampled")
    assert Integrand(m, m.draws()).log_parts == pytest.approx(np.log(2))


@pytest.mark.parametrize("name", APART)
def test_components_told_apart_are_so_for_everybody(name):
    m = sampled(APART[name]())
    assert set(answers(m).values()) == {False}, answers(m)
    with pytest.raises(mc.ModelError, match="no components are exchangeable"):
        mc.relabel(m)
    if name != "shared by two label vectors":
        assert Integrand(m, m.draws()).log_parts == 0.0


def test_two_of_three_alike():
    w = mc.Dirichlet("w", [1, 1, 1])
    z = mc.Categorical("z", w, size=ROWS)
    mu = mc.Normal("mu", [0, 0, 30], 0.01)
    m = sampled([mc.Normal("y", mu[z], 1.0, value=X, observed=True), w, z, mu])
    facts = facts_of(m).labels["z"]
    assert facts.alike == [[0, 1], [2]] == [list(c) for c in roles_of(m)["z"].classes]
    assert "component-swap (Metropolis) move" in str(explanation(m.assembled))
    shown = m.diagnose().table.index
    assert "mu (sorted)[2]" in shown


def test_a_name_that_means_nothing_by_chain_is_no_class():
    """Priors that differ by a hair: every chain keeps its names, chains differ, and an average of them is no class."""
    w = mc.Dirichlet("w", [5, 5])
    z = mc.Categorical("z", w, size=ROWS)
    mu = mc.Normal("mu", [0.0, 0.001], 0.01)
    m = sampled([mc.Normal("y", mu[z], 1.0, value=X, observed=True), w, z, mu])
    with pytest.raises(mc.ModelError, match="traded places.*within='all'.*memberships"):
        mc.classify(m)
    found = mc.classify(m, within="all")
    wrong = (found.classes != TRUTH).mean()
    assert min(wrong, 1 - wrong) < 0.05


def test_latent_classes_are_found():
    m = sampled(classes_with(lambda: mc.Dirichlet("q", [1, 1, 1], size=2)))
    found = mc.classify(m)
    wrong = (found.classes != TRUTH).mean()
    assert min(wrong, 1 - wrong) < 0.03 and found.misclassification < 0.05


def test_known_labels_settle_names_whatever_overlaps():
    """Components that overlap trade places by any matching; where some labels are known, their names are settled."""
    x = np.random.default_rng(3).normal(0.7 * TRUTH, 1.0)
    w = mc.Dirichlet("w", [1, 1])
    z = mc.Categorical("z", w, value=some_known([0, 1]), observed=True)
    mu = mc.Normal("mu", [0, 0.7], 1.0)
    m = sampled([mc.Normal("y", mu[z], 1.0, value=x, observed=True), w, z, mu])
    assert mc.classify(m).method == "as sampled"
