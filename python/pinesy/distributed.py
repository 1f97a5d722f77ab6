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
import os
import pathlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._pinesy import CalibratedRuleSets, Cases, Engine, Error, PartialRuleSets

__all__ = ["calibrated", "dask_map", "infer", "learn", "load_file", "ray_map", "search_thresholds"]

Result = TypeVar("Result")
Load = Callable[[Engine, Any], Cases]
Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]

_log = logging.getLogger(__name__)


def load_file(
    engine: Engine,
    path: str | pathlib.Path,
    *,
    transform: Literal["antipignistic", "minimum-specificity"] | None = None,
    missing: Literal["error", "unknown"] = "error",
) -> Cases:
    """The cases of a file with their targets: ``.npz``, ``.parquet``, or records (JSON lines, CSV).

    In a ``.npz`` file every array is a column, of a frame in Parquet (read by pyarrow) every column;
    those of derived attributes are targets, others that the rules do not know are passed over (in
    records they are an error). Records are read as the command ``pinesy learn`` reads them.

    Arrays are possibilities unless there is a transformation; missing says what an input is that a
    record does not mention: ``partial(load_file, transform="antipignistic", missing="unknown")``.
    """
    path = pathlib.Path(path)
    kind = path.suffix.lower()
    if kind not in (".npz", ".parquet"):
        return engine.read_cases(path, transform=transform, missing=missing)
    if kind == ".npz":
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
        transform=transform,
    )


def learn(
    engine: Engine,
    shards: Sequence[Any],
    load: Load = load_file,
    *,
    map: Map = map,
    keep: bool | str = False,
    observe: Callable[[str], None] | None = None,
    threshold: float | None = None,
    tolerance: float = 0.0,
    keep_fixed: bool = False,
) -> Engine:
    """Learns as :meth:`pinesy.Engine.learn` does, bit for bit, from cases in shards.

    shards: whatever says where the cases are, such as paths; it is what travels.
    load: a function (importable by the workers) of (engine, shard) that gives the shard's cases,
        made by :meth:`pinesy.Engine.cases` with their targets.
    map: runs a function on every shard.
    keep: True: workers keep what they have loaded from round to round, instead of loading it anew.
        A text: under this name for later calls, too, until another name is given; shards are then
        taken to be what they were. Shards must be hashable.
    observe: told of each round.

    Rules on all attributes of one depth are learned together, in three rounds.
    """
    rounds = _Rounds(shards, load, map, keep, observe)
    config = {"tolerance": tolerance, "keep_fixed": keep_fixed}
    learned, unlearned = _learn(engine, rounds, lambda _: threshold, config)
    if threshold is None:
        _check_taught(engine, unlearned)
    elif unlearned:
        _log.warning("the threshold keeps no example of %s: parameters as before", ", ".join(unlearned))
    return learned


def search_thresholds(
    engine: Engine,
    shards: Sequence[Any],
    validation: Cases,
    load: Load = load_file,
    *,
    map: Map = map,
    keep: bool | str = False,
    observe: Callable[[str], None] | None = None,
    low_data: bool = False,
    patience: int = 1,
    tolerance: float = 0.0,
    keep_fixed: bool = False,
) -> tuple[Engine, dict[str, float]]:
    """Searches thresholds as :meth:`pinesy.Engine.search_thresholds` does, with the same outcome.

    validation: cases that decide, here and not in shards. Gives the engine and the threshold of
    each group of attributes.
    """
    if patience < 1:
        raise Error("patience: expected at least 1")
    rounds = _Rounds(shards, load, map, keep, observe)
    config = {"tolerance": tolerance, "keep_fixed": keep_fixed}
    power, steps = (2 if low_data else 5), 30
    grid = [float(np.float32((i / steps) ** power * 1.001)) for i in range(1, steps + 1)]
    groups = list(dict.fromkeys(_group(name) for name in engine.rules.derived))
    at = dict.fromkeys(groups, 0)

    # A group's threshold rises from rule set to rule set until each keeps an example; what was learned
    # before it rose is learned again.
    while True:
        chosen, used, unlearned = engine, [], []
        for name in engine.rules.derived:
            group = _group(name)
            at[group] = rounds.least_kept(chosen, name, grid, at[group], config)
            used.append((group, at[group]))
            found = rounds.learned(chosen, [name], {**config, "threshold": grid[at[group]]})
            chosen = _with(chosen, found)
            if not found:
                unlearned.append(name)
        _check_taught(engine, unlearned)
        if all(at[group] == position for group, position in used):
            break
    best = chosen.score(validation)
    rounds.tell(f"thresholds that keep an example of every rule set: {best:.4f} of the validation cases")
    for group in groups:
        tried, failures = dict(at), 0
        while failures < patience and tried[group] + 1 < steps:
            tried[group] += 1
            learned, _ = _learn(engine, rounds, lambda name: grid[tried[_group(name)]], config)
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
    keep: bool | str = False,
    observe: Callable[[str], None] | None = None,
    keep_fixed: bool = False,
) -> Engine:
    """Counts as :meth:`pinesy.Engine.calibrated` does, bit for bit: one round for each depth."""
    if one_way not in ("yes", "no"):
        raise Error(f"one_way {one_way!r}: expected 'yes' or 'no'")
    rounds = _Rounds(shards, load, map, keep, observe)
    unlearned: list[str] = []
    for attributes in engine.rules.depths:
        state = reduce(CalibratedRuleSets.merge, rounds.run(partial(_count, attributes), engine))
        found = state.parameters(engine, one_way=one_way == "yes", keep_fixed=keep_fixed)
        engine = _with(engine, found)
        unlearned += [name for name, count in zip(state.attributes, state.examples, strict=True) if not count]
    _check_taught(engine, unlearned)
    return engine


