"""The modalities that a classifier joins: how each is checked and encoded, and which classifier reads it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

import keras
import numpy as np

from emorec import images as pictures
from emorec.checks import is_missing
from emorec.datasets.splits import normalise
from emorec.errors import BadInput, DataCorrupt
from emorec.faces.classifier import FaceClassifier, picture_key
from emorec.faces.preprocessing import FacePreprocessing, check_inputs
from emorec.text.classifier import TextClassifier
from emorec.text.tfidf import TfidfEncoder
from emorec.text.tokens import TextEncoder, check_texts
from emorec.text.wordpieces import WordPieces
from emorec.voice.classifier import VoiceClassifier, sound_key
from emorec.voice.encoding import STEPS, FrameBatches, VoiceEncoding
from emorec.voice.sound import check_sounds
from emorec.voice.utterances import COLUMNS, read, spoken


class Row(NamedTuple):
    """One example: a picture, a sentence and a sound, each None where it is missing.

    Example:
        >>> Row(text="What a day!").image is None
        True
    """

    image: object = None
    text: object = None
    sound: object = None


class Modality:
    """What a `MultimodalClassifier` knows of a modality; one object each, without a state.

    Attributes:
        name: In a `Row`, in the inputs of a `Split`, and of its columns in tables.
        argument: Of `predict_proba`.
        what: In messages.
        kind: The class of its classifiers. settings: Of the one that is trained where none was handed in.

    Example:
        >>> MODALITIES["sound"].argument
        'sounds'
    """

    name = argument = what = ""
    kind: type = object
    settings: dict = {}

    def check(self, values: Any) -> list:
        """N values, None where one is missing. Raises BadInput for what cannot hold them."""
        raise NotImplementedError

    def key(self, value: Any) -> str:
        """Equal for equal values."""
        raise NotImplementedError

    def encode(self, encoding: Any, values: list) -> np.ndarray:
        """What the network reads of N values; where None stands, rows that are in no way looked at."""
        raise NotImplementedError

    def notify(self, encoding: Any, values: list) -> None:
        """Warns of values that can be read, but whose answer says little."""

    def state(self, encoding: Any) -> dict:
        """The encoding as JSON."""
        return encoding.get_config()

    def restored(self, state: dict) -> Any:
        """The encoding that `state` described."""
        raise NotImplementedError

    def features(self, model: keras.Model) -> keras.Model:
        """The part of a trained network up to what enters its last layer."""
        return keras.Model(model.input, model.get_layer("logits").input)


class Pictures(Modality):
    """Faces.

    Example:
        >>> len(Pictures().check([np.zeros((48, 48), "uint8"), None]))
        2
    """

    name, argument, what, kind = "image", "images", "a picture", FaceClassifier
    settings = {"model": "lenet", "width": 8, "augment": "light", "epochs": 25, "batch_size": 32, "learning_rate": 2e-3}

    def check(self, values: Any) -> list:
        if isinstance(values, dict) or hasattr(values, "columns"):
            raise BadInput(f"images= is a list of pictures, not a {type(values).__name__}: take one of its columns.")
        return [None if is_missing(picture) else picture for picture in check_inputs(values)]

    def key(self, value: Any) -> str:
        return picture_key(value)

    def encode(self, encoding: Any, values: list) -> np.ndarray:
        encoded = np.zeros((len(values), *encoding.shape), dtype="uint8")
        for i, picture in enumerate(values):
            if picture is not None:
                try:
                    encoded[i] = encoding.one(pictures.as_picture(picture), encoding.detect)
                except (BadInput, DataCorrupt) as error:
                    raise type(error)(f"Picture {i}: {error}") from error
        return encoded

    def state(self, encoding: Any) -> dict:
        return asdict(encoding)

    def restored(self, state: dict) -> Any:
        return FacePreprocessing(**{"align": False} | state)  # version 0.1 cut faces out as they lay


class Sentences(Modality):
    """Texts.

    Example:
        >>> Sentences().check(["What a day!", None])
        ['What a day!', None]
    """

    name, argument, what, kind = "text", "texts", "a sentence", TextClassifier
    settings = {"encoder": "none", "attention": "none", "dropout": 0.5, "embedding_dim": 64, "learning_rate": 5e-3,
                "epochs": 40, "patience": 6}  # fmt: skip
    encoders: dict[str, Any] = {"ids": TextEncoder, "tfidf": TfidfEncoder, "pieces": WordPieces}

    def check(self, values: Any) -> list:
        if isinstance(values, (str, dict, set, frozenset)) or hasattr(values, "columns"):
            check_texts(values)  # says what to give instead
        values = [None if is_missing(text) else text for text in values]
        check_texts(["-" if text is None else text for text in values])
        return values

    def key(self, value: Any) -> str:
        return normalise(value)

    def encode(self, encoding: Any, values: list) -> np.ndarray:
        return encoding.encode_tokens([[] if text is None else encoding.tokenise(text) for text in values])

    def notify(self, encoding: Any, values: list) -> None:
        present = [text for text in values if text is not None]
        if present:
            encoding.notify(present)

    def state(self, encoding: Any) -> dict:
        kind = next(name for name, kind in self.encoders.items() if type(encoding) is kind)
        return {"kind": kind, **encoding.get_config()}

    def restored(self, state: dict) -> Any:
        state = dict(state)
        return self.encoders[state.pop("kind")].from_config(state)


class Sounds(Modality):
    """Voices.

    Example:
        >>> len(Sounds().check([(np.zeros(16000, "float32"), 16000), None]))
        2
    """

    name, argument, what, kind = "sound", "sounds", "a sound", VoiceClassifier
    settings = {"encoder": "lda", "speeds": ()}

    def check(self, values: Any) -> list:
        if not isinstance(values, list) and not hasattr(values, "iloc"):
            return check_sounds(values)
        checked = iter(check_sounds([sound for sound in values if not is_missing(sound)]))
        return [None if is_missing(sound) else next(checked) for sound in values]

    def key(self, value: Any) -> str:
        return sound_key(value)

    def encode(self, encoding: Any, values: list) -> np.ndarray:
        present = [i for i, sound in enumerate(values) if sound is not None]
        utterances = spoken([values[i] for i in present]) if present else []
        for i, utterance in zip(present, utterances):
            try:
                utterance.sound  # noqa: B018  read here, so that an error names the row
            except (BadInput, DataCorrupt) as error:
                raise type(error)(f"Sound {i}: {error}") from error
        read(utterances)  # warns once of all that are doubtful
        shape = (len(encoding.mean),) if encoding.kind == "statistics" else (STEPS, 1 + COLUMNS)
        x = encoding.encode(utterances) if present else np.zeros((0, *shape), dtype="float32")
        x = x.pad(np.arange(len(present))) if isinstance(x, FrameBatches) else x
        encoded = np.zeros((len(values), *x.shape[1:]), dtype="float32")
        encoded[present] = x
        return encoded

    def restored(self, state: dict) -> Any:
        return VoiceEncoding.from_config(state)


MODALITIES = {modality.name: modality for modality in (Pictures(), Sentences(), Sounds())}


def as_rows(images: Any = None, texts: Any = None, sounds: Any = None) -> list[Row]:
    """N rows from lists, of which any but not all may be None.

    Args:
        images, texts, sounds: N pictures, sentences and sounds, None where there is none of them.

    Raises:
        BadInput: No list at all, lists of different lengths, a row of Nones alone, a DataFrame or dict in the place of
            a list, or what is no picture, text or sound.
    """
    lists = {name: values for name, values in zip(MODALITIES, (images, texts, sounds)) if values is not None}
    if not lists:
        raise BadInput("There is no input: give images=[...], texts=[...], sounds=[...], or several of them.")
    lists = {name: MODALITIES[name].check(values) for name, values in lists.items()}
    counts = {MODALITIES[name].argument: len(values) for name, values in lists.items()}
    if len(set(counts.values())) > 1:
        several = ", but ".join(f"{count} {argument}" for argument, count in counts.items())
        raise BadInput(f"{several}; write None where one is missing.")
    rows = [Row(**dict(zip(lists, values))) for values in zip(*lists.values())]
    nothing = [i for i, row in enumerate(rows) if all(value is None for value in row)]
    if nothing:
        more = f" (and {len(nothing) - 1} more)" if len(nothing) > 1 else ""
        raise BadInput(f"Row {nothing[0]}{more} has neither a picture nor a sentence nor a sound: give at least one.")
    return rows
