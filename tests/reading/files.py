"""Small files for the tests of the reader."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from forecast.config import DataConfig, ReadConfig
from forecast.panel import Known, Panel
from forecast.reading import read_panel
from forecast.reading.problems import FileProblems, Problem


def days(count: int, first: date = date(2024, 1, 1)) -> list[str]:
    """ISO dates, one after the other."""
    return [str(first + timedelta(days=n)) for n in range(count)]


def daily(count: int = 20) -> str:
    """A clean file with a date and a value on every row."""
    return "date,y\n" + "".join(f"{day},{n}\n" for n, day in enumerate(days(count)))


def put(folder: Path, content: str | bytes, name: str = "data.csv") -> Path:
    """A new file with that content, text in UTF-8 with its line ends as they are."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(
    path: Path, known: Known | None = None, future_data: Path | None = None, task: str = "regression", **options: Any
) -> Panel:
    """The panel in a file, with the options of DataConfig and ReadConfig by their names; lists may be lists."""
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    data = {f.name: given.pop(f.name) for f in fields(DataConfig) if f.name in given}
    return read_panel(path, DataConfig(**data), ReadConfig(**given), task=task, future_data=future_data, known=known)


def problems_of(path: Path, **options: object) -> tuple[Problem, ...]:
    """What reading the file finds wrong; it fails the test when nothing is."""
    with pytest.raises(FileProblems) as caught:
        read(path, **options)
    assert caught.value.exit_code == 3
    return caught.value.problems


def problem_of(path: Path, **options: object) -> Problem:
    """The only thing that reading the file finds wrong."""
    (problem,) = problems_of(path, **options)
    return problem
