"""Makes sample_data/broken: one small file for each way a file can be broken, everything else in it being in order.

python sample_data/make_broken.py [FOLDER]
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

HEADER = "date,sales,price"
DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range(20)]
ROWS = [f"{day},{10 + n % 7},{2.5 + n / 10:.1f}" for n, day in enumerate(DAYS)]
CLEAN = "\n".join([HEADER, *ROWS]) + "\n"


def broken_files() -> dict[str, bytes]:
    """The content of every file by its name."""
    texts = {**_rows_and_quotes(), **_cells(), **_times(), **_series()}
    return {**{name: text.encode() for name, text in texts.items()}, **_containers()}


def _containers() -> dict[str, bytes]:
    clean = CLEAN.encode()
    packed = gzip.compress(clean, mtime=0)
    return {
        "empty.csv": b"",
        "blank_lines.csv": b"\n\n  \n",
        "excel.csv": b"PK\x03\x04\x14\x00\x06\x00" + bytes(24),
        "old_excel.csv": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(24),
        "document.csv": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "web_page.csv": b"<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>\n",
        "answer.csv": b'{"error": "quota exceeded"}\n',
        "latin1.csv": clean.replace(b"sales", b"St\xfcck"),
        "one_bad_byte.csv": clean.replace(b"2024-01-05,", b"2024-01-05,\xff"),
        "nul_byte.csv": clean.replace(b"2024-01-05,", b"2024-01-05,\x00"),
        "utf16_without_mark.csv": CLEAN.encode("utf-16-le"),
        "truncated.csv.gz": packed[:-20],
        "damaged.csv.gz": packed[:40] + bytes([packed[40] ^ 0xFF]) + packed[41:],
        "trailing_garbage.csv.gz": packed + b"garbage",
        "damaged.parquet": b"PAR1" + bytes(40) + b"PAR1",
        "no_parquet.parquet": clean,
    }


def _rows_and_quotes() -> dict[str, str]:
    return {
        "one_column.csv": "units\n" + "".join(f"{n}\n" for n in range(20)),
        "two_delimiters.csv": "date;units,price\n" + "".join(f"{day};1{n},5\n" for n, day in enumerate(DAYS)),
        "header_only.csv": f"{HEADER}\n",
        "no_header.csv": "\n".join(ROWS) + "\n",
        "no_header_ids.csv": "".join(f"north,{row}\n" for row in ROWS),
        "short_row.csv": _with(5, lambda _: "2024-01-05,14"),
        "long_row.csv": _with(5, lambda row: f"{row},9"),
        "trailing_delimiter.csv": _with(5, lambda row: f"{row},"),
        "preamble.csv": f"Sales report\n{CLEAN}",
        "preamble_with_comma.csv": f"Sales report, 2024\n{CLEAN}",
        "second_header.csv": CLEAN.replace("\n", "\n,pieces,EUR\n", 1),
        "two_tables.csv": f"{CLEAN}\ncity,sales\nOslo,140\nRome,120\n",
        "comment.csv": _with(5, lambda row: f"# closed in the afternoon\n{row}"),
        "names_do_not_fit.csv": "\n".join(ROWS) + "\n",
        "single_quotes.csv": "".join(f"'{cells}'\n" for cells in CLEAN.replace(",", "','").split()),
        "footer.csv": f"{CLEAN}Total,260\n",
        "open_quote.csv": _with(5, lambda row: f'"{row}'),
        "open_quote_closed_later.csv": _with(5, lambda _: '"2024-01-05,14,2.9').replace("2024-01-09,", '"2024-01-09",'),
        "stray_quote.csv": _with(5, lambda row: row.replace(",14", ',1"4')),
        "text_after_quote.csv": _with(5, lambda row: row.replace(",14", ',"1"4')),
    }


def _cells() -> dict[str, str]:
    cells = {
        "decimal_comma": '"12,5"',
        "thousands": '"1,234"',
        "thousands_and_point": '"1,234,567.5"',
        "underscore": "1_000",
        "hexadecimal": "0x10",
        "currency": "$5",
        "unit": "6 kg",
        "percent": "7%",
        "brackets": "(8)",
        "word": "fourteen",
        "missing_word": "n/a",
        "dash": "-",
        "two_numbers": "1 4",
        "typographic_minus": "\u201314",
        "arabic_digits": "\u0661\u0664",
        "infinite": "inf",
        "overflow": "1e309",
        "too_large": "1e151",
        "escape_sequence": "\x1b[31m14",
    }
    files = {f"{name}.csv": _sold(cell) for name, cell in cells.items()}
    files["boolean_target.csv"] = "date,y\n" + "".join(f"{day},{n % 3 == 0}\n" for n, day in enumerate(DAYS))
    files["many_bad_cells.csv"] = f"{HEADER}\n" + "".join(row.replace(",", ",x", 1) + "\n" for row in ROWS)
    return files


def _times() -> dict[str, str]:
    hours = [f"2024-01-{5 + n // 24:02}T{n % 24:02}:00:00" for n in range(30)]

    def with_times(texts: list[str]) -> str:
        return "time,load\n" + "".join(f"{text},{20 + n % 5}\n" for n, text in enumerate(texts))

    def with_date(text: str) -> str:
        return _with(5, lambda row: row.replace("2024-01-05", text))

    return {
        "no_time.csv": "store,units\n" + "".join(f"{n % 3},{n}\n" for n in range(20)),
        "two_times.csv": "from,until,units\n"
        + "".join(f"{d},{d + timedelta(days=1)},{n}\n" for n, d in enumerate(DAYS)),
        "impossible_date.csv": with_date("2023-02-29"),
        "midnight_as_24.csv": with_times([*hours[:19], "2024-01-05T24:00:00", *hours[20:]]),
        "leap_second.csv": with_times([*hours[:19], "2024-01-05T18:59:60", *hours[20:]]),
        "mixed_formats.csv": with_date("05/01/2024"),
        "mixed_padding.csv": with_date("2024-1-5"),
        "time_in_dates.csv": with_date("2024-01-05 00:00"),
        "year_0001.csv": with_date("0001-01-05"),
        "year_2608.csv": with_date("2608-01-05"),
        "no_timestamp.csv": with_date(""),
        "not_a_date.csv": with_date("Friday"),
        "two_digit_years.csv": with_times([f"{day:%d/%m/%y}" for day in DAYS]),
        "month_names.csv": with_times([f"{day.day} janvier {day.year}" for day in DAYS]),
        "excel_serials.csv": with_times([str(45292 + n) for n in range(20)]),
        "epoch_seconds.csv": with_times([str(1_704_067_200 + 86_400 * n) for n in range(20)]),
        "day_or_month.csv": with_times(["01/02/2024", "02/02/2024", "03/02/2024", "05/02/2024", "08/02/2024"]),
        "one_day_contradicts.csv": with_times(
            [*[f"01/{m:02}/{y}" for y in (2022, 2023) for m in range(1, 13)][:-1], "01/13/2023"]
        ),
        "offsets_change.csv": with_times([f"{t}T00:00:00+0{1 + (n > 18)}:00" for n, t in enumerate(DAYS)]),
        "skipped_hour.csv": with_times([f"2024-03-31 {n // 2:02}:{n % 2 * 30:02}" for n in range(20)]),
        "hours_in_no_order.csv": with_times([f"2024-10-27 {n:02}:00" for n in (*range(5, 20), 3, 2, 4, 2, 1, 0)]),
        "offset_missing.csv": with_times([t if n == 18 else f"{t}Z" for n, t in enumerate(hours)]),
    }


def _series() -> dict[str, str]:
    panel = [f"{day},{store},{10 * store + n}" for n, day in enumerate(DAYS) for store in (1, 2)]
    return {
        "unknown_target.csv": CLEAN,
        "target_is_time.csv": CLEAN,
        "two_targets_named_alike.csv": CLEAN.replace("price", "sales"),
        "no_plain_target.csv": CLEAN.replace("sales,price", "height,width"),
        "no_numbers.csv": "date,weather\n"
        + "".join(f"{day},{'sun' if n % 2 else 'rain'}\n" for n, day in enumerate(DAYS)),
        "contradiction.csv": _with(5, lambda row: f"{row}\n2024-01-05,99,2.9"),
        "store_numbers.csv": "\n".join(["date,store,sales", *panel]) + "\n",
        "ambiguous_ids.csv": "date,city,weather,units\n"
        + "".join(f"{d},{c},{w},{n}\n" for n, d in enumerate(DAYS) for c, w in _cities(n)),
        "two_rows.csv": "\n".join([HEADER, *ROWS[:2]]) + "\n",
        "no_values.csv": "date,units\n" + "".join(f"{day},\n" for day in DAYS),
    }


def _cities(n: int) -> list[tuple[str, str]]:
    return [("Oslo", "rain" if n % 2 else "sun"), ("Rome", "sun" if n % 2 else "rain")]


def _sold(cell: str) -> str:
    """The clean file with another cell for the sales of the fifth day."""
    return _with(5, lambda row: row.replace(",14", f",{cell}"))


def _with(day: int, change: Callable[[str], str]) -> str:
    """The clean file with the row of one day of January changed; it stands on line day + 1."""
    rows = [change(row) if n == day - 1 else row for n, row in enumerate(ROWS)]
    return "\n".join([HEADER, *rows]) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "broken"
    folder.mkdir(exist_ok=True)
    for name, content in broken_files().items():
        (folder / name).write_bytes(content)
