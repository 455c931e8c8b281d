"""The cases of the catalogue: what each folder holds, and the files and expected values in it."""

from __future__ import annotations

import csv
import re
import runpy
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecast.config import Config
from forecast.panel import Panel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
#: The rows that most cases spoil in one way.
CLEAN = (HERE / "21-no-final-line-end" / "data.csv").read_text() + "\n"


@dataclass(frozen=True)
class Run:
    """One file of a case with its options, and how it must end.

    An error has a code (or the beginning of one), a line and a column where it has a place, and texts that it and its
    hint hold; with a cure, the options of the hint (of several ways the one of that number) give these values, or at
    least a panel. What is read has exactly these warnings and values.
    """

    case: str
    file: str
    exit: int
    args: tuple[str, ...] = ()
    code: str = ""
    line: int | None = None
    column: int | None = None
    says: str = ""
    hint: str = ""
    cure: str | bool = False
    way: int = 0
    notes: tuple[str, ...] = ()
    expect: str = ""
    slow: bool = False

    @property
    def name(self) -> str:
        """What a test of it is called."""
        return f"{self.case}/{self.file}"

    def place(self, folder: Path) -> Path:
        """The file, copied into an empty folder with all that lies beside it, or made there by the case's make.py."""
        source = HERE / self.case
        for path in source.iterdir():
            if path.suffix not in (".toml", ".py") and path.is_file():
                shutil.copyfile(path, folder / path.name)
        if (source / "make.py").exists():
            runpy.run_path(str(source / "make.py"))["make"](folder, self.file)
        return folder / self.file


def runs() -> list[Run]:
    """Every run of every case, in order."""
    found = []
    for path in sorted(HERE.glob("*/case.toml")):
        for table in tomllib.loads(path.read_text(encoding="utf-8"))["run"]:
            lists: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in table.items()}
            found.append(Run(path.parent.name, **lists))
    return found


def settings(args: tuple[str, ...]) -> Config:
    """The settings that options stand for, as a command resolves them."""
    from forecast.cli.settings import resolve

    names = [name.removeprefix("--").replace("-", "_") for name in args[::2]]
    config: Config = resolve(Config, dict(zip(names, args[1::2], strict=True)))
    return config


def options_in(hint: str, choice: int = 0) -> tuple[str, ...]:
    """The options that a hint names, as a shell would hand them on; of several ways to go on the one chosen."""
    value = r"""(?:'[^']*'|"[^"]*"|\\.|[^\s'";])+"""
    ways = [found for part in hint.split(" or ") if (found := re.findall(rf"--[a-z][a-z-]* {value}", part))]
    return tuple(word for option in (ways[choice] if ways else []) for word in shlex.split(option))


def check_values(panel: Panel, path: Path) -> None:
    """Fails unless the panel is what a file of `time,value` or `item,time,value` says, bit by bit."""
    with path.open(encoding="utf-8", newline="") as lines:
        records = list(csv.DictReader(lines))
    expected: dict[str, list[tuple[np.datetime64, float]]] = {}
    for record in records:
        value = float(record["value"] or "nan")
        expected.setdefault(record.get("item") or "", []).append((np.datetime64(record["time"], "us"), value))
    found = {" / ".join(series.item_id): series for series in panel.series}
    assert set(found) == set(expected)
    for item, steps in expected.items():
        np.testing.assert_array_equal(found[item].timestamps, np.array([time for time, _ in steps]))
        np.testing.assert_array_equal(found[item].values, np.array([value for _, value in steps]))
