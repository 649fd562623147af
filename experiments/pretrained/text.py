"""Trains the encoder that `text-emotion`, `goemotions` and `text-sentiment` share, in declared stages.

    python -m experiments.pretrained.text FOLDER     # needs torch, GoEmotions, Movie Review and MiniLM's weights

A stage that is done leaves its weights in the folder, and a run that was stopped goes on after it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F

from emorec.files import replacing
from emorec.labels import EMOTIONS7, GOEMOTIONS
from emorec.text import minilm
from emorec.text.tokens import tokenise
from emorec.types import FilePath, Values
from experiments.pretrained import data
from experiments.pretrained.network import Encoder, Network, rates

if TYPE_CHECKING:
    from emorec.text.wordpieces import WordPieces
    from experiments.pretrained.data import Row

HEADS = {"seven": len(EMOTIONS7), "goemotions": len(GOEMOTIONS), "polarity": 2}
WEIGHTS = {"seven": 1.0, "goemotions": 8.0, "polarity": 0.7}  # of the questions' losses; of 28 labels most are 0
SMOOTHING, LONGEST, BATCH, PIECES = 0.05, 96, 32, 10_500
EMOJI = ((0x1F600, 0x1F650), (0x1F910, 0x1F930), (0x1F970, 0x1F977), (0x1F493, 0x1F4A0))


@dataclass(frozen=True)
class Stage:
    """Some passes over a mixture.

    Attributes:
        name: Of its file. epochs: Passes. rate, head_rate: Largest learning rates of encoder and heads.
        end: The share of the rate that is left at the end; it falls in a line. warmup: Share of the steps.
        sentences: Which version of the bundled sentences, and how often each comes. polarity, reviews: How often.
        seed: Of order and dropout.
    """

    name: str
    epochs: int
    rate: float
    head_rate: float
    end: float
    warmup: float
    sentences: tuple
    polarity: int
    reviews: int
    seed: int


# Nothing was searched. The third stage was added when the second had been seen on validation data, and brought little;
# two averages of the stages' weights were compared there and not taken. The test splits were opened afterwards.
STAGES = (
    Stage("first", 2, 7e-5, 1e-3, 0.35, 0.06, ("0.1", 3), 1, 1, 0),
    Stage("second", 1, 6e-5, 6e-4, 0.0, 0.03, ("0.2", 4), 1, 3, 1),
    Stage("third", 1, 4.5e-5, 4e-4, 0.0, 0.03, ("0.2", 3), 2, 3, 2),
)


def mixture(stage: Any) -> list[Row]:
    """The rows of a stage."""
    version, times = stage.sentences
    return [
        *data.goemotions("train"),
        *data.sentences("train", version) * times,
        *data.polarity("movie-polarity", "train", fold=0) * stage.polarity,
        *data.polarity("sample-reviews", "train") * stage.reviews,
    ]


def vocabulary(folder: FilePath) -> tuple[WordPieces, list]:
    """The word pieces that are kept, with emoji added, and for each the original pieces it starts from."""
    import unicodedata

    texts = [row.text for row in mixture(STAGES[0])]
    signs = {c for text in texts for c in text if unicodedata.category(c) == "So"}
    signs |= {chr(code) for first, end in EMOJI for code in range(first, end)}
    names = {sign: unicodedata.name(sign, "").lower() for sign in sorted(signs)}
    extra = {sign: name for sign, name in names.items() if name}
    return minilm.word_pieces(folder).reduced(texts, PIECES, extra=extra)


def encode(rows: Sequence[Row], pieces: WordPieces) -> list[tuple]:
    """Pairs (ids, row): lists of int, cut at the longest training length."""
    return [(pieces.pieces(tokenise(row.text)).ids[:LONGEST], row) for row in rows]


def batches(examples: Values, rng: np.random.Generator) -> list[list]:
    """Lists of examples of similar length in random order."""
    order, chunk, cut = rng.permutation(len(examples)), 40 * BATCH, []
    for start in range(0, len(order), chunk):
        near = sorted(order[start : start + chunk], key=lambda i: len(examples[i][0]))
        cut += [near[k : k + BATCH] for k in range(0, len(near), BATCH)]
    return [[examples[i] for i in cut[k]] for k in rng.permutation(len(cut))]


def padded(examples: Values) -> torch.Tensor:
    """int64 (B, T) with 0 on the right."""
    ids = np.zeros((len(examples), max(len(i) for i, _ in examples)), "int64")
    for row, (own, _) in zip(ids, examples):
        row[: len(own)] = own
    return torch.as_tensor(ids)


def loss(logits: dict[str, torch.Tensor], rows: Sequence[Row]) -> torch.Tensor:
    """Cross-entropy of each question over the rows that answer it, per row of the batch."""
    total = torch.zeros(())
    for name, targets in (("seven", [r.seven for r in rows]), ("polarity", [r.polarity for r in rows])):
        known = [i for i, target in enumerate(targets) if target is not None]
        if known:
            truth = F.one_hot(torch.tensor([targets[i] for i in known]), HEADS[name]).float()
            truth = (1 - SMOOTHING) * truth + SMOOTHING / HEADS[name]
            total = total - WEIGHTS[name] * (truth * logits[name][known].log_softmax(1)).sum() / len(rows)
    known = [i for i, row in enumerate(rows) if row.fine is not None]
    if known:
        truth = torch.as_tensor(np.stack([rows[i].fine for i in known]))  # type: ignore[misc]
        each = F.binary_cross_entropy_with_logits(logits["goemotions"][known], truth, reduction="none")
        total = total + WEIGHTS["goemotions"] * each.mean(1).sum() / len(rows)
    return total


def train(network: Any, examples: Values, stage: Any, progress: Callable[[str], None] | None = print) -> dict:
    """One stage; returns its mean loss and seconds."""
    torch.manual_seed(stage.seed)
    optimizer = torch.optim.AdamW(rates(network, stage.rate, stage.head_rate))
    steps, step, started, losses = stage.epochs * -(-len(examples) // BATCH), 0, time.process_time(), []
    network.train()
    for epoch in range(stage.epochs):
        for batch in batches(examples, np.random.default_rng([stage.seed, epoch])):
            share = min(1, (step + 1) / (stage.warmup * steps)) * (1 + (stage.end - 1) * step / steps)
            for group in optimizer.param_groups:
                group["lr"] = group["full"] * share
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = network(padded(batch))
            value = loss(logits, [row for _, row in batch])
            optimizer.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            step += 1
            losses.append(value.item())
            if step % 100 == 0:
                progress(f"{stage.name} {step}/{steps}: loss {np.mean(losses[-100:]):.4f}")  # type: ignore[misc]
    return {"loss": float(np.mean(losses)), "cpu_seconds": time.process_time() - started}


def main(folder: FilePath, progress: Callable[[str], None] | None = print) -> None:
    """Trains all stages; leaves the weights of each, ``vocabulary.json`` and ``log.jsonl`` in the folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    original = minilm.locate()
    pieces, rows = vocabulary(original)
    (folder / "vocabulary.json").write_text(json.dumps(pieces.get_config()))
    network = Network(Encoder(minilm.read(original), rows), HEADS)
    for stage in STAGES:
        weights = folder / f"{stage.name}.pt"
        if weights.exists():
            network.load_state_dict(torch.load(weights, weights_only=True))
            continue
        report = train(network, encode(mixture(stage), pieces), stage, progress)
        with replacing(weights) as temporary:
            torch.save(network.state_dict(), temporary)
        with open(folder / "log.jsonl", "a") as log:
            log.write(json.dumps(asdict(stage) | report) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
