"""MultimodalClassifier: pictures, sentences and sounds in, any of them missing; one answer, and what each did, out."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import cv2
import keras
import numpy as np
from sklearn.base import clone

from emorec import sealed, training
from emorec.arguments import explained
from emorec.classifier import Classifier, Examples
from emorec.datasets.base import Split
from emorec.errors import BadInput
from emorec.faces.explain import FaceExplanation, occlusion
from emorec.multimodal import agreement
from emorec.multimodal.layers import GatedMultimodalUnit, ModalityAttention, WeightedSum
from emorec.multimodal.modalities import MODALITIES, Row, as_rows
from emorec.multimodal.models import build_fusion_model, statistics
from emorec.multimodal.product import ProductClassifier
from emorec.text import explain
from emorec.voice.explain import VoiceExplanation, silenced
from emorec.voice.sound import as_sound

if TYPE_CHECKING:
    import pandas as pd

    from emorec.faces.classifier import FaceClassifier
    from emorec.text.classifier import TextClassifier
    from emorec.types import Picture, Values
    from emorec.voice.classifier import VoiceClassifier

WEIGHING = GatedMultimodalUnit, ModalityAttention, WeightedSum


class MultimodalClassifier(Classifier):
    """Two or three of a face, a sentence and a voice, fused at feature level; any may be missing, in training too.

    A classifier of each modality that the training data has is trained first, by its own `fit`, on the rows that have
    it. Their features (what enters their last layer) are then fused by a layer of `emorec.multimodal` under
    `ModalityDropout`, so that the model has met rows with something missing before it has to answer one.

    Inputs are ``images=[...]``, ``texts=[...]``, ``sounds=[...]``, or a `Split` (or dict) with the inputs ``image``,
    ``text``, ``sound``. None in a list, or instead of it, says that there is no such thing. For models that come along,
    without training, see `pretrained`.

    Args:
        fusion: A name of `emorec.multimodal.FUSIONS`.
        fusion_options: Options of that layer by name.
        face, text, voice: The classifiers to take the features of: untrained ones are trained, trained ones (on any
            data and classes) stay as they are. None takes a small network, averaged word vectors, and a linear
            discriminant on the statistics of a voice.
        modality_dropout: Rate at which each modality of a row is hidden in training, never all.
        encoder_units, hidden, dropout, hybrid: See `emorec.multimodal.models.build_fusion_model`.
        epochs, batch_size, optimizer, learning_rate, schedule, weight_decay, label_smoothing, patience, monitor: Of
            the fusion, see `emorec.training.TrainingOptions`.
        class_weight: ``balanced`` weighs classes by inverse frequency; or a dict of class to weight; or None.
        seed: Of weights, dropout and the order of examples.

    After `fit`: ``face_``, ``text_`` and ``voice_``, the classifiers of the modalities, which also answer alone; None
    where the training data lacks one.

    Example:
        >>> import emorec
        >>> data = emorec.datasets.load("sample-pairs", limit=140)
        >>> classifier = emorec.MultimodalClassifier().fit(data.train, progress=None)  # doctest: +SKIP
        >>> classifier.predict(texts=["I passed the exam!"], images=[None])  # doctest: +SKIP
        array(['happiness'], dtype=object)
    """

    def __init__(
        self, fusion: str = "concatenation", *, face: FaceClassifier | None = None, text: TextClassifier | None = None,
        voice: VoiceClassifier | None = None, fusion_options: dict | None = None, modality_dropout: float = 0.3,
        encoder_units: int = 32, hidden: int = 0, dropout: float = 0.3, hybrid: bool = False, epochs: int = 60,
        batch_size: int = 64, optimizer: str = "adam", learning_rate: float = 2e-3, schedule: str = "constant",
        weight_decay: float = 0.0, label_smoothing: float = 0.0, class_weight: str | dict | None = None,
        patience: int | None = 10, monitor: str = "loss", seed: int = 0,
    ) -> None:  # fmt: skip
        self.fusion, self.face, self.text, self.voice = fusion, face, text, voice
        self.fusion_options = fusion_options
        self.modality_dropout, self.encoder_units, self.hidden = modality_dropout, encoder_units, hidden
        self.dropout, self.hybrid = dropout, hybrid
        self.epochs, self.batch_size, self.optimizer, self.learning_rate = epochs, batch_size, optimizer, learning_rate
        self.schedule, self.weight_decay, self.label_smoothing = schedule, weight_decay, label_smoothing
        self.class_weight, self.patience, self.monitor, self.seed = class_weight, patience, monitor, seed

    @staticmethod
    @explained
    def pretrained(
        *, image: Any = "face-emotion", text: Any = "text-emotion", sound: Any = "voice-emotion"
    ) -> ProductClassifier:
        """The models that come along, joined by the product rule of their calibrated probabilities.

        Args:
            image, text, sound: A name of `emorec.models`, the path of a saved classifier, or a trained classifier; None
                leaves the modality out. Its classes are those that all models have: without the voice, which knows no
                surprise, they are seven; with it, six.

        Returns:
            `emorec.multimodal.product.ProductClassifier`, with ``predict_proba(images=, texts=, sounds=)``,
            ``predict`` and ``contributions``.

        Example:
            >>> both = MultimodalClassifier.pretrained(sound=None)  # doctest: +SKIP
            >>> both.predict(texts=["I passed the exam!!!"], images=["me.jpg"])  # doctest: +SKIP
            array(['happiness'], dtype=object)
        """
        return ProductClassifier(image=image, text=text, sound=sound)

    @explained
    def fit(
        self, inputs: Any = None, labels: Values | None = None, *, images: Values | None = None,
        texts: Values | None = None, sounds: Values | None = None, **options: Any,
    ) -> MultimodalClassifier:  # fmt: skip
        """Trains on a `Split`, or on ``images``, ``texts``, ``sounds`` and ``labels``; ``options`` as in
        `Classifier.fit`.

        Raises:
            BadInput: Lists of different lengths, a row of Nones alone, data of one modality alone, or a picture, text
                or sound that cannot be used, with its position.
        """
        # Of two small modalities: refuses settings before hours go into the classifiers of the modalities.
        build_fusion_model({"image": 4, "text": 4}, 2, **self._settings_of(build_fusion_model))
        return super().fit(_chosen(inputs, images, texts, sounds), labels, **options)

    # What the base class asks for

    def _check(self, inputs):
        if isinstance(inputs, Split):
            inputs = inputs.inputs
        if isinstance(inputs, dict):
            if not inputs or set(inputs) - set(MODALITIES):
                raise BadInput(f"A dict of inputs holds {', '.join(MODALITIES)}; received {list(inputs)}.")
            return as_rows(*(inputs.get(name) for name in MODALITIES))
        if not isinstance(inputs, list) or not all(isinstance(row, tuple) and len(row) in (2, 3) for row in inputs):
            raise BadInput("Give images=[...], texts=[...], sounds=[...], or a Split with image, text and sound.")
        if not inputs:
            return []
        columns = zip(*(Row(*row) for row in inputs))
        columns = [None if all(value is None for value in column) else list(column) for column in columns]
        return as_rows(*columns if any(columns) else [[None] * len(inputs)])

    def _content(self, rows):
        """The key of the sentence; of the picture or the sound where there is none."""
        order = ("text", "image", "sound")
        chosen = (next(name for name in order if getattr(row, name) is not None) for row in rows)
        return [MODALITIES[name].key(getattr(row, name)) for row, name in zip(rows, chosen)]

    def _learn(self, train, validation, *, checkpoint=None, progress=print):
        """The classifiers of the modalities first, each by its own `fit`, then the fusion of their features."""
        self.prior_ = train.targets.mean(axis=0)
        towers = self._towers(train, validation, checkpoint, progress)
        self.face_, self.text_, self.voice_ = (towers.get(name) for name in MODALITIES)
        self._encodings = {name: tower.encoding_ for name, tower in towers.items()}
        train = Examples(self._encode(train.inputs), train.targets, train.weights)
        validation = Examples(self._encode(validation.inputs), validation.targets)
        features = {name: MODALITIES[name].features(tower.model_) for name, tower in towers.items()}
        try:
            head = self._train_head(features, train, validation, checkpoint and f"{checkpoint}/fusion", progress)
        except training.Interrupted as error:  # the best fusion so far answers, too
            self.model_ = _joined(features, error.model)
            raise training.Interrupted(self.model_, error.history) from error
        self.model_ = _joined(features, head)

    def _chosen_towers(self, rows):
        """The classifier of each modality that the training rows have, or None where none was handed in."""
        handed = {"image": self.face, "text": self.text, "sound": self.voice}
        used = {}
        for name, tower in handed.items():
            kind = MODALITIES[name].kind
            if tower is not None and not isinstance(tower, kind):
                raise BadInput(f"The {name} model is a {kind.__name__}, not {type(tower).__name__}.")
            if any(getattr(row, name) is not None for row in rows):
                used[name] = tower
            elif tower is not None:
                raise BadInput(f"No training row has {MODALITIES[name].what}, so its classifier has nothing to learn.")
        if len(used) < 2:
            (name,) = used
            kind = MODALITIES[name].kind.__name__
            raise BadInput(f"The training rows have {name} alone: a {kind} is what such data need.")
        return used

    def _towers(self, train, validation, checkpoint, progress):
        """The trained classifier of each modality, by its name."""
        chosen = self._chosen_towers(train.inputs)
        try:
            return {n: self._tower(n, one, train, validation, checkpoint, progress) for n, one in chosen.items()}
        except training.Interrupted:
            if progress is not None:
                further = ("" if checkpoint else "give checkpoint=..., and ") + "the same call goes on"
                progress(f"interrupted before the fusion: this classifier stays as it was; {further}")
            raise

    def _tower(self, name, tower, train, validation, checkpoint, progress):
        """A trained classifier of one modality: the one handed in, or one that is trained on the rows that have it."""
        kind, settings = MODALITIES[name].kind, MODALITIES[name].settings
        if getattr(tower, "model_", None) is None:
            tower = kind(**settings, seed=self.seed) if tower is None else clone(tower)
            inputs, labels, weights = self._of_modality(name, train)
            held_out = self._of_modality(name, validation)[:2]
            if not len(held_out[1]):
                raise BadInput(f"No validation row has {MODALITIES[name].what}: its model could not be chosen.")
            tower.fit(
                inputs, labels, sample_weight=weights, validation=held_out, label_set=self.label_set_,
                checkpoint=checkpoint and f"{checkpoint}/{name}",
                progress=None if progress is None else lambda line: progress(f"{name}: {line}"),
            )  # fmt: skip
        if getattr(tower.encoding_, "normalise", None) == "speaker":
            raise BadInput("A voice that is normalised by speaker cannot be joined: nobody says who speaks.")
        return tower

    def _of_modality(self, name, examples):
        """(inputs, labels, weights) of the rows that have a modality."""
        rows = np.array([getattr(row, name) is not None for row in examples.inputs], dtype=bool)
        inputs = [getattr(row, name) for row in examples.inputs if getattr(row, name) is not None]
        targets = examples.targets[rows]
        labels = self.label_set_.decode(targets if self.label_set_.multi_label else targets.argmax(axis=1))
        return inputs, labels, None if examples.weights is None else examples.weights[rows]

    def _train_head(self, features, train, validation, checkpoint, progress):
        """The fusion, trained on the features that the classifiers give."""

        def encoded(x):
            return {"presence": x["presence"]} | {n: training.predict(f, x[n]) for n, f in features.items()}

        x, x_validation = encoded(train.inputs), encoded(validation.inputs)
        vectors = {name: x[name] for name in features}
        sizes, scaling = {name: v.shape[1] for name, v in vectors.items()}, statistics(vectors, x["presence"])
        settings = self._settings_of(build_fusion_model)
        head = build_fusion_model(sizes, len(self.label_set_), scaling=scaling, **settings)
        self.history_ = self._train(
            Examples(x, train.targets, train.weights), (x_validation, validation.targets),
            model=head, checkpoint=checkpoint, progress=progress,
        )  # fmt: skip
        return head

    @property
    def modalities_(self) -> tuple[str, ...]:
        """The names of the modalities that it reads, in the order of ``presence``."""
        return tuple(self._encodings)

    def _encode(self, rows):
        for i, row in enumerate(rows):
            unread = [n for n in MODALITIES if getattr(row, n) is not None and n not in self._encodings]
            if unread:
                what, argument = MODALITIES[unread[0]].what, MODALITIES[unread[0]].argument
                known = " and ".join(self._encodings)
                raise BadInput(f"Row {i} has {what}; this classifier was trained on {known}: leave {argument} out.")
        x = {name: MODALITIES[name].encode(encoding, [getattr(row, name) for row in rows])
             for name, encoding in self._encodings.items()}  # fmt: skip
        there = [[getattr(row, name) is not None for name in self._encodings] for row in rows]
        return x | {"presence": np.array(there, dtype="float32").reshape(-1, len(self._encodings))}

    # Scoring

    @explained
    def logits(
        self, inputs: Any = None, *, images: Values | None = None, texts: Values | None = None,
        sounds: Values | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Raw scores, float32 (N, C). Arguments: see the class."""
        self._check_fitted()
        inputs = self._check(_chosen(inputs, images, texts, sounds))
        self._notify(inputs)
        return super().logits(inputs)

    def _notify(self, rows):
        for name, encoding in self._encodings.items():
            MODALITIES[name].notify(encoding, [getattr(row, name) for row in rows])

    @explained
    def predict_proba(
        self, inputs: Any = None, *, images: Values | None = None, texts: Values | None = None,
        sounds: Values | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Probabilities, float64 (N, C) in the order of ``label_set_``. Arguments: see the class.

        Raises:
            BadInput: Lists of different lengths, a row of Nones alone, a modality that it was not trained on, or a
                picture, text or sound that cannot be used, with its position. DataMissing, DataCorrupt: A file that is
                not there, or is damaged.
        """
        return self._probabilities(self.logits(inputs, images=images, texts=texts, sounds=sounds))

    @explained
    def predict(  # type: ignore[override]
        self, inputs: Any = None, *, images: Values | None = None, texts: Values | None = None,
        sounds: Values | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Class names, object array (N,). Arguments: see the class."""
        return super().predict(_chosen(inputs, images, texts, sounds))

    @explained
    def features(
        self, inputs: Any = None, *, images: Values | None = None, texts: Values | None = None,
        sounds: Values | None = None,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """What is fused: dict of modality to float32 (N, D), and ``presence`` (N, M). Arguments: see the class."""
        self._check_fitted()
        x = self._encode(self._check(_chosen(inputs, images, texts, sounds)))
        return {n: training.predict(self._features(n), x[n]) for n in self.modalities_} | {"presence": x["presence"]}

    def _features(self, name):
        return self.model_.get_layer(f"features_{name}")

    # Explanations

    @explained
    def contributions(
        self, inputs: Any = None, *, images: Values | None = None, texts: Values | None = None,
        sounds: Values | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        """What each modality did for the predicted class.

        Returns:
            DataFrame, a row per row of the input: ``label``, ``probability``; for each modality, by its name, by how
            much the probability falls when it is left out (of one that is alone: what it adds to the class's share of
            the training data; NaN where it is missing), and ``NAME share``, how much of the class's lead it brought (0
            to 1, see `emorec.multimodal.agreement.shares`); ``decided_by``, the one with the largest share;
            ``disagree``, whether two of them, each alone, are sure (above one half) of different classes; for fusions
            that weigh modalities also ``NAME weight``, which sum to 1.
        """
        self._check_fitted()
        x = self._encode(self._check(_chosen(inputs, images, texts, sounds)))
        p, presence = self._fused(x), x["presence"] > 0
        best = p.argmax(axis=1)
        without = self._without(x)
        leads = [agreement.lead(p, best) - agreement.lead(rest, best) for rest in without.values()]
        table = agreement.table_of_contributions(
            self.label_set_, p, without, presence, np.stack(leads, axis=1),
            agreement.disagreement(list(self._each_alone(x).values()), presence),
        )  # fmt: skip
        weights = self._weights(x)
        if weights is not None:
            table[[f"{name} weight" for name in self.modalities_]] = weights
        return table

    def _without(self, x):
        """By modality, the probabilities (N, C) that are left without it: the training data's shares without any."""
        fused = {}
        for k, name in enumerate(self.modalities_):
            rest = x["presence"].copy()
            rest[:, k] = 0
            fused[name] = np.where(rest.any(axis=1, keepdims=True), self._fused({**x, "presence": rest}), self.prior_)
        return fused

    def _each_alone(self, x):
        """By modality, the probabilities (N, C) with it alone; they mean nothing where it is missing."""
        eye = np.eye(len(self.modalities_), dtype="float32")
        alone = (np.repeat(eye[k : k + 1], len(x["presence"]), axis=0) for k in range(len(eye)))
        return {name: self._fused({**x, "presence": only}) for name, only in zip(self.modalities_, alone)}

    def _fused(self, x):
        """Probabilities of encoded rows. Not compiled: every number of rows and words would be traced anew."""
        return self._probabilities(_in_parts(lambda part: self.model_(part, training=False), x, len(self.label_set_)))

    def _weights(self, x):
        """The fusion's weights over the modalities (N, M), or None where it has none."""
        head = self.model_.get_layer("fusion_model")
        layer = head.get_layer("fusion")
        if not isinstance(layer, WEIGHING):
            return None
        entering = keras.Model(head.input, layer.input)

        def weigh(part):
            vectors = {name: self._features(name)(part[name], training=False) for name in self.modalities_}
            there = keras.ops.convert_to_tensor(part["presence"])
            *vectors, presence = entering({**vectors, "presence": there}, training=False)
            return layer(vectors, presence=presence, return_attention_scores=True)[1]

        return _in_parts(weigh, x, len(self.modalities_))

    @explained
    def explain(
        self, image: Picture | None = None, text: str | None = None, sound: Any = None, target: str | None = None
    ) -> MultimodalExplanation:
        """What in the picture, which words and which moments of the sound the answer came from, all in units of the
        target's probability.

        Args:
            image, text, sound: One picture, one sentence, one sound; None where there is none.
            target: Class name; None takes the predicted one.

        Returns:
            `MultimodalExplanation`: the loss of the target's probability when a patch of the picture is covered, when a
            word is left out, when a quarter of a second is silenced, and when a whole modality is left out, always with
            everything else in its place.
        """
        self._check_fitted()
        row = as_rows(*(None if value is None else [value] for value in (image, text, sound)))
        self._notify(row)
        x = self._encode(row)
        (p,), names = self._fused(x), self.label_set_.names
        index = int(p.argmax()) if target is None else self.label_set_.index(target)
        shared = dict(label=names[int(p.argmax())], probabilities=dict(zip(names, p.tolist())), target=names[index])
        parts = {
            name: float(p[index] - rest[0, index])
            for k, (name, rest) in enumerate(self._without(x).items())
            if x["presence"][0, k] > 0
        }
        return MultimodalExplanation(
            **shared,
            contributions=parts,
            image=None if image is None else self._explained_picture(x, index, shared),
            text=None if text is None else explain.leave_one_out(_WithRest(self, x), text, names[index]),
            sound=None if sound is None else self._explained_sound(sound, x, p[index], index, shared),
        )

    def _explained_picture(self, x, index, shared):
        heat = occlusion(lambda images: self._fused(_beside(x, image=images)), x["image"], [index])[0]
        return FaceExplanation(image=x["image"][0].squeeze(), heat=heat, method="occlusion", **shared)

    def _explained_sound(self, sound, x, whole, index, shared):
        sound = as_sound(sound, notices=False)
        times, altered = silenced(sound)
        encoded = MODALITIES["sound"].encode(self._encodings["sound"], altered)
        falls = whole - self._fused(_beside(x, sound=encoded))[:, index]
        return VoiceExplanation(sound=sound, times=times, weights=falls, method="occlusion", **shared)

    # One file

    def _state(self):
        encodings = {name: MODALITIES[name].state(encoding) for name, encoding in self._encodings.items()}
        return {"encodings": encodings, "prior": np.asarray(self.prior_).tolist()}

    def _restore(self, state):
        if "encodings" not in state:  # written by version 0.1 or 0.2: a picture and a sentence
            words = {"kind": state["text_kind"], **state["text"]}
            state = {"encodings": {"image": state["image"], "text": words}, "prior": state["prior"]}
        self._encodings = {name: MODALITIES[name].restored(saved) for name, saved in state["encodings"].items()}
        self.prior_ = np.array(state["prior"])

    def _check_restored(self, path):
        image, inputs = self._encodings.get("image"), self.model_.input
        if hasattr(image, "shape") and isinstance(inputs, dict) and "image" in inputs:
            wanted = tuple(inputs["image"].shape[1:])
            fits = tuple(image.shape) == wanted
            sealed.need(fits, path, f"pictures of {tuple(image.shape)} for a network that reads {wanted}")


@dataclass
class MultimodalExplanation:
    """One row and where its prediction came from; draws itself in a notebook.

    Attributes:
        label: The most probable class.
        probabilities: Class name to probability.
        target: The class that everything below is about.
        contributions: Modality to the loss of the target's probability without it, as in
            `MultimodalClassifier.contributions`.
        image: `emorec.faces.explain.FaceExplanation`, or None.
        text: `emorec.text.explain.Explanation`, or None.
        sound: `emorec.voice.explain.VoiceExplanation`, or None.

    Example:
        >>> MultimodalExplanation("fear", {"fear": 0.9}, "fear", {"image": 0.4, "text": 0.1}).target
        'fear'
    """

    label: str
    probabilities: dict
    target: str
    contributions: dict
    image: FaceExplanation | None = None
    text: explain.Explanation | None = None
    sound: VoiceExplanation | None = None

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
        style = "height:9em;display:inline-block;image-rendering:pixelated;margin:4px 8px 4px 0"
        wave = ""
        if self.sound is not None:
            data = base64.b64encode(self.sound._repr_png_()).decode()
            wave = f'<img alt="When in the sound" src="data:image/png;base64,{data}" style="max-width:100%">'
        return (
            '<div style="font-family:sans-serif;font-size:14px;max-width:60em">'
            + "".join(f"<div>{escape(line)}</div>" for line in lines)
            + "".join(
                f'<img alt="{alt}" src="data:image/png;base64,{_png(x)}" style="{style}">'
                for alt, x in pictures.items()
            )
            + (self.text._repr_html_() if self.text is not None else "")
            + wave
            + "</div>"
        )


class _WithRest:
    """A row whose picture and sound stay while its words change, as `emorec.text.explain` wants a text classifier."""

    def __init__(self, classifier, x):
        self.classifier, self.x = classifier, x
        self.label_set_, self.tokenise = classifier.label_set_, classifier._encodings["text"].tokenise

    def proba_from_tokens(self, token_lists):
        encoded = self.classifier._encodings["text"].encode_tokens(token_lists)
        return self.classifier._fused(_beside(self.x, text=encoded))


def _chosen(inputs, images, texts, sounds):
    if inputs is None:
        return as_rows(images, texts, sounds)
    if images is not None or texts is not None or sounds is not None:
        raise BadInput("Give either a Split or images=..., texts=... and sounds=..., not both.")
    return inputs


def _joined(features, head):
    """Raw encodings and ``presence`` to logits, as one model."""
    inputs = {n: keras.Input(f.input.shape[1:], dtype=f.input.dtype, name=n) for n, f in features.items()}
    presence = keras.Input((len(features),), name="presence")
    towers = {n: keras.Model(f.input, f.output, name=f"features_{n}") for n, f in features.items()}
    vectors = {n: tower(inputs[n]) for n, tower in towers.items()}
    return keras.Model({**inputs, "presence": presence}, head({**vectors, "presence": presence}), name="multimodal")


def _in_parts(function, x, width, size=256):
    """What a function of encoded rows gives for N of them: (N, width), for none of them too."""
    parts = [{name: v[i : i + size] for name, v in x.items()} for i in range(0, len(x["presence"]), size)]
    return np.concatenate([np.zeros((0, width)), *(keras.ops.convert_to_numpy(function(part)) for part in parts)])


def _beside(x, **changed):
    """A batch in which the encodings named change and everything else of the one row ``x`` is repeated."""
    n = len(next(iter(changed.values())))
    return {name: changed.get(name, np.repeat(value, n, axis=0)) for name, value in x.items()}


def _png(picture):
    return base64.b64encode(cv2.imencode(".png", picture[..., ::-1])[1].tobytes()).decode()
