"""How a failure looks: `error:`, `why:` and `hint:` on stderr, and the exit code. Tracebacks need --debug."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, TextIO

import typer

from forecast.errors import ConfigError, ForecastError, OutputError

P = ParamSpec("P")

#: What Typer raises for a wrong command line. It has no public name of its own in any version.
UsageError: Any = typer.BadParameter.__bases__[0]


def reporting(function: Callable[P, int | None]) -> Callable[P, int]:
    """The function, returning an exit code: every expected failure is shown on stderr instead of raised."""

    @wraps(function)
    def report(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            code = function(*args, **kwargs)
            # Here rather than when the interpreter ends: a full disk must become an exit code.
            sys.stdout.flush()
        except ForecastError as error:
            return show(error)
        except UsageError as error:
            return show(_usage(error))
        except MemoryError:
            return show(OutputError("not enough memory", hint="a smaller --batch-size, --hidden or --context-length"))
        except BrokenPipeError:
            _drop(sys.stdout)
            return 128 + 13  # what a process that SIGPIPE ends leaves behind; nobody is there to read a message
        except OSError as error:
            _drop(sys.stdout)
            return show(OutputError(f"{error.filename or 'output'}: {(error.strerror or str(error)).lower()}"))
        return code or 0

    return report


def show(error: ForecastError) -> int:
    """Print an error on stderr, and return the exit code it stands for."""
    if debugging():
        import traceback

        traceback.print_exception(error)
    for label, text in (("error", error.message), ("why", error.why), ("hint", error.hint)):
        if text:
            say(f"{label}: {text}")
    return error.exit_code


def show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A `sys.excepthook`: one line about an exception that nobody expected, and the traceback with --debug."""
    if debugging():
        sys.__excepthook__(kind, error, trace)
    text = f"{kind.__name__}: {error}".strip(": ").splitlines()[0]
    say(f"error: a bug in forecast: {text}; run again with --debug")


def say(text: str) -> None:
    """Print on stderr; where stderr itself is gone there is nobody left to tell."""
    try:
        print(plain(text), file=sys.stderr, flush=True)
    except OSError:
        _drop(sys.stderr)


def plain(text: str) -> str:
    """The text with control characters escaped: a value from a file must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def debugging() -> bool:
    """Whether tracebacks were asked for; known even when the command line could not be parsed."""
    return "--debug" in sys.argv[1:]


def _usage(error: Any) -> ConfigError:
    """Typer's complaint about a command line, in the words of this house."""
    message = error.message if getattr(error, "possibilities", None) else error.format_message()
    message = message[:1].lower() + message[1:].rstrip(".")
    if getattr(error, "possibilities", None):
        return ConfigError(message, hint=f"did you mean {' or '.join(error.possibilities[:3])}?")
    path = error.ctx.command_path if error.ctx else "forecast"
    return ConfigError(message, hint=f"{path} --help")


def _drop(stream: TextIO) -> None:
    """Point a stream at nothing, or the interpreter fails once more when it flushes what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
