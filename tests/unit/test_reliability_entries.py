"""Any value at all for every argument of every public function: an answer, or an error of this package.

What is public: what `emorec` and its packages export, and the functions of the modules in `emorec.__all__`. A name
that is new there fails `test_every_public_name_is_tried` until a call of it stands here.
"""

import importlib
import os
import types
import warnings
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from harness import SAVED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import emorec
from emorec import datasets, labels, metrics, training
from emorec.errors import EmorecError
from emorec.metrics import Evaluation

matplotlib.use("Agg")
PACKAGES = ("attention", "datasets", "faces", "voice", "multimodal", "metrics", "pretrained")
MODULES = ("images", "labels", "plots", "reporting", "training")


def public():
    """Dotted name to function or class; modules, errors and notices have nothing to hand over to."""
    names = {}
    for place in ("", *PACKAGES, *MODULES):
        module = importlib.import_module(f"emorec.{place}".rstrip("."))
        listed = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
        for name in listed:
            value = getattr(module, name)
            if isinstance(value, types.ModuleType) or not callable(value):
                continue
            if isinstance(value, type) and issubclass(value, (BaseException, emorec.classifier.Classifier)):
                continue  # classifiers stand in `METHODS`
            if value.__module__.startswith("emorec") and (place not in MODULES or value.__module__ == module.__name__):
                names.setdefault(value, f"{place}.{name}".lstrip("."))
    return {name: value for value, name in names.items()}


# What functions hand out: nobody makes one by hand.
ANSWERS = {
    "metrics.Comparison", "metrics.Estimate", "metrics.Evaluation", "metrics.Intensity", "metrics.McNemar",
    "metrics.MultilabelEvaluation", "pretrained.ModelCard", "training.History", "training.Batches",
    "voice.VoiceExplanation",
}  # fmt: skip
# No argument, or none that is data; `load_model` is Keras's own function.
WITHOUT = {"models", "datasets.names", "reporting.device", "reporting.quiet", "reporting.versions", "about",
           "pretrained.cards"}  # fmt: skip

rng = np.random.default_rng(0)
GREY = rng.integers(0, 256, (24, 30)).astype("uint8")
NAMES = ["negative", "positive", "positive", "negative"]
HALF = np.array([[0.5, 0.5], [0.2, 0.8], [0.6, 0.4], [0.9, 0.1]])
TAGS = labels.LabelSet("tags", ("joy", "fear"), multi_label=True)
ONES = [np.ones((2, 3), "float32"), np.ones((2, 4), "float32")]
FRAME = pd.DataFrame({"text": [f"film {i}" for i in range(24)], "label": ["pos", "neg"] * 12})
SIZES = {"a": 3, "b": 4}
VOICE = "0-012-3-fear"


@cache
def network():
    import keras

    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


@cache
def sample():
    return datasets.load("sample-sentences")


def people():
    texts = np.array([f"t{i}" for i in range(12)], object)
    whole = datasets.Split(
        "train", texts, np.array(["a", "b"] * 6, object), texts, np.array(list("uvwxyz") * 2, object)
    )
    return datasets.Dataset("d", whole.take(range(6)), whole.take(range(6, 9)), whole.take(range(9, 12)), None)


@cache
def evaluation() -> Evaluation:
    return metrics.evaluate(NAMES, NAMES, labels.POLARITY, probabilities=HALF)


def made(cls, **options):
    """A layer on two modalities, or on a sequence."""

    def call(**values):
        layer = cls(**values)
        return layer(ONES if cls.__module__.startswith("emorec.multimodal") else np.ones((2, 5, 4), "float32"))

    return call, options


def sequences(cls, **options):
    def call(**values):
        return cls(**values)([np.ones((2, 5, 3), "float32"), np.ones((2, 5, 4), "float32")])

    return call, options


def listed(function):
    return lambda **values: list(function(**values))


