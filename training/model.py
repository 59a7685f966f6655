"""A llama-architecture transformer: RMSNorm, rotary positions, SwiGLU, tied embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Config:
    vocabulary: int = 640
    width: int = 128
    layers: int = 6
    heads: int = 4
    hidden: int = 320
    context: int = 2048
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class Attention(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: Tensor, turns: Tensor) -> Tensor:
        batch, length, width = x.shape
        heads = self.config.heads
        q_and_k, v = self.qkv(x).view(batch, length, 3 * heads, self.config.head_width).split((2 * heads, heads), dim=2)
        q, k = rotate(q_and_k, turns).transpose(1, 2).chunk(2, dim=1)
        y = self.attend(q, k, v.transpose(1, 2))
        return self.out(y.transpose(1, 2).reshape(batch, length, width))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Causal attention over (batch, heads, length, head width)."""
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Rotates neighbouring pairs (2i, 2i + 1): the order of llama.cpp's llama architecture, so the weights are exported unchanged.

    x is (batch, length, heads, head width), turns (length, 1, head width / 2) and complex.
    """
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turns).flatten(-2)


class Block(nn.Module):
    def __init__(self, config: Config, attention: type[Attention]) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.attention = attention(config)
        self.feed_norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.gate_and_up = nn.Linear(config.width, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x: Tensor, turns: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), turns)
        gate, up = self.gate_and_up(self.feed_norm(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Llama(nn.Module):
    def __init__(self, config: Config, attention: type[Attention] = Attention) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config, attention) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        frequencies = config.rope_base ** (-torch.arange(0, config.head_width, 2) / config.head_width)
        angles = torch.outer(torch.arange(config.context), frequencies)
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles)[:, None, :], persistent=False)
        self.apply(self.initialize)

    def initialize(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)

    def hidden_states(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, self.turns[: ids.shape[1]])
        return self.norm(x)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (batch, length) to logits (batch, length, vocabulary)."""
        return self.hidden_states(ids) @ self.embedding.weight.T

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())
