"""Learning and inference on shards, by whatever runs functions: threads, processes, a cluster.

Learning is a map-reduce of small states: each round sends kilobytes to where the shards are, and
gets kilobytes back. What a round is run by is a *map*: a function that calls a function on every
shard and gives the results, in order. The built-in one will do, or that of a
``concurrent.futures`` executor; :func:`dask_map` and :func:`ray_map` make one of a cluster, where a
worker that dies is replaced and its part done again.

>>> import numpy as np, pinesy
>>> from pinesy.distributed import learn
>>> engine = pinesy.Engine(pinesy.RuleBase('''
... [[attribute]]
... name = "sky"
... domain = ["clear", "grey"]
... [[attribute]]
... name = "rain"
... domain = ["no", "yes"]
... [[rule]]
... iff = "sky == 'grey'"
... then = "rain == 'yes'"
... '''))
>>> def load(engine, shard):  # in a module of its own, if other processes are to run it
...     return engine.cases({"sky": [shard, "grey"]}, {"rain": [[1.0, 0.25], [0.125, 1.0]]})
>>> learn(engine, ["clear", "clear"], load).parameters["rain"]["s"]
array([0.25], dtype=float32)

The result is that of learning in one place, bit for bit, however the cases are cut and whatever
order the shards come in.
"""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._pinesy import CalibratedRuleSets, Cases, Engine, Error, PartialRuleSets

__all__ = ["calibrated", "dask_map", "infer", "learn", "load_file", "ray_map", "search_thresholds"]

Shard = TypeVar("Shard")
Result = TypeVar("Result")
Load = Callable[[Engine, Any], Cases]
Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]

_log = logging.getLogger(__name__)


def load_file(engine: Engine, path: str | pathlib.Path) -> Cases:
    """The cases of a file with their targets: ``.npz``, ``.parquet``, or records (JSON lines, CSV).

    In a ``.npz`` file every array is a column, of a frame in Parquet (read by pyarrow) every column;
    those of derived attributes are targets, others that the rules do not know are passed over.
    Records are read as the command ``pinesy learn`` reads them.
    """
    path = pathlib.Path(path)
    if path.suffix not in (".npz", ".parquet"):
        return engine.read_cases(path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            columns = dict(arrays)
    else:
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path)
        columns = {name: table[name].to_pylist() for name in table.column_names}
    rules = engine.rules
    return engine.cases(
        {name: column for name, column in columns.items() if name in rules.inputs},
        {name: column for name, column in columns.items() if name in rules.derived},
    )


def learn(
    engine: Engine,
    shards: Sequence[Any],
    load: Load = load_file,
    *,
    map: Map = map,
    keep: bool = False,
    observe: Callable[[str], None] | None = None,
    threshold: float | None = None,
    **config: Any,
) -> Engine:
    """Learns as :meth:`pinesy.Engine.learn` does, bit for bit, from cases in shards.

    shards: whatever says where the cases are, such as paths; it is what travels.
    load: a function (importable by the workers) of (engine, shard) that gives the shard's cases,
        made by :meth:`pinesy.Engine.cases` with their targets.
    map: runs a function on every shard.
    keep: workers keep what they have loaded (shards must be hashable), instead of loading it anew
        in every round.
    observe: told of each round. config: ``tolerance``, ``keep_fixed``.

    Rules on all attributes of one depth are learned together, in three rounds.
    """
    rounds = _Rounds(shards, load, map, keep, observe)
    return _learn(engine, rounds, lambda _: threshold, config)


