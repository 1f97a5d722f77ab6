"""What several tests need."""

from pathlib import Path

import numpy as np
import pytest

import pinesy

RULESETS = Path(__file__).parents[2] / "rulesets"

LIGHT = """
[[attribute]]
name = "light"
domain = ["red", "green"]
[[attribute]]
name = "crossing"
domain = ["nobody", "someone"]
[[attribute]]
name = "act"
domain = ["stop", "go"]
[[rule]]
name = "red light"
if = "light == 'red'"
then = "act == 'stop'"
[[rule]]
name = "somebody crosses"
if = "crossing == 'someone'"
then = "act == 'stop'"
[[rule]]
name = "the way is free"
if = ["light == 'green'", "crossing == 'nobody'"]
then = "act == 'go'"
"""


@pytest.fixture
def light() -> pinesy.Engine:
    return pinesy.Engine(pinesy.RuleBase(LIGHT))


@pytest.fixture(scope="session")
def addition() -> pinesy.Engine:
    return pinesy.Engine(RULESETS / "mnist_addition.toml", k=1)


@pytest.fixture(scope="session")
def sums() -> dict[str, np.ndarray]:
    """Probabilities of the digits of 1,000 sums."""
    random = np.random.default_rng(0)
    scores = random.gumbel(size=(2, 1000, 10)) * 3
    probabilities = np.exp(scores - scores.max(axis=2, keepdims=True))
    probabilities /= probabilities.sum(axis=2, keepdims=True)
    return {"a1": probabilities[0].astype(np.float32), "a2": probabilities[1].astype(np.float32)}
