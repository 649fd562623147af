"""The one build step that pyproject.toml cannot state: the bundled sample goes into the wheel, as ``emorec/_sample``.

An editable install reads ``data/sample`` where it lies. Were the sample a package of its own in another folder,
setuptools would make editable packages importable by a finder that comes after the path, and from the folder above a
clone ``import emorec`` would be that clone's bare folder.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SAMPLE = Path("data", "sample")


class BuildWithSample(build_py):
    """`build_py`, and the sample after it; begins with an empty folder, so that no removed module comes along."""

    def run(self):
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            for source, target in self._sample().items():
                self.mkpath(str(Path(target).parent))
                self.copy_file(source, target)

    def _sample(self):
        return {str(p): str(Path(self.build_lib, "emorec", "_sample", p.name)) for p in sorted(SAMPLE.iterdir())}

    def get_outputs(self, include_bytecode=True):
        return super().get_outputs(include_bytecode) + list(self._sample().values())

    def get_source_files(self):
        return super().get_source_files() + list(self._sample())


setup(cmdclass={"build_py": BuildWithSample})
