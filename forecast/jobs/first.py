"""first_file: the text of a first jobs.toml for some files, which works as it is and says what to change."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from forecast.errors import ConfigError
from forecast.sources import is_local, parse, source_stem

_HEAD = """\
# What `forecast run {name}` does every night. Paths are relative to this file; dates and models are kept in {state}/.

[run]
# jobs = 2                  # processes; as many as there are processors unless given
# max_failures = "10%"      # more failures than that end the run
# max_runtime = "2h"        # then what was reached is saved, and the exit code is 124
# ping = "https://…"        # told of the start, the end and a failure of each run

[defaults]
output = "{{name}}.forecast.csv"
retrain = "7d"              # train again when the data have grown by so much; or "drift", "mase > 1.0", "never"
# horizon = 30              # steps to forecast; chosen from the data unless given
# preset = "balanced"       # any option of `forecast train` and `forecast predict`, with underscores
# max_age = "26h"           # no forecast from older data: the exit code is 6
# min_complete = 0.9        # nor where more of the last steps have no value
# fallback = ["previous", "seasonal-naive"]  # what may stand in for the model; marked in the column `source`
"""


def first_file(sources: Sequence[str], path: Path) -> str:
    """The text of a file of jobs at a path, with one job for each source. Raises ConfigError without a source."""
    if not sources:
        raise ConfigError("--init needs the files to forecast", hint="forecast run --init data/*.csv")
    folder, names = path.absolute().parent, set[str]()
    lines = [_HEAD.format(name=path.name, state=f"{path.stem}.state")]
    for source in sources:
        if parse(source).kind == "stdin":
            raise ConfigError("--init -: a run does not read stdin", hint="forecast run --init data/*.csv")
        name = _name(source, names)
        names.add(name)
        lines.append(f"\n[jobs.{name if re.fullmatch(r'[A-Za-z0-9_-]+', name) else json.dumps(name)}]\n")
        lines.append(f"data = {_quoted(_seen_from(folder, source))}\n")
    return "".join(lines)


def _name(source: str, taken: set[str]) -> str:
    """A name for the job of a source, of the letters that a name may have, and not one that is taken."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", source_stem(source)).strip(".-")[:80] or "job"
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def _seen_from(folder: Path, source: str) -> str:
    """A file as seen from a folder where it lies below, in full elsewhere; another source as it is."""
    if not is_local(source) or source.startswith("file:"):
        return source
    # Not resolve(): a link that is renewed every night is to stay one.
    path = Path(os.path.normpath(Path(source).absolute()))
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _quoted(text: str) -> str:
    # JSON writes texts as TOML does, but for one control character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
