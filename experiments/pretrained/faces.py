"""Trains the face models that come along: a VGG with two heads, and a small one that learns from it.

    python -m experiments.pretrained.faces teacher FOLDER    # needs torch, FER-2013 and FER+
    python -m experiments.pretrained.faces student FOLDER

PyTorch in bfloat16 trains this network on a CPU 3.6 times as fast as TensorFlow in float32. A run that was stopped goes
on after its last epoch.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from emorec import datasets
from emorec.faces.augmentation import augment_batch
from emorec.files import replacing
from emorec.labels import EMOTIONS7
from emorec.types import FilePath, Strings

# FER-2013's labels and the votes of FER+ are two readings of the same pictures, which agree on 72 %: a head each.
TEACHER = {"width": 48, "epochs": 38, "rate": 2e-3, "decay": 0.05, "dropout": 0.35, "seed": 0}
STUDENT = {"width": 20, "epochs": 24, "rate": 3e-3, "decay": 0.02, "dropout": 0.1, "seed": 1}
BATCH = 64
AUGMENTED = {"rotation": 12, "shift": 0.08, "scale": 0.15, "shear": 6, "flip": 0.5, "brightness": 0.1, "contrast": 0.2,
             "erasing": 0.25, "mixup": 0.2, "cutmix": 1.0, "mix": 0.4}  # fmt: skip
LIGHT = {"rotation": 10, "shift": 0.08, "scale": 0.12, "flip": 0.5, "brightness": 0.1, "contrast": 0.2}
VOTED = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")


def voted_targets(votes: np.ndarray) -> np.ndarray:
    """Shares of the votes of FER+ among the seven emotions, smoothed.

    Args:
        votes: int (N, 10) in the order of `VOTED`. Single votes are dropped (Barsoum et al. 2016).

    Returns:
        float32 (N, 7) in the order of `EMOTIONS7`; zeros where the seven have no majority of the votes.
    """
    kept = np.where(votes > 1, votes, 0)
    seven = kept[:, [VOTED.index(name) for name in EMOTIONS7]].astype("float32")
    usable = seven.sum(1) > 0.5 * np.maximum(kept.sum(1), 1)
    shares = seven / np.maximum(seven.sum(1, keepdims=True), 1)
    return np.where(usable[:, None], 0.95 * shares + 0.05 / 7, 0).astype("float32")


def labelled_targets(labels: Strings) -> np.ndarray:
    """One-hot FER-2013 labels with smoothing, float32 (N, 7)."""
    return (0.9 * np.eye(7)[EMOTIONS7.encode(labels)] + 0.1 / 7).astype("float32")


class Vgg(nn.Module):
    """`emorec.faces.models` ``vgg`` in PyTorch: four stages of two convolutions, averaged, a linear layer."""

    def __init__(self, width: Any, dropout: float, outputs: int) -> None:
        super().__init__()
        stages, channels = [], 1
        for stage in range(4):
            layers, channels = _stage(channels, width * 2**stage, first=stage == 0)
            if stage in (1, 2):
                layers.append(nn.Dropout2d(dropout / 2))
            stages.append(nn.Sequential(*layers))
        self.stages, self.drop = nn.ModuleList(stages), nn.Dropout(dropout)
        self.head = nn.Linear(channels, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        nn.init.xavier_uniform_(self.head.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for stage in self.stages:
            x = stage(x)
        return self.head(self.drop(x.mean((2, 3))))


def _stage(before, after, first):
    """The layers of a stage, and the number of its channels."""
    opening = [nn.ReLU()] if first else [nn.BatchNorm2d(after, eps=1e-3), nn.ReLU()]
    closing = [nn.MaxPool2d(2), nn.BatchNorm2d(after, eps=1e-3), nn.ReLU()]
    convolutions = [nn.Conv2d(n, after, 3, padding=1, bias=bias) for n, bias in ((before, first), (after, False))]
    return [convolutions[0], *opening, convolutions[1], *closing], after


def standardised(pictures: np.ndarray) -> torch.Tensor:
    """uint8 (N, 48, 48) to float32 (N, 1, 48, 48), each minus its mean, over its deviation."""
    x = torch.as_tensor(pictures).float()
    centred = x - x.mean((1, 2), keepdim=True)
    spread = centred.square().mean((1, 2), keepdim=True).sqrt().clamp(min=1e-3)
    return (centred / spread).unsqueeze(1).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def logits(model: torch.nn.Module, pictures: np.ndarray, size: int = 256) -> np.ndarray:
    """float32 (N, outputs)."""
    model.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parts = [model(standardised(pictures[i : i + size])).float() for i in range(0, len(pictures), size)]
    return torch.cat(parts).numpy()


def _loss(z, targets):
    """Cross-entropy summed over blocks of seven outputs; rows of zeros ask nothing."""
    blocks = zip(z.split(7, 1), targets.split(7, 1))
    return -sum((target * block.log_softmax(1)).sum(1).mean() for block, target in blocks)


def train(
    folder: FilePath, name: str, settings: dict, pictures: np.ndarray, targets: np.ndarray, augmentation: Any,
    check: Callable, progress: Callable[[str], None] | None = print,
) -> Any:  # fmt: skip
    """Trains a `Vgg`; a checkpoint after every epoch.

    Args:
        folder: Where ``NAME.pt`` and ``NAME.jsonl`` go. settings: `TEACHER` or `STUDENT`.
        pictures: uint8 (N, 48, 48). targets: float32 (N, 7 k), blocks of shares.
        augmentation: Options of `augment_batch`. check: Function of the model that returns a dict to log.
    """
    folder = Path(folder)
    file, seed, epochs = folder / f"{name}.pt", settings["seed"], settings["epochs"]
    torch.manual_seed(seed)
    model = Vgg(settings["width"], settings["dropout"], targets.shape[1]).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(_groups(model, settings["decay"]), settings["rate"])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _share(epochs * -(-len(pictures) // BATCH)))
    parts, start = {"model": model, "opt": optimizer, "sched": schedule}, 0
    if file.exists():
        state = torch.load(file, weights_only=False)
        start = state["epoch"]
        for part, value in parts.items():
            value.load_state_dict(state[part])
    for epoch in range(start, epochs):
        began = time.process_time()
        changed, soft = augment_batch(pictures, targets, np.random.default_rng([seed, 77, epoch]), augmentation)
        torch.manual_seed(1000 * seed + epoch)
        loss = _epoch(model, optimizer, schedule, changed, soft, np.random.default_rng([seed, epoch]))
        row = {"epoch": epoch + 1, "loss": loss, **check(model), "cpu_seconds": time.process_time() - began}
        progress(json.dumps(row))  # type: ignore[misc]
        with replacing(file) as temporary:
            torch.save({k: v.state_dict() for k, v in parts.items()} | {"epoch": epoch + 1}, temporary)
        with open(folder / f"{name}.jsonl", "a") as log:
            log.write(json.dumps(row) + "\n")
    return model


def _groups(model, decay):
    """Weight decay for kernels alone."""
    named = list(model.parameters())
    return [{"params": [p for p in named if p.ndim > 1], "weight_decay": decay},
            {"params": [p for p in named if p.ndim <= 1], "weight_decay": 0.0}]  # fmt: skip


def _share(steps):
    """The share of the learning rate at a step: linear warm-up over a twentieth, then a cosine to zero."""
    warm = steps // 20

    def share(step):
        if step < warm:
            return 1 / 25 + 24 / 25 * step / warm
        return 0.5 * (1 + np.cos(np.pi * (step - warm) / (steps - warm)))

    return share


def _epoch(model, optimizer, schedule, pictures, targets, rng):
    order, total = rng.permutation(len(pictures)), 0.0
    model.train()
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            z = model(standardised(pictures[rows]))
        loss = _loss(z.float(), torch.as_tensor(targets[rows]))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item() * len(rows)
    return total / len(pictures)


def _data():
    """Pictures of Training and PublicTest, FER-2013's names, and the votes of FER+."""
    data = datasets.load("fer2013")
    votes = {part.name: datasets.ferplus_votes(part.ids) for part in (data.train, data.validation)}
    return data, votes


