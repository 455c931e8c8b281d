"""Clean generated series, and ways to spoil a file of one of them, each with what a reader should still find there."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

#: What a file says: for each item the value of each moment, where there is one.
Truth = dict[str, dict[datetime, float]]
_EPOCH = datetime(1970, 1, 1)
_BERLIN = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True)
class Clean:
    """A series, or several under each other: the columns of a file, its moments and the text of its values."""

    name: str
    items: tuple[str, ...]
    moments: tuple[datetime, ...]
    values: tuple[str, ...]
    pattern: str = "%Y-%m-%d"
    time: str = "date"
    target: str = "units"
    id: str = "shop"

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [self.time, *([self.id] if self.items[0] else []), self.target]

    def rows(self) -> list[list[str]]:
        """The cells of every row."""
        times = [moment.strftime(self.pattern) for moment in self.moments]
        if not self.items[0]:
            return [[time, value] for time, value in zip(times, self.values, strict=True)]
        return [list(row) for row in zip(times, self.items, self.values, strict=True)]

    @property
    def truth(self) -> Truth:
        """What a file of it says."""
        found: Truth = {item: {} for item in self.items}
        for item, moment, value in zip(self.items, self.moments, self.values, strict=True):
            if value:
                found[item][moment] = float(value)
        return found


@dataclass(frozen=True)
class Spoilt:
    """The bytes of a spoilt file, what may rightly be found in it, and the end of its name."""

    content: bytes
    truths: tuple[Truth, ...]
    suffix: str = ".csv"


Pollution = Callable[[Clean, random.Random], Spoilt | None]


def clean_series(seed: int) -> list[Clean]:
    """Five files: days of counts, business days of prices, hours with negative loads, months, and a panel of days."""
    rng = random.Random(seed)
    first = datetime(2022, 1, 1) + timedelta(days=rng.randrange(700))
    days = [first + timedelta(days=n) for n in range(90)]
    business = [day for day in (first + timedelta(days=n) for n in range(120)) if day.weekday() < 5]
    # Over the spring and the autumn of no zone: the clocks are a pollution of their own.
    midnight = datetime(2023, 5, 1 + rng.randrange(20))
    hours = [midnight + timedelta(hours=n) for n in range(24 * 5)]
    months = [datetime(2012 + (n + seed) // 12, (n + seed) % 12 + 1, 1) for n in range(40)]
    counts = [str(rng.randrange(5, 900)) for _ in range(200)]
    prices = [f"{20 + rng.random() * 30:.2f}" for _ in range(200)]
    loads = [f"{rng.gauss(0, 40):.3f}" for _ in range(200)]
    shops = ["North", "South", "West"]
    return [
        _single("days", days, counts),
        _single("business days", business, prices, time="Date", target="Close"),
        _single("hours", hours, loads, pattern="%Y-%m-%d %H:%M", time="time", target="load"),
        _single("months", months, counts[::-1], time="month", target="sales"),
        Clean("panel", tuple(sorted(shops * 40)), tuple(days[:40] * 3), tuple(counts[:120])),
    ]


def _single(name: str, moments: Sequence[datetime], values: Sequence[str], **columns: str) -> Clean:
    return Clean(name, ("",) * len(moments), tuple(moments), tuple(values[: len(moments)]), **columns)


def text_of(
    rows: Sequence[Sequence[str]], delimiter: str = ",", end: str = "\n", quoting: int = csv.QUOTE_MINIMAL
) -> str:
    """The rows as text in a dialect."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return out.getvalue()


# ---- the text as a whole -------------------------------------------------------------------------------------------


def _same(change: Callable[[str, random.Random], str | bytes], suffix: str = ".csv") -> Pollution:
    """A change of the text that leaves what it says."""

    def spoil(clean: Clean, rng: random.Random) -> Spoilt:
        changed = change(text_of([clean.header, *clean.rows()]), rng)
        return Spoilt(changed if isinstance(changed, bytes) else changed.encode(), (clean.truth,), suffix)

    return spoil


