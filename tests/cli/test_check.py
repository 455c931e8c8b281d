"""`forecast check`: the page, the JSON, the report, and commands that do what the page says."""

import csv
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from forecast.cli.app import run
from forecast.reading.consequences import ADVICE
from forecast.reading.problems import CODES, WARNINGS
from tests.reading.files import daily, days

SAMPLES = Path(__file__).parents[2] / "sample_data"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder as the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name, text):
    """A file in the current folder."""
    Path(name).write_text(text, encoding="utf-8")


def checked(arguments, capsys):
    """Exit code and JSON document of a check."""
    code = run(["check", *shlex.split(arguments), "--json"])
    out, _ = capsys.readouterr()
    return code, json.loads(out)


def two_targets(count=60):
    """A file whose target is not plain."""
    return "date,a,b\n" + "".join(f"{day},{n % 7},{n}\n" for n, day in enumerate(days(count)))


def test_a_clean_file_takes_one_screen_and_ends_with_the_command(folder, capsys):
    """Nothing is cried about, and the exit code is 0."""
    assert run(["check", str(SAMPLES / "sales.csv"), "--target", "units"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert len(lines) <= 30
    assert lines[0].startswith(f"{SAMPLES / 'sales.csv'} (8,")
    assert lines[0].endswith("can be trained on")
    assert lines[-1] == f"  forecast train {SAMPLES / 'sales.csv'} --target units"
    for said in ("daily: all 730 steps have a row", "12 series of 730 steps", "2022-01-01 … 2023-12-31"):
        assert said in out


def test_the_document_has_the_same_keys_whatever_the_file(folder, capsys):
    """A script can rely on them, good file or bad."""
    put("good.csv", daily(60))
    put("bad.csv", daily(60).replace("2024-01-31", "2024-02-31"))
    good_code, good = checked("good.csv", capsys)
    bad_code, bad = checked("bad.csv", capsys)
    assert (good_code, bad_code) == (0, 3)
    assert list(good) == list(bad)
    assert (good["usable"], bad["usable"]) == (True, False)
    assert good["command"] == "forecast train good.csv"
    assert good["calendar"]["freq"] == "D"
    assert (good["series"]["count"], good["series"]["values"], good["series"]["missing"]) == (1, 60, 0)
    assert good["problems"] == []
    (problem,) = bad["problems"]
    assert (problem["code"], problem["line"], problem["column"]) == ("E313", 32, 1)
    assert problem["consequence"] == ADVICE["E313"].consequence
    assert bad["command"] is None


def test_the_command_on_the_page_is_known_to_work(folder, capsys):
    """A file without a plain target, with a number for missing values: both options are named, and then all is well."""
    rows = two_targets(90).replace(",88\n", ",-9999\n").replace(",50\n", ",-9999\n").replace(",12\n", ",-9999\n")
    put("two.csv", rows)
    code, found = checked("two.csv", capsys)
    assert code == 3
    assert [problem["code"] for problem in found["problems"]] == ["E304"]
    assert found["command"] == "forecast train two.csv --target b --na -9999"
    code, settled = checked(found["command"].removeprefix("forecast train "), capsys)
    assert code == 0
    assert settled["command"] == found["command"]
    assert "W205" not in [warning["code"] for warning in settled["warnings"]]


def test_the_page_says_when_only_a_sample_was_examined(folder, capsys):
    """Of three hundred series at most two hundred are looked at one by one."""
    rows = [f"{day},shop {s},{(n * 7 + s) % 11 + s}\n" for s in range(300) for n, day in enumerate(days(20))]
    put("many.csv", "date,shop,y\n" + "".join(rows))
    assert run(["check", "many.csv"]) == 0
    assert "every series counted, 150 looked at for seasons and outliers" in capsys.readouterr().out


def test_options_that_were_given_are_in_the_command(folder, capsys):
    """As they must be pasted: lists with commas, quotes where the shell needs them."""
    put("names.csv", two_targets().replace("a,b", "a c,b"))
    _, found = checked("names.csv --target 'a c' --season-length 7 --max-missing 80 --horizon 5", capsys)
    expected = {"--target 'a c'", "--season-length 7", "--max-missing 80", "--horizon 5"}
    assert found["command"].startswith("forecast train names.csv ")
    assert all(option in found["command"] for option in expected)
    assert found["plan"]["horizon"] == 5


def test_at_most_ten_problems_are_shown_and_the_report_has_all(folder, capsys):
    """Forty bad cells: each kind is explained once, the rest is counted."""
    text = daily(80)
    for n in range(40):
        text = text.replace(f",{n}\n", f",x{n}\n", 1)
    put("bad.csv", text)
    assert run(["check", "bad.csv", "--target", "y", "--report", "errors.csv"]) == 3
    out, _ = capsys.readouterr()
    shown = [line for line in out.splitlines() if line.startswith("  bad.csv:")]
    assert 1 <= len(shown) <= 10
    assert all(len(line) <= 202 for line in shown)
    assert f"and {40 - len(shown)} more E207; errors.csv lists them" in out
    assert out.count("if read anyway:") == 1
    rows = list(csv.DictReader(Path("errors.csv").read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == ["file", "line", "column", "code", "text", "hint"]
    assert [(row["line"], row["column"], row["code"]) for row in rows] == [(str(n + 2), "2", "E207") for n in range(40)]


@pytest.mark.parametrize("command", ["train bad.csv", "predict --model sales.safetensors --data bad.csv"])
def test_train_and_predict_write_the_same_report(command, shop, capsys):
    """The error ends the command as ever, and the file lists what it was about."""
    text = Path("sales.csv").read_text(encoding="utf-8").splitlines()
    text[5] = text[5].partition(",")[0] + ",many"
    put("bad.csv", "\n".join([*text, ""]))
    assert run([*command.split(), "--report", "errors.csv"]) == 3
    (row,) = csv.DictReader(Path("errors.csv").read_text(encoding="utf-8").splitlines())
    assert (row["file"], row["line"], row["column"], row["code"]) == ("bad.csv", "6", "2", "E207")


def test_a_report_of_nothing_is_a_header(folder, capsys):
    """A script finds the file it asked for."""
    week = [(n % 7) ** 2 + n / 9 for n in range(100)]
    put("good.csv", "date,y\n" + "".join(f"{day},{v}\n" for day, v in zip(days(100), week, strict=True)))
    assert run(["check", "good.csv", "--report", "errors.csv"]) == 0
    assert Path("errors.csv").read_text(encoding="utf-8") == "file,line,column,code,text,hint\n"


@pytest.mark.parametrize("command", ["check", "train"])
def test_a_report_never_takes_the_place_of_the_data(command, folder, capsys):
    """A slip of the hand must not cost the file."""
    put("good.csv", daily(60))
    assert run([command, "good.csv", "--report", "./good.csv"]) == 2
    assert "would take the place of the data" in capsys.readouterr().err
    assert Path("good.csv").read_text(encoding="utf-8") == daily(60)


def test_what_is_too_short_for_the_horizon_stops_the_check_as_it_stops_training(folder, capsys):
    """The same sentence and the same hint."""
    put("short.csv", daily(20))
    assert run(["train", "short.csv", "--horizon", "30"]) == 3
    _, err = capsys.readouterr()
    code, found = checked("short.csv --horizon 30", capsys)
    (problem,) = found["problems"]
    assert code == 3
    assert problem["code"] == "E430"
    assert f"error: {problem['text']}" in err
    assert f"hint: {problem['hint']}" in err


@pytest.mark.parametrize("name", sorted(path.name for path in (SAMPLES / "broken").iterdir()))
def test_no_broken_file_breaks_the_check(name, folder, capsys):
    """Exit code 3 and a page that names a code, or 0 where one reading is proven; nothing that steers a terminal."""
    code = run(["check", str(SAMPLES / "broken" / name)])
    out, err = capsys.readouterr()
    assert code in (0, 3), err
    assert code == 0 or any(code in out for code in CODES)
    assert all(line.isprintable() for line in out.splitlines())


@pytest.mark.parametrize("name", sorted(path.name for path in (SAMPLES / "broken").iterdir()))
def test_a_command_for_a_broken_file_does(name, folder, capsys):
    """Where a page ends with one, the file can be used with its options, and the second page ends with the same."""
    _, found = checked(shlex.quote(str(SAMPLES / "broken" / name)), capsys)
    if found["command"] is None:
        assert not found["usable"]
        return
    code, again = checked(found["command"].removeprefix("forecast train "), capsys)
    assert (code, again["problems"]) == (0, [])
    assert set(shlex.split(again["command"])) == set(shlex.split(found["command"]))


def test_a_name_that_would_steer_a_terminal_is_shown_as_text(folder, capsys):
    """An escape sequence in a cell or in a name never reaches the terminal."""
    put("evil.csv", "date,\x1b[31my\n" + "".join(f"{day},{n}\n" for n, day in enumerate(days(60))))
    run(["check", "evil.csv"])
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err


def test_every_code_has_a_consequence():
    """And nothing has one that is no code."""
    known = set(CODES) | set(WARNINGS)
    assert known - set(ADVICE) == set(), "say in forecast/reading/consequences.py what these lead to"
    assert set(ADVICE) - known == set()
    for code, (consequence, settles) in ADVICE.items():
        assert 0 < len(consequence) <= 100, code
        assert 0 < len(settles) <= 100, code
        assert not consequence.endswith("."), code


def test_a_missing_file_is_a_problem_like_any_other(folder, capsys):
    """With its code, and no traceback."""
    code, found = checked("nowhere.csv", capsys)
    assert code == 3
    assert [problem["code"] for problem in found["problems"]] == ["E101"]


@pytest.mark.slow
def test_the_page_is_plain_where_there_is_no_terminal(folder):
    """No escape sequences in a pipe."""
    put("good.csv", daily(60))
    page = subprocess.run(
        [sys.executable, "-m", "forecast", "check", "good.csv"], capture_output=True, text=True, check=True, timeout=120
    )
    assert "\x1b" not in page.stdout
    assert page.stderr == ""


def test_the_documentation_has_every_code_with_what_it_leads_to():
    """docs/reading.md shows the tables of the code, line by line."""
    text = (SAMPLES.parent / "docs" / "reading.md").read_text(encoding="utf-8")
    shown = [line for line in text.splitlines() if line[:3] in ("| E", "| W")]
    tables = {**CODES, **WARNINGS}
    assert shown == [f"| {code} | {means} | {' | '.join(ADVICE[code])} |" for code, means in tables.items()]


def test_the_readme_shows_the_page_of_the_sample(monkeypatch, capsys):
    """Word for word, as it is printed today."""
    monkeypatch.chdir(SAMPLES.parent)
    readme = (SAMPLES.parent / "README.md").read_text(encoding="utf-8")
    run(["check", "sample_data/sales.csv", "--target", "units"])
    page = capsys.readouterr().out
    assert f"$ forecast check sample_data/sales.csv --target units\n{page}```" in readme
