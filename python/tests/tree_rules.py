"""Rules from a decision tree: a set of rules for any data, so that scikit-learn's checks can run."""

import json

import numpy as np
from sklearn.tree import DecisionTreeClassifier

import pinesy


def tree_rules(X, y):
    """One rule for each leaf of a tree, over terms that are the intervals between its thresholds."""
    tree = DecisionTreeClassifier(max_leaf_nodes=12, random_state=0).fit(X, y)
    # NaN among the thresholds would be of a feature that the tree does not read.
    cuts = [sorted(set(_cuts(tree.tree_, feature))) for feature in range(X.shape[1])]
    text = [_attribute(f"x{feature}", _terms(of)) for feature, of in enumerate(cuts)]
    text.append(f'[[attribute]]\nname = "label"\ndomain = {json.dumps([_label(c) for c in tree.classes_])}\n')
    for leaf, (intervals, label) in enumerate(_leaves(tree.tree_)):
        premise = []
        for feature in range(X.shape[1]):
            low, high = intervals.get(feature, (-np.inf, np.inf))
            # Every input has to be read by some rule.
            names = [f"t{i}" for i, cut in enumerate([*cuts[feature], np.inf]) if low < cut <= high]
            premise.append(f"x{feature} in {names}")
        then = f"label == {_label(tree.classes_[label])!r}"
        text.append(f'[[rule]]\nname = "leaf {leaf}"\nif = {json.dumps(premise)}\nthen = {json.dumps(then)}\n')
    return pinesy.RuleBase("\n".join(text))


def _cuts(tree, feature):
    return [float(cut) for cut, of in zip(tree.threshold, tree.feature) if of == feature]


def _label(label):
    return str(label) if isinstance(label, str) else int(label)


def _terms(cuts):
    """Crisp intervals ]a, b] in float32."""
    floats = [np.float32(np.nextafter(np.float32(c), -np.inf) if np.float32(c) > c else c) for c in cuts]
    starts = [-np.inf, *(np.nextafter(c, np.float32(np.inf)) for c in floats)]
    return {f"t{i}": (float(a), float(b)) for i, (a, b) in enumerate(zip(starts, [*floats, np.inf]))}


def _attribute(name, terms):
    def number(x):
        return repr(x) if np.isfinite(x) else ("-inf" if x < 0 else "inf")

    corners = ", ".join(f"{t} = [{number(a)}, {number(a)}, {number(b)}, {number(b)}]" for t, (a, b) in terms.items())
    return f'[[attribute]]\nname = "{name}"\nkind = "number"\nterms = {{ {corners} }}\n'


def _leaves(tree, node=0, intervals=None):
    """The intervals of the features on the way to each leaf, and its class."""
    intervals = intervals or {}
    if tree.children_left[node] == -1:
        yield intervals, int(tree.value[node].argmax())
        return
    feature, cut = int(tree.feature[node]), float(tree.threshold[node])
    low, high = intervals.get(feature, (-np.inf, np.inf))
    yield from _leaves(tree, tree.children_left[node], intervals | {feature: (low, min(high, cut))})
    yield from _leaves(tree, tree.children_right[node], intervals | {feature: (max(low, cut), high)})
