"""python -m experiments run NAME | list"""

from __future__ import annotations

import sys

from emorec.__main__ import command_line
from emorec.types import Strings
from experiments import add_parsers


def main(arguments: Strings | None = None) -> int:
    """``python -m experiments NAME ...`` is short for ``python -m experiments run NAME ...``."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] not in ("run", "list", "-h", "--help"):
        arguments = ["run", *arguments] if arguments else ["list"]
    return command_line("python -m experiments", "Declared runs on real data.", (add_parsers,), arguments)


if __name__ == "__main__":
    sys.exit(main())
