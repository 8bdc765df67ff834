"""A llama-style transformer: RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied embeddings."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


@dataclass(frozen=True)
class Shape:
    """The model's dimensions; GGUF's metadata is written from them."""

    vocabulary: int = 2048
    width: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 576
    context: int = 2048
    rope_base: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Numbers per attention head."""
        return self.width // self.heads


def rotation(shape: Shape, length: int) -> Tensor:
    """Cosines and sines, `(2, length, head_width / 2)`."""
    powers = torch.arange(0, shape.head_width, 2).float() / shape.head_width
    angles = torch.arange(length).float()[:, None] / shape.rope_base**powers
    return torch.stack((angles.cos(), angles.sin()))


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Rotate neighbouring pairs, the order llama.cpp expects of this architecture, so nothing is permuted."""
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = turn[0], turn[1]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Attention(nn.Module):
    """Causal self-attention in which several query heads share a key and value head."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        narrow = shape.kv_heads * shape.head_width
        self.q = nn.Linear(shape.width, shape.width, bias=False)
        self.k = nn.Linear(shape.width, narrow, bias=False)
        self.v = nn.Linear(shape.width, narrow, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        """`x`: `(rows, length, width)`. Scores are in float32: on a CPU that is twice as fast as bfloat16."""
        split = (x.shape[0], x.shape[1], -1, self.shape.head_width)
        q, k, v = (project(x).view(split).transpose(1, 2) for project in (self.q, self.k, self.v))
        share = self.shape.heads // self.shape.kv_heads
        k, v = rotate(k, turn).repeat_interleave(share, 1), v.float().repeat_interleave(share, 1)
        mixed = F.scaled_dot_product_attention(rotate(q, turn), k, v, is_causal=True)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and a gated feed-forward, each normalised before and added to what it read."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width, shape.epsilon)
        self.attention = Attention(shape)
        self.ffn_norm = nn.RMSNorm(shape.width, shape.epsilon)
        self.gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        """`x`: `(rows, length, width)`."""
        x = x + self.attention(self.attention_norm(x), turn)
        y = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class DemoModel(nn.Module):
    """The whole model; the embedding also reads out the next token."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, shape.epsilon)
        self.register_buffer("turn", rotation(shape, shape.context), persistent=False)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)
        for block in self.blocks:
            nn.init.zeros_(block.attention.out.weight)
            nn.init.zeros_(block.down.weight)

    def hidden(self, ids: Tensor) -> Tensor:
        """What the last layer makes of every position, `(rows, length, width)`."""
        x = self.embedding(ids)
        turn = self.turn[:, : ids.shape[1]]
        for block in self.blocks:
            x = block(x, turn)
        return self.norm(x)

    def loss(self, ids: Tensor, weights: Tensor) -> Tensor:
        """Mean cross-entropy in nats of the tokens by their weights; nought costs nothing."""
        weights = weights[:, 1:]
        wanted = weights > 0
        logits = self.hidden(ids[:, :-1])[wanted] @ self.embedding.weight.T
        each = F.cross_entropy(logits.float(), ids[:, 1:][wanted], reduction="none")
        return (each * weights[wanted]).sum() / weights.sum()
