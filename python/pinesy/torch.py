"""Training a PyTorch network from conclusions: ``pip install pinesy[torch]``.

A step, for images of digits of which only the sum is known::

    logits = network(images).view(-1, 2, 10)                    # (sums, digits of a sum, values)
    loss = pinesy.torch.conclusion_loss(engine, {"a1": logits[:, 0], "a2": logits[:, 1]}, sums)
    loss.backward()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .training import conclusion_targets

if TYPE_CHECKING:
    from ._pinesy import Engine

__all__ = ["conclusion_loss"]


def conclusion_loss(engine: Engine, logits: Mapping[str, Tensor], observed: Mapping[str, Any]) -> Tensor:
    """The loss of a network that gave these logits where these conclusions were observed.

    logits: for every input of the rules, of shape (cases, values), on any device.
    observed: columns by attribute, as for :func:`pinesy.conclusion_targets`.

    Gives the mean cross-entropy, over cases and inputs, between the logits and what they should have
    been; its gradient in the logits is the network's probabilities less these targets. Rules are
    run on the CPU: logits come over once a step, targets go back.
    """
    scores = {name: torch.log_softmax(values, dim=1) for name, values in logits.items()}
    probabilities = {name: score.detach().float().exp().cpu().numpy() for name, score in scores.items()}
    targets = conclusion_targets(engine, probabilities, observed)
    losses = [-(torch.from_numpy(targets[name]).to(score) * score).sum(dim=1) for name, score in scores.items()]
    return torch.stack(losses).mean()
