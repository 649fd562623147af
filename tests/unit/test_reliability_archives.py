"""Archives and downloads from strangers and from bad networks; HDF5 files; what a killed process leaves."""

import gzip
import http.server
import io
import os
import shutil
import struct
import tarfile
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from emorec.datasets import archives, cache, download, extras, hdf5, store, tabular
from emorec.errors import BadInput, DataCorrupt, DataMissing


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(store, "user_cache", lambda: tmp_path / "cache")


def zipped(path, files, **how):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data, **how)
    return path


def tarred(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.fault(
    "An archive of 1 MB that becomes gigabytes, zip or tar or gzip",
    "`BadInput` before it is read or unpacked; `EMOREC_UNPACK_GB` allows more",
)
@pytest.mark.parametrize("kind", ["zip", "tar.gz", "gz in a folder", "csv.gz"])
def test_what_swells_is_refused_and_an_option_allows_it(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(archives, "SPARE", 2**20)
    data = b"text,label\n" + b"0" * 4_000_000
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        zipped(path, {"a.txt": data})
    elif kind == "tar.gz":
        tarred(path, {"a.txt": data})
    elif kind == "gz in a folder":
        path = tmp_path / "folder"
        path.mkdir()
        (path / "a.txt.gz").write_bytes(gzip.compress(data))
    else:
        path.write_bytes(gzip.compress(data))
    reads = [lambda: store.read(path, "a.txt")]
    if kind in ("zip", "tar.gz"):
        reads.append(lambda: archives.extract(path, tmp_path / f"out-{os.environ.get(archives.OPTION)}"))
    if kind == "csv.gz":
        reads = [lambda: tabular.read(path, {"text": "text", "label": "label"})]
    for read in reads:
        with pytest.raises(BadInput, match="EMOREC_UNPACK_GB"):
            read()
    assert not (tmp_path / "out-None").exists()
    monkeypatch.setenv(archives.OPTION, "0.01")
    if kind == "csv.gz":
        with pytest.raises(BadInput, match="line 2"):  # read now, and no table
            reads[0]()
    else:
        assert store.read(path, "a.txt")["a.txt"] == data
        assert all(read() for read in reads)


@pytest.mark.fault("An archive of millions of members", "`BadInput`: it says the limit, and to unpack it oneself")
def test_the_number_of_members_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MEMBERS", 10)
    for path in (zipped(tmp_path / "a.zip", dict.fromkeys(map(str, range(11)), b"x")),
                 tarred(tmp_path / "a.tar.gz", dict.fromkeys(map(str, range(11)), b"x"))):  # fmt: skip
        with pytest.raises(BadInput, match="more than 10 members"):
            store.read(path, "5")
        with pytest.raises(BadInput, match="more than 10 members"):
            archives.extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.fault(
    "A zip with a password, or packed by a method that Python lacks", "`BadInput` or `DataCorrupt`: unpack it yourself"
)
@pytest.mark.parametrize("what, offsets, kind, words", [
    ("password", (6, 8), BadInput, "locked with a password"), ("method", (8, 10), DataCorrupt, "cannot read"),
])  # fmt: skip
def test_passwords_and_methods_are_named(tmp_path, what, offsets, kind, words):
    path = zipped(tmp_path / "a.zip", {"a.txt": b"content"})
    data = bytearray(path.read_bytes())
    for magic, offset in zip((b"PK\x03\x04", b"PK\x01\x02"), offsets):
        data[data.index(magic) + offset] = 1 if what == "password" else 98
    path.write_bytes(data)
    for read in (lambda: store.read(path, "a.txt"), lambda: archives.extract(path, tmp_path / "out")):
        with pytest.raises(kind, match=words):
            read()
    assert not (tmp_path / "out").exists()


@pytest.mark.fault("A data folder with links to itself, broken links and pipes", "each file once; no end is waited for")
def test_links_that_lead_back_are_not_followed(tmp_path):
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "data" / "train" / "a.txt").write_bytes(b"1")
    for name, target in {"one": ".", "two": ".", "train/up": "..", "train/broken": "nowhere"}.items():
        (tmp_path / "data" / name).symlink_to(target)
    os.mkfifo(tmp_path / "data" / "b.txt")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.txt").write_bytes(b"2")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    assert store.read(tmp_path / "data", "*.txt") == {"train/a.txt": b"1", "link/c.txt": b"2"}


@pytest.mark.fault("A process is killed while it unpacks an archive", "the next one removes the half-unpacked copy")
def test_half_unpacked_folders_are_removed(tmp_path):
    import filelock

    archive = zipped(tmp_path / "faces.zip", {"a/b.txt": b"1"})
    place = tmp_path / "cache" / "unpacked"
    (place / ".faces-0123456789ab-x7_k2" / "data").mkdir(parents=True)
    (place / ".other-0123456789ab-x7_k2" / "data").mkdir(parents=True)
    with filelock.FileLock(place / ".other-0123456789ab.lock"):  # at work in another process
        folder = cache.unpacked(archive)
    left = {p.name for p in place.iterdir() if p.is_dir()}
    assert left == {folder.name, ".other-0123456789ab-x7_k2"}


# --- HDF5


def hdf5_file(path, fill):
    with h5py.File(path, "w") as file:
        fill(file)
    return path


HOSTILE = {
    "a terabyte that is not there": lambda f: f.create_dataset("x", (2**37,), "f8", chunks=(1024,)),
    "a link to another file": lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/")),
    "a link to nowhere": lambda f: f.__setitem__("x", h5py.SoftLink("/y")),
    "bytes of another file": lambda f: f.create_dataset("x", (10,), "u1", external=[("/etc/passwd", 0, 10)]),
    "strings": lambda f: f.create_dataset("x", data=["a", "b"]),
    "nothing": lambda f: None,
}


@pytest.mark.fault(
    "An HDF5 file with a checksum over a piece of no bytes, which libhdf5 reads beyond its end, or with rare filters",
    "`DataCorrupt`; the process lives",
)
def test_pieces_of_hdf5_files_are_checked(tmp_path):
    def fill(file):
        file.create_dataset("x", data=np.ones((2, 2)), chunks=(2, 2), fletcher32=True)
        file.create_dataset("y", data=np.arange(100), chunks=(10,), scaleoffset=0)
        file.create_dataset("z", data=np.arange(100), chunks=(10,), compression="gzip", shuffle=True, fletcher32=True)

    path = hdf5_file(tmp_path / "a.h5", fill)
    with hdf5.opened(path) as top:
        assert (top["x"] == 1).all() and top["z"].tolist() == list(range(100))
        with pytest.raises(DataCorrupt, match="filter"):
            top["y"]
    whole = path.read_bytes()
    size, none = struct.pack("<IIQQ", 36, 0, 0, 0), struct.pack("<IIQQ", 0, 0, 0, 0)
    assert whole.count(size) == 1
    path.write_bytes(whole.replace(size, none))
    with pytest.raises(DataCorrupt, match="shorter than it can be"), hdf5.opened(path) as top:
        top["x"]


@pytest.mark.fault(
    "An HDF5 file that links to other files, or announces more than it can hold", "`DataCorrupt` or `BadInput`"
)
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_hdf5_files(tmp_path, what):
    path = hdf5_file(tmp_path / "a.h5", HOSTILE[what])
    with pytest.raises((DataCorrupt, BadInput)), hdf5.opened(path) as top:
        top["x"]


@pytest.mark.fault(
    "An HDF5 file that is truncated, a web page, or a pointer of Git LFS", "`DataCorrupt`: it says which of them"
)
@pytest.mark.parametrize("content, words", [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "pointer of Git LFS"),
    (b"<!DOCTYPE html><p>404", "web page"), (None, "truncated"), (b"", "cannot be read"),
])  # fmt: skip
def test_what_is_no_hdf5(tmp_path, content, words):
    path = hdf5_file(tmp_path / "a.csd", lambda f: f.create_dataset("x", data=np.arange(1000.0)))
    path.write_bytes(path.read_bytes()[:3000] if content is None else content)
    with pytest.raises(DataCorrupt, match=words), hdf5.opened(path) as top:
        top["x"]