def _dialect(delimiter: str = ",", end: str = "\n", quoting: int = csv.QUOTE_MINIMAL) -> Pollution:
    return lambda clean, _: Spoilt(
        text_of([clean.header, *clean.rows()], delimiter, end, quoting).encode(), (clean.truth,)
    )


def _lines(change: Callable[[list[str], random.Random], list[str]]) -> Pollution:
    """A change of the lines, the header among them."""
    return _same(lambda text, rng: "\n".join(change(text.splitlines(), rng)) + "\n")


def _inserted(lines: list[str], at: int, *more: str) -> list[str]:
    return [*lines[:at], *more, *lines[at:]]


def _on_some(change: Callable[[str], str]) -> Pollution:
    """A change of three of the lines below the header."""

    def some(lines: list[str], rng: random.Random) -> list[str]:
        chosen = set(rng.sample(range(2, len(lines) - 1), 3))
        return [change(line) if n in chosen else line for n, line in enumerate(lines)]

    return _lines(some)


def _mixed_ends(text: str, rng: random.Random) -> str:
    return "".join(line + rng.choice(["\n", "\r\n"]) for line in text.splitlines())


def _totals(lines: list[str], rng: random.Random) -> list[str]:
    fields = lines[0].count(",")
    return [*lines, f"Total{',' * fields}{rng.randrange(10_000, 99_999)}"]


def _second_table(lines: list[str], rng: random.Random) -> list[str]:
    columns = rng.choice([2, 3, 5])
    table = [",".join(f"{name}{n}" for name in "abcde"[:columns]) for n in range(1, 8)]
    return [*lines, *([""] if rng.random() < 0.5 else []), *table]


def _cut_line(text: str, _: random.Random) -> str:
    return text[: text.rstrip("\n").rindex(",")]


# ---- the cells -----------------------------------------------------------------------------------------------------


def _values(change: Callable[[str, random.Random], str | None], delimiter: str = ",", share: float = 1.0) -> Pollution:
    """Every value, or a share of them, written in another way that says the same."""

    def spoil(clean: Clean, rng: random.Random) -> Spoilt | None:
        rows, changed = clean.rows(), 0
        for row in rows:
            text = change(row[-1], rng) if rng.random() < share else None
            if text is not None:
                changed, row[-1] = changed + 1, text
        text = text_of([clean.header, *rows], delimiter)
        return Spoilt(text.encode(), (clean.truth,)) if changed else None

    return spoil


def _large(change: Callable[[str], str], delimiter: str = ",") -> Pollution:
    """Values of some thousands, in another way of writing."""

    def spoil(clean: Clean, _: random.Random) -> Spoilt:
        large = replace(clean, values=tuple(f"{1000 + 37 * abs(float(value)):.2f}" for value in clean.values))
        rows = [[*row[:-1], change(row[-1])] for row in large.rows()]
        return Spoilt(text_of([clean.header, *rows], delimiter).encode(), (large.truth,))

    return spoil


def _whole_thousands(clean: Clean, rng: random.Random, mark: str = ",") -> Spoilt:
    """Whole numbers in groups of three, of which those below a thousand have none."""
    large = replace(clean, values=tuple(str(int(10 ** rng.uniform(2, 6))) for _ in clean.values))
    rows = [[*row[:-1], f"{int(row[-1]):,}".replace(",", mark)] for row in large.rows()]
    return Spoilt(text_of([large.header, *rows]).encode(), (large.truth,))


def _missing(word: str, share: float = 0.1) -> Pollution:
    """A word where a value is missing."""

    def spoil(clean: Clean, rng: random.Random) -> Spoilt:
        values = tuple("" if rng.random() < share else value for value in clean.values)
        gappy = replace(clean, values=values)
        rows = [[*row[:-1], row[-1] or word] for row in gappy.rows()]
        return Spoilt(text_of([clean.header, *rows]).encode(), (gappy.truth,))

    return spoil


