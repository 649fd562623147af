"""Downloads from official homes: checked first, then moved to their place, safe between processes."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from emorec.datasets.archives import is_archive, members, readable
from emorec.datasets.cache import lock
from emorec.datasets.store import download_root, holds, missing, places, refuse_html
from emorec.datasets.verify import check_content, sha256
from emorec.errors import DataCorrupt

if TYPE_CHECKING:
    from emorec.datasets.cards import Card

PAUSES = (2, 8, 30)  # seconds before the next try, after an error of the server or a time-out
PASSING = (408, 425, 429, 500, 502, 503, 504)  # what a server answers with that is busy and not at a loss
LONGEST = 12 * 3600  # seconds for a file, all tries together
TIMEOUT = (30, 60)  # seconds to connect, and between two pieces
SLOW_SECONDS, SLOW_BYTES = 60, 200  # fewer bytes a second over so many seconds are no transfer


def fetch(card: Card, root: str | Path | None = None, *, force: bool = False, progress: bool = True) -> Path:
    """Downloads a dataset, checks it, and only then moves it to its place, the folder that is returned.

    Args:
        card: A card with addresses.
        root: Where to put it; see `download_root`.
        force: Download even if the data is there.
        progress: Show a bar.

    Raises:
        DataMissing: No address, or no connection.
        DataCorrupt: A wrong checksum, a truncated archive, a web page, or other counts than the published.
    """
    if not card.urls:
        raise missing(card, [], " has no address without a form, so it", root)
    target = download_root(root) / card.name
    with lock(target):
        if not force and holds(target, card):
            return target
        for stale in target.parent.glob(f".{card.name}-*"):  # of a process that was killed
            shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f".{card.name}-", dir=target.parent) as temporary:
            folder = Path(temporary, "data")
            folder.mkdir()
            for url in card.urls:
                _download(card, url, folder / url.split("?")[0].rsplit("/", 1)[-1], root, progress)
            _, problems = check_content(card, folder)
            if problems:
                raise DataCorrupt(f"{card.urls[0]}: {'; '.join(problems)}. Nothing was kept.")
            if target.exists():  # with files of the user's: they stay
                for file in folder.iterdir():
                    os.replace(file, target / file.name)
            else:
                os.replace(folder, target)
    return target


def _download(card, url, target, root, progress):
    import requests
    import urllib3

    try:
        _get(url, target, progress)
    except _Stopped as error:
        raise DataCorrupt(f"{url} {error}. Nothing was kept; run the command again.") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        reason = str(error) if isinstance(error, requests.HTTPError) else f"no connection to {url.split('/')[2]}"
        why = f" could not be downloaded ({reason}), so it"
        raise missing(card, [*places(card, root), url], why, root) from error
    with open(target, "rb") as opened:
        refuse_html(opened.read(512), url)
    expected = card.sha256.get(target.name)
    if expected and sha256(target) != expected:
        raise DataCorrupt(
            f"{url} has sha256 {sha256(target)}, expected {expected}: the file changed or was damaged on the "
            f"way. Nothing was kept; run the command again, or take the file from {card.home} by hand."
        )
    with readable(target):
        for _, read_member in members(target) if is_archive(target) else ():
            read_member()


class _Stopped(Exception):
    """A transfer that began and did not come to its end, in words for people."""


def _get(url, target, progress):
    """Writes what an address answers with to a file; tries again after a pause where that may help."""
    import requests
    import urllib3

    begun = time.monotonic()
    for pause in (*PAUSES, None):
        try:
            return _transfer(url, target, progress, begun)
        except _Stopped:
            if pause is None or time.monotonic() - begun > LONGEST:
                raise
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            if pause is None:
                raise
        except requests.HTTPError as error:
            if pause is None or error.response.status_code not in PASSING:
                raise
        if progress:
            print(f"{url} does not answer as it should; the next try is in {pause} s.", file=sys.stderr)
        time.sleep(pause)


def _transfer(url, target, progress, begun):
    """One try: bytes as they come, with a limit for how long they may take and for how slow they may be."""
    import requests
    import urllib3
    from tqdm.auto import tqdm

    headers = {"Accept-Encoding": "identity"}  # else the size announced is another than that of the file
    with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as answer, open(target, "wb") as file:
        answer.raise_for_status()
        announced = answer.headers.get("Content-Length") or ""
        size = int(announced) if announced.isascii() and announced.isdigit() else 0
        read = getattr(answer.raw, "read1", None) or answer.raw.read  # read1 does not wait for all that it asks for
        pace = _Pace(begun)
        with tqdm(total=size or None, unit="B", unit_scale=True, disable=not progress, file=sys.stderr) as bar:
            try:
                while piece := read(16384):
                    file.write(piece)
                    bar.update(len(piece))
                    pace.check(len(piece))
            except urllib3.exceptions.TimeoutError:
                raise
            except urllib3.exceptions.HTTPError as error:
                raise _Stopped("stopped halfway") from error
        if size and file.tell() != size:
            raise _Stopped("stopped halfway")


class _Pace:
    """Stops a transfer that takes too long, or whose bytes come one by one."""

    def __init__(self, begun):
        self.begun, self.since, self.received = begun, time.monotonic(), 0

    def check(self, n):
        self.received += n
        now = time.monotonic()
        if now - self.begun > LONGEST:
            raise _Stopped(f"was not complete after {LONGEST / 3600:.1f} hours")
        if now - self.since > SLOW_SECONDS:
            if self.received < SLOW_BYTES * SLOW_SECONDS:
                raise _Stopped(f"sent {self.received} bytes in {SLOW_SECONDS} s, and was given up")
            self.since, self.received = now, 0
