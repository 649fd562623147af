"""VoiceClassifier: sounds in any form in, class probabilities and where in time they came from out."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec import metrics, sealed, training
from emorec.arguments import check_settings, explained
from emorec.checks import choice, positive_int, real_number
from emorec.classifier import Classifier, Examples
from emorec.datasets.base import Split, objects
from emorec.datasets.splits import k_fold
from emorec.errors import BadInput
from emorec.notices import notice
from emorec.text.models import attention_outputs
from emorec.types import Numbers, Strings, Values
from emorec.voice import activity, features
from emorec.voice.encoding import NORMALISE, FrameBatches, VoiceEncoding
from emorec.voice.explain import VoiceExplanation, sequence_times, silenced
from emorec.voice.models import ATTENTIONS, ENCODERS, MACHINES, build_voice_model, fit_machine, sharpen
from emorec.voice.sound import Sound, SoundNotice, as_sound
from emorec.voice.utterances import COLUMNS, POOLED, Utterance, spoken

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("attention", "occlusion")


class VoiceClassifier(Classifier):
    """Emotion of a voice: a machine on statistics of an utterance, or a network on its frames.

    Sounds are paths (WAV, FLAC, OGG, MP3), bytes, `emorec.voice.Sound`, or pairs (array, rate in Hz), of any rate, mono
    or stereo. One sound is one utterance, of one speaker and one mood; `predict_over_time` cuts a longer one.

    Args:
        encoder: ``lda`` or ``svm``, a linear discriminant or support vector machines on `emorec.voice.statistics`,
            which learn from a few hundred utterances within seconds; ``qda``, a quadratic discriminant, which wants
            thousands; or a network, one of
            `emorec.voice.models.ENCODERS`: ``cnn``, ``bilstm``, ``cnn-bilstm`` and the like.
        attention: Of a network: ``none``, ``uniform``, ``global``, ``self`` or ``structured``; None takes ``global``.
            The machines have none.
        normalise: ``training``, by the mean and spread of the training data; or ``speaker``, by those of each speaker.
            That takes `speakers` in training and in prediction, several utterances of each, best of all moods, and is
            another protocol: say so beside a number.
        levelled: Whether every sound is brought to the same loudness first: for recordings whose distance and gain
            nobody knows. False where loudness means something.
        speeds: At which every training sound is heard as well: people with other voices and tempos (Ko et al. 2015).
            Empty for none.
        units, attention_units, filters, kernel_size, layers, dropout: Of a network, see
            `emorec.voice.models.build_voice_model`.
        C: Inverse regularisation of the support vector machines.
        epochs, batch_size, optimizer, learning_rate, schedule, weight_decay, label_smoothing, patience, monitor: Of a
            network, see `emorec.training.fit`.
        class_weight: ``balanced`` weighs classes by inverse frequency, or None. The machines are always balanced.
        seed: Of weights, dropout and the order of examples.

    Example:
        >>> from emorec import datasets
        >>> data = datasets.load("sample-voices", speakers=6, repeats=1)
        >>> classifier = VoiceClassifier().fit(data.train, progress=None)
        >>> classifier.predict_proba(data.test.inputs[:3]).shape
        (3, 7)
    """

    def __init__(
        self, encoder: str = "lda", attention: str | None = None, *, normalise: str = "training",
        levelled: bool = False, speeds: Numbers = (0.9, 1.1), units: int = 48, attention_units: int = 48,
        filters: int = 64, kernel_size: int = 5, layers: int = 2, dropout: float = 0.3, C: float = 3.0,
        epochs: int = 30, batch_size: int = 32, optimizer: str = "adam", learning_rate: float = 1e-3,
        schedule: str = "cosine", weight_decay: float = 0.01, label_smoothing: float = 0.05,
        class_weight: str | dict | None = "balanced", patience: int | None = None, monitor: str = "macro_f1",
        seed: int = 0,
    ) -> None:  # fmt: skip
        self.encoder, self.attention, self.normalise = encoder, attention, normalise
        self.levelled, self.speeds = levelled, speeds
        self.units, self.attention_units, self.filters = units, attention_units, filters
        self.kernel_size, self.layers, self.dropout, self.C = kernel_size, layers, dropout, C
        self.epochs, self.batch_size, self.optimizer = epochs, batch_size, optimizer
        self.learning_rate, self.schedule, self.weight_decay = learning_rate, schedule, weight_decay
        self.label_smoothing, self.class_weight = label_smoothing, class_weight
        self.patience, self.monitor, self.seed = patience, monitor, seed

    # Training

    @explained
    def fit(
        self, inputs: Any, labels: Values | None = None, *, speakers: Strings | None = None, validation: Any = None,
        **options: Any,
    ) -> VoiceClassifier:  # fmt: skip
        """Trains on sounds and labels; see `emorec.classifier.Classifier.fit`.

        Args:
            inputs: N sounds, or a `Split` whose groups are speakers.
            labels: N class names.
            speakers: N names; whole speakers are then set aside for validation.
            validation: A `Split`, ``(sounds, labels)`` or ``(sounds, labels, speakers)``. The machines do not use it.
            **options: sample_weight, label_set, checkpoint, progress.

        Raises:
            BadInput: A setting or a sound that cannot be used; no speakers where they are normalised by.
        """
        self._check_settings()
        train = self._as_split("train", inputs, labels, speakers)
        if self.normalise == "speaker" and train.groups is None:
            raise BadInput("normalise='speaker' needs to know who speaks: give speakers=[...], a name for each sound.")
        if isinstance(validation, tuple) and len(validation) in (2, 3):
            validation = self._as_split("validation", *validation, *[None] * (3 - len(validation)))
        return super().fit(train, validation=validation, **options)

    def _as_split(self, name, inputs, labels, speakers):
        """A Split of utterances whose groups are speakers, or None where nobody knows all of them."""
        if isinstance(inputs, Split):
            utterances, labels, ids = spoken(inputs.inputs, inputs.groups), inputs.labels, inputs.ids
        else:
            utterances, labels = self._pair(spoken(inputs, speakers), labels)
            ids = objects(f"{i:08d}" for i in range(len(labels)))
        known = [utterance.speaker for utterance in utterances]
        return Split(name, objects(utterances), labels, ids, None if None in known else objects(known))

    def _check_settings(self):
        check_settings(self)
        choice("encoder", self.encoder, (*MACHINES, *ENCODERS))
        choice("attention", self.attention, (None, *ATTENTIONS))
        choice("normalise", self.normalise, NORMALISE)
        real_number("C", self.C, 0, 1e9, above=True)
        if self._machine and self.attention not in (None, "none"):
            raise BadInput(
                f"encoder={self.encoder!r} sees no frames, so attention={self.attention!r} has nothing to do."
            )
        for name in ("units", "attention_units", "filters", "kernel_size", "layers"):
            positive_int("VoiceClassifier", name, getattr(self, name))
        for speed in self.speeds:
            real_number("each of speeds", speed, 0.5, 2)

    @property
    def _machine(self):
        return self.encoder in MACHINES

    def _check(self, inputs):
        return spoken(inputs)

    def _pair(self, inputs, labels):
        if isinstance(inputs, Split):
            inputs, labels = spoken(inputs.inputs, inputs.groups), inputs.labels
        return super()._pair(inputs, labels)

    def _content(self, inputs):
        return [sound_key(utterance.source) for utterance in inputs]

    def _set_aside(self, inputs, labels, groups):
        if self._machine:  # it does not stop early: what would be set aside is better learned from
            return np.zeros(len(labels), dtype=bool)
        return super()._set_aside(inputs, labels, groups)

    def _encode(self, inputs):
        return self.encoding_.encode(inputs)

    def _learn(self, train, validation, *, checkpoint=None, progress=print):
        kind = "statistics" if self._machine else "sequence"
        self.encoding_ = VoiceEncoding(kind, self.normalise, self.levelled).fit(train.inputs)
        speeds = dict.fromkeys((1.0, *(float(speed) for speed in self.speeds)))
        heard = [self.encoding_.encode(train.inputs, speed) for speed in speeds]
        if self._machine:
            self.history_ = self._learn_machine(train, heard, progress)
            return
        x = FrameBatches.joined(heard)
        y = np.concatenate([train.targets] * len(heard))
        weights = None if train.weights is None else np.concatenate([train.weights] * len(heard))
        settings = self._settings_of(build_voice_model) | {"attention": self.attention or "global"}
        self.model_ = build_voice_model(features=COLUMNS, classes=len(self.label_set_), **settings)
        seen = (self._encode(validation.inputs), validation.targets)
        self.history_ = self._train(Examples(x, y, weights), seen, checkpoint=checkpoint, progress=progress)

    # The machines

    def _learn_machine(self, train, heard, progress):
        """Trains a machine on what is heard of the training sounds, (N, D) for each speed; returns its history."""
        if self.label_set_.multi_label or train.weights is not None:
            what = "several labels to a sound" if self.label_set_.multi_label else "sample_weight"
            raise BadInput(f"encoder={self.encoder!r} does not know {what}; take a network, e.g. encoder='cnn'.")
        started, targets = time.perf_counter(), train.targets.argmax(axis=1)

        def trained(rows):
            seen = np.concatenate([part[rows] for part in heard])
            truth = np.tile(targets[rows], len(heard))
            return fit_machine(self.encoder, seen, truth, classes=len(self.label_set_), C=self.C)

        speakers = [utterance.speaker for utterance in train.inputs]
        held_out = self._held_out_logits(heard[0], targets, None if None in speakers else speakers, trained)
        self.model_ = trained(np.arange(len(targets)))
        row = {}
        if held_out is not None:
            sharpen(self.model_, 1 / metrics.fit_temperature(held_out, targets))
            scores = training.validation_scores(train.targets, held_out)
            row = {f"val_{name}": scores[name] for name in ("accuracy", "macro_f1")}
        row["loss"] = training.validation_scores(train.targets, training.predict(self.model_, heard[0]))["loss"]
        row["seconds"] = time.perf_counter() - started
        if progress is not None and held_out is not None:
            who = "" if None in speakers else ", of other speakers"
            progress(
                f"{self.encoder} · {row['seconds']:.1f} s · each third of the training data{who}, by the others: "
                f"accuracy {100 * row['val_accuracy']:.1f} %, macro-F1 {100 * row['val_macro_f1']:.1f} %"
            )
        return training.History([row], 0, None)

    def _held_out_logits(self, x, targets, speakers, trained):
        """Logits (N, C) of every third by the machine of the others, speakers apart; None where there are too few."""
        ids = [f"{i:08d}" for i in range(len(x))]
        if len(x) < 6 or (speakers is not None and len(set(speakers)) < 3):
            return None
        fold = k_fold(ids, [str(t) for t in targets], folds=3, seed=self.seed, groups=speakers)
        logits = np.zeros((len(x), len(self.label_set_)), dtype="float32")
        for part in range(3):
            rest = np.flatnonzero(fold != part)
            if len(np.unique(targets[rest])) < len(self.label_set_) or not (fold == part).any():
                return None
            logits[fold == part] = training.predict(trained(rest), x[fold == part])
        return logits

    # Scoring

    def _heard_by(self, inputs, speakers):
        self._check_fitted()
        utterances = spoken(inputs, speakers)
        if self.normalise == "speaker" and utterances and all(u.speaker is None for u in utterances):
            words = (
                "This classifier is normalised by speaker, and nobody says who speaks: the training data's mean serves "
                "instead. Give speakers=[...] and several sounds of each, or train with normalise='training'."
            )
            notice(words, SoundNotice)
        return utterances

    @explained
    def logits(self, inputs: Any, *, speakers: Strings | None = None) -> np.ndarray:
        """Raw scores of N sounds, float32 (N, C), in the order of ``label_set_``. Arguments: see `predict_proba`."""
        return super().logits(self._heard_by(inputs, speakers))

    @explained
    def predict_proba(self, inputs: Any, *, speakers: Strings | None = None) -> np.ndarray:
        """Probabilities, float64 (N, C) in the order of ``label_set_``; rows sum to 1.

        Args:
            inputs: N sounds, or one: see the class.
            speakers: N names of who speaks, which a classifier with ``normalise="speaker"`` needs: it compares the
                sounds of a speaker with each other. All others pass over them.

        Raises:
            BadInput: A sound that cannot be used (empty, too short, NaN), with its position and why. DataMissing: no
                such file. DataCorrupt: a file that is no sound, or is truncated.
        """
        return self._probabilities(self.logits(inputs, speakers=speakers))

    @explained
    def score(
        self, inputs: Any, labels: Values | None = None, sample_weight: Values | None = None, *,
        speakers: Strings | None = None,
    ) -> float:  # fmt: skip
        """Accuracy, 0 to 1; see `emorec.classifier.Classifier.score`, and `predict_proba` for the speakers."""
        return super().score(inputs if isinstance(inputs, Split) else spoken(inputs, speakers), labels, sample_weight)

    @explained
    def predict_over_time(self, sound: Any, *, window: float = 2.0, hop: float = 1.0) -> pd.DataFrame:
        """Emotions of a longer sound, window by window.

        Args:
            sound: One sound.
            window: Length of a window, 0.2 to 3,600 seconds.
            hop: From window to window, 0.01 to 3,600 seconds.

        Returns:
            DataFrame, a row for each window: start and end in seconds, speech (share of the window in which somebody
            speaks), label, confidence, and the probability of every class. Where nobody speaks label is None and the
            numbers are NaN.
        """
        import pandas as pd

        self._check_fitted()
        window, hop = real_number("window", window, 0.2, 3600), real_number("hop", hop, 0.01, 3600)
        heard = as_sound(sound)
        speech = activity.speech_frames(features.level(heard.samples))
        starts = np.arange(0, max(heard.seconds - window, 0) + hop / 2, hop)
        pieces = [heard.samples[int(s * heard.rate) : int((s + window) * heard.rate)] for s in starts]
        shares = [_share(speech, start, window) for start in starts]
        spoke = [i for i, share in enumerate(shares) if share >= 0.1]
        p = np.full((len(starts), len(self.label_set_)), np.nan)
        if spoke:
            who = [heard.name] * len(spoke) if self.normalise == "speaker" else None
            p[spoke] = self.predict_proba([Sound(pieces[i], heard.rate, heard.name) for i in spoke], speakers=who)
        rows = {"start": starts, "end": np.minimum(starts + window, heard.seconds), "speech": shares}
        rows["label"] = [self.label_set_.names[int(row.argmax())] if i in spoke else None for i, row in enumerate(p)]
        rows["confidence"] = np.max(p, axis=1, initial=0, where=np.isfinite(p)) if len(p) else []
        frame = pd.DataFrame(rows)
        frame.loc[frame["label"].isna(), "confidence"] = np.nan
        return pd.concat([frame, pd.DataFrame(p, columns=list(self.label_set_))], axis=1)

    # Explanations

    @explained
    def explain(
        self, sound: Any, method: str | None = None, target: str | None = None, *, others: Sequence = ()
    ) -> VoiceExplanation:
        """Where in a sound the answer came from.

        Args:
            sound: One sound.
            method: ``attention``, of a network that has one, or ``occlusion``: by how much the target's probability
                falls when a quarter of a second is silenced. None takes attention where there is one.
            target: Class name that occlusion explains; None takes the predicted one. Attention is about no class.
            others: More sounds of the same speaker, for a classifier that is normalised by speaker.

        Returns:
            `emorec.voice.explain.VoiceExplanation` with ``times``, ``weights``, ``label`` and ``probabilities``.

        Raises:
            BadInput: No single sound, or a method that there is not. LabelMismatch: An unknown ``target``.
        """
        self._check_fitted()
        heard = spoken(sound)
        if len(heard) != 1:
            raise BadInput(f"explain takes one sound; received {len(heard)}.")
        has_attention = not self._machine and self.attention != "none"
        method = method or ("attention" if has_attention else "occlusion")
        choice("method", method, METHODS)
        if method == "attention" and not has_attention:
            raise BadInput("This model has no attention; choose method='occlusion'.")
        others = [Utterance(u.source) for u in spoken(others)] if len(others) else []
        row = self._alone(heard[0].source, others)
        index = int(row.argmax()) if target is None else self.label_set_.index(target)
        attended = self._attended if method == "attention" else self._occluded
        times, weights = attended(heard[0], others, index, row)
        names = self.label_set_.names
        return VoiceExplanation(
            sound=heard[0].sound,
            times=times,
            weights=weights,
            label=names[int(row.argmax())],
            probabilities=dict(zip(names, row.tolist())),
            target=names[index],
            method=f"{self.attention or 'global'} attention" if method == "attention" else method,
        )

    def _alone(self, source, others):
        """Probabilities (C,) of one sound, beside others of its speaker."""
        who = ["the speaker"] * (1 + len(others)) if others else None
        return self.predict_proba([Utterance(source), *others], speakers=who)[0]

    def _attended(self, utterance, others, index, row):
        group = spoken([Utterance(utterance.sound), *others], ["the speaker"] * (1 + len(others)) if others else None)
        x = self._encode(group).pad([0])
        weights = np.asarray(attention_outputs(self.model_)(x, training=False)[1])[0]
        weights = weights[x[0, :, 0] > 0.5]
        return sequence_times(utterance.sound, len(weights), POOLED), weights

    def _occluded(self, utterance, others, index, row):
        times, altered = silenced(utterance.sound)
        if not others:
            falls = [row[index] - p[index] for p in self.predict_proba(altered)]
        else:
            falls = [row[index] - self._alone(sound, others)[index] for sound in altered]
        return times, np.array(falls)

    # One file

    def _state(self):
        return {"encoding": self.encoding_.get_config()}

    def _restore(self, state):
        self.encoding_ = VoiceEncoding.from_config(state["encoding"])

    def _check_restored(self, path):
        # The first number of a frame says that it is there (`emorec.voice.models`).
        n = self.model_.input_shape[-1] - (len(self.model_.input_shape) == 3)
        for name in ("mean", "spread"):
            sealed.check_numbers(getattr(self.encoding_, name), n, path, f"the {name} of its features")


def _share(speech, start, window):
    part = speech[int(start * 100) : int((start + window) * 100)]
    return float(part.mean()) if len(part) else 0.0


def sound_key(source: Any) -> str:
    """A key that is equal for equal sounds."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(os.path.expanduser(source))  # where it is no file, reading it for training says so
        source = path.read_bytes() if path.is_file() else os.fsencode(path)
    elif not isinstance(source, (bytes, bytearray)):
        array = source.samples if isinstance(source, Sound) else np.asarray(source[0])
        source = str(array.shape).encode() + np.ascontiguousarray(array).tobytes()
    return hashlib.blake2b(bytes(source), digest_size=16).hexdigest()
