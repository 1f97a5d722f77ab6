"""Possibilistic neuro-symbolic inference: if-then rules that infer, learn and explain.

A network gives probabilities; :func:`transform` makes possibilities of them. A :class:`RuleBase`
says how concepts follow from each other, an :class:`Engine` infers them, learns how far each rule is
to be trusted, and says why:

>>> import pinesy
>>> rules = pinesy.RuleBase('''
... [[attribute]]
... name = "sky"
... domain = ["clear", "grey"]
... [[attribute]]
... name = "advice"
... domain = ["hat", "umbrella"]
... [[rule]]
... name = "grey sky"
... iff = "sky == 'grey'"
... then = "advice == 'umbrella'"
... ''')
>>> engine = pinesy.Engine(rules)
>>> engine.infer({"sky": [[0.25, 1.0]]})["advice"]
array([[0.25, 1.  ]], dtype=float32)
>>> print(engine.justify({"sky": [[0.25, 1.0]]}, "advice"))
advice = umbrella is certain to degree 0.75: sky reads grey (anything else possible to 0.25).
  hat is possible to 0.25, held down by "grey sky".

Degrees are float32 from 0 to 1. Whatever is wrong with rules or data raises :class:`Error`, a
ValueError that knows the file, line and column, or the row.
"""

from collections.abc import Mapping as _Mapping

from . import relation
from ._pinesy import (
    CalibratedRuleSets,
    Calibration,
    Cases,
    Engine,
    Error,
    Parameters,
    PartialRuleSets,
    Report,
    RuleBase,
    __version__,
    decide,
    inverse_transform,
    necessity,
    transform,
)
from .training import conclusion_targets

_Mapping.register(Parameters)

__all__ = [
    "CalibratedRuleSets",
    "Calibration",
    "Cases",
    "Engine",
    "Error",
    "Parameters",
    "PartialRuleSets",
    "Report",
    "RuleBase",
    "__version__",
    "conclusion_targets",
    "decide",
    "inverse_transform",
    "necessity",
    "relation",
    "transform",
]
