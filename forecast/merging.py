"""Parts of a forecast file, as shards write them, and the whole that one machine would have written.

Beside each part lies a note, written after it: which shard of how many it is, what it was made from, and where in the
whole each of its items belongs. A part without its note is not finished, or is none.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.errors import ConfigError, DataError, ForecastError
from forecast.forecasts import Forecast, Form
from forecast.panel import Panel, Series
from forecast.shards import Shard
from forecast.version import VERSION
from forecast.writing import format_of, render, write_together

if TYPE_CHECKING:
    from typing_extensions import Unpack

NOTE_SUFFIX = ".part"
_FORMAT = 1
_LABEL = re.compile(r"\.[0-9]+-of-[0-9]+(?=\.[^.]+$)")
#: Parts that a message names.
_MOST_NAMED = 10


@dataclass(frozen=True)
class Note:
    """What lies beside a part. made_from are texts by name, alike in all parts of a whole.

    items are the place of each of the part's series in the whole and its rows, in the order of the part; n_items counts
    the series of the whole.
    """

    shard: str
    sha256: str
    format: str
    n_items: int
    items: tuple[tuple[int, int], ...]
    columns: tuple[str, ...]
    made_from: Mapping[str, str]


@dataclass(frozen=True)
class Part:
    """A part that is whole: its path, note and bytes."""

    path: Path
    note: Note
    content: bytes

    @property
    def shard(self) -> Shard:
        """Which one it is."""
        return Shard.parse(self.note.shard)


def id_of(series: Series) -> str:
    """What a shard goes by: the ids of an item, so that all its targets stay together; without ids nothing."""
    return "\x1f".join(series.item_id)


def held(panel: Panel, shard: Shard) -> tuple[int, ...]:
    """The places of a panel's series that a shard holds."""
    return tuple(place for place, series in enumerate(panel.series) if shard.holds(id_of(series)))


def of_places(panel: Panel, places: Sequence[int]) -> Panel:
    """The panel with some of its series only; with the first where there are none, as a panel has at least one."""
    return replace(panel, series=tuple(panel.series[place] for place in places or (0,)))


def default_output(stem: str, suffix: str, shard: Shard) -> str:
    """The file that a shard writes unless told otherwise."""
    return f"{stem}.forecast.{shard.label}.{suffix}"


def note_of(part: Path) -> Path:
    """Where the note of a part lies."""
    return part.with_name(f"{part.name}{NOTE_SUFFIX}")


def write_part(
    forecast: Forecast,
    path: Path,
    shard: Shard,
    *,
    places: Sequence[int],
    n_items: int,
    made_from: Mapping[str, str],
    format: str | None = None,
    excel_safe: bool = False,
    **form: Unpack[Form],
) -> None:
    """Writes the forecast of some of a panel's series, and its note after it.

    places are those of the forecast's items among the n_items of the whole; with none, the forecast has one item, of
    which only the columns are written.
    """
    kind = format_of(path, format)
    content = render(forecast, format=kind, excel_safe=excel_safe, header_only=not places, **form)
    rows = [len(item.timestamps) for item in forecast.items]
    columns = tuple(replace(forecast, items=forecast.items[:1]).to_table(**form))
    told = {**made_from, "version": VERSION, "form": json.dumps([form, excel_safe], sort_keys=True)}
    items = tuple(zip(places, rows, strict=True)) if places else ()
    note = Note(str(shard), hashlib.sha256(content).hexdigest(), kind, n_items, items, columns, told)
    text = json.dumps({"note": _FORMAT, **asdict(note)}, ensure_ascii=False, sort_keys=True)
    # In this order: a note that is there speaks of a part that is there.
    write_together({path: content, note_of(path): f"{text}\n".encode()})


def merged_name(parts: Sequence[Path]) -> Path:
    """The whole's name, that of every part without its K-of-N. Raises ConfigError where they have no such name."""
    names = dict.fromkeys(part.with_name(_LABEL.sub("", part.name)) for part in parts)
    if len(names) > 1 or not all(_LABEL.search(part.name) for part in parts):
        raise ConfigError("the names of the parts do not say what the whole is called", hint="--output forecast.csv")
    return next(iter(names))