def entries(folder):
    """Dotted name to (function, a call of it that works); each argument is replaced in turn."""
    from emorec import attention, faces, images, multimodal, plots, pretrained, reporting, voice
    from emorec.faces.detectors import Face

    (folder / "faces").mkdir(exist_ok=True)
    tone = 0.5 * np.sin(np.arange(8000) / 5).astype("float32")
    folds = {"fold": 0, "folds": 4, "seed": 0, "validation": 0.2}
    table = pd.DataFrame({"start": [0.0, 2.0], "end": [2.0, 4.0], "face": ["fear", None], "voice": None, "words": None,
                          "emotion": "fear", "disagree": False, "fear": [0.9, 0.8], "anger": [0.1, 0.2]})  # fmt: skip
    forest = pd.DataFrame({"label": ["a"], "estimate": [0.1], "low": [0.0], "high": [0.2]})
    cues = [(0.0, 1.0, "good"), (1.0, 2.0, "bad", "ANNA")]
    bootstrap = {"groups": ["a", "a", "b", "b"], "samples": 20, "level": 0.9, "seed": 0}
    return {
        "load": (emorec.load, {"name": str(SAVED / "text.emorec")}),
        "load_model": (emorec.load_model, {"path": "no.keras"}),
        "attention.GlobalAttention": made(attention.GlobalAttention, units=4, dropout=0.1, seed=1),
        "attention.SelfAttention": made(attention.SelfAttention, units=4, heads=2, scoring="dot", dropout=0.1, seed=1,
                                        causal=True, window=2),
        "attention.StructuredSelfAttention": made(attention.StructuredSelfAttention, units=4, hops=2, penalty=0.1,
                                                  dropout=0.1, seed=1),
        "attention.UniformAttention": made(attention.UniformAttention, dropout=0.1, seed=1),
        "attention.HierarchicalAttention": (
            lambda **v: attention.HierarchicalAttention(**v)(np.ones((2, 3, 5, 4), "float32")),
            {"units": 4, "word_encoder": "bigru", "sentence_encoder": "bigru", "encoder_units": 3}),
        "datasets.Dataset": (datasets.Dataset, {"name": "d", "train": sample().train, "validation": sample().validation,
                                                "test": sample().test, "label_set": labels.EMOTIONS7}),
        "datasets.Split": (datasets.Split, {"name": "train", "inputs": np.array(["a"]), "labels": np.array(["b"]),
                                            "ids": np.array(["c"]), "groups": None}),
        "datasets.card": (datasets.card, {"name": "sst-5"}),
        "datasets.load": (datasets.load, {"name": "sample-sentences", "path": None, "root": None, "fold": 0,
                                          "folds": 10, "seed": 0, "validation": 0.1, "download": False}),
        "datasets.from_table": (datasets.from_table, {"path": FRAME, "text": "text", "label": "label", "id": None,
                                "split": None, "group": None, "label_set": None, "label_separator": None,
                                "delimiter": None, "encoding": None, "name": None, **folds}),
        "datasets.from_folder": (datasets.from_folder, {"path": folder / "pictures", "label_set": None, "subject": None,
                                 "skip_unknown": False, "size": 16, "grey": True, "crop": None, "name": None, **folds}),
        "datasets.meld_table": (datasets.meld_table, {"path": folder / "meld", "root": None}),
        "datasets.ferplus_distributions": (datasets.ferplus_distributions, {
            "ids": ["fer0", "fer1"], "path": folder / "fer2013new.csv", "root": None, "rule": "probability"}),
        "datasets.ferplus_votes": (datasets.ferplus_votes, {"ids": ["fer0"], "path": folder / "fer2013new.csv",
                                                            "root": None}),
        "datasets.subject_folds": (listed(datasets.subject_folds), {"data": people(), "folds": 3, "seed": 0,
                                                                    "validation": 0.3}),
        "faces.detect": (faces.detect, {"image": GREY, "method": "whole", "model": None, "min_size": 8,
                                        "min_score": 0.5, "boxes": None}),
        "faces.detect_faces": (faces.detect_faces, {"image": GREY, "method": "boxes", "model": None, "min_size": None,
                                                    "min_score": None, "boxes": [(2, 3, 9, 9)]}),
        "faces.crop": (faces.crop, {"image": GREY, "box": (2, 3, 9, 9), "margin": 0.1, "size": 12}),
        "faces.crop_face": (faces.crop_face, {"image": GREY, "margin": 0.0, "size": 12, "method": "whole"}),
        "faces.aligned_crop": (faces.aligned_crop, {
            "picture": GREY, "face": Face((2, 3, 9, 9), 0.9, np.array([[4, 5], [8, 5], [6, 8], [4, 10], [8, 10]])),
            "margin": 0.1, "size": 12}),
        "faces.build_face_model": (faces.build_face_model, {"name": "lenet", "input_shape": (48, 48, 1), "classes": 2,
                                   "width": 2, "dropout": 0.1, "weights": None, "backbone_size": None}),
        "voice.Sound": (voice.Sound, {"samples": tone, "rate": 8000, "name": "a"}),
        "voice.as_sound": (voice.as_sound, {"source": (tone, 8000), "rate": 16000, "notices": False}),
        "voice.check_sounds": (voice.check_sounds, {"inputs": [(tone, 8000)]}),
        "voice.resample": (voice.resample, {"samples": tone, "rate": 8000, "target": 16000}),
        "voice.Utterance": (voice.Utterance, {"source": (tone, 8000), "speaker": "a"}),
        "voice.segments": (voice.segments, {"sound": voice.Sound(tone, 8000), "gap": 0.2, "least": 0.1}),
        "voice.speech_frames": (voice.speech_frames, {"level": np.r_[np.zeros(30), np.ones(40)] * 40, "gap": 0.2,
                                                      "least": 0.1}),
        "voice.record": (voice.record, {"seconds": 0.2}),
        "voice.voice_from_id": (voice.voice_from_id, {"voice_id": VOICE}),
        "voice.best_possible_rate": (voice.best_possible_rate, {"speaker_known": True, "samples": 50, "seed": 0}),
        "multimodal.fusion_layer": (lambda name, units: multimodal.fusion_layer(name, units=units), {"name": "gated",
                                                                                                    "units": 3}),
        "multimodal.Concatenation": made(multimodal.Concatenation),
        "multimodal.WeightedSum": made(multimodal.WeightedSum, units=4),
        "multimodal.Hadamard": made(multimodal.Hadamard, units=4, rank=3),
        "multimodal.GatedMultimodalUnit": made(multimodal.GatedMultimodalUnit, units=4),
        "multimodal.ModalityAttention": made(multimodal.ModalityAttention, units=4),
        "multimodal.TensorFusion": made(multimodal.TensorFusion, units=3),
        "multimodal.LowRankFusion": made(multimodal.LowRankFusion, units=3, rank=2),
        "multimodal.FiLM": made(multimodal.FiLM, units=3, target=1),
        "multimodal.ModalityDropout": made(multimodal.ModalityDropout, rate=0.2, seed=1),
        "multimodal.CrossModalAttention": sequences(multimodal.CrossModalAttention, units=4, heads=2, layers=1,
                                                    dropout=0.1, target=0),
        "multimodal.BottleneckFusion": sequences(multimodal.BottleneckFusion, units=4, tokens=2, layers=2, heads=2,
                                                 dropout=0.1),
        "multimodal.MemoryFusion": sequences(multimodal.MemoryFusion, units=4, memory=3, repeats=1),
        "multimodal.UtteranceAttention": (
            lambda **v: multimodal.UtteranceAttention(**v)(np.ones((2, 5, 3), "float32")), {"units": 3}),
        "multimodal.DialogueRNNCell": (lambda **v: multimodal.DialogueRNNCell(**v).build((2, 9)),
                                       {"units": 3, "parties": 2, "window": 4}),
        "multimodal.Dialogues": (multimodal.Dialogues, {
            "inputs": {"a": np.ones((4, 3)), "b": np.ones((4, 2))}, "groups": ["x", "x", "y", "y"], "presence": None,
            "speakers": ["s", "t", "s", "t"], "parties": 2}),
        "multimodal.build_fusion_model": (multimodal.build_fusion_model, {
            "sizes": SIZES, "classes": 2, "fusion": "gated", "fusion_options": {"units": 3}, "scaling": None,
            "encoder_units": 2, "hidden": 2, "dropout": 0.1, "modality_dropout": 0.1, "hybrid": True}),
        "multimodal.build_dialogue_model": (multimodal.build_dialogue_model, {
            "sizes": SIZES, "classes": 2, "context": "none", "fusion": "gated", "fusion_options": None,
            "scaling": None, "encoder": "dense", "units": 2, "hidden": 2, "dropout": 0.1, "modality_dropout": 0.1,
            "parties": 2, "window": 4}),
        "multimodal.build_aligned_model": (multimodal.build_aligned_model, {
            "sizes": SIZES, "classes": 2, "kind": "late-lstm", "fusion": "gated", "fusion_options": None,
            "scaling": None, "units": 2, "heads": 1, "layers": 1, "hidden": 2, "dropout": 0.1,
            "modality_dropout": 0.1}),
        "multimodal.check_presence": (multimodal.check_presence, {"presence": np.ones((2, 2)), "modalities": ["a", "b"],
                                                                  "rows": 2}),
        "multimodal.read_subtitles": (multimodal.read_subtitles, {"source": cues}),
        "multimodal.read_clip": (multimodal.read_clip, {"path": folder / "no.mp4", "subtitles": cues, "face": None,
                                 "voice": None, "words": None, "window": 2.0, "step": 0.2, "sound": True}),
        "multimodal.render_clip": (multimodal.render_clip, {
            "path": folder / "a.mp4", "moments": [(0, "happiness", None, "")], "size": 96, "rate": 2, "seed": 0}),
        "multimodal.timeline": (multimodal.timeline, {"table": table}),
        "metrics.balanced_weights": (metrics.balanced_weights, {"counts": np.array([3, 4]), "n": 7,
                                                                "multi_label": False}),
        "metrics.bootstrap_interval": (metrics.bootstrap_interval, {"metric": "accuracy", "y_true": NAMES,
                                                                    "y_pred": NAMES, **bootstrap}),
        "metrics.class_weights": (metrics.class_weights, {"labels": NAMES, "label_set": labels.POLARITY}),
        "metrics.corrected_t_test": (metrics.corrected_t_test, {"differences": [0.1, 0.2, 0.3],
                                                                "test_fraction_ratio": 0.1, "level": 0.95}),
        "metrics.evaluate": (metrics.evaluate, {"y_true": NAMES, "y_pred": NAMES, "label_set": labels.POLARITY,
                                                "probabilities": HALF, **bootstrap}),
        "metrics.evaluate_multilabel": (metrics.evaluate_multilabel, {
            "y_true": [("joy",), (), ("joy", "fear"), ("fear",)], "probabilities": HALF, "thresholds": [0.5, 0.5],
            "label_set": TAGS, **bootstrap}),
        "metrics.expected_calibration_error": (metrics.expected_calibration_error, {
            "y_index": [0, 1, 1, 0], "probabilities": HALF, "bins": 5}),
        "metrics.fit_temperature": (metrics.fit_temperature, {"logits": np.log(HALF), "y_index": [0, 1, 1, 0]}),
        "metrics.gains": (metrics.gains, {"y_true": NAMES, "answers": {"a": NAMES, "b": NAMES[::-1]},
                                          "reference": "a"}),
        "metrics.holm": (metrics.holm, {"p_values": [0.1, 0.01]}),
        "metrics.intensity": (metrics.intensity, {"true": [1.0, -2.0], "predicted": [0.5, -1.0]}),
        "metrics.logits": (metrics.logits, {"probabilities": HALF, "multi_label": False, "temperature": 1.5}),
        "metrics.macro_f1": (metrics.macro_f1, {"true": HALF > 0.5, "chosen": HALF > 0.3, "weights": [1, 1, 1, 2.0]}),
        "metrics.mcnemar": (metrics.mcnemar, {"y_true": NAMES, "first": NAMES, "second": NAMES[::-1]}),
        "metrics.mean_interval": (metrics.mean_interval, {"values": [0.1, 0.2], "level": 0.9, "within": (0, 1)}),
        "metrics.probabilities": (metrics.probabilities, {"logits": HALF, "multi_label": False, "temperature": 1.5}),
        "metrics.reliability_table": (metrics.reliability_table, {"y_index": [0, 1, 1, 0], "probabilities": HALF,
                                                                  "bins": 5}),
        "metrics.seeds_interval": (metrics.seeds_interval, {"values": [0.1, 0.2], "sampling_variance": 0.01,
                                                            "level": 0.9}),
        "metrics.tune_thresholds": (metrics.tune_thresholds, {"y_true01": HALF > 0.5, "probabilities": HALF}),
        "metrics.wilson_interval": (metrics.wilson_interval, {"k": 3, "n": 7, "level": 0.95}),
        "pretrained.card": (pretrained.card, {"name": "text-emotion"}),
        "images.native": (images.native, {"array": GREY}),
        "images.as_picture": (images.as_picture, {"image": GREY, "bgr": False}),
        "images.channels_last": (images.channels_last, {"images": np.ones((3, 20, 20), "uint8")}),
        "images.squared": (images.squared, {"picture": GREY, "size": 12}),
        "images.to_grey": (images.to_grey, {"picture": GREY}),
        "images.to_rgb": (images.to_rgb, {"picture": GREY}),
        "labels.LabelSet": (lambda **v: labels.LabelSet(**v).encode(["a"]), {"name": "n", "names": ("a", "b"),
                                                                             "multi_label": False}),
        "labels.notice_alike": (labels.notice_alike, {"names": ("a", "b"), "name": "Labels"}),
        "labels.shared": (labels.shared, {"first": labels.EMOTIONS7, "second": labels.MELD}),
        "plots.accuracies": (plots.accuracies, {"evaluations": {"a": evaluation()}}),
        "plots.answer": (plots.answer, {"probabilities": {"a": 0.2, "b": 0.8}, "target": "b"}),
        "plots.attention": (plots.attention, {"tokens": ["a", "b"], "weights": [0.2, 0.8], "title": "t", "ax": None}),
        "plots.attention_matrix": (plots.attention_matrix, {"tokens": ["a", "b"], "matrix": HALF[:2], "title": "t"}),
        "plots.classes": (plots.classes, {"splits": {"train": NAMES}, "label_set": None, "title": "t"}),
        "plots.confusion": (plots.confusion, {"evaluation": np.eye(2, dtype=int), "labels": ["a", "b"], "title": "t"}),
        "plots.document": (plots.document, {"sentences": [["a"], ["b", "c"]], "word_weights": [[1.0], [0.5, 0.5]],
                                            "sentence_weights": [0.2, 0.8], "title": "t"}),
        "plots.forest": (plots.forest, {"rows": forest, "reference": 0.0, "xlabel": "x", "digits": 2, "title": "t"}),
        "plots.history": (plots.history, {"history": {"loss": [1.0, 0.5], "val_loss": [1.0, 0.7]}, "metrics": None}),
        "plots.images": (plots.images, {"images": [GREY, GREY], "titles": ["a", "b"], "columns": 2, "size": 1.0,
                                        "smooth": False}),
        "plots.lengths": (plots.lengths, {"lengths": [3, 4, 9], "limit": 5, "unit": "words", "title": "t"}),
        "plots.reliability": (plots.reliability, {"table": metrics.reliability_table([0, 1, 1, 0], HALF),
                                                  "title": "t"}),
        "plots.shown_token": (plots.shown_token, {"token": "good", "longest": 9}),
        "plots.word_map": (plots.word_map, {"words": ["a", "b"], "places": HALF[:2], "groups": ["x", "y"],
                                            "title": "t"}),
        "reporting.publish": (reporting.publish, {"results": {"a": 0.1, "b": (0.1, 0.0, 0.2)}, "title": "t"}),
        "reporting.show": (reporting.show, {"value": 0.5}),
        "reporting.work_folder": (reporting.work_folder, {"name": str(folder / "work")}),
        "training.Stage": (training.Stage, {"epochs": 2, "rate": 0.1}),
        "training.TrainingOptions": (training.TrainingOptions, {
            "epochs": 1, "batch_size": 2, "optimizer": "adam", "learning_rate": 0.1, "schedule": "constant",
            "weight_decay": 0.0, "label_smoothing": 0.0, "patience": 1, "monitor": "loss", "seed": 0, "warmup": 0.1,
            "clip": 1.0}),
        "training.compile_model": (lambda **v: training.compile_model(network(), **v), {
            "options": training.TrainingOptions(), "steps": 3, "rate": 0.5, "multi_label": False,
            "class_weight": [1.0, 2.0]}),
        "training.fit": (lambda **v: training.fit(network(), progress=None, **v), {
            "train": (np.ones((4, 3), "float32"), np.eye(2)[[0, 1, 1, 0]]), "validation": None, "options": None,
            "stages": None, "class_weight": None, "multi_label": False, "checkpoint": None, "epochs": 1}),
        "training.one_hot": (training.one_hot, {"indices": [0, 1], "classes": 2}),
        "training.predict": (lambda **v: training.predict(network(), **v), {"x": np.ones((4, 3), "float32"),
                                                                            "batch_size": 2}),
        "training.refuse_test_split": (training.refuse_test_split, {"split": sample().train}),
        "training.seeded": (lambda **v: training.seeded(**v).__enter__(), {"seed": 1}),
        "training.set_seed": (training.set_seed, {"seed": 1}),
        "training.validation_scores": (training.validation_scores, {"targets": np.eye(2)[[0, 1, 1, 0]], "logits": HALF,
                                                                    "multi_label": False}),
    }  # fmt: skip


