"""Explanations as text, data and pages."""

import numpy as np
import pinesy
import pytest


def case():
    first, second = np.full((1, 10), 0.1), np.full((1, 10), 0.1)
    first[0, 7] = second[0, 5] = 1
    return {"a1": first, "a2": second}


def test_justify(addition):
    why = addition.justify(case(), "y1")
    assert str(why).startswith("y1 = 2 is certain to degree 0.90: a1 reads 7")
    assert why["decision"] == [2] and why["necessity"] == 0.9
    assert why.page().startswith("<!DOCTYPE html>")
    assert why._repr_html_().startswith("<iframe") and "<script" not in why._repr_html_()


def test_justify_by_a_score(addition):
    why = addition.justify(case(), "y1", score="product")
    assert why["ranking"]["score"] == "product" and why["ranking"]["decision"] == [2]
    assert str(why).startswith("y1 = 2 is decided by the score product, which no rule is against; next ")
    assert "is decided by the score product" in why.page()
    assert "ranking" not in addition.justify(case(), "y1").to_dict()
    with pytest.raises(pinesy.Error, match="score 'mean': expected min, leximin or product"):
        addition.justify(case(), "y1", score="mean")


def test_explain_changes_activations(addition):
    assert "y1" in str(addition.explain(case(), "y1", 3))
    change = addition.changes(case(), "y1")["changes"][0]
    assert change["degree"] in (0.1, 1.0)
    assert len(addition.activations(case(), "y1")["activations"]) == 10


def test_one_of_many(addition):
    many = {name: np.vstack([np.eye(10)[:1], rows]) for name, rows in case().items()}
    assert str(addition.justify(many, "y1", row=1)) == str(addition.justify(case(), "y1"))


def test_reports_of_tables(addition, light):
    assert "y1" in str(addition.rules_report(case(), {"y1": [2]}))
    assert addition.lint()["warnings"] == []
