"""TextClassifier: raw sentences in, class probabilities and an explanation out."""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from emorec import metrics, sealed, training
from emorec.arguments import explained
from emorec.checks import choice, positive_int
from emorec.classifier import Classifier
from emorec.datasets.splits import normalise
from emorec.errors import BadInput
from emorec.text import explain
from emorec.text.buckets import BucketedIds
from emorec.text.encoded import Encoded
from emorec.text.models import (
    ENCODERS,
    TRANSFORMER,
    attention_outputs,
    attention_weights,
    build_text_model,
    build_vector_model,
)
from emorec.text.pretraining import start
from emorec.text.tfidf import TfidfEncoder
from emorec.text.tokens import TextEncoder, check_texts
from emorec.text.wordpieces import WordPieces
from emorec.types import Numbers, Strings

if TYPE_CHECKING:
    from emorec.text.explain import Explanation


class TextClassifier(Classifier):
    """A recurrent, convolutional, feed-forward or transformer encoder under an attention mechanism.

    Args:
        encoder: One of `emorec.text.models.ENCODERS`, e.g. ``bilstm``, ``gru``, ``cnn``; ``transformer``, a BERT that
            starts from `pretrained`; or ``tfidf-mlp``: at most 5,000 TF-IDF features under `layers` hidden layers,
            without word vectors or attention.
        attention: One of `emorec.text.models.ATTENTIONS`: ``none``, ``uniform``, ``global``, ``self``,
            ``structured``, ``hierarchical``.
        embedding: ``learned``; ``glove``, the vectors that come along, whose 52,000 words the model then knows beside
            those of the training texts; ``cbow`` or ``skip-gram`` (word2vec trained on the training texts); or the path
            of a word2vec or GloVe file, of which only the rows that the vocabulary needs are read.
        embedding_dim: Size of a word vector where it is not given by a file.
        embedding_trainable: True, False, or the number of epochs for which the vectors stay frozen first.
        oov: Vectors of words that a file does not hold: ``normal`` (its own variance), ``zeros``, ``subword``.
        units: Size of the encoder's state, per direction.
        attention_units: Size of the attention's hidden layer.
        layers: Depth of a stacked encoder.
        dropout, recurrent_dropout: Rates; dropout acts on embeddings and before the logits.
        heads, scoring: Of self-attention; `scoring` is ``dot`` or ``additive``.
        hops, penalty: Of structured self-attention; `penalty` pushes the hops apart.
        filters, kernel_sizes: Of the convolutional encoders.
        max_words, min_count, max_length, max_sentences, lowercase, keep, tweets: See
            `emorec.text.tokens.TextEncoder`; `max_sentences` acts with hierarchical attention only.
        epochs, batch_size, optimizer, learning_rate, schedule, weight_decay, label_smoothing, warmup, clip, patience,
            monitor: See `emorec.training.TrainingOptions`.
        class_weight: ``balanced`` weighs classes by inverse frequency; or a dict of class to weight; or None.
        pretrained: What a transformer starts from: ``minilm``; a folder with a BERT; a saved classifier, or the name of
            one that comes along; None, at random, with `layers`, `heads`, `units` and `embedding_dim` of its own. See
            `emorec.text.pretraining.start`.
        word_pieces: Number of word pieces that a transformer keeps, those commonest in the training texts; None keeps
            all. Other words are split into smaller pieces.
        encoder_dropout: Rate inside of the transformer.
        encoder_rate: What the learning rate is multiplied with in a transformer and its word vectors: they know
            something already, the layers above them nothing.
        layer_decay: What it is multiplied with once more for each layer further down (Howard & Ruder 2018); 1: equal.
        bucketing: Whether texts of similar length share a batch (`emorec.text.buckets.BucketedIds`), which
            saves time where lengths differ; ``auto`` decides by the lengths.
        seed: Of weights, dropout and the order of examples.

    Example:
        >>> texts, labels = ["good film", "bad film"] * 10, ["positive", "negative"] * 10
        >>> classifier = TextClassifier("none", "none", epochs=1).fit(texts, labels, progress=None)
        >>> classifier.predict_proba(["a good one"]).shape
        (1, 2)
    """

    def __init__(
        self, encoder: str = "bilstm", attention: str = "global", *, embedding: str = "learned",
        embedding_dim: int = 100, embedding_trainable: bool | int = True, oov: str = "normal", units: int = 64,
        attention_units: int = 64, layers: int = 1, dropout: float = 0.3, recurrent_dropout: float = 0.0,
        heads: int = 1, scoring: str = "dot", hops: int = 4, penalty: float = 0.0, filters: int = 100,
        kernel_sizes: Numbers = (3, 4, 5), max_words: int = 20_000, min_count: int = 2, max_length: int | None = None,
        max_sentences: int = 20, lowercase: bool = True, keep: str = "start", tweets: bool = False, epochs: int = 20,
        batch_size: int = 64, optimizer: str = "adam", learning_rate: float = 1e-3, schedule: str = "constant",
        weight_decay: float = 0.0, label_smoothing: float = 0.0, class_weight: str | dict | None = None,
        pretrained: str | None = "minilm", word_pieces: int | None = None, encoder_dropout: float = 0.1,
        encoder_rate: float = 0.06, layer_decay: float = 1.0, warmup: float | None = None, clip: float | None = None,
        bucketing: str | bool = "auto", patience: int | None = 3, monitor: str = "loss", seed: int = 0,
    ) -> None:  # fmt: skip
        self.encoder, self.attention = encoder, attention
        self.embedding, self.embedding_dim, self.oov = embedding, embedding_dim, oov
        self.embedding_trainable = embedding_trainable
        self.units, self.attention_units, self.layers = units, attention_units, layers
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout
        self.heads, self.scoring, self.hops, self.penalty = heads, scoring, hops, penalty
        self.filters, self.kernel_sizes = filters, kernel_sizes
        self.max_words, self.min_count, self.lowercase, self.keep = max_words, min_count, lowercase, keep
        self.max_length, self.max_sentences, self.tweets = max_length, max_sentences, tweets
        self.optimizer = optimizer
        self.epochs, self.batch_size, self.learning_rate, self.schedule = epochs, batch_size, learning_rate, schedule
        self.weight_decay, self.label_smoothing, self.class_weight = weight_decay, label_smoothing, class_weight
        self.pretrained, self.word_pieces, self.encoder_dropout = pretrained, word_pieces, encoder_dropout
        self.encoder_rate, self.layer_decay, self.warmup, self.clip = encoder_rate, layer_decay, warmup, clip
        self.bucketing, self.patience, self.monitor, self.seed = bucketing, patience, monitor, seed

    _structure = ("encoder", "attention")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = tags.input_tags.string = True
        return tags

    def _check(self, texts):
        return texts if isinstance(texts, Encoded) else check_texts(texts)

    def _content(self, texts):
        return [normalise(t) for t in texts]

    @property
    def _transformer(self):
        return self.encoder == TRANSFORMER

    @property
    def _tfidf(self):
        return self.encoder == "tfidf-mlp"

    def _check_settings(self):
        choice("encoder", self.encoder, (*ENCODERS, TRANSFORMER, "tfidf-mlp"))
        choice("bucketing", self.bucketing, ("auto", True, False))
        choice("oov", self.oov, ("normal", "zeros", "subword"))
        choice("scoring", self.scoring, ("dot", "additive"))
        for name in ("units", "layers", "max_words", "min_count"):
            positive_int("TextClassifier", name, getattr(self, name))
        if self.word_pieces is not None:
            positive_int("TextClassifier", "word_pieces", self.word_pieces)
        for name in ("embedding", "pretrained"):
            value = getattr(self, name)
            if not isinstance(value, (str, os.PathLike)) and (name, value) != ("pretrained", None):
                raise BadInput(f"{name}={value!r:.60}: give a name or a path.")
        for name in ("encoder_rate", "layer_decay", "clip"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, numbers.Real) and 0 < value < float("inf")):
                raise BadInput(f"{name}={value!r}: give a number above 0.")
        if self._transformer and self.embedding != "learned":
            raise BadInput("encoder='transformer' has word pieces of its own: leave embedding out.")
        frozen = self.embedding_trainable
        if not isinstance(frozen, (bool, int)) or frozen < 0:
            raise BadInput(f"embedding_trainable={frozen!r}: give True, False or a number of epochs.")
        if self._tfidf and (self.attention, self.embedding) != ("none", "learned"):
            raise BadInput("encoder='tfidf-mlp' has no words in order: give attention='none' and no embedding.")

    def _fit_encoding(self, texts):
        self._check_settings()
        self.coverage_ = self._matrix = self._start = None
        if self._transformer:
            own = {name: getattr(self, name) for name in ("layers", "heads", "units")}
            self._start = start(self.pretrained, texts, TextClassifier.load, size=self.word_pieces, settings=own)
            self._matrix, self.encoding_ = self._start.vectors, self._start.pieces
            if self.max_length is not None:
                self.encoding_ = WordPieces(self.encoding_.vocabulary, min(self.max_length, self.encoding_.limit))
            return
        if self._tfidf:
            most = min(self.max_words, 5000)
            self.encoding_ = TfidfEncoder(max_features=most, **self._settings_of(TfidfEncoder)).fit(texts)
            return
        sentences = {} if self.attention == "hierarchical" else {"max_sentences": None}
        self.encoding_ = TextEncoder(**self._settings_of(TextEncoder) | sentences)
        self.encoding_.fixed = self._fixed
        if self.embedding == "learned":
            self.encoding_.fit(texts)
            return
        from emorec.text.vectors import embedding_matrix

        self._matrix, self.coverage_ = embedding_matrix(
            self.embedding, texts, self.encoding_, dim=self.embedding_dim, oov=self.oov, seed=self.seed
        )

    @property
    def _fixed(self):
        """Whether the network has so many positions and no more."""
        return self.encoder == "mlp" and self.attention == "none"

    @explained
    def read(self, texts: Strings | Encoded) -> Encoded:
        """Texts as the network reads them, each tokenised once.

        Args:
            texts: N strings.

        Returns:
            `emorec.text.encoded.Encoded`: tokens, what is unknown (``unknown_share``), what was cut. It stands for the
            texts in `predict`, `predict_proba` and `logits`.
        """
        self._check_fitted()
        return texts if isinstance(texts, Encoded) else self.encoding_.read(self._check(texts), whole=True)

    def _encode(self, texts):
        return self._batches(self.read(texts))

    def _encode_to_train(self, texts):
        encoded = self.encoding_.read(texts, training=True)
        encoded.notify_training()
        return self._batches(encoded)

    def _batches(self, encoded):
        if self._tfidf or not self.bucketing or not len(encoded):
            return encoded.inputs(self.encoding_.limits)
        buckets = BucketedIds(encoded.rows)
        return buckets if self.bucketing != "auto" or buckets.uneven else encoded.inputs(self.encoding_.limits)

    def _build(self, classes):
        if self._tfidf:
            hidden = (self.units,) * self.layers
            return build_vector_model(self.encoding_.vocabulary_size, classes, hidden, self.dropout, self.seed)
        own = {"kernel_sizes": tuple(self.kernel_sizes), "max_length": self.encoding_.limit}
        network = build_text_model(
            vocabulary_size=self.encoding_.vocabulary_size,
            classes=classes,
            embedding_matrix=self._matrix,
            shared_vectors=getattr(self.encoding_, "shared", None) is not None,
            trainable_embedding=self.embedding_trainable is True,
            transformer=self._start and {**self._start.settings, "dropout": self.encoder_dropout},
            **self._settings_of(build_text_model) | own,
        )
        if self._start:
            self._start.fill(network.get_layer("encoder"))
            self._start = self._matrix = None  # the network holds them now
        return network

    def _factors(self):
        """What the learning rate is multiplied with: less in the encoder, and still less further down."""
        if not self._transformer or self.pretrained is None:
            return None
        encoder, factors = self.model_.get_layer("encoder"), {}
        depth = len(encoder.blocks)
        lowest = [*self.model_.get_layer("embedding").trainable_variables, *encoder.trainable_variables]
        factors |= {id(v): self.encoder_rate * self.layer_decay**depth for v in lowest}
        for number, block in enumerate(encoder.blocks):
            rate = self.encoder_rate * self.layer_decay ** (depth - 1 - number)
            factors |= {id(v): rate for v in block.trainable_variables}
        return [factors.get(id(v), 1.0) for v in self.model_.trainable_variables]

    def _stages(self):
        if isinstance(self.embedding_trainable, bool) or self._tfidf:
            return None
        frozen = min(self.embedding_trainable, self.epochs)
        return [training.Stage(frozen), training.Stage(self.epochs - frozen, before=_thaw)]

    # Explanations

    @explained
    def tokenise(self, text: str) -> list[str]:
        """The tokens of one text as the model sees them: case folded, and cut at the length limit."""
        self._check_fitted()
        return self.encoding_.tokenise(text)

    @explained
    def read_tokens(self, token_lists: Sequence[Sequence[str]]) -> Encoded:
        """Lists of tokens to `emorec.text.encoded.Encoded`."""
        return self.encoding_.read_in_windows(token_lists)

    @explained
    def ids_from_tokens(self, token_lists: Sequence[Sequence[str]]) -> np.ndarray:
        """Lists of tokens to int32 ids (N, T), (N, S, T) with hierarchical attention, or TF-IDF rows (N, D)."""
        return self.encoding_.encode_tokens(token_lists)

    @explained
    def proba_from_tokens(self, token_lists: Sequence[Sequence[str]]) -> np.ndarray:
        """Probabilities (N, C) of lists of tokens; an empty list scores as an empty text."""
        return self._probabilities(self._logits(self.read_tokens(token_lists)))

    @explained
    def logits(self, inputs: Any) -> np.ndarray:
        """Raw scores of N texts, float32 (N, C), in the order of ``label_set_``.

        Of a text that is read in several windows: those whose probabilities are the mean of the windows'.
        """
        encoded = self.read(inputs)
        encoded.notify()
        return self._logits(encoded)

    def _logits(self, encoded):
        logits = super().logits(encoded)
        if encoded.windows is None or len(logits) == len(encoded):
            return logits
        counts = [len(spans) for spans in encoded.windows]
        first = np.cumsum([0, *counts[:-1]])
        mean = np.add.reduceat(self._probabilities(logits), first) / np.array(counts)[:, None]
        multi_label = self.label_set_.multi_label
        joined = metrics.logits(mean, multi_label, self.temperature_).astype("float32")
        return np.where(np.array(counts)[:, None] > 1, joined, logits[first])

    @explained
    def proba_without_each(self, tokens: list[str], batch: int = 256) -> np.ndarray:
        """Probabilities (T, C) of T tokens without the first, without the second, and so on."""
        if self._tfidf:
            rows = self.encoding_.without_each(tokens)
        else:
            rows = lambda chosen: self.ids_from_tokens([tokens[:i] + tokens[i + 1 :] for i in chosen])  # noqa: E731
        parts = [range(len(tokens))[start : start + batch] for start in range(0, len(tokens), batch)]
        logits = [training.predict(self.model_, rows(chosen)) for chosen in parts]
        return self._probabilities(np.concatenate([np.zeros((0, len(self.label_set_))), *logits]))

    @explained
    def score_texts(self, texts: Strings) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities, float64 (N, C), and for each text the share of its words (0 to 1) that the model lacks.

        Each text is tokenised once; what `predict_proba` warns of stays unsaid here, as the share tells it.
        """
        encoded = self.read(texts)
        return self._probabilities(self._logits(encoded)), encoded.unknown_share

    @explained
    def explain(self, text: str, method: str | None = None, target: str | None = None) -> Explanation:
        """Which words the answer came from.

        Args:
            text: One text.
            method: ``attention`` (where the model has it), ``integrated-gradients`` or ``leave-one-out``; None
                takes attention where there is one, else integrated gradients (TF-IDF: leave-one-out).
            target: Class name that integrated gradients and leave-one-out explain; None takes the predicted one. The
                weights of an attention are about no class.

        Returns:
            `emorec.text.explain.Explanation` with ``tokens``, ``weights``, ``label`` and ``probabilities``.

        Raises:
            BadInput: No single text, or a method that there is not. LabelMismatch: An unknown ``target``.
        """
        self._check_fitted()
        if not isinstance(text, str):
            raise BadInput(f"explain takes one text; received {type(text).__name__} {str(text)[:60]!r}.")
        self._check([text])
        if target is not None:
            self.label_set_.index(target)
        encoded = self.read([text])
        encoded.notify()
        has_attention = self.attention != "none"
        otherwise = "leave-one-out" if self._tfidf else "integrated-gradients"
        method = method or ("attention" if has_attention else otherwise)
        choice("method", method, ("attention", "integrated-gradients", "leave-one-out"))
        if method == "attention" and not has_attention:
            raise BadInput("This model has no attention; choose method='integrated-gradients' or 'leave-one-out'.")
        methods: dict[str, Callable[..., Explanation]] = {
            "attention": partial(explain.in_parts, type(self)._explain_attention),
            "integrated-gradients": explain.integrated_gradients,
            "leave-one-out": explain.leave_one_out,
        }
        return methods[method](self, encoded, target)

    def _explain_attention(self, tokens, target):
        encoded = self.encoding_.read_tokens([tokens])
        tokens, ids = encoded.tokens[0], encoded.inputs(self.encoding_.limits)
        outputs = [np.asarray(x)[0] for x in attention_outputs(self.model_)(ids, training=False)]
        probabilities = self._probabilities(outputs[0][None])[0]
        present = ids[0] > 0
        sentences = self.encoding_.spans(tokens) if present.ndim == 2 else None
        return explain.Explanation(
            tokens=tokens,
            weights=_by_token(outputs[1][present], encoded),
            label=self.label_set_.names[int(probabilities.argmax())],
            probabilities=dict(zip(self.label_set_, probabilities.tolist())),
            label_set=self.label_set_,
            method=f"{self.attention} attention",
            sentences=sentences,
            sentence_weights=outputs[2][: len(sentences)] if sentences else None,
            matrix=self._attention_weights(encoded) if self.attention == "self" else None,
            unknown=encoded.unknown[0],
        )

    @explained
    def attention_weights(self, text: str) -> np.ndarray:
        """The weights of the attention layer for the T tokens of one text, nothing averaged.

        A transformer's weights of a word's pieces are added up; those of the marks around the text are left out, and
        the others divided by their sum.

        Returns:
            float32 (T,) of uniform and global attention; (hops, T) of structured attention; (heads, T, T) of
            self-attention, the looking word before the word looked at. Each row sums to 1.

        Raises:
            BadInput: A model without attention, or with hierarchical attention: take `explain`.
        """
        self._check_fitted()
        if self.attention == "hierarchical":
            raise BadInput("Hierarchical attention has weights on two levels: see explain(text).to_frame().")
        encoded = self.read([text])
        if len(encoded.rows) > 1:
            parts = len(encoded.rows)
            raise BadInput(f"This text is read in {parts} parts with weights of their own: see explain(text).")
        return self._attention_weights(encoded)

    def _attention_weights(self, encoded):
        ids = encoded.inputs(self.encoding_.limits)
        weights = np.asarray(attention_weights(self.model_)(ids, training=False))[0, ..., : len(encoded.rows[0])]
        if self.attention != "self":
            return _by_token(weights, encoded)
        looking = np.swapaxes(_by_token(weights[:, : len(encoded.rows[0])], encoded), 1, 2)
        return np.swapaxes(_by_token(looking, encoded, mean=True), 1, 2)

    # One file

    def _state(self):
        return {"encoding": self.encoding_.get_config(), "coverage": self.coverage_ and asdict(self.coverage_)}

    def _restore(self, state):
        kind = TfidfEncoder if self._tfidf else WordPieces if self._transformer else TextEncoder
        self.encoding_ = kind.from_config(state["encoding"])
        self.encoding_.fixed, self._start = self._fixed, None
        self._matrix = self.coverage_ = None
        if state.get("coverage"):
            from emorec.text.vectors import Coverage

            self.coverage_ = Coverage(**state["coverage"])

    def _check_restored(self, path):
        words = list(self.encoding_.vocabulary) if self._transformer else self.encoding_.words
        if self._tfidf:
            rows = self.model_.input_shape[-1]
            sealed.check_numbers(self.encoding_.get_config()["idf"], len(words), path, "the weights of its words")
        else:
            rows = _embedding_rows(self.model_)
        sealed.check_words(words, len(words) if rows is None else rows, path)
        limit = getattr(self.encoding_, "limit", None)
        whole = limit is None or (isinstance(limit, int) and limit > 0)
        sealed.need(whole, path, f"the length of its texts is {limit!r}")


def _embedding_rows(model):
    """Rows of a network's table of words; None where it has none."""
    tables = (layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Embedding))
    return next((table.input_dim for table in tables), None)


def _thaw(model):
    """Word vectors are trained from here on."""
    model.get_layer("embedding").trainable = True


def _by_token(weights, encoded, mean=False):
    """Weights (..., steps) of one text to (..., tokens): what a token's pieces have, added up or their mean."""
    if encoded.token_of is None:
        return weights
    of_token = encoded.token_of[0][:, None] == np.arange(len(encoded.tokens[0]))
    if mean:
        return weights @ (of_token / np.maximum(of_token.sum(axis=0), 1)).astype(weights.dtype)
    weights = weights @ of_token.astype(weights.dtype)
    return weights / np.maximum(weights.sum(axis=-1, keepdims=True), np.finfo(weights.dtype).tiny)
