"""Training targets from conclusions."""

import numpy as np
import pytest

import pinesy


def test_a_known_sum_corrects_a_doubtful_digit(addition):
    sure, unsure = np.full((1, 10), 0.0), np.full((1, 10), 0.0)
    sure[0, 4], unsure[0, 3], unsure[0, 8] = 1, 0.4, 0.6
    targets = pinesy.conclusion_targets(addition, {"a1": sure, "a2": unsure}, {"y0": [0], "y1": [7]})
    assert targets["a2"][0].argmax() == 3 and targets["a2"][0, 8] == 0
    assert np.allclose(targets["a1"], sure)


def test_nothing_observed_teaches_nothing(addition, sums):
    targets = pinesy.conclusion_targets(addition, sums, {})
    assert all((targets[name] == sums[name]).all() for name in sums)


def test_targets_are_probabilities(addition, sums):
    right = np.roll(sums["a1"].argmax(1), 1)
    targets = pinesy.conclusion_targets(addition, sums, {"y1": right})
    for name in sums:
        assert np.allclose(targets[name].sum(1), 1, atol=1e-5) and (targets[name] >= 0).all()


def test_the_gradient_is_what_was_said_less_what_should_have_been(addition, sums):
    torch = pytest.importorskip("torch")
    from pinesy.torch import conclusion_loss

    logits = {name: torch.log(torch.tensor(array)).requires_grad_() for name, array in sums.items()}
    observed = {"y1": np.roll(sums["a1"].argmax(1), 1)}
    conclusion_loss(addition, logits, observed).backward()
    targets = pinesy.conclusion_targets(addition, sums, observed)
    for name, values in logits.items():
        expected = (sums[name] - targets[name]) / (len(sums[name]) * len(sums))
        assert np.allclose(values.grad.numpy(), expected, atol=1e-6)
