"""Learning from shards, on whatever runs functions: threads, processes, a cluster.

Learning is a map-reduce of small states: each round sends kilobytes to where the shards are, and
gets kilobytes back. Any ``map`` will do that calls a function on each shard and gives the results,
in order: the built-in one, that of a ``concurrent.futures`` executor, or one of a cluster's client
wrapped so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial, reduce
from typing import Any, TypeVar

import numpy as np

from ._pinesy import Cases, Engine, Error, PartialRuleSets

__all__ = ["learn"]

Shard = TypeVar("Shard")
Load = Callable[[Engine, Shard], Cases]


def learn(
    engine: Engine,
    shards: Sequence[Shard],
    load: Load[Shard],
    *,
    map: Callable[[Callable[[Shard], Any], Sequence[Shard]], Iterable[Any]] = map,
    observe: Callable[[str], None] | None = None,
    **config: Any,
) -> Engine:
    """Learns as :meth:`pinesy.Engine.learn` does, bit for bit, from cases in shards.

    shards: whatever says where the cases are, such as paths; it is what travels.
    load: a function (importable by the workers) of (engine, shard) that gives the shard's cases,
        made by :meth:`pinesy.Engine.cases` with their targets.
    map: runs a function on every shard. observe: told of each round.
    config: ``threshold``, ``tolerance``, ``keep_fixed``.

    Rules on all attributes of one depth are learned together, in three rounds.
    """
    for depth, attributes in enumerate(engine.rules.depths):

        def tell(what: str) -> None:
            if observe is not None:
                observe(f"depth {depth + 1} of {len(engine.rules.depths)}: {what}")

        states = list(map(partial(_gather, engine, attributes, load, config), shards))
        if not states:
            raise Error("no shards: expected at least one")
        state = reduce(PartialRuleSets.merge, states)
        tell(f"gathered {len(states)} shards")
        distances = np.maximum.reduce(list(map(partial(_distances, engine, state, load), shards)))
        tell(f"distances {distances.max():.3g}")
        solutions = list(map(partial(_solutions, engine, state, load, distances), shards))
        parameters = {name: dict(of) for name, of in engine.parameters.items()}
        for name, kept in zip(state.attributes, state.kept, strict=True):
            if kept:
                found = [solution[name] for solution in solutions]
                parameters[name] |= {p: np.maximum.reduce([of[p] for of in found]) for p in ("s", "r")}
        engine = engine.with_parameters(parameters)
        tell("learned")
    return engine


def _gather(
    engine: Engine, attributes: list[str], load: Load[Shard], config: dict[str, Any], shard: Shard
) -> PartialRuleSets:
    return PartialRuleSets.gather(engine, attributes, load(engine, shard), **config)


def _distances(engine: Engine, state: PartialRuleSets, load: Load[Shard], shard: Shard) -> Any:
    return state.distances(engine, load(engine, shard))


def _solutions(engine: Engine, state: PartialRuleSets, load: Load[Shard], distances: Any, shard: Shard) -> Any:
    return state.solutions(engine, load(engine, shard), distances)
