"""Where a transformer starts from: a BERT made elsewhere, a classifier that was saved or comes along, or chance."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emorec.datasets import extras
from emorec.errors import BadInput, DataCorrupt, DataMissing
from emorec.pretrained.cards import card
from emorec.text import minilm
from emorec.text.wordpieces import SPECIAL, WordPieces
from emorec.types import FilePath, Strings

LEARNED_PIECES = 8000  # of a vocabulary that is learned from the training texts


@dataclass
class Start:
    """What `emorec.text.models.build_text_model` needs for a transformer.

    Attributes:
        pieces: The `WordPieces`.
        vectors: float32 (V, D), the vector of each piece; None: at random.
        settings: Arguments of `emorec.text.transformer.TransformerEncoder`, without dropout.
        fill: Puts the weights into a built encoder.

    Example:
        >>> start(None, ["good film", "bad film"], None).vectors is None  # nothing was trained before
        True
    """

    pieces: WordPieces
    vectors: np.ndarray | None
    settings: dict
    fill: Callable


def start(
    source: FilePath | None, texts: Strings, load: Callable[[FilePath], Any], *, size: int | None = None,
    settings: dict[str, Any] | None = None,
) -> Start:  # fmt: skip
    """A starting point by name.

    Args:
        source: ``minilm`` (all-MiniLM-L6-v2, see `emorec.text.minilm`); a folder with ``config.json``, ``vocab.txt``
            and ``model.safetensors`` of a lower-casing BERT; the path of a saved `TextClassifier` with a transformer,
            or the name of one that comes along; None: weights at random, word pieces learned from the texts.
        texts: The training texts; they choose the word pieces.
        load: `TextClassifier.load`, which stands above this module, for a source that is a saved classifier.
        size: Number of word pieces kept, those commonest in the texts; None keeps all.
        settings: For None as source: layers, heads, units, max_length.

    Raises:
        BadInput: No model of that name. DataMissing: No such files, with the ways to get them.
        DataCorrupt: Damaged files.
    """
    if source is None:
        return Start(_learned(texts, size or LEARNED_PIECES), None, dict(settings or {}), lambda encoder: None)
    path = Path(source).expanduser()
    file = path if path.suffix == ".emorec" else extras.PRETRAINED / f"{source}.emorec"
    if file.is_file():
        return _of_classifier(load(file), file, texts, size)
    if path.suffix == ".emorec":
        raise DataMissing(f"The classifier {str(source)!r}", [path.absolute()], "train one, then save it")
    if source != minilm.NAME and path.name == str(source) and not path.is_dir():
        card(path.name)  # a name that is misspelt: says which there are
    return _of_bert(minilm.locate(None if source == minilm.NAME else path), texts, size, source == minilm.NAME)


def _of_bert(folder, texts, size, original):
    if original:
        minilm.verify(folder)
    arrays, pieces, rows = minilm.read(folder), minilm.word_pieces(folder), None
    if size:
        pieces, rows = pieces.reduced(texts, size)
    try:
        heads = json.loads((folder / "config.json").read_text(encoding="utf-8"))["num_attention_heads"]
        settings = minilm.settings(arrays, heads)
        vectors = minilm.word_vectors(arrays, rows)
    except (KeyError, ValueError) as error:
        raise DataCorrupt(f"{folder} holds no BERT that can be read here: {error!r}.") from error
    return Start(pieces, vectors, settings, lambda encoder: minilm.set_weights(encoder, arrays))


def _of_classifier(saved, file, texts, size):
    if not isinstance(saved.encoding_, WordPieces):
        raise BadInput(f"{file} holds no transformer but encoder={saved.encoder!r}: it cannot start one.")
    encoder = saved.model_.get_layer("encoder")
    pieces = WordPieces(saved.encoding_.vocabulary, saved.encoding_.limit)  # without its window: it trains anew
    vectors = saved.model_.get_layer("embedding").get_weights()[0]
    if size and size < pieces.vocabulary_size:
        pieces, rows = pieces.reduced(texts, size)
        vectors = np.stack([vectors[row].mean(axis=0) for row in rows])
    config = encoder.get_config()
    settings = {name: config[name] for name in ("layers", "heads", "units", "max_length")}
    weights = encoder.get_weights()
    return Start(pieces, vectors, settings, lambda built: built.set_weights(weights))


def _learned(texts, size):
    from tokenizers import trainers

    from emorec.text.wordpieces import tokenizer

    learner = tokenizer({piece: i for i, piece in enumerate(SPECIAL)})
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, min_frequency=2, special_tokens=list(SPECIAL), show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    ids = learner.get_vocab()
    return WordPieces(sorted(ids, key=ids.get))
