"""MultimodalClassifier: a picture, a sentence or both in; class probabilities and what each of them did out."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import cv2
import keras
import numpy as np
from sklearn.base import clone

from emorec import images as pictures
from emorec import training
from emorec.classifier import Classifier, Examples
from emorec.datasets.base import Split
from emorec.datasets.splits import normalise
from emorec.errors import BadInput, DataCorrupt
from emorec.faces.classifier import FaceClassifier
from emorec.faces.explain import FaceExplanation, occlusion
from emorec.faces.preprocessing import FacePreprocessing, check_inputs
from emorec.multimodal.layers import GatedMultimodalUnit, ModalityAttention, WeightedSum
from emorec.multimodal.models import build_fusion_model, statistics
from emorec.text import explain
from emorec.text.classifier import TextClassifier
from emorec.text.tfidf import TfidfEncoder
from emorec.text.tokens import TextEncoder, check_texts
from emorec.types import Picture, Values

if TYPE_CHECKING:
    import pandas as pd

MODALITIES = ("image", "text")
WEIGHING = GatedMultimodalUnit, ModalityAttention, WeightedSum
FACE = {"model": "lenet", "width": 8, "augment": "light", "epochs": 25, "batch_size": 32, "learning_rate": 2e-3}
TEXT = {"encoder": "none", "attention": "none", "dropout": 0.5, "embedding_dim": 64, "learning_rate": 5e-3,
        "epochs": 40, "patience": 6}  # fmt: skip


class MultimodalClassifier(Classifier):
    """A face and a sentence, fused at feature level; either may be missing, in training as in prediction.

    A `FaceClassifier` and a `TextClassifier` are trained first, each on the pairs that have its modality. Their
    features (what enters their last layer) are then fused by a layer of `emorec.multimodal` under `ModalityDropout`, so
    that the model has met pairs with one half missing before it has to answer one.

    Inputs are ``images=[...]`` and ``texts=[...]``, or a `Split` (or dict) with the inputs ``image`` and ``text``. None
    in either list, or instead of it, says that there is no such thing.

    Args:
        fusion: A name of `emorec.multimodal.FUSIONS`. fusion_options: Its options.
        face, text: The classifiers to take the features of: untrained ones are trained, trained ones (on any data and
            classes) stay as they are. None takes a small network and averaged word vectors.
        modality_dropout: Rate at which each half of a pair is hidden in training, never both.
        encoder_units, hidden, dropout, hybrid: See `emorec.multimodal.models.build_fusion_model`.
        epochs, batch_size, optimizer, learning_rate, schedule, weight_decay, label_smoothing, patience, monitor: Of
            the fusion, see `emorec.training.TrainingOptions`.
        class_weight: ``balanced`` weighs classes by inverse frequency; or a dict of class to weight; or None.
        seed: Of weights, dropout and the order of examples.

    After `fit`: ``face_`` and ``text_``, the two classifiers, which also answer alone.
    """

    def __init__(
        self, fusion: str = "concatenation", *, face: FaceClassifier | None = None, text: TextClassifier | None = None,
        fusion_options: dict | None = None, modality_dropout: float = 0.3, encoder_units: int = 32, hidden: int = 0,
        dropout: float = 0.3, hybrid: bool = False, epochs: int = 60, batch_size: int = 64, optimizer: str = "adam",
        learning_rate: float = 2e-3, schedule: str = "constant", weight_decay: float = 0.0,
        label_smoothing: float = 0.0, class_weight: str | dict | None = None, patience: int = 10, monitor: str = "loss",
        seed: int = 0,
    ) -> None:  # fmt: skip
        self.fusion, self.face, self.text, self.fusion_options = fusion, face, text, fusion_options
        self.modality_dropout, self.encoder_units, self.hidden = modality_dropout, encoder_units, hidden
        self.dropout, self.hybrid = dropout, hybrid
        self.epochs, self.batch_size, self.optimizer, self.learning_rate = epochs, batch_size, optimizer, learning_rate
        self.schedule, self.weight_decay, self.label_smoothing = schedule, weight_decay, label_smoothing
        self.class_weight, self.patience, self.monitor, self.seed = class_weight, patience, monitor, seed

    def fit(
        self, inputs: Any = None, labels: Values | None = None, *, images: Values | None = None,
        texts: Values | None = None, **options: Any,
    ) -> MultimodalClassifier:  # fmt: skip
        """Trains on a `Split`, or on ``images``, ``texts`` and ``labels``; ``options`` as in `Classifier.fit`.

        Raises:
            BadInput: Lists of different lengths, a pair of two Nones, a modality that no training pair has, or a
                picture or text that cannot be used, with its position.
        """
        return super().fit(_chosen(inputs, images, texts), labels, **options)

    # What the base class asks for

    def _check(self, inputs):
        if isinstance(inputs, Split):
            inputs = inputs.inputs
        if isinstance(inputs, dict):
            if not inputs or set(inputs) - set(MODALITIES):
                raise BadInput(f"A dict of inputs holds {' and '.join(MODALITIES)}; received {list(inputs)}.")
            return as_pairs(inputs.get("image"), inputs.get("text"))
        if not isinstance(inputs, list) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in inputs):
            raise BadInput("Give images=[...], texts=[...] or both, or a Split that has the inputs image and text.")
        return as_pairs([image for image, _ in inputs], [text for _, text in inputs])

    def _content(self, pairs):
        images = iter(FaceClassifier()._content([image for image, text in pairs if text is None]))
        return [next(images) if text is None else normalise(text) for _, text in pairs]

    def _learn(self, train, validation, *, checkpoint=None, progress=print):
        """The classifiers of the modalities first, then the fusion of their features."""
        self.prior_ = train.targets.mean(axis=0)
        towers, untrained = self._towers(train.inputs)
        self.face_, self.text_ = towers.values()
        self._encodings = {name: tower.encoding_ for name, tower in towers.items()}
        for name in untrained:
            towers[name].label_set_, towers[name].classes_ = self.label_set_, self.classes_
            towers[name].model_ = towers[name]._build(len(self.label_set_))
        train = Examples(self._encode(train.inputs), train.targets, train.weights)
        validation = Examples(self._encode(validation.inputs), validation.targets)
        for name in untrained:
            folder = checkpoint and f"{checkpoint}/{name}"
            self._train_tower(name, towers[name], train, validation, folder, progress)
        features = {name: _features(tower.model_) for name, tower in towers.items()}
        head = self._train_head(features, train, validation, checkpoint and f"{checkpoint}/fusion", progress)
        self.model_ = _joined(features, head)

    def _towers(self, pairs):
        """Classifiers by modality, with their encodings, and the names of those to train."""
        own = {"image": (self.face, FaceClassifier, FACE), "text": (self.text, TextClassifier, TEXT)}
        towers, untrained = {}, []
        for k, (name, (tower, kind, settings)) in enumerate(own.items()):
            if tower is not None and not isinstance(tower, kind):
                raise BadInput(f"The {name} model is a {kind.__name__}, not {type(tower).__name__}.")
            if getattr(tower, "model_", None) is None:
                present = [pair[k] for pair in pairs if pair[k] is not None]
                if not present:
                    raise BadInput(f"No training pair has {name}: a {kind.__name__} alone is what such data need.")
                tower = kind(**settings, seed=self.seed) if tower is None else clone(tower)
                tower._fit_encoding(present)
                untrained.append(name)
            towers[name] = tower
        return towers, untrained

    def _train_tower(self, name, tower, train, validation, checkpoint, progress):
        """Trains the classifier of one modality on the pairs that have it."""
        k = MODALITIES.index(name)
        train, validation = (_of_modality(examples, name, k) for examples in (train, validation))
        if not len(validation.targets):
            raise BadInput(f"No validation pair has {name}: its model could not be chosen.")
        training.set_seed(tower.seed)
        tell = None if progress is None else lambda line: progress(f"{name}: {line}")
        pair = validation.inputs, validation.targets
        tower.history_ = tower._train(train, pair, checkpoint=checkpoint, progress=tell)
        tower.temperature_, tower.thresholds_ = 1.0, None

    def _train_head(self, features, train, validation, checkpoint, progress):
        """The fusion, trained on the features that the classifiers give."""

        def encoded(x):
            return {"presence": x["presence"]} | {n: training.predict(f, x[n]) for n, f in features.items()}

        x, x_validation = encoded(train.inputs), encoded(validation.inputs)
        vectors = {name: x[name] for name in MODALITIES}
        head = build_fusion_model(
            {name: v.shape[1] for name, v in vectors.items()},
            len(self.label_set_),
            fusion=self.fusion,
            fusion_options=self.fusion_options,
            scaling=statistics(vectors, x["presence"]),
            encoder_units=self.encoder_units,
            hidden=self.hidden,
            dropout=self.dropout,
            modality_dropout=self.modality_dropout,
            hybrid=self.hybrid,
        )
        self.history_ = self._train(
            Examples(x, train.targets, train.weights), (x_validation, validation.targets),
            model=head, checkpoint=checkpoint, progress=progress,
        )  # fmt: skip
        return head

    def _encode(self, pairs):
        faces, texts = (self._encodings[name] for name in MODALITIES)
        images = np.zeros((len(pairs), *faces.shape), dtype="uint8")
        for i, (picture, _) in enumerate(pairs):
            if picture is not None:
                try:
                    images[i] = faces.one(pictures.as_picture(picture), faces.detect)
                except (BadInput, DataCorrupt) as error:
                    raise type(error)(f"Picture {i}: {error}") from error
        tokens = [[] if text is None else texts.tokenise(text) for _, text in pairs]
        presence = np.array([[part is not None for part in pair] for pair in pairs], dtype="float32")
        return {"image": images, "text": texts.encode_tokens(tokens), "presence": presence.reshape(-1, 2)}

    # Scoring

    def logits(self, inputs: Any = None, *, images: Values | None = None, texts: Values | None = None) -> np.ndarray:
        """Raw scores, float32 (N, C). Arguments: see the class."""
        self._check_fitted()
        inputs = self._check(_chosen(inputs, images, texts))
        self._notify(inputs)
        return super().logits(inputs)

    def _notify(self, pairs):
        if said := [text for _, text in pairs if text is not None]:
            self._encodings["text"].notify(said)

    def predict_proba(
        self, inputs: Any = None, *, images: Values | None = None, texts: Values | None = None
    ) -> np.ndarray:
        """Probabilities, float64 (N, C) in the order of ``label_set_``. Arguments: see the class.

        Raises:
            BadInput: Lists of different lengths, a pair of two Nones, or a picture or text that cannot be used, with
                its position. DataMissing, DataCorrupt: A file that is not there, or is no picture.
        """
        return self._probabilities(self.logits(inputs, images=images, texts=texts))

    def predict(self, inputs: Any = None, *, images: Values | None = None, texts: Values | None = None) -> np.ndarray:
        """Class names, object array (N,). Arguments: see the class."""
        return super().predict(_chosen(inputs, images, texts))

    def features(
        self, inputs: Any = None, *, images: Values | None = None, texts: Values | None = None
    ) -> dict[str, np.ndarray]:
        """What is fused: dict of ``image`` and ``text`` to float32 (N, D), and ``presence`` (N, 2). Arguments: see the
        class."""
        self._check_fitted()
        x = self._encode(self._check(_chosen(inputs, images, texts)))
        towers = {name: self.model_.get_layer(f"features_{name}") for name in MODALITIES}
        return {n: training.predict(tower, x[n]) for n, tower in towers.items()} | {"presence": x["presence"]}

    # Explanations

    def contributions(
        self, inputs: Any = None, *, images: Values | None = None, texts: Values | None = None
    ) -> pd.DataFrame:
        """What each half did for the predicted class.

        Returns:
            DataFrame, a row per pair: ``label``, ``probability``; ``image`` and ``text``, by how much the probability
            falls when that half is left out (of a half that is alone: what it adds to the class's share of the
            training data; NaN where it is missing); for fusions that weigh modalities also ``image weight`` and
            ``text weight``, which sum to 1.
        """
        import pandas as pd

        self._check_fitted()
        pairs = self._check(_chosen(inputs, images, texts))
        x = self._encode(pairs)
        p = self._said(x)
        best = p.argmax(axis=1)
        table = pd.DataFrame({"label": self.label_set_.decode(best), "probability": p[np.arange(len(p)), best]})
        for name, lost in self._lost(x, p, best).items():
            table[name] = lost
        weights = self._weights(x)
        if weights is not None:
            table[[f"{name} weight" for name in MODALITIES]] = weights
        return table

    def _lost(self, x, p, classes):
        """By how much the probability ``p`` (N, C) of one class a pair (N,) falls without each modality, by name."""
        rows, lost = np.arange(len(p)), {}
        for k, name in enumerate(MODALITIES):
            rest = x["presence"].copy()
            rest[:, k] = 0
            without = np.where(rest.any(axis=1, keepdims=True), self._said({**x, "presence": rest}), self.prior_)
            lost[name] = np.where(x["presence"][:, k] > 0, (p - without)[rows, classes], np.nan)
        return lost

    def _said(self, x):
        """Probabilities of encoded pairs. Not compiled: every number of pairs and words would be traced anew."""
        return self._probabilities(_in_parts(lambda part: self.model_(part, training=False), x, len(self.label_set_)))

    def _weights(self, x):
        """The fusion's weights over the modalities (N, 2), or None where it has none."""
        head = self.model_.get_layer("fusion_model")
        layer = head.get_layer("fusion")
        if not isinstance(layer, WEIGHING):
            return None
        towers = {name: self.model_.get_layer(f"features_{name}") for name in MODALITIES}
        entering = keras.Model(head.input, layer.input)

        def weigh(part):
            vectors = {name: tower(part[name], training=False) for name, tower in towers.items()}
            there = keras.ops.convert_to_tensor(part["presence"])
            *vectors, presence = entering({**vectors, "presence": there}, training=False)
            return layer(vectors, presence=presence, return_attention_scores=True)[1]

        return _in_parts(weigh, x, len(MODALITIES))

    def explain(
        self, image: Picture | None = None, text: str | None = None, target: str | None = None
    ) -> MultimodalExplanation:
        """Which part of the picture and which words the answer came from, all in units of the target's probability.

        Args:
            image: One picture, or None.
            text: One sentence, or None.
            target: Class name; None takes the predicted one.

        Returns:
            `MultimodalExplanation`: the loss of the target's probability when a patch of the picture is covered, when a
            word is left out, and when a whole modality is, always with everything else in its place.
        """
        self._check_fitted()
        pair = as_pairs(None if image is None else [image], None if text is None else [text])
        self._notify(pair)
        x = self._encode(pair)
        (p,), names = self._said(x), self.label_set_.names
        index = int(p.argmax()) if target is None else self.label_set_.index(target)
        shared = dict(label=names[int(p.argmax())], probabilities=dict(zip(names, p.tolist())), target=names[index])
        face = words = None
        if image is not None:
            heat = occlusion(lambda images: self._said(_beside(x, image=images)), x["image"], [index])[0]
            picture = x["image"][0].squeeze()
            face = FaceExplanation(image=picture, heat=heat, method="occlusion", **shared)
        if text is not None:
            words = explain.leave_one_out(_WithPicture(self, x), text, names[index])
        lost = self._lost(x, p[None], [index])
        parts = {name: float(value[0]) for name, value in lost.items() if np.isfinite(value[0])}
        return MultimodalExplanation(**shared, contributions=parts, image=face, text=words)

    # One file

    def _state(self):
        faces, texts = self._encodings.values()
        kind = "tfidf" if isinstance(texts, TfidfEncoder) else "ids"
        prior = np.asarray(self.prior_).tolist()
        return {"image": asdict(faces), "text": texts.get_config(), "text_kind": kind, "prior": prior}

    def _restore(self, state):
        texts = (TfidfEncoder if state["text_kind"] == "tfidf" else TextEncoder).from_config(state["text"])
        self._encodings = {"image": FacePreprocessing(**state["image"]), "text": texts}
        self.prior_ = np.array(state["prior"])


