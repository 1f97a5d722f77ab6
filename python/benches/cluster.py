"""Seconds and memory of learning from shards: in this process, in others, with Dask and Ray.

    python benches/cluster.py [--cases 10000] [--shards 12]

Sums of two digits with graded targets. "rust" is the time the engine itself reports from inside the
same call: what is left of the call is what Python adds.
"""

import argparse
import os
import resource
import signal
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import pinesy
from pinesy import distributed

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from workers import columns

RULES = Path(__file__).parents[2] / "rulesets" / "mnist_addition.toml"


def load(engine, shard):
    seed, cases, folder = shard
    if folder and seed == 3:
        try:
            (Path(folder) / "killed").touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return engine.cases(*columns(seed, cases))


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def worker_memory(_):
    return os.getpid(), memory()


def seconds(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def row(what, *cells):
    print(f"{what:24}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


def overhead(engine, cases):
    table = engine.cases(*columns(0, cases))
    calls, inside = [], []
    for _ in range(20):
        taken, (_, report) = seconds(lambda: engine.learn(table))
        calls.append(taken)
        inside.append(report["seconds"])
    call, rust = statistics.median(calls), statistics.median(inside)
    print(f"learning from {cases} sums: {1e3 * call:.2f} ms, of these rust {1e3 * rust:.2f} ms, ", end="")
    print(f"{100 * (call / rust - 1):.1f} % more; peak memory {memory()} MB")


def measure(engine, expected, name, shards, run, start_up):
    first, learned = seconds(lambda: distributed.learn(engine, shards, load, map=run, keep=name))
    kept, again = seconds(lambda: distributed.learn(engine, shards, load, map=run, keep=name))
    assert learned.fingerprint == again.fingerprint == expected
    used = max(dict(run(worker_memory, range(12))).values())
    with tempfile.TemporaryDirectory() as folder:
        fatal = [(seed, cases, folder) for seed, cases, _ in shards]
        killed = "-"
        if name != "processes":
            killed, learned = seconds(lambda: distributed.learn(engine, fatal, load, map=run, keep=name))
            assert learned.fingerprint == expected and (Path(folder) / "killed").exists()
            killed = f"{killed:.2f} s"
    row(name, f"{start_up:.1f} s", f"{first:.2f} s", f"{kept:.2f} s", killed, f"{used} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--shards", type=int, default=12)
    options = parser.parse_args()
    engine = pinesy.Engine(RULES, k=1)
    overhead(engine, options.cases)
    shards = [(seed, options.cases, "") for seed in range(options.shards)]
    parts = [columns(seed, options.cases) for seed, _, _ in shards]
    whole = [{name: np.concatenate([part[i][name] for part in parts]) for name in parts[0][i]} for i in (0, 1)]
    table = engine.cases(*whole)
    taken, (learned, _) = seconds(lambda: engine.learn(table))
    expected = learned.fingerprint
    print(f"\n{options.shards} shards of {options.cases} sums; in one table {taken:.2f} s; three workers\n")
    row("", "start-up", "first fit", "shards kept", "a worker killed", "worker's peak")

    start, pool = seconds(lambda: ProcessPoolExecutor(3, get_context("spawn")))
    start += seconds(lambda: list(pool.map(worker_memory, range(3))))[0]
    measure(engine, expected, "processes", shards, pool.map, start)
    pool.shutdown()

    from dask.distributed import Client, LocalCluster

    start, cluster = seconds(lambda: LocalCluster(3, threads_per_worker=1, processes=True, dashboard_address=None))
    with cluster, Client(cluster) as client:
        measure(engine, expected, "dask", shards, distributed.dask_map(client), start)

    import ray

    path = os.pathsep.join(str(Path(__file__).parents[1] / folder) for folder in ("tests", "benches"))
    environment = {"env_vars": {"PYTHONPATH": path}}
    start, _ = seconds(lambda: ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, runtime_env=environment))
    measure(engine, expected, "ray", shards, distributed.ray_map(ray), start)
    ray.shutdown()


if __name__ == "__main__":
    main()
