"""The solver alone."""

import pickle

import numpy as np
import pytest

import pinesy
from pinesy.relation import System, max_min, min_max


@pytest.mark.parametrize("composition", ["min-max", "max-min"])
def test_approximation_is_consistent_and_as_near_as_it_says(composition):
    random = np.random.default_rng(1)
    for _ in range(50):
        matrix, rhs = random.integers(0, 9, (6, 4)) / 8, random.integers(0, 9, 6) / 8
        system = System(matrix, rhs, composition)
        distance, near, solution = system.approximation()
        assert distance == system.chebyshev_distance() == system.row_distances().max()
        assert np.abs(near - rhs).max() == distance
        product = {"min-max": min_max, "max-min": max_min}[composition]
        assert (product(matrix, solution) == near).all()
        assert System(matrix, near, composition).is_solution(solution)
        changed, other = system.approximate_matrix()
        assert System(other, rhs, composition).is_consistent() and np.abs(other - matrix).max() == changed
        if rows := system.maximal_consistent_rows():
            assert system.subsystem(rows).is_consistent()


def test_solutions():
    system = System([[0.75, 0.75], [0.5, 0.25]], [0.5, 0.5], "max-min")
    assert [s.tolist() for s in system.opposite_solutions()] == [[0.5, 0.0]]
    assert system.opposite_solutions().count_up_to() == 1
    assert (pickle.loads(pickle.dumps(system)).extreme_solution() == system.extreme_solution()).all()


def test_parts():
    matrix, rhs = np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([0.5, 0.25])
    parts = [System(matrix[[i]], rhs[[i]]).partial() for i in (1, 0)]
    merged = pickle.loads(pickle.dumps(parts[0])).merge(parts[1])
    assert (merged.row_distances(matrix, rhs) == System(matrix, rhs).row_distances()).all()


def test_errors():
    with pytest.raises(pinesy.Error, match="matrix row 0, column 1") as caught:
        System([[0.0, 2.0]], [0.5])
    assert caught.value.row == 0
    for wrong in [
        lambda: System([[0.5]], [0.5, 0.5]),
        lambda: System([0.5], [0.5]),
        lambda: System([[0.5]], [0.5], "max"),
        lambda: System([[0.75]], [0.5]).opposite_solutions(),
        lambda: System([[0.5]], [0.5]).subsystem([1]),
        lambda: min_max([[0.5]], [0.5, 0.5]),
    ]:
        with pytest.raises(pinesy.Error):
            wrong()


@pytest.mark.parametrize("number", [1.00000001, -1e-50])
def test_degrees_are_checked_before_they_are_rounded(number):
    for given in ([[0.5, number]], np.array([[0.5, number]])):
        with pytest.raises(pinesy.Error, match="expected"):
            System(given, [0.5])
    with pytest.raises(pinesy.Error, match="expected"):
        System([[0.5]], [number])
    with pytest.raises(pinesy.Error, match="expected"):
        pinesy.decide([0.5, number])
    rules = """
        attribute = [{ name = "sky", domain = ["clear", "grey"] }, { name = "rain", domain = ["no", "yes"] }]
        rule = [{ if = "sky == 'grey'", then = "rain == 'yes'" }]
    """
    engine = pinesy.Engine(pinesy.RuleBase(rules))
    with pytest.raises(pinesy.Error, match="sky"):
        engine.infer({"sky": np.array([[1.0, number]])})
