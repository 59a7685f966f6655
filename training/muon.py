"""Muon (Keller Jordan and others, 2024): momentum, made orthogonal by five Newton-Schulz steps.

For the matrices of a small transformer it needs far fewer tokens than AdamW, and on a CPU tokens are the bottleneck.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest matrices (…, rows, columns) with singular values near 1. The coefficients are the published ones."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.mT if matrices.shape[-2] > matrices.shape[-1] else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if matrices.shape[-2] > matrices.shape[-1] else x


class Muon(torch.optim.Optimizer):
    """Each parameter is a matrix, or `parts` of one shape, one upon the other (as the queries, keys and values of attention)."""

    def __init__(self, groups: Iterable[dict[str, object]], lr: float, momentum: float = 0.95, weight_decay: float = 0.1) -> None:
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "parts": 1})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(momentum, group["momentum"])
                matrices = update.view(group["parts"], -1, update.shape[-1])
                scale = max(1.0, matrices.shape[-2] / matrices.shape[-1]) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(orthogonal(matrices).reshape(parameter.shape), alpha=-group["lr"] * scale)
