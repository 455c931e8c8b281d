"""`forecast merge`: parts that several machines forecast, joined to the file that one would have written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from forecast.cli.display import Screen, document
from forecast.cli.options import Json, Quiet, Verbose
from forecast.cli.predict import STDOUT
from forecast.errors import ConfigError
from forecast.settings import FORMATS

Parts = Annotated[
    list[Path], typer.Argument(metavar="PART", readable=False, help="Files that `forecast predict --shard` wrote.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        readable=False,
        help="File to write, or - for stdout; without it the name of the parts without K-of-N.",
    ),
]


def merge(
    parts: Parts, *, output: Output = None, json: Json = False, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Join the parts of a forecast to the whole.

    Parts are what `forecast predict --shard` writes. The file is the one that a single machine would have written, to
    the byte. Parts that are missing, there twice, or made from another model or other data are refused. The note beside
    each part, PART.part, has to be there.

    Example:
      forecast train sample_data/sales.csv --target units && forecast predict --shard 1/1
      forecast merge sales.forecast.?-of-1.csv
    """
    from forecast.merging import merged, merged_name, note_of, read_part
    from forecast.writing import lock, write_atomic

    target = output or merged_name(parts)
    for part in parts:
        if target.resolve() in (part.resolve(), note_of(part).resolve()):
            raise ConfigError(f"--output {target}: it would take the place of a part", hint="--output whole.csv")
    if json and str(target) == STDOUT:
        raise ConfigError("--output - and --json cannot share stdout", hint="leave out --json")
    read = [read_part(part) for part in parts]
    kind, suffix = read[0].note.format, target.suffix.lower().removeprefix(".")
    if suffix in FORMATS and suffix != kind:
        raise ConfigError(f"--output {target}: its parts are {kind}", hint=f"--output {target.with_suffix(f'.{kind}')}")
    content = merged(read)
    if str(target) == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        return
    with lock(target):
        write_atomic(target, content)
    if json:
        n_items, of = read[0].note.n_items, read[0].shard.of
        document({"output": str(target), "parts": len(read), "shards": of, "series": n_items, "format": kind})
        return
    Screen(quiet=quiet, verbose=verbose).aside(f"wrote {target}: {read[0].note.n_items:,} series of {len(read)} parts")