def methods():
    """Names, as `TextClassifier.explain`, of the public methods of the classifiers, each once."""
    kinds = (emorec.TextClassifier, emorec.FaceClassifier, emorec.VoiceClassifier, emorec.MultimodalClassifier)
    values = {getattr(kind, name) for kind in kinds for name in dir(kind) if not name.startswith("_")}
    own = [value for value in values if callable(value) and value.__module__.startswith("emorec")]
    return {value.__qualname__ for value in own} - {"SceneReader.webcam"}  # which has its own test


def method_entries(folder):
    """The same for methods, with classifiers that were saved."""
    text, face, multimodal = (emorec.load(SAVED / f"{kind}.emorec") for kind in ("text", "face", "multimodal"))
    voice, tone = emorec.load("voice-emotion"), (0.5 * np.sin(np.arange(8000) / 5), 8000)
    picture, tokens = np.full((48, 48), 99, "uint8"), [["a", "good", "day"]]
    texts, names = [f"{'good' if i % 2 else 'bad'} day {i}" for i in range(20)], ["up", "down"] * 10
    small = emorec.TextClassifier("mlp-average", "none", embedding_dim=2, units=2, epochs=1)
    split = sample().validation.sample(8)
    faces = {"detect": None, "colour_order": "rgb"}
    whole = {"images": [picture], "texts": ["a good day"], "sounds": None}
    unknown = folder / "no.mp4"
    return {
        "Classifier.fit": (small.fit, {
            "inputs": texts, "labels": names, "sample_weight": None, "validation": None, "label_set": None,
            "checkpoint": None, "progress": None, "devices": None}),
        "Classifier.predict_proba": (text.predict_proba, {"inputs": ["a good day"]}),
        "Classifier.predict": (text.predict, {"inputs": ["a good day"]}),
        "Classifier.answers": (text.answers, {"probabilities": text.predict_proba(["a good day"])}),
        "Classifier.score": (text.score, {"inputs": ["a"], "labels": ["anger"], "sample_weight": [1.0]}),
        "Classifier.evaluate": (text.evaluate, {"split": split, "groups": None}),
        "Classifier.calibrate": (emorec.load(SAVED / "text.emorec").calibrate, {"validation": split}),
        "Classifier.check_labels": (text.check_labels, {"label_set": text.label_set_}),
        "Classifier.save": (text.save, {"path": folder / "a.emorec", "precision": "float16"}),
        "Classifier.load": (emorec.TextClassifier.load, {"path": SAVED / "text.emorec"}),
        "Classifier.export": (text.export, {"path": folder / "a.wrong", "length": 4}),
        "TextClassifier.read": (text.read, {"texts": ["a good day"]}),
        "TextClassifier.tokenise": (text.tokenise, {"text": "a good day"}),
        "TextClassifier.read_tokens": (text.read_tokens, {"token_lists": tokens}),
        "TextClassifier.ids_from_tokens": (text.ids_from_tokens, {"token_lists": tokens}),
        "TextClassifier.proba_from_tokens": (text.proba_from_tokens, {"token_lists": tokens}),
        "TextClassifier.logits": (text.logits, {"inputs": ["a good day"]}),
        "TextClassifier.proba_without_each": (text.proba_without_each, {"tokens": tokens[0], "batch": 2}),
        "TextClassifier.score_texts": (text.score_texts, {"texts": ["a good day"]}),
        "TextClassifier.explain": (text.explain, {"text": "a good day", "method": None, "target": "anger"}),
        "TextClassifier.attention_weights": (text.attention_weights, {"text": "a good day"}),
        "FaceClassifier.encode": (face.encode, {"inputs": [picture], **faces}),
        "FaceClassifier.logits": (face.logits, {"inputs": [picture], "views": "one", "errors": "raise", **faces}),
        "FaceClassifier.predict_proba": (face.predict_proba, {"inputs": [picture], "views": "one", "errors": "skip",
                                                              **faces}),
        "FaceClassifier.predict": (face.predict, {"inputs": [picture]}),
        "FaceClassifier.features": (lambda inputs: face.encode(inputs), {"inputs": [picture]}),
        "FaceClassifier.explain": (face.explain, {"image": picture, "method": "grad-cam", "target": "anger", **faces}),
        "SceneReader.predict_faces": (face.predict_faces, {"image": picture, "detect": "none", "min_score": None}),
        "SceneReader.annotate": (face.annotate, {"image": picture, "detect": "none", "min_score": None}),
        "SceneReader.predict_folder": (face.predict_folder, {"path": folder / "pictures" / "sad", "detect": "none",
                                                             "min_score": None}),
        "SceneReader.predict_video": (face.predict_video, {"path": unknown, "smoothing": 0.5, "detect": "none",
                                                           "min_score": None}),
        "VoiceClassifier.fit": (lambda **v: emorec.VoiceClassifier(normalise="speaker").fit(**v), {
            "inputs": [tone], "labels": ["anger"], "speakers": None, "validation": None}),
        "VoiceClassifier.logits": (voice.logits, {"inputs": [tone], "speakers": None}),
        "VoiceClassifier.predict_proba": (voice.predict_proba, {"inputs": [tone], "speakers": ["a"]}),
        "VoiceClassifier.score": (voice.score, {"inputs": [tone], "labels": ["anger"], "speakers": None}),
        "VoiceClassifier.predict_over_time": (voice.predict_over_time, {"sound": tone, "window": 0.5, "hop": 0.3}),
        "VoiceClassifier.explain": (voice.explain, {"sound": tone, "target": "anger"}),
        "MultimodalClassifier.pretrained": (emorec.MultimodalClassifier.pretrained, {
            "image": None, "text": SAVED / "text.emorec", "sound": "voice-emotion"}),
        "MultimodalClassifier.fit": (emorec.MultimodalClassifier().fit, {"labels": ["a"], **whole}),
        "MultimodalClassifier.logits": (multimodal.logits, whole),
        "MultimodalClassifier.predict_proba": (multimodal.predict_proba, whole),
        "MultimodalClassifier.predict": (multimodal.predict, whole),
        "MultimodalClassifier.features": (multimodal.features, whole),
        "MultimodalClassifier.contributions": (multimodal.contributions, whole),
        "MultimodalClassifier.explain": (multimodal.explain, {"image": picture, "text": "a good day", "sound": None,
                                                              "target": None}),
    }  # fmt: skip