def infer(
    engine: Engine,
    shards: Sequence[Any],
    load: Load = load_file,
    *,
    attributes: str | Sequence[str] | None = None,
    map: Map = map,
    keep: bool | str = False,
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """What :meth:`pinesy.Engine.infer` gives, shard by shard, in order; there must be a shard."""
    return _Rounds(shards, load, map, keep, None).each(partial(_infer, attributes), engine)


def dask_map(client: Any, *, retries: int = 5) -> Map:
    """A map for the workers of a Dask client.

    A shard goes to the same worker each time, so that with ``keep`` it is loaded there once; if that
    worker is gone or busy, to another. What a worker that died had not finished is done again.
    """
    at: dict[int, str] = {}

    def run(function: Callable[[Any], Result], shards: Sequence[Any]) -> list[Result]:
        workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
        for i in range(len(shards)):
            if workers and at.get(i) not in workers:
                at[i] = workers[i % len(workers)]
        # Sent once, not with every shard.
        sent = client.scatter(function, broadcast=True, hash=False)
        futures = [
            client.submit(
                _call,
                sent,
                shard,
                workers=[at[i]] if i in at else None,
                allow_other_workers=True,
                pure=False,
                retries=retries,
            )
            for i, shard in enumerate(shards)
        ]
        results: list[Result] = client.gather(futures)
        gone = set(workers) - set(client.scheduler_info(n_workers=-1)["workers"])
        if gone:
            _log.warning("workers gone in this round: %s; what they had not finished was done again", len(gone))
        return results

    return run


def ray_map(ray: Any, *, retries: int = 5) -> Map:
    """A map for the workers of Ray: ``ray_map(ray)`` after ``ray.init()``.

    What a worker that died had not finished is done again. Ray places tasks as it likes: with
    ``keep``, in time every worker holds most of the shards.
    """

    def run(function: Callable[[Any], Result], shards: Sequence[Any]) -> list[Result]:
        sent = ray.put(function)
        task = ray.remote(max_retries=retries)(_call)
        results: list[Result] = ray.get([task.remote(sent, shard) for shard in shards])
        return results

    return run


def _call(function: Callable[[Any], Result], shard: Any) -> Result:
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
        keep: bool | str,
        observe: Callable[[str], None] | None,
    ) -> None:
        if isinstance(shards, (str, os.PathLike)):
            raise Error(f"shards {shards!r}: expected several, such as [{shards!r}]")
        self.shards = list(shards)
        if not self.shards:
            raise Error("no shards: expected at least one")
        self.load, self.map, self.observe = load, map, observe
        self.keep = _name(keep, self.shards)
        self.rounds = 0

    def each(self, function: Callable[[Engine, Cases], Result], engine: Engine) -> Iterator[Result]:
        """The results in order, as they come."""
        count = 0
        for result in self.map(partial(_shard, function, engine, self.load, self.keep), self.shards):
            count += 1
            if count <= len(self.shards):
                yield result
        if count != len(self.shards):
            raise Error(f"map: {count} results of {len(self.shards)} shards: expected one each, in order")

    def run(self, function: Callable[[Engine, Cases], Result], engine: Engine) -> list[Result]:
        results = list(self.each(function, engine))
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
) -> tuple[Engine, list[str]]:
    """Depth by depth, and there together what has one threshold; also what no example taught."""
    unlearned: list[str] = []
    for attributes in engine.rules.depths:
        found: dict[str, dict[str, Any]] = {}
        for limit in dict.fromkeys(threshold(name) for name in attributes):
            alike = [name for name in attributes if threshold(name) == limit]
            found |= rounds.learned(engine, alike, {**config, "threshold": limit})
        engine = _with(engine, found)
        unlearned += [name for name in attributes if name not in found]
    return engine, unlearned


def _check_taught(engine: Engine, unlearned: list[str]) -> None:
    if len(unlearned) == len(engine.rules.derived):
        raise Error(f"no example has a target for {', '.join(unlearned)}: expected at least one")


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


#: What this process has loaded, for ``keep``, and under which name.
_kept: dict[tuple[str, Any], Cases] = {}
_kept_as: str | None = None


def _shard(
    function: Callable[[Engine, Cases], Result], engine: Engine, load: Load, keep: str | None, shard: Any
) -> Result:
    global _kept_as
    if keep is None:
        return function(engine, load(engine, shard))
    if keep != _kept_as:
        _kept.clear()
        _kept_as = keep
    # Cases belong to rules, whatever their parameters.
    key = (engine.rules.fingerprint, shard)
    if key not in _kept:
        _kept[key] = load(engine, shard)
    return function(engine, _kept[key])


def _name(keep: bool | str, shards: Sequence[Any]) -> str | None:
    """What is kept under: a name of its own, unless one is given."""
    if keep is False:
        return None
    try:
        hash(tuple(shards))
    except TypeError as error:
        raise Error(f"keep: expected shards that are hashable ({error})") from None
    return uuid.uuid4().hex if keep is True else keep
