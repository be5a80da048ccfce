"""Features in pairs: every two stand in one model, and every function that takes a run is asked about it."""

import inspect
from itertools import combinations
from pathlib import Path

import pytest

import mcmix as mc
from mcmix.api.symmetries import roles_of
from tests.harness import features, runs
from tests.harness.features import FEATURES, built, few, title

MAY_REFUSE = {"relabel", "classify", "predictive"}  # names told apart; new rows that would need covariates of their own
ALL = list(features.all_models())


@pytest.mark.parametrize("chosen", ALL, ids=title)
def test_every_function_is_right_or_refuses_in_words(chosen, tmp_path):
    refusals = runs.answers(built(chosen), runs.FAST, tmp_path)
    assert set(refusals) <= MAY_REFUSE, refusals


@pytest.mark.parametrize("chosen", ALL, ids=title)
def test_components_alike_are_relabelled_whatever_else_there_is(chosen, tmp_path):
    b = built(chosen, alike=True)
    m = mc.MCMC(b.nodes, **b.options)
    assert roles_of(m)["z"].whole == b.exchangeable, roles_of(m)["z"].why
    if b.exchangeable:
        checks = {name: runs.FAST[name] for name in ("relabel", "classify", "deviance")}
        assert runs.answers(b, checks, tmp_path) == {}


def test_few_models_cover_every_pair():
    met = {frozenset(p) for s in few() for p in combinations(s, 2)}
    assert met == set(features.pairs())


def test_the_table_of_pairs_is_the_one_that_is_shown():
    text = Path(__file__).with_name("FEATURES.md").read_text(encoding="utf-8")
    assert features.table() in text, "run python -m tests.harness.features and put its table into FEATURES.md"


def test_a_feature_that_is_not_in_the_grammar_is_an_error():
    with pytest.raises(LookupError, match="add a row to FEATURES"):
        built(frozenset(["hidden Markov labels"]))


# -------------------------------------------------------------------- nothing public is left out

OPTIONS = {  # keywords of MCMC that change what is sampled: features, or covered where it says
    "tempering": "features", "marginal_moves": "features", "trace": "tests/sampling/test_run.py",
    "label_budget": "tests/sampling/test_label_draws.py",
    "name": "tests/sampling/test_run.py", "calc_deviance": "tests/pymc2/test_pymc2.py",
    "dims": "tests/api/test_names_travel.py", "coords": "tests/api/test_names_travel.py",
}  # fmt: skip
OF_LAWS = {"value", "observed", "size", "trace"}
ASKED = {  # functions of the package that take a run, by what asks them here
    "classify": "classify", "classify_blocks": "classify", "compare": "compare", "evidence": "evidence",
    "partition": "partition",
    "predictive": "predictive", "relabel": "relabel", "sensitivity": "sensitivity",
    "similarity": "partition", "occupied": "partition", "posterior_components": "partition",
    "forecast": "partition", "most_probable_states": "partition",
    "from_draws": "there_and_back", "refit": "sensitivity", "circ_var_names": "there_and_back",
}  # fmt: skip
METHODS_ASKED = {  # public methods of a sampler, by what asks them here (or, of others, which test)
    "deviance": "deviance", "memberships": "memberships", "trace": "labels_follow_them", "draws": "there_and_back",
    "diagnose": "diagnose", "verdict": "diagnose", "summary": "summary", "stats": "summary", "explain": "explain",
    "relabel": "relabel", "posterior_predictive": "posterior_predictive", "sensitivity": "sensitivity",
    "to_arviz": "there_and_back", "read": "there_and_back", "save_state": "state", "restore_state": "state",
    "report": "report", "sample": "state", "observed_data": "classify", "last_labels": "classify",
}  # fmt: skip
ELSEWHERE = {
    "label_budget", "name", "posterior",  # public methods that no feature changes, and the file that tests them
    "assembled", "rows", "use_step_method", "temper", "remove_step_method", "assign_step_methods", "step_methods",
    "step_method_dict", "halt", "ladder", "remember", "prior_predictive", "moments", "completed", "predict_logpdf",
    "predictive_density", "component_densities", "is_discrete", "point_masses",
    "or_interrupted",
}  # fmt: skip


def test_every_method_of_a_sampler_is_asked_on_every_kind_of_model():
    public = {name for name, _ in inspect.getmembers(mc.MCMC) if not name.startswith("_")}
    unknown = public - set(METHODS_ASKED) - ELSEWHERE
    assert not unknown, f"say in {__name__} where {sorted(unknown)} are asked about models of every feature"
    assert set(METHODS_ASKED.values()) <= set(runs.FAST) | set(runs.SLOW)


def test_every_function_that_takes_a_run_is_asked():
    takes = set()
    for name in mc.__all__:
        thing = getattr(mc, name)
        if inspect.isfunction(thing) and next(iter(inspect.signature(thing).parameters), "") in (
            "m",
            "draws",
            "models",
        ):
            takes.add(name)
    unknown = takes - set(ASKED)
    assert not unknown, f"say in {__name__} what asks {sorted(unknown)} about models of every feature"
    assert set(ASKED.values()) <= set(runs.FAST) | set(runs.SLOW)


def test_every_keyword_of_a_sampler_and_of_data_is_known():
    own = set(inspect.signature(mc.MCMC).parameters) - {"input", "unknown"}
    assert own == set(OPTIONS), "a keyword of MCMC that changes models is a feature: add it to the grammar"
    laws = set(inspect.signature(mc.Normal).parameters) - {p.name for p in mc.Normal.family.parameters}
    assert laws >= OF_LAWS


def test_kinds_of_values_are_features():
    """What a family's values may be beside numbers on a line: each kind has a feature, or a kind of parameter here."""
    kinds = {n for n in type(mc.Normal.family.support).__dataclass_fields__ if n not in ("lower", "upper")}
    known = {"discrete": "simplex tables", "simplex": "simplex tables", "circular": "angles",
             "positive_definite": "vector tables", "correlation": "vector tables"}  # fmt: skip
    kinds -= {"atoms"}  # of data alone: tests/distributions/test_point_masses.py
    assert kinds <= set(known), f"a kind of value without a feature: {kinds - set(known)}"
    assert set(known.values()) <= set(FEATURES)


# -------------------------------------------------------------------- triples, and what takes longer


@pytest.mark.slow
@pytest.mark.parametrize("chosen", features.triples(), ids=title)
def test_every_triple(chosen, tmp_path):
    assert set(runs.answers(built(chosen), runs.FAST, tmp_path)) <= MAY_REFUSE


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ALL, ids=title)
def test_functions_that_take_longer(chosen, tmp_path):
    refusals = runs.answers(built(chosen), runs.SLOW, tmp_path, iterations=300, burn=100)
    assert "report" not in refusals, refusals
