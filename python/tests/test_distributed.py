"""Learning from shards, in one process and in several, some of which are killed."""

import json
import logging
import os
import subprocess
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from workers import columns, fatal_shard, shard

import pinesy
from pinesy import distributed

SEEDS = list(range(8))


@pytest.fixture(scope="module")
def engine():
    return pinesy.Engine(Path(__file__).parents[2] / "rulesets" / "mnist_addition.toml", k=1)


def whole(engine, seeds=SEEDS):
    parts = [columns(seed) for seed in seeds]
    joined = [{name: np.concatenate([part[i][name] for part in parts]) for name in parts[0][i]} for i in range(2)]
    return engine.cases(*joined)


def same(a, b):
    return a.fingerprint == b.fingerprint


@pytest.mark.parametrize("threshold", [None, 0.3])
def test_shards_teach_what_the_whole_does(engine, threshold):
    told = []
    expected = engine.learn(whole(engine), threshold=threshold)[0]
    assert not same(expected, engine)
    for shards in (SEEDS, SEEDS[::-1]):
        learned = distributed.learn(engine, shards, shard, threshold=threshold, observe=told.append)
        assert same(learned, expected)
    assert len(told) == 2 * 3 * len(engine.rules.depths)


def test_what_was_loaded_is_kept(engine):
    loads = []

    def load(engine, seed):
        loads.append(seed)
        return shard(engine, seed)

    expected = distributed.learn(engine, SEEDS, shard)
    assert same(distributed.learn(engine, SEEDS, load, keep=True), expected)
    assert sorted(loads) == SEEDS
    assert same(distributed.learn(engine, SEEDS, load, keep="sums"), expected)
    assert same(distributed.learn(engine, SEEDS, load, keep="sums"), expected)
    assert len(loads) == 2 * len(SEEDS)
    loads.clear()
    assert same(distributed.learn(engine, SEEDS, load), expected)
    assert len(loads) == len(SEEDS) * 3 * len(engine.rules.depths)


@pytest.mark.parametrize("one_way", ["yes", "no"])
def test_shards_count_what_the_whole_does(engine, one_way):
    expected = engine.calibrated(whole(engine), one_way=one_way)[0]
    assert same(distributed.calibrated(engine, SEEDS, shard, one_way=one_way), expected)
    with pytest.raises(pinesy.Error, match="one_way 'auto': expected 'yes' or 'no'"):
        distributed.calibrated(engine, SEEDS, shard, one_way="auto")


@pytest.mark.parametrize("low_data", [False, True])
def test_thresholds_are_those_found_in_one_place(engine, low_data):
    validation = whole(engine, [100, 101])
    expected, report = engine.search_thresholds(whole(engine), validation, low_data=low_data, patience=2)
    found, thresholds = distributed.search_thresholds(
        engine, SEEDS, validation, shard, low_data=low_data, patience=2
    )
    assert same(found, expected)
    assert thresholds == pytest.approx(report["thresholds"], rel=1e-6)


def test_shards_are_answered_in_order(engine):
    answers = list(distributed.infer(engine, SEEDS, shard, attributes=["y1", "c1"]))
    expected = engine.infer(whole(engine), ["y1", "c1"])
    for name, array in expected.items():
        assert (np.concatenate([answer[name] for answer in answers]) == array).all()


def test_what_is_kept_belongs_to_one_call(light):
    case = {"light": "red", "crossing": "nobody"}
    act = {"stop": [[1.0, 0.25]], "go": [[1.0, 0.75]]}
    learned = [
        distributed.learn(light, ["x"], lambda engine, _: engine.cases(case, {"act": degrees}), keep=True)
        for degrees in act.values()
    ]
    assert not same(*learned)


def test_what_teaches_nothing_is_told(light, engine, caplog):
    untold = [{"light": "red", "crossing": "nobody"}]
    for work in (distributed.learn, lambda *given: distributed.calibrated(*given, one_way="no")):
        with pytest.raises(pinesy.Error, match="no example has a target for act: expected at least one"):
            work(light, [0], lambda engine, _: engine.cases(untold[0]))
    with caplog.at_level(logging.WARNING, "pinesy.distributed"):
        distributed.learn(engine, SEEDS, shard, threshold=1e-9)
    assert "the threshold keeps no example of" in caplog.text
    with pytest.raises(pinesy.Error, match="keep: expected shards that are hashable"):
        distributed.learn(light, [{}], lambda engine, _: engine.cases(untold[0]), keep=True)
    with pytest.raises(TypeError):
        distributed.search_thresholds(engine, SEEDS, whole(engine), shard, threshold=0.5)


def test_no_shards(engine):
    with pytest.raises(pinesy.Error, match="no shards: expected at least one"):
        distributed.learn(engine, [], shard)
    with pytest.raises(pinesy.Error, match="shards 'a.csv': expected several"):
        distributed.learn(engine, "a.csv")
    with pytest.raises(pinesy.Error, match="map: 2 results of 8 shards"):
        distributed.learn(engine, SEEDS, shard, map=lambda work, shards: [work(one) for one in shards[:2]])
    # Told at once, not when the first answer is asked for.
    with pytest.raises(pinesy.Error, match="shards 'a.csv': expected several"):
        distributed.infer(engine, "a.csv")
    with pytest.raises(pinesy.Error, match="map: 2 results of 8 shards"):
        list(distributed.infer(engine, SEEDS, shard, map=lambda work, shards: [work(one) for one in shards[:2]]))