def read_part(path: Path) -> Part:
    """A part and its note. Raises DataError where one of them is missing, or they do not belong together."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    try:
        values = json.loads(note_of(path).read_bytes())
    except FileNotFoundError as error:
        why = "a part has a note of that name beside it, written last"
        raise DataError(f"{path}: there is no {note_of(path).name}", why=why) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{note_of(path)} cannot be read") from error
    note = _note(values, path)
    if note.sha256 != hashlib.sha256(content).hexdigest():
        raise DataError(f"{path} is not what its note {note_of(path).name} says", why="one of them was changed since")
    return Part(path, note, content)


def merged(parts: Sequence[Part]) -> bytes:
    """The bytes of the whole, rows in the order of its series.

    Raises DataError for parts that are missing, doubled, or not of one whole, and says which.
    """
    _check(parts)
    kind = parts[0].note.format
    if kind == "parquet":
        return _merged_frames(parts)
    header, end = (b"", b"") if kind == "csv" else _json_frame(parts[0])
    pieces: dict[int, Sequence[bytes]] = {}
    for part in parts:
        own, rows = (_csv_rows if kind == "csv" else _json_rows)(part)
        header = header or own
        if len(rows) != sum(count for _, count in part.note.items):
            raise DataError(f"{part.path} has {len(rows)} rows, not those of its note")
        for (place, count), begin in zip(part.note.items, _begins(part), strict=True):
            pieces[place] = rows[begin : begin + count]
    in_order = [row for place in range(parts[0].note.n_items) for row in pieces[place]]
    return header + (b"" if kind == "csv" else b",\n").join(in_order) + end


def _check(parts: Sequence[Part]) -> None:
    first = parts[0]
    for part in parts[1:]:
        for what, here, there in (
            ("columns", part.note.columns, first.note.columns),
            ("format", part.note.format, first.note.format),
            *((name, part.note.made_from.get(name), text) for name, text in first.note.made_from.items()),
            ("number of series", part.note.n_items, first.note.n_items),
            ("number of shards", part.shard.of, first.shard.of),
        ):
            if here != there:
                raise DataError(
                    f"{part.path} and {first.path} are no parts of one whole: they have another {what}",
                    why=f"{_short(here)} and {_short(there)}",
                )
    by_number: dict[int, Part] = {}
    for part in parts:
        if (other := by_number.get(part.shard.number)) is not None:
            raise DataError(f"{other.path} and {part.path} are both shard {part.shard}")
        by_number[part.shard.number] = part
    missing = [Shard(number, first.shard.of) for number in range(1, first.shard.of + 1) if number not in by_number]
    if missing:
        named = ", ".join(map(str, missing[:_MOST_NAMED])) + (" …" if len(missing) > _MOST_NAMED else "")
        raise DataError(f"of {first.shard.of} shards {named} {'is' if len(missing) == 1 else 'are'} missing")
    owners: dict[int, Part] = {}
    for part in parts:
        for place, _ in part.note.items:
            if (other := owners.setdefault(place, part)) is not part or not 0 <= place < first.note.n_items:
                raise DataError(f"{other.path} and {part.path} both have series {place + 1} of the whole")
    if lacking := set(range(first.note.n_items)) - set(owners):
        raise DataError(f"no part has series {min(lacking) + 1} of the whole")


def _begins(part: Part) -> list[int]:
    """The first row of each of a part's items."""
    begins, row = [], 0
    for _, count in part.note.items:
        begins.append(row)
        row += count
    return begins


def _csv_rows(part: Part) -> tuple[bytes, list[bytes]]:
    """The header and the rows with their line ends; one inside quotes ends no row."""
    rows: list[bytes] = []
    inside = False
    for line in part.content.split(b"\n")[:-1]:
        if inside:
            rows[-1] += line + b"\n"
        else:
            rows.append(line + b"\n")
        inside ^= line.count(b'"') % 2 == 1
    return b"".join(rows[:1]), rows[1:]


def _json_frame(part: Part) -> tuple[bytes, bytes]:
    begin, _, _ = part.content.partition(b"\n")
    return begin + b"\n", b"\n]}\n"


def _json_rows(part: Part) -> tuple[bytes, list[bytes]]:
    lines = part.content.split(b"\n")[1:-2]
    return b"", [line.removesuffix(b",") for line in lines if line]


def _merged_frames(parts: Sequence[Part]) -> bytes:
    import pandas as pd

    pieces = {}
    for part in parts:
        if not part.note.items:
            continue
        try:
            frame = pd.read_parquet(BytesIO(part.content), engine="pyarrow")
        except ImportError as error:
            text = "parquet files need pyarrow, which is not installed"
            raise ConfigError(text, hint="pip install 'forecast[parquet]'") from error
        for (place, count), begin in zip(part.note.items, _begins(part), strict=True):
            pieces[place] = frame.iloc[begin : begin + count]
    buffer = BytesIO()
    whole = pd.concat([pieces[place] for place in sorted(pieces)], ignore_index=True)
    whole.to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()


def _note(values: Any, path: Path) -> Note:
    """The note in a JSON document; a file that anybody may have written."""
    wrong = DataError(f"{note_of(path)} is no note of a part", hint="forecast predict --shard k/N")
    if not isinstance(values, dict):
        raise wrong
    if values.get("note") != _FORMAT:
        raise DataError(f"{note_of(path)} is of another version of forecast", why=f"this is {VERSION}")
    try:
        note = Note(
            shard=str(Shard.parse(values["shard"])),
            sha256=str(values["sha256"]),
            format=str(values["format"]),
            n_items=int(values["n_items"]),
            items=tuple((int(place), int(rows)) for place, rows in values["items"]),
            columns=tuple(map(str, values["columns"])),
            made_from={str(name): str(text) for name, text in values["made_from"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, ForecastError) as error:
        raise wrong from error
    return note


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
