"""What a person sees: numbers with four digits that count, times in words, tables that line up, JSON without NaN."""

import json
import math

import pytest

from forecast.cli.display import Screen, aligned, document, duration, numbers
from forecast.training import Epoch


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.02609, 0.1596], ["0.0261", "0.1596"]),
        ([12.42, 103.04], ["12.4", "103.0"]),
        ([1.0], ["1.000"]),
        ([0.0], ["0.000"]),
        ([1234567.8, -2.4], ["1,234,568", "-2"]),
        ([math.nan, 0.5], ["–", "0.5000"]),
        ([math.inf], ["–"]),
        ([1e-7, 2e-7], ["1e-07", "2e-07"]),
        ([1e13], ["1e+13"]),
        ([], []),
    ],
)
def test_numbers_of_a_kind_share_their_decimals(values, texts):
    """The largest has four digits that count; a column of such numbers can be compared at a glance."""
    assert numbers(values) == texts


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (60, "1:00 min"), (125.2, "2:05 min"), (3720, "1:02 h")]
)
def test_a_length_of_time_is_read_at_once(seconds, text):
    """Seconds, minutes or hours, never all of them."""
    assert duration(seconds) == text


def test_a_plain_table_lines_up():
    """Names to the left, numbers to the right, nothing trailing."""
    assert aligned(["", "lstm"], [["mae", "1.5"], ["coverage", "12.25"]]) == (
        "           lstm\nmae         1.5\ncoverage  12.25"
    )


@pytest.mark.parametrize("width", [60, 80])
def test_a_long_name_gives_way_to_the_numbers(width, monkeypatch, capsys):
    """On a terminal too narrow for both the name is cut, never a number."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    name = "a store of a long name " * 5
    Screen().table(["store / date", "forecast", "lo_80", "hi_80"], [[name, "1,234.5", "1", "2"]])
    lines = capsys.readouterr().out.splitlines()
    assert width - 4 < max(map(len, lines)) <= width
    assert lines[1].split()[-3:] == ["forecast", "lo_80", "hi_80"]
    cut, *numbers = lines[-2].rsplit(maxsplit=3)
    assert numbers == ["1,234.5", "1", "2"]
    assert cut.endswith("…")
    assert name.startswith(cut.strip(" …"))


def test_a_document_is_json_without_nan(capsys):
    """Strict parsers refuse NaN; null says the same."""
    document({"a": math.nan, "b": [1.5, math.inf, ("ü",)], "c": {"d": None}})
    text = capsys.readouterr().out
    assert json.loads(text) == {"a": None, "b": [1.5, None, ["ü"]], "c": {"d": None}}
    assert "ü" in text


@pytest.mark.parametrize(
    ("screen", "stdout", "stderr"),
    [
        (Screen(), "result\n", "note\n"),
        (Screen(verbose=True), "result\n", "note\naside\n"),
        (Screen(quiet=True), "", ""),
        (Screen(quiet=True, verbose=True), "", ""),
    ],
)
def test_results_and_notes_go_their_own_ways(screen, stdout, stderr, capsys):
    """Results on stdout, the rest on stderr, an aside only where somebody listens; quiet silences all of it."""
    screen.result("result")
    screen.note("note")
    screen.aside("aside")
    assert capsys.readouterr() == (stdout, stderr)


def test_control_characters_of_a_file_are_shown_not_obeyed(capsys):
    """A column name must not repaint the terminal."""
    Screen().result("a\x1b[2Jb\rc\td")
    Screen().note("\x07ü•")
    assert capsys.readouterr() == ("a\\x1b[2Jb\\rc\\td\n", "\\x07ü•\n")


def epoch(step, **changes):
    values = {
        "stage": "select",
        "member": 1,
        "members": 3,
        "step": step,
        "steps": 40,
        "loss": 0.5,
        "validation": 0.25,
        "best": True,
        "seconds": 1.0,
        "seconds_left": 90.0,
    }
    return Epoch(**{**values, **changes})


def test_progress_is_silent_where_nobody_watches(capsys):
    """A log file is no place for a thousand lines."""
    with Screen().progress() as on_epoch:
        on_epoch(epoch(10))
    assert capsys.readouterr() == ("", "")


def test_progress_for_the_verbose_is_a_few_plain_lines(capsys):
    """One at the start and one at the end of a network, and none between that came within seconds."""
    with Screen(verbose=True).progress() as on_epoch:
        for step in (10, 20, 30, 40):
            on_epoch(epoch(step))
        on_epoch(epoch(40, stage="refit", validation=None, seconds_left=None))
    assert capsys.readouterr().err.splitlines() == [
        "━━━╌╌╌╌╌╌╌╌╌ select 1/3  step 10/40  1:30 min left  loss 0.5000  validation 0.2500 (best)",
        "━━━━━━━━━━━━ select 1/3  step 40/40  1:30 min left  loss 0.5000  validation 0.2500 (best)",
        "━━━━━━━━━━━━ refit 1/3  step 40/40  loss 0.5000",
    ]
