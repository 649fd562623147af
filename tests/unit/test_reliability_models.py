"""Files of models and of word vectors: any flipped bit is refused, and every field is checked."""

import json
import math
import re
import zipfile

import numpy as np
import pytest
from harness import SAVED

import emorec
from emorec import TextClassifier, sealed
from emorec.errors import BadInput, DataCorrupt
from emorec.text.vectors import read_vectors

TEXTS = [f"{'good fine' if i % 2 else 'bad poor'} day {i}" for i in range(40)]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    made = TextClassifier("mlp-average", "none", embedding_dim=8, units=8, epochs=1, seed=1)
    made.fit(TEXTS, ["down", "up"] * 20, progress=None)
    return made.save(tmp_path_factory.mktemp("saved") / "a.emorec")


@pytest.mark.fault(
    "A bit of a saved classifier flips, anywhere in the file, or its end is missing",
    "`DataCorrupt`: the checksum differs",
)
def test_any_flipped_bit_is_refused(file, tmp_path):
    data, rng = file.read_bytes(), np.random.default_rng(0)
    # the end is the seal itself, and what zip files say of themselves
    places = {*rng.integers(len(data), size=300).tolist(), *range(len(data) - 120, len(data)), 0, 1, 2, 3}
    damaged = tmp_path / "b.emorec"
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        damaged.write_bytes(changed)
        for load in (emorec.load, TextClassifier.load):
            with pytest.raises(DataCorrupt):
                load(damaged)
    for end in rng.integers(len(data), size=50):
        damaged.write_bytes(data[:end])
        with pytest.raises(DataCorrupt):
            emorec.load(damaged)
    damaged.write_bytes(data)
    assert sealed.check_seal(damaged) and emorec.load(damaged).predict(["a good day"]).shape == (1,)


def changed(path, saved, **fields):
    """A copy of a file without a seal, some fields of its config changed; ``a__b`` is b of a."""
    with zipfile.ZipFile(SAVED / f"{saved}.emorec") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                for field, value in fields.items():
                    *outer, last = field.split("__")
                    place = config
                    for key in outer:
                        place = place[key]
                    place[last] = value(place[last]) if callable(value) else value
                data = json.dumps(config)
            new.writestr(name, data)
    return path


WRONG = {
    "temperature 0": ("text", {"temperature": 0}, "temperature is 0"),
    "temperature NaN": ("text", {"temperature": math.nan}, "temperature is nan"),
    "temperature of text": ("text", {"temperature": "1"}, "temperature is '1'"),
    "fewer labels": ("text", {"label_set__names": lambda names: names[:-1]}, "labels for"),
    "a label twice": ("text", {"label_set__names": lambda names: [*names[:-1], names[0]]}, "labels for"),
    "labels that are numbers": ("text", {"label_set__names": lambda names: list(range(len(names)))}, "no names"),
    "other classes": ("text", {"classes": ["a", "b"]}, "classes are not those"),
    "thresholds": ("text", {"thresholds": [0.5]}, "thresholds are"),
    "fewer words": ("text", {"state__encoding__words": lambda words: words[:-1]}, "words for an embedding of"),
    "a word twice": ("text", {"state__encoding__words": lambda words: [*words[:-1], words[2]]}, "twice"),
    "a length": ("text", {"state__encoding__max_length": -3}, ""),
    "an unknown setting": ("text", {"params__colour": "red"}, "colour"),
    "params": ("text", {"params": [1]}, ""),
    "another size": ("face", {"state__encoding__size": 64}, "pictures of"),
    "another size beside a text": ("multimodal", {"state__image__size": 24}, "pictures of"),
    "state": ("face", {"state": None}, ""),
}


@pytest.mark.fault(
    "A file of a classifier says something impossible of itself: temperature, labels, thresholds, vocabulary, sizes",
    "`DataCorrupt`, which names the field and its value",
)
@pytest.mark.parametrize("what", WRONG)
def test_fields_are_checked_on_loading(tmp_path, what):
    saved, fields, words = WRONG[what]
    with pytest.raises((DataCorrupt, emorec.errors.BadInput), match=words or "."):
        emorec.load(changed(tmp_path / "a.emorec", saved, **fields))


def test_the_same_copy_unchanged_loads(tmp_path):
    assert emorec.load(changed(tmp_path / "a.emorec", "text")).predict(["a good day"]).shape == (1,)


# --- word vectors

