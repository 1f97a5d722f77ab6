"""Calibrated parameters and answers with a guarantee."""

import json
import pickle

import numpy as np
import pytest

import pinesy

RULES = """
attribute = [
    { name = "size", kind = "number", terms = { small = [-inf, -inf, 4.5, 6], big = [3, 4.5, inf, inf] } },
    { name = "spots", domain = ["few", "many"] },
    { name = "kind", domain = ["a", "b"] },
]
rule = [
    { name = "big", if = "size == 'big'", then = "kind == 'b'" },
    { name = "small", if = "size == 'small'", then = "kind == 'a'" },
    { name = "spots", if = "spots == 'many'", then = "kind == 'b'" },
]
"""


def examples(count, seed):
    random = np.random.default_rng(seed)
    kind = random.integers(0, 2, count)
    size = np.where(random.random(count) < 0.9, kind, 1 - kind) * 6 + 1.0 + random.random(count)
    spots = np.where(random.random(count) < 0.8, kind, 1 - kind)
    cases = {"size": size.tolist(), "spots": [["few", "many"][i] for i in spots]}
    return cases, {"kind": [["a", "b"][i] for i in kind]}, kind


def test_calibrated_parameters_are_error_rates():
    cases, targets, _ = examples(4000, 0)
    engine, report = pinesy.Engine(pinesy.RuleBase(RULES)).calibrated(cases, targets, one_way="yes")
    assert engine.parameters["kind"]["r"] == pytest.approx([0.1, 0.1, 0.2], abs=0.03)
    assert engine.parameters["kind"]["s"].tolist() == [1, 1, 1]
    assert "spots" in str(report)


def test_sets_keep_their_promise_with_and_without_inputs():
    engine, _ = pinesy.Engine(pinesy.RuleBase(RULES)).calibrated(*examples(2000, 1)[:2])
    calibration = engine.calibrate(*examples(2000, 2)[:2], score="product")
    cases, _, kind = examples(4000, 3)
    sets = calibration.sets(engine, cases, "kind", error=0.1)
    assert sets.shape == (4000, 2) and sets.dtype == bool
    assert sets[np.arange(4000), kind].mean() >= 0.88
    hidden = {"size": cases["size"], "spots": [None] * 4000}
    more = calibration.sets(engine, hidden, "kind", error=0.1)
    assert (more >= sets).all()
    again = pickle.loads(pickle.dumps(calibration))
    assert (again.sets(engine, cases, "kind", error=0.1) == sets).all()


def test_what_does_not_fit_is_refused():
    engine = pinesy.Engine(pinesy.RuleBase(RULES))
    cases, targets, _ = examples(30, 4)
    calibration = engine.calibrate(cases, targets)
    with pytest.raises(pinesy.Error, match="99"):
        calibration.sets(engine, cases, "kind", error=0.01)
    other, _ = engine.calibrated(cases, targets)
    with pytest.raises(pinesy.Error):
        calibration.sets(other, cases, "kind")
    changed = json.loads(calibration.to_json())
    changed["score"] = "product"
    with pytest.raises(pinesy.Error):
        pinesy.Calibration.from_json(json.dumps(changed))
    with pytest.raises(pinesy.Error, match="expected auto, yes or no"):
        engine.calibrated(cases, targets, one_way="perhaps")