def _times(change: Callable[[datetime, str, random.Random], str], *, days_only: bool = False) -> Pollution:
    """Every time in another way of writing; change takes the moment and the pattern of the file."""

    def spoil(clean: Clean, rng: random.Random) -> Spoilt | None:
        if days_only and "%H" in clean.pattern:
            return None
        rows = [
            [change(moment, clean.pattern, rng), *row[1:]]
            for moment, row in zip(clean.moments, clean.rows(), strict=True)
        ]
        return Spoilt(text_of([clean.header, *rows]).encode(), (clean.truth,))

    return spoil


def _pattern(date: str) -> Pollution:
    return _times(lambda moment, pattern, _: moment.strftime(pattern.replace("%Y-%m-%d", date)))


def _epoch(factor: int) -> Pollution:
    return _times(lambda moment, *_: str(int((moment - _EPOCH).total_seconds()) * factor))


def _offset(clean: Clean, _: random.Random) -> Spoilt:
    """Every time with the same offset: it may be taken as it is written, or brought to UTC."""
    rows = [[f"{m:%Y-%m-%dT%H:%M:%S+02:00}", *row[1:]] for m, row in zip(clean.moments, clean.rows(), strict=True)]
    utc = replace(clean, moments=tuple(moment - timedelta(hours=2) for moment in clean.moments))
    return Spoilt(text_of([clean.header, *rows]).encode(), (clean.truth, utc.truth))


