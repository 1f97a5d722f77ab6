"""Learning from shards in other processes; the same call runs on a cluster.

With Dask:  ``map=lambda f, shards: client.gather(client.map(f, shards, pure=False))``
With Ray:   ``map=lambda f, shards: ray.get([ray.remote(f).remote(shard) for shard in shards])``
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import pinesy
from pinesy.distributed import learn

RULES = Path(__file__).parents[2] / "rulesets" / "mnist_addition.toml"


def load(engine: pinesy.Engine, seed: int) -> pinesy.Cases:
    """A shard: here it is made up; else it is read, where the worker runs."""
    random = np.random.default_rng(seed)
    digits = random.integers(0, 10, (2, 1000))
    columns = {name: np.maximum(np.eye(10)[of], random.random((1000, 10)) / 4) for name, of in zip(["a1", "a2"], digits)}
    total = digits.sum(axis=0)
    return engine.cases(columns, {"y0": total // 10, "y1": total % 10})


if __name__ == "__main__":
    engine = pinesy.Engine(RULES, k=1)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        learned = learn(engine, range(8), load, map=pool.map, observe=print)
    print(learned.parameters["y1"]["s"].max())