# What is refused as it stands: too little to learn from, no film, a suffix that is none.
REFUSED = {"SceneReader.predict_video", "VoiceClassifier.fit", "MultimodalClassifier.fit", "Classifier.export"}


@pytest.fixture(autouse=True)
def in_a_folder(folder, monkeypatch):
    """Whatever is written by a name that is tried, is written here."""
    monkeypatch.chdir(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with pictures in two classes, and a table of votes."""
    from PIL import Image

    place = tmp_path_factory.mktemp("entries")
    for n in range(16):
        to = place / "pictures" / ("happy", "sad")[n % 2] / f"{n}.png"
        to.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16)).astype("uint8")).save(to)
    columns = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    (place / "fer2013new.csv").write_text(f"{columns}\n" + "Training,a.png,4,6,0,0,0,0,0,0,0,0\n" * 2)
    return place


INTEGERS = some.integers(-3, 70) | some.sampled_from([2**31, 2**63, 10**30, -(2**63)])
TEXT = some.text(some.characters(exclude_characters="/\\"), max_size=8)  # no path leads out of the folder
SCALARS = (
    some.none() | some.booleans() | INTEGERS | some.floats() | TEXT | some.binary(max_size=8)
)  # fmt: skip
ARRAYS = [
    np.zeros(0), np.zeros((0, 3)), np.full((4, 2), np.nan), np.ones((4, 2, 2, 2)), np.array(["a", "b"]), np.array(3.0),
    np.array([None, 1], object), np.array([1 + 2j]), np.ones((2, 2), bool), pd.DataFrame({"a": [1]}), pd.Series(["x"]),
    np.array([-1, 5]), np.inf * np.ones(4), ("a", None), {"a": None}, object(), int, Path("no where"), [[1], [1, 2]],
    np.array([2**62, -5]), np.array(["2020-01-01"], "datetime64[D]"),
]  # fmt: skip
ANY = some.sampled_from(ARRAYS) | some.recursive(
    SCALARS,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
QUICK = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def test_every_public_name_is_tried(folder):
    assert set(public()) - ANSWERS - WITHOUT - set(entries(folder)) == set()
    assert methods() == set(method_entries(folder))


def tried(function, values):
    """Whether a call answers; False where it is refused with an error of this package."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(**values)
    except EmorecError:
        return False
    finally:
        matplotlib.pyplot.close("all")
    return True


# What needs more than is on every machine: a microphone, a film, a file of Keras, MELD itself.
ELSEWHERE = {"voice.record", "multimodal.read_clip", "load_model", "datasets.meld_table"}


@pytest.mark.slow
def test_the_calls_work_as_they_stand(folder):
    calls = entries(folder) | method_entries(folder)
    failed = {name for name, (function, values) in calls.items() if not tried(function, values)}
    assert failed <= ELSEWHERE | REFUSED


EXAMPLES = 6 * int(os.environ.get("EMOREC_LOAD", "1"))  # of every argument, in CI
SLOW = ("", "attention", "datasets", "faces", "metrics", "multimodal", "plots", "training")


@pytest.mark.fault(
    "Any value at all as any argument of any public function (hypothesis)", "an answer, or an error of this package"
)
@pytest.mark.parametrize(
    "package", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in ("", *PACKAGES, *MODULES)]
)
def test_any_value_gives_an_answer_or_an_error_of_ours(package, folder):
    try_all({name: call for name, call in entries(folder).items() if name.rpartition(".")[0] == package})


@pytest.mark.slow
def test_any_value_gives_an_answer_or_an_error_of_ours_for_every_method(folder):
    try_all(method_entries(folder))


def try_all(calls):
    for name, (function, values) in calls.items():
        for argument in values:
            try:
                attack(function, values, argument)
            except Exception as error:
                raise AssertionError(f"emorec.{name}({argument}=...)") from error


def attack(function, values, argument):
    @settings(QUICK, max_examples=EXAMPLES)
    @given(ANY)
    def holds(value):
        tried(function, values | {argument: value})

    holds()