@dataclass
class MultimodalExplanation:
    """One pair and where its prediction came from; draws itself in a notebook.

    Attributes:
        label: The most probable class.
        probabilities: Class name to probability.
        target: The class that everything below is about.
        contributions: Modality to the loss of the target's probability without it, as in
            `MultimodalClassifier.contributions`.
        image: `emorec.faces.explain.FaceExplanation`, or None.
        text: `emorec.text.explain.Explanation`, or None.
    """

    label: str
    probabilities: dict
    target: str
    contributions: dict
    image: FaceExplanation | None = None
    text: explain.Explanation | None = None

    def __repr__(self):
        parts = ", ".join(f"{name} {100 * value:+.0f} points" for name, value in self.contributions.items())
        about = f"{self.target}: " if self.target != self.label else ""
        return f"<{self.label} ({100 * self.probabilities[self.label]:.1f} %); {about}{parts}>"

    def _repr_html_(self):
        ranked = sorted(self.probabilities.items(), key=lambda item: -item[1])[:3]
        lines = [", ".join(f"{name} {100 * p:.1f} %" for name, p in ranked)]
        parts = (f"{name} {100 * value:+.0f} points" for name, value in self.contributions.items())
        lines.append(f"to the probability of {self.target}: {', '.join(parts)}")
        pictures = {}
        if self.image is not None:
            pictures = {"The picture": self.image.overlay(0.0), "What counted in it": self.image.overlay()}
        style = "height:8em;display:inline-block;image-rendering:pixelated;margin:4px 8px 4px 0"
        return (
            '<div style="font-family:sans-serif;font-size:14px;max-width:60em">'
            + "".join(f"<div>{escape(line)}</div>" for line in lines)
            + "".join(
                f'<img alt="{alt}" src="data:image/png;base64,{_png(x)}" style="{style}">'
                for alt, x in pictures.items()
            )
            + (self.text._repr_html_() if self.text is not None else "")
            + "</div>"
        )


