"""Finding, downloading and reading files: what arrives broken must never become data."""

import contextlib
import gzip
import hashlib
import http.server
import io
import multiprocessing
import os
import pickle
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness import tar_gz, zipped

import emorec.datasets as datasets
from emorec.__main__ import main
from emorec.datasets import archives, cache, cards, download, extras, pickles, store
from emorec.errors import DataCorrupt, DataMissing

POSITIVE = "".join(f"a fine film number {i} .\n" for i in range(20)).encode()
NEGATIVE = "".join(f"a dull film number {i} .\n" for i in range(20)).encode()
FILES = {"rt-polaritydata/rt-polarity.pos": POSITIVE, "rt-polaritydata/rt-polarity.neg": NEGATIVE}


ARCHIVE = tar_gz(FILES)


class Server:
    """Serves bytes by name on 127.0.0.1 and counts how often each was asked for."""

    def __init__(self, **pages):
        self.pages, self.asked = {k.replace("_", "."): v for k, v in pages.items()}, []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.split("?")[0].lstrip("/")
                server.asked.append(name)
                page = server.pages.get(name)
                body, claimed = page if isinstance(page, tuple) else (page, page and len(page))
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(claimed or 0))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture(autouse=True)
def no_proxy_and_no_real_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("EMOREC_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(store, "user_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(download, "PAUSES", (0, 0))


def polarity(server, name="rt-polarity.tar.gz", **change):
    urls = [server.url + name]
    return replace(cards.get("movie-polarity"), **{"urls": urls, "expected": {}, "sha256": {}} | change)


def left_over(root):
    """Everything below a root but lock files, which stay by design."""
    return [p for p in Path(root).rglob("*") if not p.name.endswith(".lock")] if Path(root).exists() else []


# --- downloading


def test_download_once_then_from_the_cache(tmp_path, capsys):
    with Server(**{"rt-polarity_tar_gz": ARCHIVE}) as server:
        card = polarity(server)
        place = download.fetch(card, tmp_path / "data", progress=False)
        assert download.fetch(card, tmp_path / "data", progress=False) == place == tmp_path / "data" / "movie-polarity"
        assert server.asked == ["rt-polarity.tar.gz"]
        download.fetch(card, tmp_path / "data", force=True, progress=True)
        assert len(server.asked) == 2 and "100%" in capsys.readouterr().err
    assert sorted(p.name for p in left_over(tmp_path / "data")) == ["movie-polarity", "rt-polarity.tar.gz"]
    with pytest.warns(UserWarning, match="20 rows of positive where 5,331"):
        assert len(datasets.load("movie-polarity").test) == 4


def broken_pages():
    page = b"\n <!DOCTYPE html><html><body>Please log in</body></html>"
    few = tar_gz({"rt-polaritydata/rt-polarity.pos": POSITIVE})
    return {
        "web page": (page, {}, "web page"),
        "truncated": (ARCHIVE[: len(ARCHIVE) // 2], {}, "truncated"),
        "stops halfway": ((ARCHIVE[:100], len(ARCHIVE)), {}, "stopped halfway|truncated"),
        "not an archive": (b"\x00\x01garbage" * 50, {}, "not an archive"),
        "empty": (b"", {}, "not an archive"),
        "wrong checksum": (ARCHIVE, {"sha256": {"rt-polarity.tar.gz": "0" * 64}}, "expected 0000"),
        "wrong inner checksum": (
            ARCHIVE,
            {"sha256": {"rt-polarity.pos": "0" * 64}},
            "differs from the official",
        ),
        "wrong counts": (ARCHIVE, {"expected": {"positive": 5331}}, "20 rows of positive where 5,331"),
        "half of the files": (few, {}, "rt-polarity.neg"),
    }


def test_a_file_that_is_no_dataset_is_fetched_and_verified_like_one(tmp_path, monkeypatch, capsys):
    """``data get yunet``: the detector's file, and nothing that is not it."""
    name, content = "face_detection_yunet_2026may.onnx", b"a network"
    official = extras.EXTRAS["yunet"]
    assert official.urls[0].endswith(name) and len(official.sha256[name]) == 64
    with Server(**{name.replace(".", "_"): content}) as server:
        server.pages = {name: content}
        known = replace(official, urls=[server.url + name])
        monkeypatch.setitem(extras.EXTRAS, "yunet", known)
        with pytest.raises(DataCorrupt, match="sha256"):
            download.fetch(known, tmp_path / "data", progress=False)
        assert not (tmp_path / "data" / "yunet").exists()
        right = replace(known, sha256={name: hashlib.sha256(content).hexdigest()})
        monkeypatch.setitem(extras.EXTRAS, "yunet", right)
        monkeypatch.setenv("EMOREC_DATA", str(tmp_path / "data"))
        assert main(["data", "get", "yunet"]) == 0
    assert (tmp_path / "data" / "yunet" / name).read_bytes() == content
    assert "MIT" in capsys.readouterr().out
    assert main(["data", "verify", "yunet"]) == 0 and "ok" in capsys.readouterr().out
    with pytest.raises(DataMissing, match="data get yunet"):
        store.locate(right, root=tmp_path / "elsewhere")


@pytest.mark.parametrize("kind", broken_pages())
def test_what_arrives_broken_is_not_kept(tmp_path, kind):
    page, change, message = broken_pages()[kind]
    root = tmp_path / "data"
    with Server(**{"rt-polarity_tar_gz": page}) as server:
        with pytest.raises(DataCorrupt, match=message) as caught:
            download.fetch(polarity(server, **change), root, progress=False)
        assert left_over(root) == []
        assert any(word in str(caught.value) for word in ("again", "kept", "by hand"))
        server.pages["rt-polarity.tar.gz"] = ARCHIVE  # and the next try works
        assert download.fetch(polarity(server), root, progress=False).is_dir()


def test_a_good_copy_survives_a_failed_refresh(tmp_path):
    with Server(**{"rt-polarity_tar_gz": ARCHIVE}) as server:
        place = download.fetch(polarity(server), tmp_path, progress=False)
        server.pages["rt-polarity.tar.gz"] = ARCHIVE[:50]
        with pytest.raises(DataCorrupt):
            download.fetch(polarity(server), tmp_path, force=True, progress=False)
    assert (place / "rt-polarity.tar.gz").read_bytes() == ARCHIVE


def test_no_page_and_no_server_give_the_four_parts(tmp_path):
    with Server() as server:
        card = polarity(server)
        with pytest.raises(DataMissing, match="404") as caught:
            download.fetch(card, tmp_path, progress=False)
    assert card.home in str(caught.value) and "sample-reviews" in str(caught.value)
    with pytest.raises(DataMissing, match="no connection to 127.0.0.1"):
        download.fetch(card, tmp_path, progress=False)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk full")])
def test_an_interruption_leaves_nothing(tmp_path, monkeypatch, error):
    def interrupted(url, target, *_):
        target.write_bytes(ARCHIVE[:10])
        raise error

    monkeypatch.setattr(download, "_transfer", interrupted)
    with Server() as server, pytest.raises((KeyboardInterrupt, OSError)):
        download.fetch(polarity(server), tmp_path, progress=False)
    assert left_over(tmp_path) == []


def test_leftovers_of_a_killed_process_are_swept(tmp_path):
    (tmp_path / ".movie-polarity-abc").mkdir()
    with Server(**{"rt-polarity_tar_gz": ARCHIVE}) as server:
        download.fetch(polarity(server), tmp_path, progress=False)
    assert not (tmp_path / ".movie-polarity-abc").exists()


def _fetch_in_process(url, root, queue):
    card = replace(cards.get("movie-polarity"), urls=[url], expected={}, sha256={})
    with contextlib.redirect_stderr(io.StringIO()):
        queue.put(str(download.fetch(card, root, progress=False)))


def test_two_processes_at_once_download_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    with Server(**{"rt-polarity_tar_gz": ARCHIVE}) as server:
        queue = context.Queue()
        arguments = (server.url + "rt-polarity.tar.gz", str(tmp_path), queue)
        workers = [context.Process(target=_fetch_in_process, args=arguments) for _ in range(2)]
        for worker in workers:
            worker.start()
        places = {queue.get(timeout=120) for _ in workers}
        for worker in workers:
            worker.join()
        assert places == {str(tmp_path / "movie-polarity")} and server.asked == ["rt-polarity.tar.gz"]


def test_several_files_arrive_together_or_not_at_all(tmp_path):
    card = replace(cards.get("goemotions"), expected={}, sha256={})
    row = b"so happy\t17\tid%d\n"
    pages = {f"{part}_tsv": b"".join(row % (10 * i + j) for j in range(9)) for i, part in enumerate(("train", "dev"))}
    with Server(**pages) as server:
        card = replace(card, urls=[f"{server.url}{part}.tsv?raw=1" for part in ("train", "dev", "test")])
        with pytest.raises(DataMissing, match="404"):
            download.fetch(card, tmp_path, progress=False)
        assert left_over(tmp_path) == []
        server.pages["test.tsv"] = row % 99
        (tmp_path / "goemotions").mkdir()  # a folder that is there already is filled, not replaced
        (tmp_path / "goemotions" / "notes.txt").write_text("mine")
        download.fetch(card, tmp_path, progress=False)
    names = {p.name for p in (tmp_path / "goemotions").iterdir()}
    assert names == {"train.tsv", "dev.tsv", "test.tsv", "notes.txt"}


def test_load_downloads_only_when_it_may(tmp_path, monkeypatch):
    with pytest.raises(DataMissing, match="python -m emorec data get imdb"):
        datasets.load("imdb", download=False)
    with Server(**{"rt-polarity_tar_gz": ARCHIVE}) as server:
        card = polarity(server)
        monkeypatch.setattr(datasets, "card", lambda name: card)
        assert len(datasets.load("movie-polarity").train) > 10
        assert server.asked == ["rt-polarity.tar.gz"]


# --- finding


def test_missing_data_says_four_things(tmp_path):
    with pytest.raises(DataMissing) as caught:
        datasets.load("jaffe")
    text = str(caught.value)
    assert "'jaffe' is not on this machine" in text
    assert str(tmp_path / "data" / "jaffe") in text and str(tmp_path / "cache" / "JAFFE") in text
    assert "Zenodo" in text and "jaffe*.zip" in text and str(tmp_path / "data" / "jaffe") in text
    assert "emorec.datasets.load('sample-faces')" in text
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == text


def test_an_explicit_path_is_the_only_one_tried(tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(DataMissing, match="rt-polarity.pos") as caught:
            datasets.load("movie-polarity", path=path)
        assert f"Looked in: {path}\n" in str(caught.value)


def test_official_folder_names_and_roots_in_order(tmp_path, monkeypatch):
    def put(folder):
        folder.mkdir(parents=True)
        for name, data in FILES.items():
            (folder / Path(name).name).write_bytes(data)
        return folder

    card = cards.get("movie-polarity")
    cache = put(tmp_path / "cache" / "movie-polarity")
    assert store.locate(card) == cache
    official = put(tmp_path / "data" / "rt-polarity")
    assert store.locate(card) == official
    own = put(tmp_path / "data" / "movie-polarity")
    assert store.locate(card) == own
    assert store.locate(card, root=tmp_path / "cache") == cache
    (own / "rt-polarity.neg").unlink()  # half a dataset is none
    assert store.locate(card) == official
    monkeypatch.delenv("EMOREC_DATA")
    assert store.roots() == [tmp_path / "cache"] and store.locate(card) == cache


def test_downloads_avoid_a_read_only_root(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: "data" not in Path(path).parts)
    assert store.download_root() == tmp_path / "cache"


# --- reading


@pytest.mark.parametrize("pack", ["folder", "tar.gz", "zip", "zip in a folder", "one of the files", "gzipped"])
def test_the_same_rows_from_every_packing(tmp_path, pack):
    files = {
        **FILES,
        "__MACOSX/rt-polaritydata/._rt-polarity.pos": b"junk",
        "rt-polaritydata/README": b"read me",
    }
    path = tmp_path / {"tar.gz": "rt-polarity.tar.gz", "zip": "rt-polarity.zip"}.get(pack, "place")
    if pack == "tar.gz":
        path.write_bytes(tar_gz(files))
    elif pack == "zip":
        path.write_bytes(zipped(files))
    elif pack == "zip in a folder":
        path.mkdir()
        (path / "rt-polarity.zip").write_bytes(zipped(files))
    else:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).with_name(Path(name).name + ".gz" * (pack == "gzipped")).write_bytes(
                gzip.compress(data) if pack == "gzipped" else data
            )
    if pack == "one of the files":
        path = path / "rt-polaritydata" / "rt-polarity.neg"
    with pytest.warns(UserWarning, match="are published"):
        data = datasets.load("movie-polarity", path=path, seed=1)
    rows = dict(zip(data.train.ids, data.train.inputs))
    assert len(rows) == 32 and rows.get("pos-0003", "a fine film number 2 .") == "a fine film number 2 ."


@pytest.mark.parametrize("name", ["rt-polarity.tar.gz", "rt-polarity.zip"])
def test_truncated_or_foreign_archives_at_hand(tmp_path, name):
    data = ARCHIVE if name.endswith("gz") else zipped(FILES)
    for content, message in (
        (data[:150], "truncated"),
        (b"<html>log in</html>", "web page"),
        (b"", "cannot be read"),
    ):
        (tmp_path / name).write_bytes(content)
        for path in (tmp_path, tmp_path / name):
            with pytest.raises(DataCorrupt, match=message):
                datasets.load("movie-polarity", path=path)


def test_a_web_page_instead_of_a_text_file(tmp_path):
    (tmp_path / "rt-polarity.pos").write_bytes(b"<!doctype html><p>not found")
    (tmp_path / "rt-polarity.neg").write_bytes(NEGATIVE)
    with pytest.raises(DataCorrupt, match="web page"):
        datasets.load("movie-polarity", path=tmp_path)


@pytest.mark.parametrize("encoded, text", [
    ("\ufeffcafé\r\n".encode(), "café\n"),
    ("café … “x”\n".encode("cp1252"), "café … “x”\n"),
    ("café\n".encode("utf-16"), "café\n"),
    (b"a\x81b", "a\ufffdb"),
])  # fmt: skip
def test_decoding(encoded, text):
    assert store.decode(encoded) == text


def test_text_in_utf_16_that_was_cut():
    with pytest.raises(DataCorrupt, match="UTF-16 is truncated"):
        store.decode("café\n".encode("utf-16")[:-1])


@pytest.mark.parametrize("mode", ["gz", "bz2", "xz"])
def test_one_changed_bit_in_an_archive_is_noticed(tmp_path, mode):
    data = np.random.default_rng(0).bytes(100_000)  # does not compress: the stream stays valid, the contents change
    raw = bytearray(tar_gz({"a.bin": data}, mode))
    raw[60_000] ^= 1
    archive = tmp_path / f"a.tar.{mode}"
    archive.write_bytes(raw)
    for reads in (lambda: store.read(archive, "a.bin"), lambda: archives.extract(archive, tmp_path / "out")):
        with pytest.raises(DataCorrupt, match="damaged"):
            reads()
    assert not (tmp_path / "out").exists()


# --- unpacking


def hostile():
    link = io.BytesIO()
    with tarfile.open(fileobj=link, mode="w:gz") as archive:
        info = tarfile.TarInfo("inside")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(info)
    return {
        "up.tar.gz": tar_gz({"ok.txt": b"x", "../escaped.txt": b"x"}),
        "absolute.tar.gz": tar_gz({"/tmp/../../escaped-by-emorec.txt": b"x"}),
        "link.tar.gz": link.getvalue(),
        "up.zip": zipped({"ok.txt": b"x", "../escaped.txt": b"x"}),
        "absolute.zip": zipped({"/escaped-by-emorec.txt": b"x"}),
        "cut.tar.gz": tar_gz({"a.bin": os.urandom(50_000)})[:20_000],
        "cut.zip": zipped({"a.bin": os.urandom(50_000)})[:20_000],
    }


@pytest.mark.parametrize("name", hostile())
def test_hostile_and_broken_archives_write_nothing(tmp_path, name):
    (tmp_path / "in").mkdir()
    archive = tmp_path / "in" / name
    archive.write_bytes(hostile()[name])
    target = tmp_path / "out" / "place"
    with contextlib.suppress(DataCorrupt):
        archives.extract(archive, target)
        # tarfile's filter may strip a leading slash instead of refusing: then everything lies inside.
        assert name == "absolute.tar.gz" and all(p.is_relative_to(target) for p in target.rglob("*"))
    assert not (tmp_path / "out" / "escaped.txt").exists() and not Path("/escaped-by-emorec.txt").exists()
    if name != "absolute.tar.gz":
        assert list((tmp_path / "out").iterdir()) == []


def test_unpacked_is_made_once_and_anew_when_the_archive_changes(tmp_path):
    archive = tmp_path / "faces.zip"
    archive.write_bytes(zipped({"a/b.txt": b"1"}))
    first = cache.unpacked(archive)
    assert (first / "a" / "b.txt").read_bytes() == b"1" and first.is_relative_to(tmp_path / "cache")
    assert cache.unpacked(archive) == first
    archive.write_bytes(zipped({"a/b.txt": b"22"}))
    assert (cache.unpacked(archive) / "a" / "b.txt").read_bytes() == b"22"


# --- pickles


def test_pickles_hold_arrays_and_containers_only():
    value = {
        "x": np.arange(6.0).reshape(2, 3),
        "y": [np.float32(1.5), "s", (1, None)],
        "o": np.array([[1], [2, 3]], object),
    }
    for protocol in (2, 4):
        back = pickles.safe_unpickle(pickle.dumps(value, protocol=protocol))
        assert np.array_equal(back["x"], value["x"]) and back["y"] == value["y"] and back["o"][1] == [2, 3]

    class Attack:
        def __reduce__(self):
            return os.system, ("true",)

    for attack in (Attack(), np.testing.assert_equal, eval):
        with pytest.raises(DataCorrupt, match="asks for"):
            pickles.safe_unpickle(pickle.dumps(attack) if not isinstance(attack, Attack) else pickle.dumps([attack]))


class Pickled:
    """Is pickled as a call of a function and a state, whatever they are."""

    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


def test_forged_states_of_arrays_are_refused():
    """An object dtype without its flags had numpy take any eight bytes for the address of an object."""
    function, arguments = np.zeros(0).__reduce__()[:2]

    def array_of_objects(flags, content):
        dtype = Pickled(np.dtype, ("O8", False, True), (3, "|", None, None, None, -1, -1, flags))
        return pickle.dumps(Pickled(function, arguments, (1, (1,), dtype, False, content)))

    assert pickles.safe_unpickle(array_of_objects(63, ["x"])).tolist() == ["x"]
    with pytest.raises(DataCorrupt, match="not plain"):
        pickles.safe_unpickle(array_of_objects(0, b"AAAAAAAA"))
    with pytest.raises(DataCorrupt, match="not plain"):
        pickles.safe_unpickle(pickle.dumps(np.zeros(2, dtype=[("a", "f4")])))


@pytest.mark.parametrize("data", [b"", b"garbage", pickle.dumps(np.arange(10))[:-5]])
def test_what_is_no_pickle_is_corrupt(data):
    with pytest.raises(DataCorrupt, match="no pickle, or a damaged one"):
        pickles.safe_unpickle(data)


def test_synthetic_data_are_verified_without_published_counts(capsys):
    from emorec.__main__ import main

    assert main(["data", "verify", "sample-faces"]) == 0
    assert "sample-faces: no published row counts" in capsys.readouterr().out
