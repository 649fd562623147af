"""Downloads from official homes: checked first, then moved to their place, safe between processes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from emorec.datasets.archives import ARCHIVES, members, readable
from emorec.datasets.cache import lock
from emorec.datasets.store import download_root, holds, missing, places, refuse_html
from emorec.datasets.verify import check_content, sha256
from emorec.errors import DataCorrupt


def fetch(card, root: str | Path | None = None, *, force: bool = False, progress: bool = True) -> Path:
    """Downloads a dataset, checks it, and only then moves it to its place; safe between processes.

    Args:
        card: A card with addresses.
        root: Where to put it; see `download_root`.
        force: Download even if the data is there.
        progress: Show a bar.

    Returns:
        The folder.

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
    import pooch
    import requests

    try:
        pooch.HTTPDownloader(progressbar=progress, timeout=60)(url, str(target), None)
    except requests.exceptions.ChunkedEncodingError as error:
        raise DataCorrupt(f"{url} stopped halfway. Nothing was kept; run the command again.") from error
    except requests.RequestException as error:
        reason = error if isinstance(error, requests.HTTPError) else f"no connection to {url.split('/')[2]}"
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
        for _, read_member in members(target) if target.name.endswith(ARCHIVES) else ():
            read_member()
