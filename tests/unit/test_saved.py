"""Classifiers saved before the package was rearranged still load, and answer as they did then."""

import json
from pathlib import Path

import numpy as np
import pytest

import emorec

FOLDER = Path(__file__).parent / "saved"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
RAMP = np.add.outer(np.arange(48), np.arange(48)).astype("uint8")


@pytest.mark.parametrize("kind", ["text", "face", "multimodal"])
def test_a_classifier_of_version_0_1_answers_as_it_did(kind):
    names = {"text": "TextClassifier", "face": "FaceClassifier", "multimodal": "MultimodalClassifier"}
    classifier = getattr(emorec, names[kind]).load(FOLDER / f"{kind}.emorec")
    texts = EXPECTED["text"]["inputs"]
    if kind == "text":
        probabilities = classifier.predict_proba(texts)
    elif kind == "face":
        probabilities = classifier.predict_proba([RAMP, RAMP[:, ::-1]])
    else:
        probabilities = classifier.predict_proba(images=[RAMP, None], texts=texts)
    assert list(classifier.label_set_) == EXPECTED[kind]["labels"]
    np.testing.assert_allclose(probabilities, EXPECTED[kind]["probabilities"], atol=1e-5)