WORDS = ["the", "good", "film", "a", "day"]
VECTORS = (np.arange(20, dtype="<f4").reshape(5, 4) + 1) / 7


def binary(count=5, dim=4, words=WORDS):
    rows = b"".join(w.encode() + b" " + v.tobytes() + b"\n" for w, v in zip(words, VECTORS))
    return f"{count} {dim}\n".encode() + rows


def text(count=None, first=4, dim=4):
    rows = [f"{w} {' '.join(map(str, v))}" for w, v in zip(WORDS, VECTORS.tolist())]
    rows[0] = " ".join(rows[0].split()[: first + 1])
    return "\n".join(([] if count is None else [f"{count} {dim}"]) + rows + [""]).encode()


@pytest.mark.fault(
    "Word vectors: a header with another number of rows or dimensions, a first line that was cut",
    "`DataCorrupt`: what was announced, and what is there",
)
@pytest.mark.parametrize("name, content", {
    "a.bin": binary(count=3), "b.bin": binary(count=7), "c.bin": binary(dim=3), "d.bin": binary(dim=5),
    "e.bin": binary(dim=2_000_000_000), "a.vec": text(count=3), "b.vec": text(count=7), "c.vec": text(count=5, dim=3),
    "d.vec": text(count=5, dim=5), "a.txt": text(first=1), "b.txt": text(first=3), "c.txt": text()[:-25],
}.items())  # fmt: skip
def test_word_vectors_that_do_not_fit_their_header(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataCorrupt):
        read_vectors(tmp_path / name, WORDS)


def test_whole_word_vectors_are_read(tmp_path):
    for name, content in {"a.bin": binary(), "a.vec": text(count=5), "a.txt": text()}.items():
        (tmp_path / name).write_bytes(content)
        vectors, _ = read_vectors(tmp_path / name, WORDS)
        np.testing.assert_allclose(vectors["film"], VECTORS[2], rtol=1e-6)


# --- pages


@pytest.mark.fault(
    "HTML of a user's data holds `javascript:` links or event handlers",
    "they are left out of the pages of `run` and `site`",
)
def test_links_that_run_code_are_left_out_of_pages():
    from tools.markup import still, without_script_links

    links = [
        '<a href="javascript:alert(1)">x</a>', "<a href='JaVaScRiPt:alert(1)'>x</a>", 
        "<a href=javascript:alert(1)>x</a>",
        '<a href=" &#106;avascript&colon;alert(1)">x</a>', '<a href="java\nscript:alert(1)">x</a>',
        '<svg><a xlink:href="javascript:alert(1)">x</a></svg>',
        '<iframe src="data:text/html,<script>1</script>"></iframe>',
        '<form action="vbscript:x"><button formaction="javascript:y">x</button></form>',
    ]  # fmt: skip
    for html in links:
        for clean in (without_script_links, still):
            assert not re.search(r"script\s*:|&colon;|text/html", clean(html), re.IGNORECASE), html
    fine = (
        '<a href="https://example.org/javascript:1" title="a > b" onclick="x"></a><img src="data:image/png;base64,AA">'
    )
    assert without_script_links(fine) == fine
    assert still(fine + "<script>1</script >") == fine.replace(' onclick="x"', "")


@pytest.mark.fault(
    "A setting that says what kind of network it is changes between training and saving, or cannot stand in a file",
    "`BadInput` before anything is written; arrays, and whatever else can be loaded again, are saved",
)
def test_what_is_saved_can_be_loaded(tmp_path):
    made, path = emorec.load(SAVED / "text.emorec"), tmp_path / "a.emorec"
    for settings, words in (
        ({"encoder": "transformer"}, "encoder was .* in training"), ({"attention": "hierarchical"}, "attention was"),
        ({"kernel_sizes": object()}, "cannot be saved"),
    ):  # fmt: skip
        before = made.get_params()
        with pytest.raises(BadInput, match=words):
            made.set_params(**settings).save(path)
        made.set_params(**before)
        assert not list(tmp_path.iterdir())
    unusual = {
        "kernel_sizes": np.array([3, 4]),
        "class_weight": {("a", 1): 2},
        "seed": np.int64(3),
        "embedding": tmp_path,
    }
    made.set_params(**unusual).save(path)
    loaded = emorec.load(path)
    assert loaded.kernel_sizes == [3, 4] and loaded.class_weight == {("a", 1): 2} and loaded.embedding == str(tmp_path)
