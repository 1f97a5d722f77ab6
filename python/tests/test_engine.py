"""Rules, cases, inference, learning: what goes in and what comes out."""

import multiprocessing
import json
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from conftest import LIGHT, RULESETS

import pinesy


def crisp(*values):
    return {"a1": np.eye(10, dtype=np.float32)[[v[0] for v in values]], "a2": np.eye(10)[[v[1] for v in values]]}


def test_a_case_by_values(light):
    assert light.infer({"light": "red", "crossing": "nobody"})["act"].tolist() == [[1.0, 0.0]]
    assert light.decide({"light": "green", "crossing": "nobody"})["act"].tolist() == [1]


def test_unknown_inputs(light):
    act = light.infer({"light": ["green", None, float("nan")], "crossing": ["nobody", "nobody", "someone"]})["act"]
    assert act.tolist() == [[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]
    assert light.decide({"light": None, "crossing": ["nobody"]})["act"].tolist() == [-1]


def test_degrees_sets_and_lists(light):
    one = light.infer({"light": [[0.25, 1.0]], "crossing": [{"nobody", "someone"}]})["act"]
    other = light.infer({"light": np.array([[0.25, 1.0]]), "crossing": np.ones((1, 2))})["act"]
    assert (one == other).all()


def test_nan_rows_are_unknown(addition):
    rows = np.eye(10, dtype=np.float32)[:3]
    rows[1] = np.nan
    unknown = addition.infer({"a1": rows, "a2": np.eye(10)[:3]})["y1"]
    assert (unknown[1] == 1).all() and unknown[2, 4] == 1


@pytest.mark.parametrize(
    "convert", [np.float64, lambda a: a.tolist(), np.asfortranarray, lambda a: a[::-1].copy()[::-1]]
)
def test_every_kind_of_array_says_the_same(addition, sums, convert):
    expected = addition.infer(sums, transform="antipignistic")["y1"]
    given = {name: convert(array) for name, array in sums.items()}
    assert (addition.infer(given, transform="antipignistic")["y1"] == expected).all()


def test_sums_are_right(addition):
    decided = addition.decide(crisp((7, 5), (0, 0), (9, 9)), ["y0", "y1"])
    assert [decided["y0"].tolist(), decided["y1"].tolist()] == [[1, 0, 1], [2, 0, 8]]


def test_abduce(addition):
    unknown = {"a1": np.eye(10)[[7, 7]], "a2": None}
    digits, conflicts = addition.abduce(unknown, "a2", observed={"y0": [1, -1], "y1": [2, None]})
    assert addition.is_exact_backward
    assert pinesy.decide(digits["a2"]).tolist() == [5, -1] and conflicts.tolist() == [0.0, 0.0]


def test_learning_recovers_what_generated_the_data(light):
    cases = {"light": np.array([[1, 0], [0, 1.0]]), "crossing": np.array([[1, 0], [0, 1.0]])}
    engine, report = light.learn(cases, {"act": np.array([[1.0, 0.25], [1.0, 0.5]])})
    assert engine.fingerprint != light.fingerprint
    assert report["rule_sets"][0]["chebyshev_distance"] == 0.0
    assert (engine.infer(cases)["act"] == np.array([[1.0, 0.25], [1.0, 0.5]], np.float32)).all()


def test_crisp_and_graded_targets_agree(addition):
    cases = crisp((1, 2), (3, 9))
    crisp_targets = addition.learn(cases, {"y1": np.array([3, 2]), "y0": [0, -1]})[0].parameters
    graded = {"y1": np.eye(10)[[3, 2]], "y0": np.array([[1, 0], [np.nan, np.nan]])}
    assert addition.learn(cases, graded)[0].parameters == crisp_targets


def test_thresholds_report_and_stop(addition, sums):
    right = {"y1": (sums["a1"].argmax(1) + sums["a2"].argmax(1)) % 10}
    table = addition.cases(sums, right, transform="antipignistic")
    trials = []
    engine, report = addition.search_thresholds(table, table, low_data=True, observe=lambda t: trials.append(t))
    assert report["trials"] == trials and report["accuracy"] == engine.score(table)
    _, report = addition.search_thresholds(table, table, observe=lambda t: False)
    assert report["stop"] == "interrupted"
    with pytest.raises(ZeroDivisionError):
        addition.search_thresholds(table, table, observe=lambda t: 1 / 0)


def test_conflicts(addition):
    report = addition.conflicts(crisp((1, 2), (3, 4)), {"y1": [3, 8]})
    worst = next(s for s in report["rule_sets"] if s["attribute"] == "y1")["conflicts"][0]
    assert (worst["example"], worst["distance"]) == (1, 1.0)


def test_shards_learn_the_same(addition, sums):
    from pinesy.distributed import learn

    right = {"y1": (sums["a1"].argmax(1) + sums["a2"].argmax(1)) % 10}

    def load(engine, rows):
        inputs = {name: array[rows] for name, array in sums.items()}
        return engine.cases(inputs, {"y1": right["y1"][rows]}, transform="antipignistic")

    whole, _ = addition.learn(load(addition, slice(None)))
    told = []
    shards = [slice(600, None), slice(0, 250), slice(250, 600)]
    assert learn(addition, shards, load, observe=told.append).parameters == whole.parameters
    assert len(told) == 3 * len(addition.rules.depths)


def infer_elsewhere(engine, cases):
    return engine.infer(cases)["y1"]


def light_text(light):
    return json.dumps({"file": "light.toml", "text": light.rules.text, "settings": {}})


def test_pickle(light, addition):
    for thing in [light.rules, light, light.parameters]:
        again = pickle.loads(pickle.dumps(thing))
        assert again == thing or again.fingerprint == thing.fingerprint
    table = light.cases({"light": ["red"], "crossing": None}, {"act": ["stop"]})
    again = pickle.loads(pickle.dumps(table))
    assert len(again) == 1 and (light.infer(again)["act"] == light.infer(table)["act"]).all()
    assert light.learn(again)[0].fingerprint == light.learn(table)[0].fingerprint
    with pytest.raises(pinesy.Error, match="expected its degrees"):
        pinesy.Cases._parse('{"rules":' + light_text(light) + ',"cases":1,"inputs":{},"observed":{}}')
    state = pinesy.PartialRuleSets.gather(light, ["act"], table)
    assert pickle.loads(pickle.dumps(state)) == state
    report = light.justify({"light": "red", "crossing": "nobody"}, "act")
    again = pickle.loads(pickle.dumps(report))
    assert (str(again), again.to_dict(), again.page()) == (str(report), report.to_dict(), report.page())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_other_processes(addition, start):
    expected = addition.infer(crisp((7, 5)))["y1"]  # this process has threads by now
    with ProcessPoolExecutor(2, multiprocessing.get_context(start)) as pool:
        found = [pool.submit(infer_elsewhere, addition, crisp((7, 5))) for _ in range(4)]
        assert all((one.result(timeout=60) == expected).all() for one in found)


def test_files(light, tmp_path):
    light.write(tmp_path / "engine.json")
    assert pinesy.Engine.read(tmp_path / "engine.json").fingerprint == light.fingerprint
    light.parameters.write(tmp_path / "p.json")
    assert pinesy.Engine(light.rules, tmp_path / "p.json").fingerprint == light.fingerprint
    assert pinesy.Parameters.read(tmp_path / "p.json") == light.parameters


def test_parameters_are_a_mapping(light):
    from collections.abc import Mapping

    parameters = light.parameters
    assert isinstance(parameters, Mapping) and list(parameters) == ["act"] == parameters.keys() and "act" in parameters
    assert parameters["act"]["s"].tolist() == [1.0, 1.0, 1.0] and parameters["act"]["rules"][0] == "red light"
    assert light.with_parameters(dict(parameters)).fingerprint == light.fingerprint
    with pytest.raises(KeyError):
        parameters["light"]


def test_data_frames(light):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": [1, 2], "light": ["red", None], "crossing": ["nobody", "someone"]})
    assert light.decide(frame)["act"].tolist() == [0, 0]


def test_transforms():
    p = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]], np.float32)
    assert np.allclose(pinesy.transform(p)[0], [1.0, 0.8, 0.6])
    assert np.allclose(pinesy.transform(p, "minimum-specificity")[0], [1.0, 0.5, 0.2])
    assert np.allclose(pinesy.inverse_transform(pinesy.transform(p)), p)
    assert pinesy.transform(np.stack([p, p])).shape == (2, 2, 3)


