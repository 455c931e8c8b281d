"""The command line: parse → call → print. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import gc
import os
import signal
import sys


def main() -> None:
    """Run the command that `sys.argv` names, and end the process with its exit code."""
    _prepare_streams()
    _let_signals_end_the_process()
    from forecast.cli.app import run
    from forecast.cli.errors import show_bug

    sys.excepthook = show_bug
    try:
        sys.exit(run(sys.argv[1:]))
    finally:
        # All is written and closed. Without this the interpreter looks for cycles among all that torch ever made, which
        # takes as long as a forecast, to free memory that ends with the process.
        gc.freeze()


def _let_signals_end_the_process() -> None:
    """Ctrl-C, or a reader that leaves early, ends the process as with any other tool.

    As an exception it could come in the middle of an import, and a library might swallow it. A command that has to save
    something first listens for itself.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def _prepare_streams() -> None:
    """Give the process three open streams in UTF-8, whatever the locale and whoever started it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            # Its number would go to the next file that is opened. Read-only, so that printing a result fails.
            handle = os.open(os.devnull, os.O_RDONLY)
            setattr(sys, name, open(handle, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
        elif number and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
