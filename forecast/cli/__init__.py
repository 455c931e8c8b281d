"""The command line: parse → call → print. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command that `sys.argv` names, and end the process with its exit code."""
    _prepare_streams()
    if hasattr(signal, "SIGPIPE"):
        # A reader that leaves early ends the process, as with any other tool; what must be saved first says so itself.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    from forecast.cli.app import run
    from forecast.cli.errors import show_bug

    sys.excepthook = show_bug
    sys.exit(run(sys.argv[1:]))


def _prepare_streams() -> None:
    """Give the process three open streams in UTF-8, whatever the locale and whoever started it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            # Its number would go to the next file that is opened. Read-only, so that printing a result fails.
            setattr(sys, name, open(os.open(os.devnull, os.O_RDONLY), closefd=False))  # noqa: SIM115
        elif number and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
