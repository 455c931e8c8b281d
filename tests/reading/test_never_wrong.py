"""Never silently wrong: what is read is what was written, and a broken cell is an error on its line."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from forecast.config import ReadConfig
from forecast.errors import DataError
from forecast.panel import Panel
from forecast.reading import read_panel
from forecast.reading.problems import FileProblems
from forecast.timeformat import SERIALS, format_times

#: A step, and the patterns that can say every moment that is so many of them after a day.
CLOCKS: list[tuple[str, list[str]]] = [
    ("D", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%-d/%-m/%Y", "%Y%m%d", "%Y/%-m/%-d %-H:%M", "%Y-%m-%dT%H:%M:%SZ"]),
    ("D", ["%-d %b %Y", "%d-%^b-%Y", "%B %-d, %Y", "%d.%m.%y", "%m/%d/%y", "epoch_s", "epoch_ms", "excel"]),
    ("h", ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S+05:30", "%-m/%-d/%Y %-H:%M", "%Y-%m-%d %H:%M:%S.%3f"]),
    ("h", ["%Y-%m-%d %I:%M %p", "%d/%b/%Y %-I:%M %p", "epoch_us", "epoch_ns"]),
    ("M", ["%Y-%m", "%m/%Y", "%Y-%m-%d", "%b %Y", "%B-%Y"]),
    ("7D", ["%G-W%V", "%Y-%m-%d"]),
]
#: How numbers are written, with the options that say so: as Python does, with a decimal comma, or in groups of three.
NOTATIONS: list[tuple[Callable[[float], str], dict[str, str]]] = [
    (repr, {}),
    (repr, {}),
    (lambda value: repr(value).replace(".", ","), {"decimal": ","}),
    (lambda value: f"{value:,.0f}", {"thousands": ","}),
    (lambda value: f"{value:,.0f}".replace(",", "."), {"thousands": ".", "decimal": ","}),
    (lambda value: f"{value:,.0f}".replace(",", "\u00a0"), {"thousands": "space"}),
    (lambda value: f"{value:,.0f}".replace(",", "'") + ",0", {"thousands": "'", "decimal": ","}),
]


@dataclass(frozen=True)
class Written:
    """A file and what it says: cells as written (header first), timestamps [T], values [T]."""

    cells: list[list[str]]
    delimiter: str
    end: str
    quoting: bool
    encoding: str
    packed: bool
    timestamps: np.ndarray[tuple[int], np.dtype[np.datetime64]]
    values: np.ndarray[tuple[int], np.dtype[np.float64]]
    options: dict[str, str]

    def content(self, cells: list[list[str]]) -> bytes:
        """The bytes of these cells in the dialect of the file."""
        out = io.StringIO(newline="")
        quoting: Literal[0, 1] = csv.QUOTE_ALL if self.quoting else csv.QUOTE_MINIMAL
        csv.writer(out, delimiter=self.delimiter, lineterminator=self.end, quoting=quoting).writerows(cells)
        content = out.getvalue().encode(self.encoding)
        return gzip.compress(content, 1) if self.packed else content


@st.composite
def written(draw: st.DrawFn) -> Written:
    """A valid series in a random dialect: shuffled rows, blanks between, and a column of words that means nothing."""
    unit, patterns = draw(st.sampled_from(CLOCKS))
    pattern = draw(st.sampled_from(patterns))
    write, options = draw(st.sampled_from(NOTATIONS))
    count = draw(st.integers(26, 60))
    timestamps = moments(draw, unit, pattern, count)
    whole = st.integers(-(10**9), 10**9).map(float)
    number = st.floats(-1e100, 1e100) | whole | st.sampled_from([0.0, -0.0, 5e-324])
    values = np.array(draw(st.lists(whole if "thousands" in options else number, min_size=count, max_size=count)))
    blanks = draw(st.sets(st.integers(1, count - 2), max_size=5))
    values[list(blanks)] = np.nan
    missing = draw(st.sampled_from(["", "NA", "NaN", "null"]))
    texts = [missing if np.isnan(value) else write(value) for value in values.tolist()]
    header = draw(st.permutations(["date", "y", draw(st.sampled_from(["note", "größe", 'say "x"', "x"]))]))
    words = draw(
        st.lists(st.sampled_from(["", "sun", "a;b", "x,y", 'quote"', "tab\t"]), min_size=count, max_size=count)
    )
    rows = [
        [{"date": time, "y": text}.get(name, word) for name in header]
        for time, text, word in zip(format_times(timestamps, pattern), texts, words, strict=True)
    ]
    # Hours written by month and day need a day above twelve, which a short column may lack.
    assume(unit != "h" or pattern[:2] != "%-" or timestamps.astype("datetime64[D]").tolist()[-1].day > 12)
    return Written(
        [list(header), *draw(st.permutations(rows))],
        draw(st.sampled_from([",", ";", "\t", "|"])),
        draw(st.sampled_from(["\n", "\r\n", "\r"])),
        draw(st.booleans()),
        draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])),
        draw(st.booleans()),
        timestamps,
        values,
        options | ({"date_format": pattern} if "%y" in pattern or pattern in SERIALS else {}),
    )


def moments(draw: st.DrawFn, unit: str, pattern: str, count: int) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """So many timestamps in steps of the unit, from a day on that the pattern can say."""
    short = "%y" in pattern or pattern in SERIALS
    day = draw(st.dates(date(1971, 1, 1), date(2060, 1, 1)) if short else st.dates(date(1800, 1, 1), date(2190, 1, 1)))
    if unit == "7D":
        day -= timedelta(days=day.weekday())
    step = np.timedelta64(7, "D") if unit == "7D" else np.timedelta64(1, unit)
    first = np.array(day).astype(f"datetime64[{'D' if unit == '7D' else unit}]")
    return (first + np.arange(count) * step).astype("datetime64[us]")


def read(content: bytes, **options: str) -> Panel:
    """The panel in a file of these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(content)
        return read_panel(path, read=ReadConfig(**options))  # type: ignore[arg-type]