def search_thresholds(
    engine: Engine,
    shards: Sequence[Any],
    validation: Cases,
    load: Load = load_file,
    *,
    map: Map = map,
    keep: bool = True,
    observe: Callable[[str], None] | None = None,
    low_data: bool = False,
    patience: int = 1,
    **config: Any,
) -> tuple[Engine, dict[str, float]]:
    """Searches thresholds as :meth:`pinesy.Engine.search_thresholds` does, with the same outcome.

    validation: cases that decide, here and not in shards. Gives the engine and the threshold of
    each group of attributes.
    """
    if patience < 1:
        raise Error("patience: expected at least 1")
    rounds = _Rounds(shards, load, map, keep, observe)
    power, steps = (2 if low_data else 5), 30
    grid = [float(np.float32((i / steps) ** power * 1.001)) for i in range(1, steps + 1)]
    groups = list(dict.fromkeys(_group(name) for name in engine.rules.derived))
    at = dict.fromkeys(groups, 0)

    # A group's threshold rises from rule set to rule set until each keeps an example; what was learned
    # before it rose is learned again.
    while True:
        chosen, used = engine, []
        for name in engine.rules.derived:
            group = _group(name)
            at[group] = rounds.least_kept(chosen, name, grid, at[group], config)
            used.append((group, at[group]))
            chosen = _with(chosen, rounds.learned(chosen, [name], {**config, "threshold": grid[at[group]]}))
        if all(at[group] == position for group, position in used):
            break
    best = chosen.score(validation)
    rounds.tell(f"thresholds that keep an example of every rule set: {best:.4f} of the validation cases")
    for group in groups:
        tried, failures = dict(at), 0
        while failures < patience and tried[group] + 1 < steps:
            tried[group] += 1
            learned = _learn(engine, rounds, lambda name: grid[tried[_group(name)]], config)
            accuracy = learned.score(validation)
            rounds.tell(f"threshold of {group} {grid[tried[group]]:.3g}: {accuracy:.4f} of the validation cases")
            if accuracy >= best + 1e-4 and accuracy > best:
                best, failures, at, chosen = accuracy, 0, dict(tried), learned
            else:
                failures += 1
    return chosen, {group: grid[position] for group, position in at.items()}


def calibrated(
    engine: Engine,
    shards: Sequence[Any],
    load: Load = load_file,
    *,
    one_way: Literal["yes", "no"],
    map: Map = map,
    keep: bool = False,
    observe: Callable[[str], None] | None = None,
    keep_fixed: bool = False,
) -> Engine:
    """Counts as :meth:`pinesy.Engine.calibrated` does, bit for bit: one round for each depth."""
    if one_way not in ("yes", "no"):
        raise Error(f"one_way {one_way!r}: expected 'yes' or 'no'")
    rounds = _Rounds(shards, load, map, keep, observe)
    for attributes in engine.rules.depths:
        state = reduce(CalibratedRuleSets.merge, rounds.run(partial(_count, attributes), engine))
        found = state.parameters(engine, one_way=one_way == "yes", keep_fixed=keep_fixed)
        engine = _with(engine, found)
    return engine


