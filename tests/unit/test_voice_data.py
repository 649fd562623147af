"""EMO-DB, RAVDESS and CREMA-D by their official names, in folders and archives."""

import io
import zipfile

import numpy as np
import pytest
import soundfile

from emorec import datasets
from emorec.datasets.readers import voices
from emorec.errors import BadInput, DataCorrupt, DataMissing


def wav(seed=0):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.random.default_rng(seed).normal(0, 0.05, 3200), 16_000, format="WAV")
    return buffer.getvalue()


def put(folder, *names):
    for number, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wav(number))
    return folder


EMODB = [f"wav/{who}{text}{code}{'ab'[k]}.wav" for who in ("03", "08", "09", "10") for text in ("a01", "b10")
         for code in "WLEAFTN" for k in range(2)]  # fmt: skip
ERKENNUNG = """Nr.\tSatz\terkannt\tnatuerlich
1\xa0\xa0\t03a01Wa.wav\t65,00\xa0\xa0\t35,00\xa0
2\xa0\xa0\t03a01Fa.wav\t90,00\xa0\xa0\t75,00\xa0
3\xa0\xa0\t08b10Ta.wav\t95,5\xa0\xa0\t100,00\xa0
""".encode("cp1252")


def test_emodb_names_say_speaker_and_emotion(tmp_path):
    rows = voices.emodb(put(tmp_path, *EMODB, "wav/notes.wav"))
    assert len(rows.ids) == 4 * 2 * 7 * 2 and set(rows.groups) == {"03", "08", "09", "10"}
    label = dict(zip(rows.ids, rows.labels))
    assert [label[f"03a01{c}a"] for c in "WLEAFTN"] == [
        "anger",
        "boredom",
        "disgust",
        "fear",
        "happiness",
        "sadness",
        "neutral",
    ]
    assert "1 files were left out" in rows.notes[0] and "notes.wav" in rows.notes[0]


def test_emodb_is_split_by_speaker_and_counts_are_compared(tmp_path):
    with pytest.warns(UserWarning, match="16 rows of anger where 127 are published"):
        folds = [datasets.load("emodb", path=put(tmp_path, *EMODB), fold=fold, folds=4) for fold in range(4)]
    assert sorted(set(data.test.groups).pop() for data in folds) == ["03", "08", "09", "10"]
    for data in folds:
        assert not set(data.test.groups) & (set(data.train.groups) | set(data.validation.groups))
        assert data.label_set.names[1] == "boredom"


def test_emodb_in_a_zip_is_unpacked_once(tmp_path, monkeypatch):
    monkeypatch.setattr("emorec.datasets.store.user_cache", lambda: tmp_path / "cache")
    with zipfile.ZipFile(tmp_path / "wav.zip", "w") as archive:
        for name in EMODB[:28]:
            archive.writestr(name, wav())
    for path in (tmp_path / "wav.zip", tmp_path):
        rows = voices.emodb(path)
        assert len(rows.ids) == 28 and soundfile.info(rows.inputs[0]).frames == 3200


def test_the_perception_test_and_what_it_leaves_out(tmp_path):
    put(tmp_path, *EMODB)
    with pytest.raises(DataMissing, match="erkennung.txt"):
        voices.emodb_perception(tmp_path)
    (tmp_path / "erkennung.txt").write_bytes(ERKENNUNG)
    assert voices.emodb_perception(tmp_path) == {"03a01Wa": (65, 35), "03a01Fa": (90, 75), "08b10Ta": (95.5, 100)}
    rows = voices.emodb(tmp_path, least_recognised=80, least_natural=60)
    assert sorted(rows.ids) == ["03a01Fa", "08b10Ta"] and "at least 80 %" in rows.notes[0]
    (tmp_path / "erkennung.txt").write_bytes(b"<nothing>")
    with pytest.raises(DataCorrupt, match="no line like"):
        voices.emodb_perception(tmp_path)


def test_ravdess_sounds_songs_and_films(tmp_path):
    sounds = [f"Actor_{a}/03-01-0{e}-01-01-01-{a}.wav" for a in ("01", "02", "24") for e in range(1, 9)]
    song, film, mute = (
        "Actor_01/03-02-05-02-02-02-01.wav",
        "Actor_01/01-01-06-01-02-01-01.mp4",
        "Actor_01/02-01-06-01-02-01-01.mp4",
    )
    put(tmp_path, *sounds, song, film, mute)
    rows = voices.ravdess(tmp_path)
    assert len(rows.ids) == 24 and set(rows.groups) == {"01", "02", "24"}
    assert dict(zip(rows.ids, rows.labels))["03-01-07-01-01-01-24"] == "disgust"
    assert rows.labels[:8] == ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]
    assert voices.ravdess(tmp_path, channel="song").labels == ["anger"]
    assert len(voices.ravdess(tmp_path, channel="both").ids) == 25
    assert voices.ravdess(tmp_path, kind="film").labels == ["fear"]
    assert voices.ravdess(tmp_path, kind="silent film").ids == ["02-01-06-01-02-01-01"]
    with pytest.raises(BadInput, match="choose one of film"):
        voices.ravdess(tmp_path, kind="mp3")


def test_crema_d_names_with_and_without_strength(tmp_path):
    names = [
        "1001_DFA_ANG_XX.wav",
        "1001_IEO_FEA_HI.wav",
        "1002_IEO_NEU_XX.wav",
        "1091_WSI_SAD_LO.wav",
        "1040_ITH_SAD_X.wav",
    ]
    rows = voices.cremad(put(tmp_path / "AudioWAV", *names, "notes.wav").parent)
    assert dict(zip(rows.ids, zip(rows.labels, rows.groups))) == {
        "1001_DFA_ANG_XX": ("anger", "1001"), "1001_IEO_FEA_HI": ("fear", "1001"),
        "1002_IEO_NEU_XX": ("neutral", "1002"),
        "1091_WSI_SAD_LO": ("sadness", "1091"), "1040_ITH_SAD_X": ("sadness", "1040"),
    }  # fmt: skip
    assert voices.cremad(tmp_path, levels=("HI",)).ids == ["1001_IEO_FEA_HI"]


@pytest.mark.parametrize("reader", [voices.emodb, voices.ravdess, voices.cremad])
def test_folders_of_other_files_are_refused(reader, tmp_path):
    with pytest.raises(DataCorrupt, match="no file named like"):
        reader(put(tmp_path, "speech.wav"))


def test_the_altered_copy_of_emodb(real):
    rows = voices.emodb(real("emodb-2s"))
    counts = {name: rows.labels.count(name) for name in datasets.card("emodb").label_set}
    assert counts == datasets.card("emodb").expected and len(set(rows.groups)) == 10
    heard = voices.emodb_perception(real("emodb-2s"))
    assert set(rows.ids) <= set(heard) and min(heard[i][0] for i in rows.ids) >= 80