def check_equal(content: bytes, truth: Written, options: dict[str, str] | None = None) -> None:
    """Fails unless the bytes are read as exactly the truth, by its options or others; raises what reading raises."""
    (series,) = read(content, **(truth.options if options is None else options)).series
    np.testing.assert_array_equal(series.timestamps, truth.timestamps)
    assert series.values.tobytes() == truth.values.tobytes()


def lines_blamed(content: bytes, truth: Written) -> set[int | None]:
    """The lines of all problems; fails when there are none and the truth is not read."""
    try:
        check_equal(content, truth)
    except FileProblems as error:
        return {problem.line for problem in error.problems}
    return set()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(written())
def test_what_is_written_is_read(file: Written) -> None:
    """Any valid series in any dialect comes back with every timestamp and every bit of every value."""
    check_equal(file.content(file.cells), file)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(written())
def test_without_its_options_a_file_is_read_rightly_or_refused(file: Written) -> None:
    """What nobody says is proven by the whole file, or not taken for granted."""
    # 1.234 is a number as it stands, and of a few of them nobody can know that they are thousands.
    assume(file.options.get("thousands") != ".")
    with contextlib.suppress(DataError):
        check_equal(file.content(file.cells), file, {})


#: Ways to spoil a cell such that it says nothing valid any more, or the same as before.
SPOIL: list[Callable[[str], str]] = [
    lambda cell: f"{cell}x",
    lambda cell: f"x{cell}",
    lambda cell: f" {cell}  ",
    lambda cell: f"{cell}\t",
    lambda cell: f"{cell}\n",
    lambda cell: f'"{cell}',
    lambda cell: f"{cell},5,5",
    lambda cell: f"{cell};5",
    lambda cell: f"{cell}\u00a0",
    lambda cell: f"'{cell}'",
    lambda cell: f"{cell} EUR",
    lambda cell: f"--{cell}",
    lambda cell: cell.replace("0", "O") if "0" in cell else "O",
    lambda cell: cell.replace("1", "l") if "1" in cell else "l",
    lambda cell: cell.replace("-", "\u2212") if "-" in cell else "\u20131",
    lambda cell: "".join(chr(ord("\uff10") + int(c)) if c.isdigit() and c.isascii() else c for c in cell + "0"),
    lambda _: "-",
    lambda _: "n/a",
    lambda _: "inf",
    lambda _: "1e309",
    lambda _: "True",
    lambda _: "2023-02-29",
    lambda _: "1_000",
    lambda _: "\x1b[2J",
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(written(), st.sampled_from(SPOIL), st.integers(1, 26), st.sampled_from(["date", "y"]))
def test_a_spoilt_cell_is_harmless_or_an_error_on_its_line(
    file: Written, spoil: Callable[[str], str], row: int, name: str
) -> None:
    """One cell is spoilt: the panel is as before, or the cell's own line is among the problems."""
    cells = [list(record) for record in file.cells]
    cells[row][cells[0].index(name)] = spoil(cells[row][cells[0].index(name)])
    blamed = lines_blamed(file.content(cells), file)
    assert not blamed or row + 1 in blamed


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(written(), st.sampled_from([",", ";", "\t", "|", '"', "\n", "\r", "\0", ",,", '""', "\n\n"]), st.data())
def test_a_stray_character_is_harmless_or_an_error(file: Written, stray: str, data: st.DataObject) -> None:
    """Wherever between cells a delimiter, a quote or a line end is put: as before, or refused; never another number."""
    text = file.content(file.cells)
    text = (gzip.decompress(text) if file.packed else text).decode(file.encoding).encode()
    # Inside a cell it may make another valid number, which nobody can know.
    spots = [i for i in range(len(text)) if text[i : i + 1] in (file.delimiter.encode(), b"\n", b"\r")]
    spot = data.draw(st.sampled_from(spots))
    with contextlib.suppress(DataError):
        check_equal(text[:spot] + stray.encode() + text[spot:], file)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=200)
    | st.text("date,y\n\"';|\t\r0123456789-/.:TZ+eEnaN ", max_size=200).map(str.encode)
    | st.text("0123456789-,\n", max_size=120).map(lambda rows: f"date,y\n2024-01-01,1\n{rows}".encode())
)
def test_no_bytes_are_a_crash(content: bytes) -> None:
    """Anything at all is a panel or a DataError."""
    with contextlib.suppress(DataError):
        assert read(content).n_rows >= 3


@pytest.mark.parametrize("position", [400_123])
def test_one_bad_cell_among_half_a_million_is_found(tmp_path: Path, position: int) -> None:
    """With its line, wherever it is, in seconds."""
    start = date(1800, 1, 1)
    rows = [f"{start + timedelta(days=n % 100_000)},{'abcde'[n // 100_000]},{n}" for n in range(500_000)]
    rows[position] = rows[position] + "O"
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["date,item,y", *rows]))
    with pytest.raises(FileProblems) as caught:
        read_panel(path)
    assert [(p.code, p.line, p.column) for p in caught.value.problems] == [("E207", position + 2, 3)]
