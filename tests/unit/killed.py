"""Trains classifiers that are killed at every kind of moment, and says whether they end with the bits of a whole run.

A process that has imported everything and run nothing forks one child for each try: TensorFlow starts its threads with
the first operation, so that this is safe, and each child takes a second instead of ten.
"""

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np

import emorec
from emorec import checkpoints, training
from emorec.datasets import base

rng = np.random.default_rng(0)
LABELS = ["down", "up"] * 20
TEXTS = [f"{'good fine glad' if i % 2 else 'bad sad poor'} day {i}" for i in range(40)]
FACES = [np.full((24, 24), 60 + 120 * (i % 2), "uint8") + rng.integers(0, 40, (24, 24), "uint8") for i in range(40)]
KINDS = ("text", "face", "multimodal")
MOMENTS = ("in an epoch", "while writing", "while choosing", "between renaming and removing")


def train(kind, folder):
    """The weights of a classifier after four epochs."""
    same = {"epochs": 4, "batch_size": 8, "seed": 3, "patience": None}
    if kind == "text":
        made = emorec.TextClassifier("mlp-average", "none", embedding_dim=8, units=8, dropout=0.3, min_count=1, **same)
        made.fit(TEXTS, LABELS, checkpoint=folder, progress=print)
    elif kind == "face":
        made = emorec.FaceClassifier("lenet", size=24, width=3, augment={"flip": 0.5}, **same)
        made.fit(FACES, LABELS, checkpoint=folder, progress=print)
    else:
        text = emorec.TextClassifier("mlp-average", "none", embedding_dim=8, units=8, min_count=1, **same)
        face = emorec.FaceClassifier("lenet", size=24, width=3, augment="none", **same)
        made = emorec.MultimodalClassifier(face=face, text=text, **same | {"patience": 4})
        inputs = {"image": base.objects(FACES), "text": base.objects(TEXTS)}
        ids = base.objects(map(str, range(40)))
        split = base.Split("train", inputs, base.objects(LABELS), ids)
        made.fit(split, validation=split, checkpoint=folder, progress=print)
    return made.model_.get_weights()


def kill_at(moment, n):
    """Has this process killed at the n-th of such moments."""
    count = [0]

    def at(where, name, before):
        real = getattr(where, name)

        def counted(*arguments, **options):
            count[0] += 1
            if count[0] == n:
                before(*arguments)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        setattr(where, name, counted)

    if moment == "in an epoch":
        import keras

        at(keras.Model, "train_on_batch", lambda *_: None)  # of length buckets
        at(training, "_one_epoch", lambda model, x, y, size, weights, rng: _half(model, x, y))
    elif moment == "while writing":
        at(Path, "write_bytes", lambda path, data: path.open("wb").write(data[: len(data) // 2]))
    elif moment == "while choosing":
        at(training, "validation_scores", lambda *_: None)
    else:
        at(checkpoints.Checkpoint, "_clear", lambda *_: None)


def _half(model, x, y):
    """Some steps of an epoch, so that weights and optimizer are neither here nor there."""
    if not isinstance(x, training.Batches):
        rows = slice(0, 8)
        model.train_on_batch({k: v[rows] for k, v in x.items()} if isinstance(x, dict) else x[rows], y[rows])


def child(kind, folder, out=None, moment=None, n=0):
    """Exit status of a forked child that trains."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            log = open(Path(folder).with_suffix(".log"), "a", encoding="utf-8", buffering=1)  # noqa: SIM115
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            if moment:
                kill_at(moment, n)
            weights = train(kind, folder)
            np.savez(out, *weights)
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]


def main(kinds):
    """One line of JSON a kind: what each child ended with, how often it was resumed, whether the bits are the same."""
    for kind in kinds:
        with tempfile.TemporaryDirectory() as place:
            folder, log = Path(place, "run"), Path(place, "run.log")
            ends = [child(kind, Path(place, "whole"), f"{place}/whole.npz")]
            ends += [child(kind, folder, f"{place}/no.npz", moment, 2 if i else 3) for i, moment in enumerate(MOMENTS)]
            ends.append(child(kind, folder, f"{place}/resumed.npz"))
            text = log.read_text()
            same = False
            if ends[-1] == 0:
                with np.load(f"{place}/whole.npz") as a, np.load(f"{place}/resumed.npz") as b:
                    same = all(np.array_equal(a[name], b[name]) for name in a.files)
            left = sorted(str(p.relative_to(place)) for p in folder.rglob("*")) if folder.exists() else []
            print(json.dumps({"kind": kind, "ends": ends, "resumed": text.count("resumed after epoch"), "same": same,
                              "left": left, "log": text[-2000:]}), flush=True)  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:] or KINDS)
