"""The shared encoder in PyTorch: MiniLM under global attention, and a linear head for each question.

PyTorch trains it in bfloat16 on a CPU two to three times as fast as TensorFlow in float32; the weights go into the
Keras model of `emorec.text` afterwards, which the tests hold against PyTorch's outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HEADS, LAYERS, INNER, EPSILON = 384, 12, 6, 1536, 1e-12


class Block(nn.Module):
    """Self-attention and a feed-forward layer, each followed by a normalisation (Devlin et al. 2019)."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.qkv, self.out, self.n1 = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH, EPSILON)
        self.up, self.down, self.n2 = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH), nn.LayerNorm(WIDTH, EPSILON)
        self.dropout = dropout

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        attended = self.out(attended.transpose(1, 2).reshape(batch, length, WIDTH))
        x = self.n1(x + F.dropout(attended, self.dropout, self.training))
        inner = self.down(F.gelu(self.up(x)))
        return self.n2(x + F.dropout(inner, self.dropout, self.training))


class Encoder(nn.Module):
    """BERT's encoder from the arrays of `emorec.text.minilm.read`.

    Args:
        arrays: Name to float32 array.
        rows: For each word piece the pieces of the original whose mean is its first vector.
        dropout: Rate after the embeddings and in each block.
    """

    def __init__(self, arrays: dict[str, np.ndarray], rows: Sequence[Sequence[int]], dropout: float = 0.1) -> None:
        super().__init__()
        tensors = {name: torch.as_tensor(array) for name, array in arrays.items()}
        words = tensors["embeddings.word_embeddings.weight"]
        self.words = nn.Embedding(len(rows), WIDTH)
        self.words.weight.data = torch.stack([words[row].mean(0) for row in rows])
        segment = tensors["embeddings.token_type_embeddings.weight"][0]
        self.positions = nn.Parameter((tensors["embeddings.position_embeddings.weight"] + segment).clone())
        self.norm, self.dropout = nn.LayerNorm(WIDTH, EPSILON), dropout
        self.blocks = nn.ModuleList(Block(dropout) for _ in range(LAYERS))
        for kind in ("weight", "bias"):
            getattr(self.norm, kind).data = tensors[f"embeddings.LayerNorm.{kind}"].clone()
            for i, block in enumerate(self.blocks):
                _fill(block, tensors, f"encoder.layer.{i}.", kind)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.words(ids) + self.positions[: ids.shape[1]])
        x = F.dropout(x, self.dropout, self.training)
        for block in self.blocks:
            x = block(x, mask)
        return x


def _fill(block, tensors, prefix, kind):
    parts = [tensors[f"{prefix}attention.self.{name}.{kind}"] for name in ("query", "key", "value")]
    getattr(block.qkv, kind).data = torch.cat(parts)
    names = {"out": "attention.output.dense", "n1": "attention.output.LayerNorm", "up": "intermediate.dense"}
    for layer, name in (names | {"down": "output.dense", "n2": "output.LayerNorm"}).items():
        getattr(getattr(block, layer), kind).data = tensors[f"{prefix}{name}.{kind}"].clone()


class Network(nn.Module):
    """Encoder, global attention (Bahdanau's score against a learned vector) and heads.

    Args:
        encoder: An `Encoder`.
        heads: Question to its number of logits.
        units: Of the attention's hidden layer.
    """

    def __init__(self, encoder: Encoder, heads: dict[str, int], units: int = 64) -> None:
        super().__init__()
        self.encoder, self.score = encoder, nn.Linear(WIDTH, units)
        self.context = nn.Parameter(torch.empty(units).uniform_(-0.3, 0.3))
        self.heads = nn.ModuleDict({name: nn.Linear(WIDTH, n) for name, n in heads.items()})
        for layer in (self.score, *self.heads.values()):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        mask = ids != 0
        states = self.encoder(ids, mask).float()
        scores = torch.tanh(self.score(states).float()) @ self.context
        weights = scores.masked_fill(~mask, -1e9).softmax(1)
        context = F.dropout((weights[:, :, None] * states).sum(1), self.encoder.dropout, self.training)
        return {name: head(context).float() for name, head in self.heads.items()}


def rates(
    network: torch.nn.Module, rate: float, head_rate: float, decay: float = 0.01, layer_decay: float = 0.95
) -> list[dict]:
    """Parameter groups: the learning rate falls with the depth below the last block (Howard & Ruder 2018)."""
    groups = []
    for name, parameter in network.named_parameters():
        words = name.split(".")
        depth = LAYERS - 1 - int(words[2]) if words[:2] == ["encoder", "blocks"] else LAYERS
        own = rate * layer_decay**depth if words[0] == "encoder" else head_rate
        groups.append({"params": [parameter], "lr": own, "full": own, "weight_decay": decay * (parameter.ndim > 1)})
    return groups
