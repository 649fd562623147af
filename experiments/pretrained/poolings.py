"""Four ways from a transformer's states to one vector in PyTorch, and their training.

The same poolings as `emorec.text.TextClassifier` has under ``attention``: ``none``, the state of the first word piece;
``uniform``, the mean; ``global``, attention against a learned vector; ``structured``, four such attentions end to end.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from emorec.types import Tensor, Values
from experiments.pretrained.network import WIDTH, Encoder, rates
from experiments.pretrained.text import batches, padded

if TYPE_CHECKING:
    pass

UNITS, HOPS = 64, 4
HIDDEN = -1e9  # the score of padding


class Pooled(nn.Module):
    """An encoder, a pooling and a linear head.

    Args:
        encoder: An `Encoder`.
        attention: ``none``, ``uniform``, ``global`` or ``structured``.
        classes: Number of logits.
    """

    def __init__(self, encoder: torch.nn.Module, attention: str, classes: int) -> None:
        super().__init__()
        self.encoder, self.attention = encoder, attention
        hops = {"global": 1, "structured": HOPS}.get(attention, 0)
        if hops:
            self.score = nn.Linear(WIDTH, UNITS, bias=attention == "global")
            self.context = nn.Linear(UNITS, hops, bias=False)
        self.head = nn.Linear(WIDTH * max(1, hops), classes)
        for name, parameter in self.named_parameters():
            if not name.startswith("encoder."):
                nn.init.xavier_uniform_(parameter) if parameter.ndim > 1 else nn.init.zeros_(parameter)

    def forward(self, ids: Values) -> torch.Tensor:
        mask = ids != 0
        context = self.pool(self.encoder(ids, mask).float(), mask)
        return self.head(F.dropout(context, self.encoder.dropout, self.training)).float()

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        """States (B, T, D) and mask (B, T) to (B, D), or (B, hops D)."""
        if self.attention == "none":
            return states[:, 0]
        if self.attention == "uniform":
            scores = torch.zeros_like(states[:, :, :1])
        else:
            scores = self.context(torch.tanh(self.score(states))).float()  # (B, T, hops)
        weights = scores.masked_fill(~mask[:, :, None], HIDDEN).softmax(1)
        return (weights.transpose(1, 2) @ states).flatten(1)


def build(arrays: dict[str, np.ndarray], rows: Values, attention: str, classes: int, seed: int) -> Any:
    """A `Pooled` network that starts from a BERT's arrays; see `Encoder`."""
    torch.manual_seed(seed)
    return Pooled(Encoder(arrays, rows), attention, classes)


def train(network: torch.nn.Module, examples: Values, options: dict, seed: int) -> None:
    """AdamW under a rate that rises for a share of the steps and falls to 0 in a line.

    Args:
        network: A `Pooled`.
        examples: Pairs (ids, class index).
        options: ``epochs``, ``rate``, ``head_rate``, ``layer_decay``, ``warmup``, ``smoothing``.
        seed: Of dropout and order.
    """
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(
        rates(network, options["rate"], options["head_rate"], layer_decay=options["layer_decay"])
    )
    order = [batch for epoch in range(options["epochs"])
             for batch in batches(examples, np.random.default_rng([seed, epoch]))]  # fmt: skip
    network.train()
    for step, batch in enumerate(order):
        share = min(1, (step + 1) / (options["warmup"] * len(order))) * (1 - step / len(order))
        for group in optimizer.param_groups:
            group["lr"] = group["full"] * share
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(padded(batch))
        truth = torch.tensor([label for _, label in batch])
        value = F.cross_entropy(logits.float(), truth, label_smoothing=options["smoothing"])
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()


@torch.no_grad()
def probabilities(network: torch.nn.Module, examples: Values) -> np.ndarray:
    """float32 array (N, classes), in float32 throughout."""
    network.eval()
    order = sorted(range(len(examples)), key=lambda i: len(examples[i][0]))
    p = [None] * len(order)
    for start in range(0, len(order), 64):
        near = order[start : start + 64]
        for i, row in zip(near, network(padded([examples[i] for i in near])).softmax(1).numpy()):
            p[i] = row
    return np.stack(p)
