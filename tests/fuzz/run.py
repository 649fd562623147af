"""Fuzzes the readers: `python tests/fuzz/run.py KIND --cpu-minutes 20 --folder FOLDER`, guided by coverage (atheris).

``--mutated N`` reads N mutated files instead, one after the other, without guidance. Both write what they did as a
line of JSON to FOLDER/log.jsonl: kind, CPU seconds, files read, how many were accepted, and the finds, whose bytes are
kept beside it. A crash of the interpreter leaves the file ``KIND.last``, the bytes that it was reading.
"""

import argparse
import contextlib
import hashlib
import importlib
import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
SLOW = 10.0  # CPU seconds for a file of some kilobytes are a find


def main() -> int:
    """Runs one kind; exit status 1 where there was a find."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--cpu-minutes", type=float, default=20)
    parser.add_argument("--mutated", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    run = Run(options)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as place:
        run.place = Path(place)
        return run.mutate() if options.mutated else run.guide()


class Run:
    """The state of a run: what was read and what was found."""

    def __init__(self, options):
        self.options, self.files, self.accepted, self.finds = options, 0, 0, {}
        self.last = options.folder / f"{options.kind}.last"
        self.place = None

    def one(self, data: bytes) -> None:
        """Reads one file; keeps it where it fails in another way than it may."""
        import targets

        self.last.write_bytes(data)
        before = time.process_time()
        self.files += 1
        try:
            self.accepted += targets.read(self.options.kind, data, self.place)
            what = None
        except Exception as error:
            line = traceback.extract_tb(error.__traceback__)[-1]
            own = [f for f in traceback.extract_tb(error.__traceback__) if "/emorec/" in f.filename]
            where = own[-1] if own else line
            what = f"{type(error).__name__} in {Path(where.filename).name}:{where.name}: {str(error)[:100]}"
            key = f"{type(error).__name__} {Path(where.filename).name}:{where.lineno}"
        if time.process_time() - before > SLOW:
            what = key = f"{time.process_time() - before:.0f} s"
        if what and key not in self.finds:
            name = f"{self.options.kind}-{hashlib.sha256(data).hexdigest()[:10]}"
            (self.options.folder / name).write_bytes(data)
            self.finds[key] = f"{name}: {what}"
            print(self.finds[key], flush=True)

    def mutate(self) -> int:
        """Mutated valid files."""
        import numpy as np
        import targets

        rng, seeds = np.random.default_rng(self.options.seed), targets.seeds(self.options.kind)
        for _ in range(self.options.mutated):
            self.one(targets.mutated(seeds[rng.integers(len(seeds))], rng))
        return self.end("mutated")

    def guide(self) -> int:
        """Files that atheris makes, guided by what they reach in the package."""
        import atheris

        with atheris.instrument_imports(include=["emorec"], enable_loader_override=False):
            import targets

            for module in targets.READERS:
                importlib.import_module(module)
        seeds, corpus = targets.seeds(self.options.kind), self.options.folder / f"corpus-{self.options.kind}"
        corpus.mkdir(exist_ok=True)
        for number, data in enumerate(seeds):
            (corpus / f"seed-{number}").write_bytes(data)
            self.one(data)
            if not self.accepted:
                print(f"the seed {number} of {self.options.kind} is not read", flush=True)
        if self.options.kind == "pickle":  # the reader inherits most of it
            import pickle

            atheris.instrument_func(pickle._Unpickler.load)

        def one(data):
            self.one(data)
            if time.process_time() > 60 * self.options.cpu_minutes:
                self.end("atheris")
                os._exit(int(bool(self.finds)))

        arguments = [sys.argv[0], str(corpus), "-max_len=20000", "-timeout=300", "-rss_limit_mb=4000", "-verbosity=0"]
        atheris.Setup([*arguments, f"-artifact_prefix={self.options.folder}/{self.options.kind}-crash-"], one)
        with contextlib.suppress(KeyboardInterrupt):
            atheris.Fuzz()
        return self.end("atheris")

    def end(self, how: str) -> int:
        """Writes the line of this run."""
        row = {"kind": self.options.kind, "how": how, "cpu_seconds": round(time.process_time()), "files": self.files,
               "accepted": self.accepted, "finds": sorted(self.finds.values()), "seed": self.options.seed}  # fmt: skip
        with open(self.options.folder / "log.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        self.last.unlink(missing_ok=True)
        print(json.dumps(row), flush=True)
        return int(bool(self.finds))


if __name__ == "__main__":
    sys.exit(main())