class _WithPicture:
    """A pair whose picture stays while its words change, as `emorec.text.explain` wants a text classifier."""

    def __init__(self, classifier, x):
        self.classifier, self.x = classifier, x
        self.label_set_, self.tokenise = classifier.label_set_, classifier._encodings["text"].tokenise

    def proba_from_tokens(self, token_lists):
        encoded = self.classifier._encodings["text"].encode_tokens(token_lists)
        return self.classifier._said(_beside(self.x, text=encoded))


def as_pairs(images: Values | None = None, texts: Values | None = None) -> list[tuple]:
    """N tuples (picture or None, sentence or None) from two lists, of which one may be None.

    Raises:
        BadInput: See `MultimodalClassifier.predict_proba`.
    """
    if images is None and texts is None:
        raise BadInput("There is neither a picture nor a sentence: give images=[...], texts=[...] or both.")
    if images is not None:
        images = check_inputs(images)
    if texts is not None and not isinstance(texts, str):
        texts = [None if isinstance(text, float) and np.isnan(text) else text for text in texts]  # pandas' missing text
        check_texts(["-" if text is None else text for text in texts])
    elif texts is not None:
        check_texts(texts)
    if images is not None and texts is not None and len(images) != len(texts):
        raise BadInput(f"{len(images)} images, but {len(texts)} texts; write None where one is missing.")
    n = len(texts if images is None else images)
    pairs = [(None if images is None else images[i], None if texts is None else texts[i]) for i in range(n)]
    nothing = [i for i, (image, text) in enumerate(pairs) if image is None and text is None]
    if nothing:
        more = f" (and {len(nothing) - 1} more)" if len(nothing) > 1 else ""
        raise BadInput(f"Row {nothing[0]}{more} has neither a picture nor a sentence: give at least one of the two.")
    return pairs


