"""JSON lines, or one JSON array of objects, → the same table of text that a CSV gives; no number becomes a float."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from forecast.reading.cells import Cells
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem, listed, shown, warning

#: Names of files that can be nothing else; any other file is looked into.
SUFFIXES = (".jsonl", ".ndjson")
MAX_COLUMNS = 10_000
#: Cells of a table in which hardly any object has any key of the others.
_MAX_CELLS = 200_000_000

_OBJECT = re.compile(rb"\s*\{\s*[\"}]")
_NEXT_OBJECT = re.compile(rb"\}\s*[\r\n]\s*\{")
_ARRAY = r"\s*\[\s*\{"
_BLANK = re.compile(r"[ \t\r\n]*")
_LINE = re.compile(r"[^\n]*\n?")
_HINT = "every line must be one object of plain values"


def looks_like_json_lines(content: bytes) -> bool:
    """Whether the content, of any name, begins with a JSON array of objects, or with two lines that are objects.

    One object alone is what a server answers where something went wrong, and no table.
    """
    start = content.removeprefix(b"\xef\xbb\xbf")
    if re.match(_ARRAY.encode(), start):
        return True
    ends = _NEXT_OBJECT.search(start) if _OBJECT.match(start) else None
    try:
        return ends is not None and isinstance(json.loads(start[: ends.start() + 1]), dict)
    except (ValueError, RecursionError):
        return False


def read_jsonl(text: str, file: str) -> Table:
    """The table in a text of JSON lines, or of a JSON array: a column for every key, in order of first appearance.

    Numbers keep their text, true and false are words, null and a missing key are an empty text. lines are those on
    which each object begins. Raises FileProblems where an object is broken, names a key twice or holds another.
    """
    problems: list[Problem] = []
    lines: list[int] = []
    columns: dict[str, list[str]] = {}
    absent: dict[str, int] = {}
    objects = _of_array(text, file) if re.match(_ARRAY, text) else _of_lines(text, problems)
    for line, pairs in objects:
        row = len(lines)
        lines.append(line)
        for key, value in pairs:
            cell = _cell(value)
            if cell is None:
                found = f"{shown(key)} holds {'an object' if isinstance(value, _Pairs) else 'a list'}"
                problems.append(Problem("E112", f"{found}, where one value is needed", line, None, _HINT))
                cell = ""
            column = columns.setdefault(key, [])
            if len(column) < row:
                absent[key] = absent.get(key, 0) + row - len(column)
                column.extend([""] * (row - len(column)))
            elif len(column) > row:
                problems.append(Problem("E112", f"the key {shown(key)} appears twice in one object", line, None, _HINT))
                continue
            column.append(cell)
        _check_size(file, len(columns), row)
    if problems:
        raise FileProblems(file, problems)
    if not lines or not columns:
        raise FileProblems(file, [Problem("E205", "there is no object with a key and a value")])
    for key, column in columns.items():
        if len(column) < len(lines):
            absent[key] = absent.get(key, 0) + len(lines) - len(column)
            column.extend([""] * (len(lines) - len(column)))
    return Table(file, tuple(columns), tuple(map(Cells.of, columns.values())), lines, notes=_notes(absent, columns))


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of an object in order, those that appear twice too."""


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON; write null for a missing value")


_DECODER = json.JSONDecoder(object_pairs_hook=_Pairs, parse_float=str, parse_int=str, parse_constant=_refuse)


def _of_lines(text: str, problems: list[Problem]) -> Iterator[tuple[int, _Pairs]]:
    """Every line that is an object; what is wrong with the others becomes a problem."""
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if not line.strip():
            continue
        try:
            found = _DECODER.decode(line)
        except json.JSONDecodeError as error:
            problems.append(Problem("E112", f"{_said(error)}: {_near(line, error.pos)}", number, error.colno, _HINT))
        except (ValueError, RecursionError) as error:
            problems.append(Problem("E112", _said(error), number, None, _HINT))
        else:
            if isinstance(found, _Pairs):
                yield number, found
            else:
                problems.append(Problem("E112", f"{shown(line)} is not an object", number, 1, _HINT))


def _of_array(text: str, file: str) -> Iterator[tuple[int, _Pairs]]:
    """The objects of one array, each with the line on which it begins. Raises FileProblems at the first fault."""
    at, line = text.index("[") + 1, text.count("\n", 0, text.index("[")) + 1
    counted = at
    opened = False
    while True:
        at = _end(_BLANK, text, at)
        if text[at : at + 1] == "]" and not opened:
            break
        line, counted = line + text.count("\n", counted, at), at
        column = at - text.rfind("\n", 0, at)
        try:
            found, at = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            place = f"{_said(error)}: {_near(text, error.pos)}"
            raise FileProblems(file, [Problem("E112", place, error.lineno, error.colno)]) from None
        except (ValueError, RecursionError) as error:
            raise FileProblems(file, [Problem("E112", _said(error), line, column)]) from None
        if not isinstance(found, _Pairs):
            raise FileProblems(file, [Problem("E112", "an array must hold objects only", line, column)])
        yield line, found
        at = _end(_BLANK, text, at)
        opened = text[at : at + 1] == ","
        if not opened and text[at : at + 1] != "]":
            line, column = line + text.count("\n", counted, at), at - text.rfind("\n", 0, at)
            found_there = f"a comma or the end of the array is missing: {_near(text, at)}"
            raise FileProblems(file, [Problem("E112", found_there, line, column)])
        at += opened
    rest = _end(_BLANK, text, at + 1)
    if rest < len(text):
        line, column = text.count("\n", 0, rest) + 1, rest - text.rfind("\n", 0, rest)
        raise FileProblems(file, [Problem("E112", f"something follows the array: {_near(text, rest)}", line, column)])


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    assert found is not None  # it matches nothing, too
    return found.end()


def _cell(value: object) -> str | None:
    """The text of a plain value; None for one that holds others."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None


def _said(error: Exception) -> str:
    """What the parser of the standard library found, in the words of a sentence that goes on."""
    if isinstance(error, RecursionError):
        return "the objects are nested too deep"
    text = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    return f"broken JSON, {text[:1].lower()}{text[1:]}" if isinstance(error, json.JSONDecodeError) else text


def _near(text: str, at: int) -> str:
    """What stands where the parser stopped."""
    found = _LINE.match(text, at)
    rest = (found[0] if found else "").rstrip("\r\n")
    return shown(rest) if rest else "the line ends there"


def _check_size(file: str, n_columns: int, n_rows: int) -> None:
    if n_columns > MAX_COLUMNS or n_columns * n_rows > _MAX_CELLS:
        found = f"{n_columns:,} different keys in {n_rows + 1:,} objects"
        hint = "write one object for each row, with the same keys in all of them"
        raise FileProblems(file, [Problem("E109", f"the table is too wide: {found}", hint=hint)])


def _notes(absent: dict[str, int], columns: Iterable[str]) -> tuple[str, ...]:
    short = {key: absent[key] for key in columns if absent.get(key)}
    if not short:
        return ()
    count = sum(short.values())
    places = "1 key is absent and its value is" if count == 1 else f"{count} keys are absent and their values are"
    return (warning("W110", f"{places} taken as missing: {listed(short)}"),)