def _checks(data, votes):
    """Accuracy on PublicTest of each head against its own labels."""
    fer, voted = EMOTIONS7.encode(data.validation.labels), voted_targets(votes["validation"])
    known = voted.max(1) > 0.5

    def check(model):
        z = logits(model, data.validation.inputs)
        right = z[known, :7].argmax(1) == voted[known].argmax(1)
        return {"val_ferplus": float(right.mean()), "val_fer2013": float((z[:, -7:].argmax(1) == fer).mean())}

    return check


def main(what: str, folder: FilePath) -> Any:
    """Trains ``teacher`` or ``student``; the student learns the teacher's probabilities (Hinton et al. 2015)."""
    data, votes = _data()
    pictures = np.stack(list(data.train.inputs))
    check = _checks(data, votes)
    if what == "teacher":
        targets = np.concatenate([voted_targets(votes["train"]), labelled_targets(data.train.labels)], axis=1)
        return train(folder, what, TEACHER, pictures, targets, AUGMENTED, check)
    teacher = Vgg(TEACHER["width"], TEACHER["dropout"], 14)
    teacher.load_state_dict(torch.load(Path(folder) / "teacher.pt", weights_only=False)["model"])
    return train(folder, what, STUDENT, pictures, _soft(teacher, pictures), LIGHT, check)


def _soft(teacher, pictures):
    """The teacher's probabilities for both heads, over a picture and its mirror image: float32 (N, 14)."""
    z = (logits(teacher, pictures) + logits(teacher, pictures[:, :, ::-1].copy())) / 2
    z = torch.as_tensor(z)
    return torch.cat([block.softmax(1) for block in z.split(7, 1)], dim=1).numpy()


if __name__ == "__main__":
    main(*sys.argv[1:3])
