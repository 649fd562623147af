"""python -m emorec data | run | notebooks | experiment | results"""

from __future__ import annotations

import argparse
import os
import sys


def main(arguments=None):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(prog="python -m emorec", description="Emotion recognition notebooks and data.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    from emorec import experiments, notebooks
    from emorec.datasets import commands

    commands.add_parser(subparsers)
    notebooks.add_parsers(subparsers)
    experiments.add_parsers(subparsers)
    options = parser.parse_args(arguments)
    from emorec.errors import EmorecError

    try:
        return options.run(options)
    except EmorecError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
