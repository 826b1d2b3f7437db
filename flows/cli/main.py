"""The entry point: from the first instruction to the last, Ctrl-C is one line and status 130.

Invariants:
1. Importing this module imports nothing else of weight: what an interrupt could hit comes inside `main`.
2. Once the status is known, a further interrupt ends the process as the shell does; no traceback is left
   that could be printed while the interpreter takes itself down.
"""

from __future__ import annotations

import signal
import sys

from flows.cli.commands import COMMANDS

__all__ = ["COMMANDS", "main"]


def main() -> None:
    """Run the command line and exit with the status that design §4 gives each kind of error."""
    try:
        from environments.collecting import collect_seldom

        collect_seldom()
        from flows.cli.group import ROOT
        from flows.cli.report import run_reporting

        status = run_reporting(ROOT, sys.argv[1:])
    except KeyboardInterrupt:  # while the command line itself was loaded, or while the first one was told
        status = _interrupted()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(status)


def _interrupted() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from flows.cli.report import interrupted

    return interrupted(as_json="--json" in sys.argv)
