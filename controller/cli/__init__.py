"""The command line: one small file per command, each imported only when it runs."""

import sys


def main() -> None:
    """Entry point of the ``sparkgap`` command."""
    from controller.cli.entry import invoke

    sys.exit(invoke(sys.argv[1:]))
