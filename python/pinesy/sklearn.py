"""Rules as a scikit-learn classifier: ``pip install pinesy[sklearn]``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from ._pinesy import Engine, Error, RuleBase, decide

__all__ = ["RuleClassifier"]

Rules = RuleBase | str | PathLike[str]


class RuleClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifies by rules whose parameters are learned from examples.

    rules: a :class:`pinesy.RuleBase` or the path of a rule file, whose inputs are numbers told in
        terms or whole numbers; or a function of (X, y) that gives one of these, called by ``fit``.
        The values of the attribute concluded on are the classes; where the classes are no values
        of it, they are its values in sorted order.
    target: the attribute that is the class; by default the only output of the rules.
    inputs: the inputs that the columns of X are; by default their names in a data frame, or all
        inputs in order.
    learn: ``"calibrated"`` learns s and r of each rule from labels (:meth:`pinesy.Engine.calibrated`),
        ``"exact"`` as from graded targets (:meth:`pinesy.Engine.learn`), ``None`` leaves
        what the rules state.
    threshold, tolerance, keep_fixed: as of :meth:`pinesy.Engine.learn`.

    NaN is unknown: nothing is assumed there. ``predict`` must name a class; where several tie for
    the most possible, it names the first, and ``decide`` says −1.

    Attributes once fitted: ``engine_``, ``report_``, ``classes_``, ``n_features_in_``,
    ``feature_names_in_`` (of a data frame).
    """

    def __init__(
        self,
        rules: Rules | Callable[[NDArray[Any], NDArray[Any]], Rules] | None = None,
        *,
        target: str | None = None,
        inputs: Sequence[str] | None = None,
        learn: Literal["calibrated", "exact"] | None = "calibrated",
        threshold: float | None = None,
        tolerance: float = 0.0,
        keep_fixed: bool = False,
    ) -> None:
        self.rules = rules
        self.target = target
        self.inputs = inputs
        self.learn = learn
        self.threshold = threshold
        self.tolerance = tolerance
        self.keep_fixed = keep_fixed

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        # Exact learning suits graded targets: one wrong label among many spoils a worst-case error.
        tags.classifier_tags.poor_score = self.learn == "exact"
        return tags

    def fit(self, X: Any, y: Any) -> RuleClassifier:
        """Learns the parameters of the rules from rows of numbers and their classes."""
        if self.learn not in ("calibrated", "exact", None):
            raise Error(f"learn={self.learn!r}: expected 'calibrated', 'exact' or None")
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        found = unique_labels(y)
        engine = Engine(self._rules(X, y))
        self.target_ = self._target(engine.rules)
        self.inputs_ = self._columns(engine.rules)
        self.read_ = frozenset(engine.rules.inputs if self.inputs is None else self.inputs_)
        domain = engine.rules.domain(self.target_)
        if set(found.tolist()) <= set(domain):
            self.classes_ = np.array(domain, dtype=found.dtype if found.dtype.kind != "U" else None)
        elif len(found) == len(domain):
            self.classes_ = found
        else:
            raise Error(f"classes {found.tolist()}: expected values of {self.target_} or {len(domain)} of them")
        self.report_ = None
        if self.learn is not None:
            place = {label: position for position, label in enumerate(self.classes_.tolist())}
            targets = {self.target_: [domain[place[label]] for label in y.tolist()]}
            if self.learn == "calibrated":
                engine, self.report_ = engine.calibrated(self._cases(X), targets, keep_fixed=self.keep_fixed)
            else:
                engine, self.report_ = engine.learn(
                    self._cases(X),
                    targets,
                    threshold=self.threshold,
                    tolerance=self.tolerance,
                    keep_fixed=self.keep_fixed,
                )
        self.engine_ = engine
        return self

    def predict_possibility(self, X: Any) -> NDArray[np.float32]:
        """How possible each class is, of shape (rows, classes): from 0 to 1, not summing to 1."""
        check_is_fitted(self, "engine_")
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        engine: Engine = self.engine_
        return engine.infer(self._cases(X), self.target_)[self.target_]

    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """Possibilities to rank by; for two classes, that of the second less that of the first."""
        possibility = self.predict_possibility(X)
        return possibility if len(self.classes_) != 2 else possibility[:, 1] - possibility[:, 0]

    def predict(self, X: Any) -> NDArray[Any]:
        """The most possible class of each row; the first of those that tie."""
        best = self.predict_possibility(X).argmax(axis=1)
        classes: NDArray[Any] = self.classes_
        predicted: NDArray[Any] = classes[best]
        return predicted

    def decide(self, X: Any) -> NDArray[np.int64]:
        """The position in ``classes_`` of the most possible class of each row, −1 where several tie."""
        return decide(self.predict_possibility(X))

    def _rules(self, X: NDArray[Any], y: NDArray[Any]) -> Rules:
        rules = self.rules(X, y) if callable(self.rules) else self.rules
        if rules is None:
            raise Error("no rules: expected a RuleBase, the path of a rule file, or a function that gives one")
        return rules

    def _target(self, rules: RuleBase) -> str:
        if self.target is not None:
            return self.target
        if len(rules.outputs) != 1:
            raise Error(f"outputs {', '.join(rules.outputs)}: expected `target`, one of them")
        return rules.outputs[0]

    def _columns(self, rules: RuleBase) -> list[str]:
        """The input that each column of X is."""
        named = getattr(self, "feature_names_in_", None)
        if self.inputs is not None:
            columns = list(self.inputs)
        elif named is not None and set(rules.inputs) <= set(named):
            columns = list(named)
        else:
            columns = rules.inputs
        if len(columns) != self.n_features_in_:
            raise Error(f"{self.n_features_in_} columns: expected {len(columns)}: {', '.join(columns)}")
        return columns

    def _cases(self, X: NDArray[Any]) -> dict[str, Any]:
        """X as columns by name; a data frame may have more than the rules read."""
        return {name: X[:, i] for i, name in enumerate(self.inputs_) if name in self.read_}
