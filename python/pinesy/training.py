"""Training a network from conclusions alone: what its outputs should have been.

Nothing is differentiated through rules. Backward inference says what the observed conclusions, and
all other inputs, leave possible for an input; the network's own distribution is revised by that,
and the revised distribution is what it should have said. With NumPy only, for any framework;
:mod:`pinesy.torch` has the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._pinesy import inverse_transform, transform

if TYPE_CHECKING:
    from ._pinesy import Engine


def conclusion_targets(
    engine: Engine, probabilities: Mapping[str, ArrayLike], observed: Mapping[str, Any]
) -> dict[str, NDArray[np.float32]]:
    """The probabilities that a network should have given, had it known the conclusions.

    engine: the rules.
    probabilities: for every input of the rules, the network's softmax, of shape (cases, values).
    observed: columns by attribute, as targets (:meth:`pinesy.Engine.cases`): values with None or
        negatives where nothing is known, or degrees of shape (cases, values).

    Gives float32 arrays of the shapes of ``probabilities``. Their cross-entropy against the logits
    is the loss, the targets being constants. Where the conclusions say nothing new, or contradict
    all that is possible, a target is what the network said: no lesson.

    >>> import numpy as np, pinesy
    >>> rules = pinesy.RuleBase('''
    ... [[attribute]]
    ... name = "sky"
    ... domain = ["clear", "grey"]
    ... [[attribute]]
    ... name = "rain"
    ... domain = ["no", "yes"]
    ... [[rule]]
    ... iff = "sky == 'grey'"
    ... then = "rain == 'yes'"
    ... ''')
    >>> engine = pinesy.Engine(rules)
    >>> unsure = np.array([[0.5, 0.5], [0.75, 0.25]], np.float32)
    >>> pinesy.conclusion_targets(engine, {"sky": unsure}, {"rain": ["yes", None]})["sky"]
    array([[0.  , 1.  ],
           [0.75, 0.25]], dtype=float32)
    """
    given = {name: np.asarray(array, np.float32) for name, array in probabilities.items()}
    possible = {name: transform(array) for name, array in given.items()}
    messages, _ = engine.abduce(possible, list(possible), observed=observed, own_excluded=True)
    return {name: _revised(given[name], possible[name], messages[name]) for name in given}


def _revised(
    probabilities: NDArray[np.float32], possible: NDArray[np.float32], message: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Possibilistic revision of each row by a message, as probabilities."""
    height = message.max(axis=1, keepdims=True)
    # A message must first be raised to height 1: it says how values compare, not how possible they are.
    revised = np.minimum(possible, np.divide(message, height, out=np.ones_like(message), where=height > 0))
    top = revised.max(axis=1, keepdims=True)
    # Nothing new, nothing compatible, or nothing left of what the network holds possible.
    same = (revised == possible).all(axis=1, keepdims=True) | (top == 0)
    normal = np.divide(revised, top, out=np.ones_like(revised), where=top > 0)
    return np.where(same, probabilities, inverse_transform(normal))
