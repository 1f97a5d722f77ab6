"""The classifier, by scikit-learn's own checks and on irises."""

import pickle

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.model_selection import cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402
from tree_rules import tree_rules  # noqa: E402

from pinesy.sklearn import RuleClassifier  # noqa: E402

# Checks that do not apply, and why.
OTHERS: dict[str, str] = {}


@parametrize_with_checks([RuleClassifier(tree_rules)], expected_failed_checks=lambda estimator: OTHERS)
def test_scikit_learn_says_it_is_an_estimator(estimator, check):
    check(estimator)


def test_irises_by_tree_rules():
    X, y = load_iris(return_X_y=True)
    model = RuleClassifier(tree_rules)
    assert cross_val_score(model, X, y, cv=5).mean() > 0.9
    assert cross_val_score(make_pipeline(FunctionTransformer(), clone(model)), X, y, cv=3).mean() > 0.9


def test_what_it_knows_of_itself():
    X, y = load_iris(return_X_y=True)
    model = RuleClassifier(tree_rules, threshold=0.9).fit(X, y)
    assert clone(model).get_params()["threshold"] == 0.9
    assert model.predict_possibility(X).shape == (150, 3)
    decided = model.decide(X)
    sure = decided >= 0
    assert (model.classes_[decided[sure]] == model.predict(X)[sure]).all()
    assert (pickle.loads(pickle.dumps(model)).predict(X) == model.predict(X)).all()
    unknown = np.full((1, 4), np.nan)
    assert model.decide(unknown).tolist() == [-1]


def test_errors():
    X, y = load_iris(return_X_y=True)
    for model, says in [
        (RuleClassifier(), "no rules"),
        (RuleClassifier(tree_rules, learn="all"), "learn='all'"),
        (RuleClassifier(tree_rules, inputs=["x0"]), "4 columns"),
    ]:
        with pytest.raises(ValueError, match=says):
            model.fit(X, y)