def infer(
    engine: Engine,
    shards: Sequence[Any],
    load: Load = load_file,
    attributes: str | Sequence[str] | None = None,
    *,
    map: Map = map,
    keep: bool = False,
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """What :meth:`pinesy.Engine.infer` gives, shard by shard, in order."""
    yield from map(partial(_shard, partial(_infer, attributes), engine, load, keep), shards)


def dask_map(client: Any, *, retries: int = 5) -> Map:
    """A map for the workers of a Dask client.

    A shard goes to the same worker each time, so that with ``keep`` it is loaded there once; if that
    worker is gone or busy, to another. What a worker that died had not finished is done again.
    """

    def run(function: Callable[[Shard], Result], shards: Sequence[Shard]) -> list[Result]:
        workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
        futures = [
            client.submit(
                function,
                shard,
                workers=[workers[i % len(workers)]] if workers else None,
                allow_other_workers=True,
                pure=False,
                retries=retries,
            )
            for i, shard in enumerate(shards)
        ]
        results: list[Result] = client.gather(futures)
        lost = set(workers) - set(client.scheduler_info(n_workers=-1)["workers"])
        if lost:
            _log.warning("%s workers were lost in this round; nothing was lost with them", len(lost))
        return results

    return run


def ray_map(ray: Any, *, retries: int = 5) -> Map:
    """A map for the workers of Ray: ``ray_map(ray)`` after ``ray.init()``.

    What a worker that died had not finished is done again.
    """

    def run(function: Callable[[Shard], Result], shards: Sequence[Shard]) -> list[Result]:
        # Sent once, not with every shard.
        sent = ray.put(function)
        task = ray.remote(max_retries=retries)(_call)
        results: list[Result] = ray.get([task.remote(sent, shard) for shard in shards])
        return results

    return run


def _call(function: Callable[[Shard], Result], shard: Shard) -> Result:
    return function(shard)


def _group(attribute: str) -> str:
    return attribute.rstrip("0123456789") or attribute


def _with(engine: Engine, found: dict[str, dict[str, Any]]) -> Engine:
    parameters = {name: dict(of) for name, of in engine.parameters.items()}
    for name, of in found.items():
        parameters[name] |= of
    return engine.with_parameters(parameters)


class _Rounds:
    """Runs functions of an engine and a shard's cases on all shards."""

    def __init__(
        self,
        shards: Sequence[Any],
        load: Load,
        map: Map,
        keep: bool,
        observe: Callable[[str], None] | None,
    ) -> None:
        self.shards = list(shards)
        if not self.shards:
            raise Error("no shards: expected at least one")
        self.load, self.map, self.keep, self.observe = load, map, keep, observe
        self.rounds = 0

    def run(self, function: Callable[[Engine, Cases], Result], engine: Engine) -> list[Result]:
        results = list(self.map(partial(_shard, function, engine, self.load, self.keep), self.shards))
        self.rounds += 1
        self.tell(f"round {self.rounds}: {len(results)} shards")
        return results

    def tell(self, what: str) -> None:
        if self.observe is not None:
            self.observe(what)

    def gather(self, engine: Engine, attributes: list[str], config: dict[str, Any]) -> PartialRuleSets:
        return reduce(PartialRuleSets.merge, self.run(partial(_gather, attributes, config), engine))

    def learned(self, engine: Engine, attributes: list[str], config: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The parameters of rule sets of one depth that keep an example."""
        state = self.gather(engine, attributes, config)
        distances = np.maximum.reduce(self.run(partial(_distances, state), engine))
        solutions = self.run(partial(_solutions, state, distances), engine)
        return {
            name: {p: np.maximum.reduce([solution[name][p] for solution in solutions]) for p in ("s", "r")}
            for name, kept in zip(state.attributes, state.kept, strict=True)
            if kept
        }

    def least_kept(self, engine: Engine, name: str, grid: list[float], low: int, config: dict[str, Any]) -> int:
        """The first threshold of the grid, from a position on, that keeps an example of a rule set."""

        def keeps(position: int) -> bool:
            return self.gather(engine, [name], {**config, "threshold": grid[position]}).kept[0] > 0

        high = len(grid) - 1
        # The last one keeps whatever there is.
        if keeps(low) or not keeps(high):
            return low
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (low, middle) if keeps(middle) else (middle, high)
        return high


def _learn(
    engine: Engine, rounds: _Rounds, threshold: Callable[[str], float | None], config: dict[str, Any]
) -> Engine:
    """Depth by depth, and there together what has one threshold."""
    for attributes in engine.rules.depths:
        found: dict[str, dict[str, Any]] = {}
        for limit in dict.fromkeys(threshold(name) for name in attributes):
            alike = [name for name in attributes if threshold(name) == limit]
            found |= rounds.learned(engine, alike, {**config, "threshold": limit})
        engine = _with(engine, found)
    return engine


# What workers run. Their first arguments are bound here, the last two there.


def _gather(attributes: list[str], config: dict[str, Any], engine: Engine, cases: Cases) -> PartialRuleSets:
    return PartialRuleSets.gather(engine, attributes, cases, **config)


def _distances(state: PartialRuleSets, engine: Engine, cases: Cases) -> NDArray[np.float32]:
    return state.distances(engine, cases)


def _solutions(
    state: PartialRuleSets, distances: NDArray[np.float32], engine: Engine, cases: Cases
) -> dict[str, dict[str, NDArray[np.float32]]]:
    return state.solutions(engine, cases, distances)


def _count(attributes: list[str], engine: Engine, cases: Cases) -> CalibratedRuleSets:
    return CalibratedRuleSets.gather(engine, attributes, cases)


def _infer(
    attributes: str | Sequence[str] | None, engine: Engine, cases: Cases
) -> dict[str, NDArray[np.float32]]:
    return engine.infer(cases, attributes)


#: What this process has loaded, for ``keep``.
_kept: dict[tuple[str, Any, Any], Cases] = {}


def _shard(
    function: Callable[[Engine, Cases], Result], engine: Engine, load: Load, keep: bool, shard: Any
) -> Result:
    if not keep:
        return function(engine, load(engine, shard))
    # Cases belong to rules, whatever their parameters; functions pickled anew differ, their names do not.
    key = (engine.rules.fingerprint, getattr(load, "__qualname__", load), shard)
    if key not in _kept:
        _kept[key] = load(engine, shard)
    return function(engine, _kept[key])