class TestErrors:
    def test_rules(self, tmp_path):
        with pytest.raises(pinesy.Error) as caught:
            pinesy.RuleBase(LIGHT.replace("light == 'red'", "light == red"))
        assert (caught.value.file, caught.value.column) == ("<text>", 6) and caught.value.line > 10
        path = tmp_path / "rules.toml"
        path.write_text("[[rule]")
        with pytest.raises(pinesy.Error, match="rules.toml:1:") as caught:
            pinesy.Engine(path)
        assert pickle.loads(pickle.dumps(caught.value)).line == 1
        with pytest.raises(FileNotFoundError) as missing:
            pinesy.RuleBase.read(tmp_path / "none.toml")
        assert missing.value.filename.endswith("none.toml")
        with pytest.raises(pinesy.Error, match="unknown parameter 'l'"):
            pinesy.Engine(RULESETS / "mnist_addition.toml", l=1)

    @pytest.mark.parametrize(
        ("change", "says", "row"),
        [
            ({"a1": np.zeros((2, 9))}, "9 degrees: expected 10", None),
            ({"a1": np.full((2, 10), 1.5)}, "expected a number from 0 to 1", 0),
            ({"a1": np.eye(10)[:3]}, "2 examples: expected 3", None),
            ({"a1": np.zeros((2, 2, 10))}, "3 axes", None),
            ({"a1": np.array([["x", "y"]])}, "expected numbers", None),
            ({"a1": [3, "x"]}, "no value x", 1),
            ({"a1": [3, object()]}, "expected a value", 1),
            ({"a1": {"from": 8, "to": 3}}, "the lower one first", 0),
            ({"b": [1, 2]}, "'b' is not an input", None),
            ({"a1": np.where(np.eye(10)[:2] > 0, np.nan, 0)}, "degree NaN", 0),
        ],
    )
    def test_cases(self, addition, change, says, row):
        with pytest.raises(pinesy.Error, match=says) as caught:
            addition.infer({"a1": np.eye(10)[:2], "a2": np.eye(10)[:2]} | change)
        assert caught.value.row == row

    def test_missing_input(self, addition):
        with pytest.raises(pinesy.Error, match="input attribute a2 is missing"):
            addition.infer({"a1": [1]})

    def test_questions(self, addition):
        cases = crisp((1, 2), (3, 4))
        for ask, says in [
            (lambda: addition.infer(cases, "y9"), "'y9' is not a derived attribute"),
            (lambda: addition.infer(3), "a dict or a data frame"),
            (lambda: addition.justify(cases, "y1"), "`row` gives one of many"),
            (lambda: addition.justify(cases, "y1", row=2), "row 2 of 2 cases"),
            (lambda: addition.explain(cases, "y1", 12, row=0), "no value 12"),
            (lambda: addition.infer(cases, transform="softmax"), "expected antipignistic"),
            (lambda: addition.learn(cases, {"y1": [3]}), "examples: expected"),
            (lambda: addition.learn(cases), "no example has a target"),
            (lambda: addition.learn(cases, {"y1": [3, 7]}, threshold=-1.0), "threshold: expected"),
            (lambda: addition.with_parameters({"y1": {"s": [2.0], "r": [0.0]}}), "parameters"),
            (lambda: pinesy.transform([0.5, 0.1]), "sum to"),
        ]:
            with pytest.raises(pinesy.Error, match=says):
                ask()

    def test_cases_of_other_rules(self, light, addition):
        with pytest.raises(pinesy.Error, match="another rule base"):
            addition.infer(light.cases({"light": "red", "crossing": None}))


def test_limits_of_rule_files():
    path = RULESETS / "mnist_addition.toml"
    text = path.read_text()
    for read in [lambda *limits: pinesy.RuleBase.read(path, *limits, k=2), lambda *limits: pinesy.RuleBase(text, *limits, k=2)]:
        whole = read({"rules": 1_000, "file-bytes": 10_000})
        assert whole == read() == read(None) == pickle.loads(pickle.dumps(whole))
        with pytest.raises(pinesy.Error, match="more than 10 rules"):
            read({"rules": 10})
        with pytest.raises(ValueError, match="limits: unknown variant `rule`, expected one of `file-bytes`, "):
            read({"rule": 10})
        for wrong in [-1, "many", 1.5]:
            with pytest.raises(ValueError, match="limit rules: expected a whole number from 0 up"):
                read({"rules": wrong})
    with pytest.raises(pinesy.Error, match="more than 100 bytes"):
        pinesy.RuleBase.read(path, {"file-bytes": 100}, k=2)
