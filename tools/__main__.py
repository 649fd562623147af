"""python -m tools run | notebooks | generated | results | site | diagrams | glove | folds | lines"""

import sys

from emorec.__main__ import command_line
from emorec.types import Strings


def main(arguments: Strings | None = None) -> int:
    from tools import data, diagrams, generated, glove, lines, notebooks, site

    adders = (notebooks.add_run_parser, notebooks.add_parser, generated.add_parsers, site.add_parser,
              diagrams.add_parser, glove.add_parser, data.add_parser, lines.add_parser)  # fmt: skip
    return command_line("python -m tools", "Builds, checks and publishes what is generated.", adders, arguments)


if __name__ == "__main__":
    sys.exit(main())
