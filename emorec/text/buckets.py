"""Length buckets: batches of texts of similar length, so that one long text does not lengthen all others."""

import keras
import numpy as np

from emorec.types import Values

POOL = 32  # batches that are sorted together
NUMBERS_AT_ONCE = 1 << 24  # that the widest layer puts out for one batch when texts are scored: bounds the memory
# (words,) and (sentences, words) are rounded up: JAX compiles for every shape, TensorFlow for the first two.
STEPS = {1: (8 if keras.backend.backend() == "tensorflow" else 32,), 2: (4, 16)}


class BucketedIds:
    """Texts of any length as batches that are padded to their own longest text.

    Each epoch shuffles the texts, sorts pools of 32 batches by length, cuts the batches and shuffles their
    order. What is random comes from the generator given, so an epoch can be repeated; padding changes no
    logit, so results differ from those of plain batches only by which texts meet in a step. `emorec.training.fit`
    and `emorec.training.predict` take it in the place of an array.

    Args:
        rows: N integer arrays of ids, (T,) or (S, T), padded on the right or not: a list, or (N, T), (N, S, T).

    Example:
        >>> BucketedIds([[5, 6], [7], [8, 9, 4]]).pad([0, 1]).shape
        (2, 3)
    """

    def __init__(self, rows: Values) -> None:
        self.rows = [_trim(np.asarray(row, dtype="int32")) for row in rows]
        self.shapes = np.array([row.shape for row in self.rows])

    def __len__(self):
        return len(self.rows)

    @property
    def uneven(self) -> bool:
        """Whether lengths vary enough: 95th percentile over 1.5 medians, and texts of 64 words or more."""
        sizes = self.shapes.prod(axis=1)
        return len(sizes) > 0 and sizes.max() >= 64 and np.percentile(sizes, 95) > 1.5 * np.median(sizes)

    def batches(self, batch_size: int, rng: np.random.Generator | None = None) -> list[np.ndarray]:
        """The positions in each batch: similar lengths in random order; sorted by length without ``rng``."""
        keys = self.shapes.T[::-1]
        if rng is None:
            order = np.lexsort(keys)
            return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        order, batches = rng.permutation(len(self)), []
        for start in range(0, len(order), POOL * batch_size):
            pool = order[start : start + POOL * batch_size]
            pool = pool[np.lexsort(keys[:, pool])]
            batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
        return [batches[i] for i in rng.permutation(len(batches))]

    def pad(self, positions: np.ndarray) -> np.ndarray:
        """Ids (B, T) or (B, S, T) of these texts, T the longest of them, rounded up to a multiple of ``STEPS``."""
        steps = np.array(STEPS[self.shapes.shape[1]])
        shape = -(-self.shapes[positions].max(axis=0) // steps) * steps
        ids = np.zeros((len(positions), *np.minimum(shape, self.shapes.max(axis=0))), dtype="int32")
        for target, position in zip(ids, positions):
            row = self.rows[position]
            target[tuple(map(slice, row.shape))] = row
        return ids

    def train(
        self, model: keras.Model, y: np.ndarray, weights: np.ndarray | None, batch_size: int, rng: np.random.Generator
    ) -> float:
        """One epoch; returns the mean loss over the examples.

        Args:
            model: A compiled ``keras.Model``.
            y: Targets (N, C).
            weights: (N,), or None.
            batch_size: Examples a step.
            rng: ``numpy.random.Generator``.
        """
        total = 0.0
        for positions in self.batches(batch_size, rng):
            model.reset_metrics()  # train_on_batch returns a running mean in some versions of Keras
            weight = None if weights is None else weights[positions]
            loss = model.train_on_batch(self.pad(positions), y[positions], weight, return_dict=True)["loss"]
            total += float(loss) * len(positions)
        return total / len(self)

    def predict(self, model: keras.Model, batch_size: int) -> np.ndarray:
        """Logits, float32 (N, C), in the order of the texts."""
        steps = steps_at_once(model)
        batches = [part for batch in self.batches(batch_size) for part in self._bounded(batch, steps)]
        logits = [np.asarray(model.predict_on_batch(self.pad(positions)), "float32") for positions in batches]
        result = np.empty((len(self), logits[0].shape[1]), dtype="float32")
        result[np.concatenate(batches)] = np.concatenate(logits)
        return result

    def _bounded(self, positions, steps):
        """A batch in parts of so many words at most, padding counted, or of one text."""
        size = max(1, steps // int(self.shapes[positions].max(axis=0).prod()))
        return [positions[i : i + size] for i in range(0, len(positions), size)]


def steps_at_once(model: keras.Model) -> int:
    """Words, padding counted, of a batch that a model scores at once: 10,922 for a BERT 1,536 wide inside."""
    return NUMBERS_AT_ONCE // max(weight.shape[-1] for weight in model.weights if len(weight.shape) > 1)


def _trim(ids):
    """Without the padding that all rows of it share; one step at least."""
    used = np.argwhere(ids)
    ends = used.max(axis=0) + 1 if len(used) else np.ones(ids.ndim, dtype=int)
    return ids[tuple(map(slice, ends))].copy()