# --- downloads


class Moody:
    """A server that answers as a list of functions of the handler says, the last one for ever."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answer = server.answers[min(server.asked, len(server.answers) - 1)]
                server.asked += 1
                answer(self)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{self.http.server_address[1]}/yunet.onnx"
        card = replace(extras.EXTRAS["yunet"], urls=[url], sha256={}, files=[["yunet.onnx"]])
        return self, card

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def status(code):
    return lambda handler: handler.send_error(code)


def whole(handler, claimed=7, content=b"content"):
    handler.send_response(200)
    handler.send_header("Content-Length", str(claimed))
    handler.end_headers()
    handler.wfile.write(content)
    handler.wfile.flush()


def half(handler):
    whole(handler, claimed=9)


def silent(handler):
    time.sleep(1.5)


def silent_halfway(handler):
    whole(handler, content=b"cont")
    time.sleep(1.5)


def of_no_length(handler):
    whole(handler, claimed="many")


def dripping(handler):
    whole(handler, claimed=1_000_000, content=b"")
    for _ in range(600):
        handler.wfile.write(b"x")
        time.sleep(0.05)


@pytest.mark.fault(
    "A server answers 5xx or 429, breaks off or does not answer, and then recovers",
    "up to three more tries, with pauses",
)
@pytest.mark.parametrize(
    "faults", [[status(503), status(500)], [status(429)], [half, status(502), half], [silent, silent_halfway]]
)
def test_passing_faults_of_a_server_are_waited_for(tmp_path, monkeypatch, capsys, faults):
    pauses, sleep = [], time.sleep
    monkeypatch.setattr(download, "TIMEOUT", (5, 0.3))
    monkeypatch.setattr(
        download.time, "sleep", lambda s: sleep(s) if threading.current_thread() is not main else pauses.append(s)
    )
    main = threading.current_thread()
    with Moody(*faults, whole) as (server, card):
        place = download.fetch(card, tmp_path)
    assert (place / "yunet.onnx").read_bytes() == b"content"
    assert pauses == list(download.PAUSES[: len(faults)]) and server.asked == len(faults) + 1
    assert f"the next try is in {pauses[0]} s" in capsys.readouterr().err


def test_lasting_faults_end_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PAUSES", (0, 0, 0))
    with Moody(of_no_length) as (_, card):
        assert (download.fetch(card, tmp_path / "whole", progress=False) / "yunet.onnx").read_bytes() == b"content"
    for answer, error, asked in ((status(503), DataMissing, 4), (status(404), DataMissing, 1), (half, DataCorrupt, 4)):
        with Moody(answer) as (server, card), pytest.raises(error):
            download.fetch(card, tmp_path / "data", progress=False)
        assert server.asked == asked
        assert [p for p in (tmp_path / "data").rglob("*") if not p.name.endswith(".lock")] == []


@pytest.mark.fault(
    "A server sends byte after byte, for hours", "given up after a minute, `DataCorrupt`; nothing is kept"
)
@pytest.mark.parametrize("limit", ["slow", "whole"])
def test_a_dripping_download_is_abandoned(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(download, "PAUSES", ())
    monkeypatch.setattr(download, *(("SLOW_SECONDS", 0.3) if limit == "slow" else ("LONGEST", 0.3)))
    with Moody(dripping) as (_, card), pytest.raises(DataCorrupt, match="given up|not complete after"):
        download.fetch(card, tmp_path / "data", progress=False)
    assert not Path(tmp_path, "data", "yunet").exists()


@pytest.mark.fault(
    "`EMOREC_UNPACK_GB` is no number, or infinite", "`BadInput` that names it; infinite allows everything"
)
def test_the_option_is_a_number(monkeypatch):
    for wrong in ("much", "nan", "-1"):
        monkeypatch.setenv("EMOREC_UNPACK_GB", wrong)
        with pytest.raises(BadInput, match=f"EMOREC_UNPACK_GB is '{wrong}'"):
            archives.Bound("a.zip", 10)
    for chosen in ("inf", "1e9"):
        monkeypatch.setenv("EMOREC_UNPACK_GB", chosen)
        archives.Bound("a.zip", 10).count(10**15)
    monkeypatch.setenv("EMOREC_UNPACK_GB", "")
    with pytest.raises(BadInput, match="archives made to fill a disk"):
        archives.Bound("a.zip", 10).count(10**15)


@pytest.mark.fault("An archive whose ending is in capitals, as of cameras and Windows", "it is read as any other")
@pytest.mark.parametrize("ending, kind", [(".ZIP", "zip"), (".TGZ", "gztar"), (".Tar.Gz", "gztar")])
def test_endings_in_capitals(ending, kind, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("hello")
    made = shutil.make_archive(str(tmp_path / "made"), kind, tmp_path / "in")
    packed = (tmp_path / "packed").with_suffix(ending)
    os.rename(made, packed)
    assert list(store.read(packed, "a.txt").values()) == [b"hello"]
    assert (archives.extract(packed, tmp_path / "out") / "a.txt").read_text() == "hello"


@pytest.mark.fault("An archive with a file of no name, or with one name for a file and a folder", "`DataCorrupt`")
@pytest.mark.parametrize("names", [["", "a.csv"], ["a", "a/b.csv"]])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_members_that_exclude_each_other(tmp_path, names, kind):
    path = tmp_path / f"data.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as file:
            for name in names:
                file.writestr(name or ".", "x")
    else:
        with tarfile.open(path, "w") as file:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size = 1
                file.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(DataCorrupt, match="without a name, or one name"):
        archives.extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