def test_files_of_every_kind(light, tmp_path):
    rows = {
        "light": ["red", "green", "green", "red"],
        "crossing": ["nobody", "someone", "nobody", "someone"],
        "act": ["stop", "stop", "go", "go"],
    }
    records = [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "a.csv").write_text(
        ",".join(rows) + "\n" + "".join(",".join(record.values()) + "\n" for record in records)
    )
    np.savez(
        tmp_path / "a.npz",
        light=np.eye(2, dtype=np.float32)[[0, 1, 1, 0]],
        crossing=np.eye(2, dtype=np.float32)[[0, 1, 0, 1]],
        act=np.eye(2, dtype=np.float32)[[0, 0, 1, 1]],
        other=np.arange(4),
    )
    names = ["a.jsonl", "a.csv", "a.npz"]
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({**rows, "comment": ["a", "b", "c", "d"]}), tmp_path / "a.parquet")
    names.append("a.parquet")
    inputs = {name: rows[name] for name in ("light", "crossing")}
    expected = light.learn(inputs, {"act": rows["act"]})[0]
    assert not same(expected, light)
    for name in names:
        assert same(distributed.learn(light, [str(tmp_path / name)]), expected), name


def test_the_command_learns_the_same(tmp_path):
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[2] / "target"))
    command = target / "release" / "pinesy"
    if not command.exists():
        pytest.skip(f"{command} is not built")
    rules = Path(__file__).parents[2] / "rulesets" / "triage.toml"
    random = np.random.default_rng(0)
    names = "temperature,pulse,age,confused,infection,urgency"
    lines = [
        f"{t:.1f},{p},{a},{c},{i},{u}"
        for t, p, a, c, i, u in zip(
            random.normal(38, 1, 300),
            random.integers(50, 150, 300),
            random.integers(0, 90, 300),
            random.choice(["yes", "no", ""], 300),
            random.choice(["unlikely", "suspected", "severe", ""], 300),
            random.choice(["wait", "soon", "now"], 300),
            strict=True,
        )
    ]
    shards = []
    for i in range(3):
        shards.append(tmp_path / f"{i}.csv")
        shards[i].write_text("\n".join([names, *lines[100 * i : 100 * (i + 1)]]) + "\n")
    (tmp_path / "all.csv").write_text("\n".join([names, *lines]) + "\n")
    engine = pinesy.Engine(rules)
    for more, config in [([], {}), (["--threshold", "0.6"], {"threshold": 0.6})]:
        out = tmp_path / "p.json"
        learn = [command, "learn", rules, "--possibility", *more, "--out", out, tmp_path / "all.csv"]
        subprocess.run(learn, check=True, capture_output=True)
        expected = engine.with_parameters(out)
        assert not same(expected, engine)
        assert same(distributed.learn(engine, shards, **config), expected)


def test_a_bad_file_is_named(light, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("light,crossing,act\nred,nobody,stop\nblue,nobody,stop\n")
    with pytest.raises(pinesy.Error, match="light") as caught:
        distributed.learn(light, [path])
    assert (caught.value.file, caught.value.line) == (str(path), 3)
    with pytest.raises(FileNotFoundError):
        distributed.learn(light, [tmp_path / "none.csv"])


def test_other_processes(engine):
    expected = engine.learn(whole(engine))[0]
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        assert same(distributed.learn(engine, SEEDS, shard, map=pool.map, keep=True), expected)


@pytest.mark.filterwarnings("ignore")
def test_dask_with_a_worker_killed(engine, tmp_path, caplog):
    dask = pytest.importorskip("distributed")
    where = [(seed, str(tmp_path)) for seed in SEEDS]
    with (
        caplog.at_level(logging.WARNING, "pinesy.distributed"),
        dask.LocalCluster(3, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        dask.Client(cluster) as client,
    ):
        run = distributed.dask_map(client)
        learned = distributed.learn(engine, where, fatal_shard, map=run, keep=True)
        again = distributed.learn(engine, where, fatal_shard, map=run, keep=True)
    assert (tmp_path / "killed").exists()
    expected = engine.learn(whole(engine))[0]
    assert same(learned, expected) and same(again, expected)
    assert "workers gone in this round: 1;" in caplog.text


@pytest.mark.filterwarnings("ignore")
def test_ray_with_a_worker_killed(engine, tmp_path):
    ray = pytest.importorskip("ray")
    where = [(seed, str(tmp_path)) for seed in SEEDS]
    path = {"PYTHONPATH": str(Path(__file__).parent)}
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": path})
    try:
        run = distributed.ray_map(ray)
        learned = distributed.learn(engine, where, fatal_shard, map=run, keep=True)
    finally:
        ray.shutdown()
    assert (tmp_path / "killed").exists()
    assert same(learned, engine.learn(whole(engine))[0])