def _half_in_other_format(clean: Clean, rng: random.Random) -> Spoilt:
    rows = clean.rows()
    other = rng.choice(["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y"])
    for row, moment in list(zip(rows, clean.moments, strict=True))[len(rows) // 2 :]:
        row[0] = moment.strftime(clean.pattern.replace("%Y-%m-%d", other))
    return Spoilt(text_of([clean.header, *rows]).encode(), (clean.truth,))


def _one_swapped(clean: Clean, rng: random.Random) -> Spoilt | None:
    """A row with day and month exchanged such that it says the time of another row."""
    order, other = rng.choice([("%d/%m/%Y", "%m/%d/%Y"), ("%m/%d/%Y", "%d/%m/%Y"), ("%Y-%m-%d", "%Y-%d-%m")])
    pattern, swapped = clean.pattern.replace("%Y-%m-%d", order), clean.pattern.replace("%Y-%m-%d", other)
    taken, rows = set(clean.moments), clean.rows()
    able = [
        n
        for n, moment in enumerate(clean.moments)
        if moment.day <= 12
        and moment.day != moment.month
        and moment.replace(month=moment.day, day=moment.month) in taken
    ]
    if not able:
        return None
    # One only: of two that exchange their places nothing would be left in the file.
    chosen = {rng.choice(able)}
    for n, (row, moment) in enumerate(zip(rows, clean.moments, strict=True)):
        row[0] = moment.strftime(swapped if n in chosen else pattern)
    return Spoilt(text_of([clean.header, *rows]).encode(), (clean.truth,))


def _local(clean: Clean, *, offsets: bool, spring: bool) -> Spoilt | None:
    """Hours over a change of the clocks in Berlin, with or without their offset."""
    if clean.name != "hours":
        return None
    first = datetime(2024, 3, 30) if spring else datetime(2024, 10, 26)
    moments = [first + timedelta(hours=n) for n in range(len(clean.moments))]
    local = [moment.replace(tzinfo=timezone.utc).astimezone(_BERLIN) for moment in moments]
    texts = [(moment if offsets else moment.replace(tzinfo=None)).isoformat(sep=" ") for moment in local]
    truths: list[Truth] = [{"": dict(zip(moments, map(float, clean.values), strict=True))}]
    if not offsets:
        # Without a zone the times of the file are all that is known; of an hour that comes twice the first row counts.
        walls = [moment.replace(tzinfo=None) for moment in local]
        truths.append({"": dict(reversed(list(zip(walls, map(float, clean.values), strict=True))))})
    rows = [[time, *row[1:]] for time, row in zip(texts, clean.rows(), strict=True)]
    return Spoilt(text_of([clean.header, *rows]).encode(), tuple(truths))


def _date_and_time_apart(clean: Clean, _: random.Random) -> Spoilt | None:
    if clean.name != "hours":
        return None
    rows = [[*row[0].split(" "), *row[1:]] for row in clean.rows()]
    return Spoilt(text_of([["date", "time", *clean.header[1:]], *rows]).encode(), (clean.truth,))


def _last_hour_as_24(clean: Clean, _: random.Random) -> Spoilt | None:
    if clean.name != "hours":
        return None
    rows = clean.rows()
    for row, moment in zip(rows, clean.moments, strict=True):
        if moment.hour == 0:
            row[0] = f"{moment - timedelta(days=1):%Y-%m-%d} 24:00"
    return Spoilt(text_of([clean.header, *rows]).encode(), (clean.truth,))


# ---- rows and columns ----------------------------------------------------------------------------------------------


def _rows(change: Callable[[list[list[str]], random.Random], list[list[str]]]) -> Pollution:
    return lambda clean, rng: Spoilt(text_of([clean.header, *change(clean.rows(), rng)]).encode(), (clean.truth,))


def _contradictions(rows: list[list[str]], rng: random.Random) -> list[list[str]]:
    at = rng.randrange(5, len(rows) - 5)
    return [*rows[:at], [*rows[at][:-1], rows[at][-1] + "1"], *rows[at:]]


def _absent_rows(clean: Clean, rng: random.Random) -> Spoilt:
    kept = [n for n in range(len(clean.moments)) if n in (0, 1, len(clean.moments) - 1) or rng.random() > 0.08]
    fewer = replace(
        clean,
        items=tuple(clean.items[n] for n in kept),
        moments=tuple(clean.moments[n] for n in kept),
        values=tuple(clean.values[n] for n in kept),
    )
    return Spoilt(text_of([fewer.header, *fewer.rows()]).encode(), (fewer.truth,))


def _more_columns(clean: Clean, rng: random.Random) -> Spoilt:
    """Remarks, weather and a number among the columns, in any order."""
    header = [*clean.header, "remark", "weather", "temp_c"]
    rows = [
        [*row, rng.choice(["", "ok", "a, b", 'say "x"']), rng.choice(["sun", "rain"]), f"{rng.gauss(10, 5):.1f}"]
        for row in clean.rows()
    ]
    order = rng.sample(range(len(header)), len(header))
    return Spoilt(text_of([[row[n] for n in order] for row in [header, *rows]]).encode(), (clean.truth,))


def _column_order(clean: Clean, _: random.Random) -> Spoilt:
    return Spoilt(text_of([row[::-1] for row in [clean.header, *clean.rows()]]).encode(), (clean.truth,))


def _same_names(clean: Clean, rng: random.Random) -> Spoilt:
    rows = [[*row, str(rng.randrange(100))] for row in clean.rows()]
    return Spoilt(text_of([[*clean.header, clean.header[-1]], *rows]).encode(), (clean.truth,))


def _index(clean: Clean, _: random.Random) -> Spoilt:
    rows = [["", *clean.header], *([str(n), *row] for n, row in enumerate(clean.rows()))]
    return Spoilt(text_of(rows).encode(), (clean.truth,))


def _wide(clean: Clean, _: random.Random) -> Spoilt | None:
    """One column for each item."""
    if not clean.items[0]:
        return None
    truth, items = clean.truth, list(dict.fromkeys(clean.items))
    rows = [
        [f"{moment:%Y-%m-%d}", *(f"{truth[item][moment]:g}" for item in items)]
        for moment in dict.fromkeys(clean.moments)
    ]
    return Spoilt(text_of([[clean.time, *items], *rows]).encode(), (truth,))


def _wide_by_row(clean: Clean, _: random.Random) -> Spoilt | None:
    """One row for each item, one column for each time."""
    if not clean.items[0]:
        return None
    truth, moments = clean.truth, list(dict.fromkeys(clean.moments))
    rows = [[item, *(f"{truth[item][moment]:g}" for moment in moments)] for item in truth]
    return Spoilt(text_of([[clean.id, *(f"{m:%Y-%m-%d}" for m in moments)], *rows]).encode(), (truth,))


def _apostrophes(text: str) -> str:
    return f"{float(text):,.2f}".replace(",", "'")


#: Every way to spoil a file, by what a person would call it.
POLLUTIONS: dict[str, Pollution] = {
    "nothing": _dialect(),
    "semicolons": _dialect(";"),
    "tabs": _dialect("\t"),
    "pipes": _dialect("|"),
    "CR LF": _dialect(end="\r\n"),
    "CR": _dialect(end="\r"),
    "mixed line ends": _same(_mixed_ends),
    "no last line end": _same(lambda text, _: text[:-1]),
    "quotes everywhere": _dialect(quoting=csv.QUOTE_ALL),
    "byte order mark": _same(lambda text, _: codecs.BOM_UTF8 + text.encode()),
    "UTF-16": _same(lambda text, _: text.encode("utf-16")),
    "UTF-16 without mark": _same(lambda text, rng: text.encode(rng.choice(["utf-16-le", "utf-16-be"]))),
    "Latin-1": _same(lambda text, _: text.replace("\n", ",Stück\n", 1).replace("\n", ",für\n").encode("latin-1")),
    "gzip": _same(lambda text, _: gzip.compress(text.encode(), 1), ".csv.gz"),
    "gzip under another name": _same(lambda text, _: gzip.compress(text.encode(), 1)),
    "NUL byte": _on_some(lambda line: f"{line}\0"),
    "a blank after delimiters": _same(lambda text, _: text.replace(",", ", ")),
    "blanks before delimiters": _on_some(lambda line: line.replace(",", "  ,")),
    "no-break spaces": _on_some(lambda line: f"{line}\u00a0"),
    "delimiter at every end": _lines(lambda lines, _: [f"{line}," for line in lines]),
    "delimiter at all but the header": _lines(lambda lines, _: [lines[0], *(f"{line}," for line in lines[1:])]),
    "delimiter at some ends": _on_some(lambda line: f"{line},"),
    "blank lines": _on_some(lambda line: f"{line}\n"),
    "preamble": _lines(
        lambda lines, rng: [*["Report of sales", "made 2024-05-01, by hand", ""][: rng.randint(1, 3)], *lines]
    ),
    "comments": _lines(lambda lines, _: _inserted(["# made by hand", *lines], 9, "# checked, until here")),
    "footer of totals": _lines(_totals),
    "footer of words": _lines(lambda lines, _: [*lines, "", f"{len(lines) - 1} rows"]),
    "repeated header": _lines(lambda lines, _: _inserted(lines, len(lines) // 2, lines[0])),
    "row of units": _lines(lambda lines, _: _inserted(lines, 1, ",".join(["[-]"] * lines[0].count(",") + ["[EUR]"]))),
    "two tables": _lines(_second_table),
    "no header": _lines(lambda lines, _: lines[1:]),
    "header twice": _lines(lambda lines, _: [lines[0], *lines]),
    "stray quote": _on_some(lambda line: line[:-1] + '"' + line[-1]),
    "open quote": _on_some(lambda line: line.replace(",", ',"', 1)),
    "single quotes": _same(lambda text, _: "'" + text[:-1].replace(",", "','").replace("\n", "'\n'") + "'\n"),
    "short rows": _on_some(lambda line: line.rpartition(",")[0]),
    "long rows": _on_some(lambda line: f"{line},7"),
    "shifted rows": _on_some(lambda line: f",{line}"),
    "last line cut": _same(_cut_line),
    "decimal comma": _values(lambda text, _: text.replace(".", ","), ";"),
    "decimal comma in quotes": _values(lambda text, _: text.replace(".", ",")),
    "some decimal commas": _values(lambda text, _: text.replace(".", ",") if "." in text else None, ";", 0.2),
    "thousands 1,234.50": _large(lambda text: f"{float(text):,.2f}"),
    "thousands 1,234": _whole_thousands,
    "thousands 1.234": lambda clean, rng: _whole_thousands(clean, rng, "."),
    "thousands 1.234,50": _large(lambda text: f"{float(text):,.2f}".translate(str.maketrans(",.", ".,")), ";"),
    "thousands 1 234.50": _large(lambda text: f"{float(text):,.2f}".replace(",", "\u00a0")),
    "thousands 1'234.50": _large(_apostrophes),
    "currency": _values(lambda text, _: f"-${text[1:]}" if text[0] == "-" else f"${text}"),
    "units": _values(lambda text, _: f"{text} kg"),
    "per cent": _values(lambda text, _: f"{text}%"),
    "some units": _values(lambda text, _: f"{text} kg", share=0.1),
    "typographic minus": _values(lambda text, _: text.replace("-", "\u2212") if text[0] == "-" else None),
    "brackets for minus": _values(lambda text, _: f"({text[1:]})" if text[0] == "-" else None),
    "exponents": _values(lambda text, _: f"{float(text):.17e}"),
    "plus signs": _values(lambda text, _: text if text[0] == "-" else f"+{text}"),
    "letters for digits": _values(lambda text, _: text.replace("0", "O") if "0" in text else None, share=0.2),
    "empty cells": _missing(""),
    "NA": _missing("NA"),
    "null": _missing("null"),
    "n/a": _missing("n/a"),
    "dashes": _missing("-"),
    "#N/A": _missing("#N/A"),
    "infinity": _missing("inf", 0.05),
    "dd/mm/yyyy": _pattern("%d/%m/%Y"),
    "mm/dd/yyyy": _pattern("%m/%d/%Y"),
    "dd.mm.yyyy": _pattern("%d.%m.%Y"),
    "yyyy/mm/dd": _pattern("%Y/%m/%d"),
    "d.m.yyyy": _times(lambda moment, *_: f"{moment.day}.{moment.month}.{moment.year}", days_only=True),
    "yyyymmdd": _times(lambda moment, *_: f"{moment:%Y%m%d}", days_only=True),
    "dd/mm/yy": _pattern("%d/%m/%y"),
    "names of months": _pattern("%d %b %Y"),
    "with a Z": _times(lambda moment, *_: f"{moment:%Y-%m-%dT%H:%M:%SZ}"),
    "with +02:00": _offset,
    "some with a Z": _times(lambda moment, _, rng: f"{moment:%Y-%m-%dT%H:%M:%S}" + "Z" * (rng.random() < 0.5)),
    "seconds since 1970": _epoch(1),
    "milliseconds since 1970": _epoch(1000),
    "numbers of a spreadsheet": _times(
        lambda moment, *_: f"{(moment - datetime(1899, 12, 30)).total_seconds() / 86_400:.10g}", days_only=True
    ),
    "two formats": _half_in_other_format,
    "a day and a month exchanged": _one_swapped,
    "local times in spring": lambda clean, _: _local(clean, offsets=False, spring=True),
    "local times in autumn": lambda clean, _: _local(clean, offsets=False, spring=False),
    "offsets in spring": lambda clean, _: _local(clean, offsets=True, spring=True),
    "offsets in autumn": lambda clean, _: _local(clean, offsets=True, spring=False),
    "date and time apart": _date_and_time_apart,
    "24:00": _last_hour_as_24,
    "shuffled": _rows(lambda rows, rng: rng.sample(rows, len(rows))),
    "newest first": _rows(lambda rows, _: rows[::-1]),
    "repeated rows": _rows(lambda rows, rng: [row for row in rows for _ in range(1 + (rng.random() < 0.1))]),
    "contradicting rows": _rows(_contradictions),
    "absent rows": _absent_rows,
    "more columns": _more_columns,
    "other order of columns": _column_order,
    "two columns of one name": _same_names,
    "index": _index,
    "a column for each item": _wide,
    "a column for each time": _wide_by_row,
}
