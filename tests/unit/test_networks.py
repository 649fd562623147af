"""Networks that another version of Keras wrote."""

import keras
import numpy as np
import pytest

import emorec
from emorec import networks
from emorec.errors import DataCorrupt

TEXTS, LABELS = ["a good day", "a bad day"] * 8, ["good", "bad"] * 8


@pytest.fixture(scope="module")
def classifier():
    return emorec.TextClassifier("mlp", epochs=1, seed=0).fit(TEXTS, LABELS, progress=None)


def newer(monkeypatch, **settings):
    """A Keras that writes settings of which this one knows nothing."""
    for kind in (keras.layers.Dense, keras.initializers.GlorotUniform):
        before = kind.get_config
        monkeypatch.setattr(kind, "get_config", lambda self, before=before: before(self) | settings)


@pytest.mark.fault(
    "A model that a newer Keras wrote", "it is read; settings unknown here that are not used are left out"
)
@pytest.mark.parametrize("precision", ["float32", "float16"])  # a `.keras` file; JSON and packed weights
def test_a_network_of_a_newer_keras_is_read(classifier, tmp_path, monkeypatch, precision):
    with monkeypatch.context() as patched:
        newer(patched, output_axes=None, renewed=False, renewed_momentum=0.99)
        path = classifier.save(tmp_path / "newer.emorec", precision=precision)
    again = emorec.load(path)
    same = classifier.save(tmp_path / "same.emorec", precision=precision)
    np.testing.assert_array_equal(again.predict_proba(TEXTS), emorec.load(same).predict_proba(TEXTS))


def test_a_setting_that_is_used_and_unknown_is_refused(classifier, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        newer(patched, spin=2)
        path = classifier.save(tmp_path / "newer.emorec")
    with pytest.raises(DataCorrupt, match="spin"):
        emorec.load(path)


def test_what_is_known_or_not_of_keras_stays():
    own = {"module": "emorec.attention", "class_name": "Dense", "config": {"unknown": None}}
    dense = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2, "bias_regularizer": None}}
    assert networks.understood([own, dense]) == [own, dense]