def _chosen(inputs, images, texts):
    if inputs is None:
        return as_pairs(images, texts)
    if images is not None or texts is not None:
        raise BadInput("Give either a Split or images=... and texts=..., not both.")
    return inputs


def _of_modality(examples, name, k):
    """Encoded examples of one modality: those pairs that have it."""
    rows = examples.inputs["presence"][:, k] > 0
    weights = None if examples.weights is None else examples.weights[rows]
    return Examples(examples.inputs[name][rows], examples.targets[rows], weights)


def _features(model):
    """The model up to what enters its last layer."""
    return keras.Model(model.input, model.get_layer("logits").input)


def _joined(features, head):
    """Raw encodings and ``presence`` to logits, as one model."""
    inputs = {n: keras.Input(f.input.shape[1:], dtype=f.input.dtype, name=n) for n, f in features.items()}
    presence = keras.Input((len(features),), name="presence")
    towers = {n: keras.Model(f.input, f.output, name=f"features_{n}") for n, f in features.items()}
    vectors = {n: tower(inputs[n]) for n, tower in towers.items()}
    return keras.Model({**inputs, "presence": presence}, head({**vectors, "presence": presence}), name="multimodal")


def _in_parts(function, x, width, size=256):
    """What a function of encoded pairs gives for N of them: (N, width), for none of them too."""
    parts = [{name: v[i : i + size] for name, v in x.items()} for i in range(0, len(x["presence"]), size)]
    return np.concatenate([np.zeros((0, width)), *(keras.ops.convert_to_numpy(function(part)) for part in parts)])


def _beside(x, **changed):
    """A batch in which the encodings named change and everything else of the one pair ``x`` is repeated."""
    n = len(next(iter(changed.values())))
    return {name: changed.get(name, np.repeat(value, n, axis=0)) for name, value in x.items()}


def _png(picture):
    return base64.b64encode(cv2.imencode(".png", picture[..., ::-1])[1].tobytes()).decode()
