"""Every file of sample_data/broken is refused with its code, at its line and field."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from forecast.reading.problems import CODES, FileProblems
from tests.catalogue.cases import runs
from tests.reading.files import read

SAMPLES = Path(__file__).parent.parent.parent / "sample_data"

#: file: (options, code, line, field) of the first problem
BROKEN: dict[str, tuple[dict[str, object], str, int | None, int | None]] = {
    # the file
    "empty.csv": ({}, "E104", None, None),
    "blank_lines.csv": ({}, "E104", None, None),
    "excel.csv": ({}, "E105", None, None),
    "old_excel.csv": ({}, "E105", None, None),
    "document.csv": ({}, "E105", None, None),
    "web_page.csv": ({}, "E105", None, None),
    "answer.csv": ({}, "E105", None, None),
    "latin1.csv": ({}, "E106", 1, None),
    "one_bad_byte.csv": ({}, "E106", 6, None),
    "nul_byte.csv": ({}, "E107", 6, None),
    "utf16_without_mark.csv": ({}, "E107", 1, None),
    "truncated.csv.gz": ({}, "E108", None, None),
    "damaged.csv.gz": ({}, "E108", None, None),
    "trailing_garbage.csv.gz": ({}, "E108", None, None),
    "damaged.parquet": ({}, "E111", None, None),
    "no_parquet.parquet": ({}, "E111", None, None),
    # rows and quotes
    "one_column.csv": ({}, "E201", 1, None),
    "two_delimiters.csv": ({}, "E201", 1, None),
    "preamble.csv": ({}, "E213", 1, None),
    "preamble_with_comma.csv": ({}, "E213", 1, None),
    "second_header.csv": ({}, "E214", 2, 2),
    "two_tables.csv": ({}, "E215", 23, 1),
    "comment.csv": ({}, "E216", 6, 1),
    "names_do_not_fit.csv": ({"names": ["date", "sales"]}, "E217", 1, None),
    "single_quotes.csv": ({}, "E218", 1, 1),
    "footer.csv": ({}, "E202", 22, 3),
    "short_row.csv": ({}, "E202", 6, 3),
    "long_row.csv": ({}, "E203", 6, 4),
    "trailing_delimiter.csv": ({}, "E203", 6, 4),
    "open_quote.csv": ({}, "E204", 6, 1),
    "open_quote_closed_later.csv": ({}, "E204", 6, 1),
    "stray_quote.csv": ({}, "E210", 6, 2),
    "text_after_quote.csv": ({}, "E210", 6, 2),
    "header_only.csv": ({}, "E205", 1, None),
    "no_header.csv": ({}, "E206", 1, 1),
    "no_header_ids.csv": ({}, "E206", 1, 2),
    # cells of numbers
    "decimal_comma.csv": ({}, "E207", 6, 2),
    "thousands.csv": ({}, "E207", 6, 2),
    "thousands_and_point.csv": ({}, "E207", 6, 2),
    "underscore.csv": ({}, "E207", 6, 2),
    "hexadecimal.csv": ({}, "E207", 6, 2),
    "currency.csv": ({}, "E207", 6, 2),
    "unit.csv": ({}, "E207", 6, 2),
    "percent.csv": ({}, "E207", 6, 2),
    "brackets.csv": ({}, "E207", 6, 2),
    "word.csv": ({}, "E207", 6, 2),
    "missing_word.csv": ({}, "E207", 6, 2),
    "dash.csv": ({}, "E207", 6, 2),
    "two_numbers.csv": ({}, "E207", 6, 2),
    "typographic_minus.csv": ({}, "E207", 6, 2),
    "arabic_digits.csv": ({}, "E207", 6, 2),
    "escape_sequence.csv": ({}, "E207", 6, 2),
    "many_bad_cells.csv": ({}, "E207", 2, 2),
    "infinite.csv": ({}, "E208", 6, 2),
    "overflow.csv": ({}, "E208", 6, 2),
    "too_large.csv": ({}, "E208", 6, 2),
    "boolean_target.csv": ({}, "E209", 2, 2),
    # columns
    "unknown_target.csv": ({"target": ["Sales"]}, "E301", 1, None),
    "no_time.csv": ({}, "E302", 1, None),
    "two_times.csv": ({}, "E303", 1, None),
    "no_plain_target.csv": ({}, "E304", 1, None),
    "no_numbers.csv": ({}, "E304", 1, None),
    "target_is_time.csv": ({"target": ["date"]}, "E305", 1, 1),
    "two_targets_named_alike.csv": ({}, "E306", 1, 3),
    # times
    "two_digit_years.csv": ({}, "E311", 2, 1),
    "month_names.csv": ({}, "E311", 2, 1),
    "excel_serials.csv": ({}, "E311", 2, 1),
    "epoch_seconds.csv": ({}, "E311", 2, 1),
    "mixed_formats.csv": ({}, "E312", 6, 1),
    "mixed_padding.csv": ({}, "E312", 6, 1),
    "time_in_dates.csv": ({}, "E312", 6, 1),
    "not_a_date.csv": ({}, "E312", 6, 1),
    "impossible_date.csv": ({}, "E313", 6, 1),
    "leap_second.csv": ({}, "E313", 21, 1),
    "midnight_as_24.csv": ({}, "E314", 21, 1),
    "year_0001.csv": ({}, "E315", 6, 1),
    "year_2608.csv": ({}, "E315", 6, 1),
    "day_or_month.csv": ({}, "E316", 2, 1),
    "one_day_contradicts.csv": ({}, "E316", 25, 1),
    "offsets_change.csv": ({}, "E317", 21, 1),
    "offset_missing.csv": ({}, "E318", 20, 1),
    "no_timestamp.csv": ({}, "E319", 6, 1),
    "skipped_hour.csv": ({"timezone": "Europe/Berlin"}, "E321", 6, 1),
    "hours_in_no_order.csv": ({"timezone": "Europe/Berlin"}, "E323", 18, 1),
    # series
    "contradiction.csv": ({}, "E401", 7, 1),
    "store_numbers.csv": ({}, "E401", 3, 1),
    "ambiguous_ids.csv": ({}, "E402", 1, None),
    "two_rows.csv": ({}, "E403", None, None),
    "no_values.csv": ({"target": ["units"]}, "E403", None, None),
}
#: Of other doors than text, of covariates, of states, and of a model; the tests of those make them.
MADE_ELSEWHERE = {
    *("E110", "E112", "E113", "E114", "E115", "E116", "E320"),
    *("E219", "E340", "E341", "E342", "E343", "E344", "E345", "E430"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_at_its_place(name: str) -> None:
    """The first problem has the code, the line and the field of the defect, and the exit code is that of bad data."""
    options, code, line, field = BROKEN[name]
    with pytest.raises(FileProblems) as caught:
        read(SAMPLES / "broken" / name, **options)
    first = caught.value.problems[0]
    assert (first.code, first.line, first.column) == (code, line, field)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("name", BROKEN)
def test_a_message_is_short_names_its_place_and_is_safe_for_a_terminal(name: str) -> None:
    """Every line begins with file, line, field and code, has at most 200 characters and none that controls anything."""
    options = BROKEN[name][0]
    with pytest.raises(FileProblems) as caught:
        read(SAMPLES / "broken" / name, **options)
    lines = caught.value.message.split("\n")
    assert len(lines) <= 11
    for line, problem in zip(lines[:10], caught.value.problems, strict=False):
        place = "".join(f":{n}" for n in (problem.line, problem.column) if n is not None)
        assert re.match(rf"\S*{re.escape(name)}{place}: {problem.code} ", line)
        assert len(line) - len(str(SAMPLES)) <= 200
        assert line.isprintable()
        assert not line.endswith(".")


def test_every_code_has_a_broken_file() -> None:
    """The table of codes is that of the broken files, of the catalogue, and of what other tests make."""
    broken = {code for _, code, _, _ in BROKEN.values()} | {run.code for run in runs() if run.code}
    assert broken | MADE_ELSEWHERE == set(CODES)
    assert not broken & MADE_ELSEWHERE


def test_the_broken_files_are_those_that_the_script_makes() -> None:
    """What lies in the folder is what make_broken.py writes, byte for byte, and each file is in the table."""
    made = runpy.run_path(str(SAMPLES / "make_broken.py"))["broken_files"]()
    found = {path.name: path.read_bytes() for path in (SAMPLES / "broken").iterdir()}
    gzipped = {name for name in made if name.endswith(".gz")}
    assert set(found) == set(made) == set(BROKEN)
    # Versions of zlib pack differently.
    assert {name: found[name] for name in found if name not in gzipped} == {
        name: made[name] for name in made if name not in gzipped
    }
