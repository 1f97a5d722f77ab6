"""Fuzzy relational equations, min-max and max-min: a solver of its own, without rules.

>>> from pinesy.relation import System
>>> System([[0.25, 0.75], [0.5, 0.5]], [0.5, 0.25]).is_consistent()
False
"""

from ._pinesy import OppositeSolutions, PartialSystem, System, max_min, min_max

__all__ = ["OppositeSolutions", "PartialSystem", "System", "max_min", "min_max"]
