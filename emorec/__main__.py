"""python -m emorec data | run | notebooks | experiment | results"""

from __future__ import annotations

import argparse
import os
import sys


def main(arguments=None):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(prog="python -m emorec", description="Emotion recognition notebooks and data.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    from tools import notebooks
    import experiments
    from emorec.datasets import commands

    commands.add_parser(subparsers)
    notebooks.add_parsers(subparsers)
    experiments.add_parsers(subparsers)
    options = parser.parse_args(arguments)
    from emorec.errors import EmorecError

    try:
        status = options.run(options)
        sys.stdout.flush()
        return status
    except EmorecError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
