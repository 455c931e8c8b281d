"""`forecast run`: what it writes, what it skips, what fails beside what, and the exit code of it all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forecast.cli.app import run
from forecast.ledger import Ledger
from forecast.shelf import keep_previous
from forecast.writing import lock
from tests.running.conftest import LAST, QUICK, rows_of

#: A job with a model of its own that is there already.
SALES = '[jobs.sales]\ndata = "sales.csv"\nmodel = "m.safetensors"\n'


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder but locks."""
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"
    }


def summary(folder: Path) -> dict:
    return json.loads((folder / "jobs.state" / "summary.json").read_text(encoding="utf-8"))


def test_a_run_does_what_train_and_predict_do(shop, jobs, capsys, monkeypatch):
    """To the byte, with nothing to say; and the ledger knows of it."""
    path = jobs('[jobs.sales]\ndata = "sales.csv"\n')
    assert run(["run", path]) == 0
    assert capsys.readouterr() == ("", "")
    told = ["--horizon", "7", "--hidden", "4", "--members", "1", "--max-steps", "5", "--preset", "fast"]
    monkeypatch.chdir(shop)
    assert run(["train", "sales.csv", *told, "--features", "none", "--model", "own.safetensors", "--quiet"]) == 0
    assert run(["predict", "--model", "own.safetensors", "--horizon", "7", "--output", "own.csv", "--quiet"]) == 0
    assert (shop / "sales.forecast.csv").read_bytes() == (shop / "own.csv").read_bytes()
    unit = summary(shop)["units"]["sales"]
    assert (unit["status"], unit["source"], unit["cutoff"], unit["trained"]) == (
        "done",
        "model",
        LAST,
        "there was no model",
    )
    (standing,) = Ledger.open(shop / "jobs.state" / "ledger.db").standings()
    assert (standing.job, standing.n_forecasts, str(standing.last_cutoff)[:10]) == ("sales", 1, LAST)


def test_what_has_not_changed_is_left_alone(shop, jobs, capsys):
    """A second run writes only its own summary and its note in the ledger."""
    path = jobs(SALES)
    assert run(["run", path]) == 0
    before = files(shop)
    times = {name: (shop / name).stat().st_mtime_ns for name in before}
    assert run(["run", path, "-v"]) == 0
    assert "sales: unchanged" in capsys.readouterr().err
    changed = {name for name in before if (shop / name).stat().st_mtime_ns != times[name]}
    assert changed == {"jobs.state/summary.json", "jobs.state/ledger.db"}
    assert summary(shop)["counts"]["unchanged"] == 1


@pytest.mark.parametrize("change", ["data", "settings", "model", "output", "force"])
def test_what_has_changed_is_done_again(shop, jobs, change):
    """Data, settings, model, or the output itself; and everything by force. The same gives the same bytes."""
    path = jobs(SALES)
    assert run(["run", path]) == 0
    first = (shop / "sales.forecast.csv").read_bytes()
    if change == "data":
        (shop / "sales.csv").write_text(rows_of(151), encoding="utf-8")
    elif change == "settings":
        jobs(f"{SALES}levels = [50]\n")
    elif change == "model":
        own = (shop / "m.safetensors").read_bytes()
        (shop / "m.safetensors").write_bytes(own[:-1] + bytes([own[-1] ^ 1]))
    elif change == "output":
        (shop / "sales.forecast.csv").write_text("mine", encoding="utf-8")
    code = run(["run", path, *(["--force"] if change == "force" else [])])
    if change == "model":
        assert code == 4  # its seal is broken
        return
    assert code == 0
    assert summary(shop)["counts"]["done"] == 1
    same = (shop / "sales.forecast.csv").read_bytes() == first
    assert same == (change in ("output", "force"))


def test_one_bad_job_stops_no_other(shop, jobs, capsys):
    """A line for each failure, and exit code 5 where something was written."""
    (shop / "bad.csv").write_text("day,units\n2024-01-01,x\n", encoding="utf-8")
    path = jobs(f'[jobs.bad]\ndata = "bad.csv"\n[jobs.gone]\ndata = "gone.csv"\n[jobs.none]\ndata = "x/*.csv"\n{SALES}')
    assert run(["run", path]) == 5
    out, err = capsys.readouterr()
    assert out == ""
    assert sorted(line.split(": ")[1] for line in err.splitlines()) == ["bad", "gone", "none"]
    assert (shop / "sales.forecast.csv").exists()
    found = summary(shop)
    assert (found["exit_code"], sorted(found["failures"])) == (5, ["bad", "gone", "none"])
    # The next run mends what can be mended, and does no more.
    (shop / "gone.csv").write_text(rows_of(100), encoding="utf-8")
    assert run(["run", path, "--only", "gone,sales"]) == 0
    found = summary(shop)
    assert (found["counts"]["done"], found["counts"]["unchanged"], found["units"]["bad"]["code"]) == (1, 1, 3)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[jobs.a]\ndata = "gone.csv"\n', 3),
        ('[jobs.a]\ndata = "sales.csv"\nmodel = "broken.safetensors"\n', 4),
        ('[jobs.a]\ndata = "gone.csv"\n[jobs.b]\ndata = "sales.csv"\nmodel = "broken.safetensors"\n', 4),
        (f'{SALES}[jobs.b]\ndata = "sales.csv"\nmodel = "m2.safetensors"\noutput = "no/such/b.csv"\n', 7),
        (f'{SALES}max_age = "26h"\n', 6),
        (f'{SALES}max_age = "26h"\n[jobs.b]\ndata = "gone.csv"\n', 3),
    ],
)
def test_the_exit_code_is_the_one_of_the_contract(shop, jobs, text, code, capsys):
    """Where all failed the most severe of their codes, and resources before a part of success."""
    (shop / "broken.safetensors").write_bytes(b"x" * 100)
    (shop / "m2.safetensors").write_bytes((shop / "m.safetensors").read_bytes())
    assert run(["run", jobs(text)]) == code
    assert summary(shop)["exit_code"] == code
    assert all(line.startswith(("error: ", "warning: ")) for line in capsys.readouterr().err.splitlines())


@pytest.mark.slow
def test_two_processes_write_what_one_writes(shop, jobs):
    """Byte for byte, whichever unit goes first."""
    for name in ("a", "b", "c"):
        (shop / f"{name}.csv").write_text(rows_of(100 + ord(name)), encoding="utf-8")
    path = jobs('[jobs.shops]\ndata = "?.csv"\noutput = "{stem}.out.csv"\n')
    assert run(["run", path]) == 0
    one = {name: content for name, content in files(shop).items() if name.endswith((".out.csv", ".safetensors"))}
    assert len(one) == 7
    for name in one:
        if name != "m.safetensors":
            (shop / name).unlink()
    assert run(["run", path, "--jobs", "2"]) == 0
    assert {name: files(shop)[name] for name in one} == one


def test_another_run_on_the_same_state_is_told_to_come_later(shop, jobs, capsys):
    """Exit code 75, and nothing is touched."""
    path = jobs(SALES)
    (shop / "jobs.state").mkdir()
    with lock(shop / "jobs.state" / "run"):
        assert run(["run", path]) == 75
    assert "held by pid" in capsys.readouterr().err
    assert not (shop / "sales.forecast.csv").exists()


def test_a_wrong_file_of_jobs_ends_the_run_before_it_begins(shop, jobs, capsys):
    """Exit code 2, and no state."""
    path = jobs(f"{SALES}[jobs.b]\nhorizn = 2\n", head=QUICK)
    assert run(["run", path]) == 2
    assert "unknown key 'horizn'" in capsys.readouterr().err
    assert not (shop / "jobs.state").exists()


def test_the_last_good_model_stands_in_for_a_broken_one(shop, jobs, capsys):
    """Marked in the file, the summary, the exit code and on stderr; and tried again in the next run."""
    keep_previous(shop / "m.safetensors")
    path = jobs(f'{SALES}fallback = ["previous", "seasonal-naive"]\n')
    assert run(["run", path]) == 0
    good = (shop / "sales.forecast.csv").read_text(encoding="utf-8")
    (shop / "m.safetensors").write_bytes(b"x" * 100)
    capsys.readouterr()
    assert run(["run", path]) == 6
    assert capsys.readouterr().err.startswith("warning: sales: previous stands in for the model; ")
    assert (shop / "sales.forecast.csv").read_text(encoding="utf-8") == good.replace(",model\n", ",previous\n")
    assert good.count(",model\n") == 7
    assert run(["run", path]) == 6
    assert summary(shop)["units"]["sales"]["source"] == "previous"


def test_seasonal_naive_stands_in_where_no_model_is_left(shop, jobs):
    """The values of the last week come again."""
    (shop / "m.safetensors").write_bytes(b"x" * 100)
    assert run(["run", jobs(f'{SALES}fallback = ["previous", "seasonal-naive"]\n')]) == 6
    header, *rows = (shop / "sales.forecast.csv").read_text(encoding="utf-8").splitlines()
    assert header.split(",")[-1] == "source"
    assert {row.split(",")[-1] for row in rows} == {"seasonal-naive"}
    week = [float(row.split(",")[1]) for row in (shop / "sales.csv").read_text(encoding="utf-8").splitlines()[-7:]]
    assert [float(row.split(",")[1]) for row in rows] == pytest.approx(week)


def test_without_a_ladder_a_broken_model_is_a_failure(shop, jobs):
    """What was there stays, unmarked guesses there are none."""
    path = jobs(SALES)
    assert run(["run", path]) == 0
    before = (shop / "sales.forecast.csv").read_bytes()
    (shop / "m.safetensors").write_bytes(b"x" * 100)
    assert run(["run", path]) == 4
    assert (shop / "sales.forecast.csv").read_bytes() == before


def test_a_model_without_skill_is_a_gate_or_goes_down_the_ladder(shop, jobs, capsys):
    """Exit code 6 either way; without a ladder nothing is written."""
    assert run(["run", jobs(f"{SALES}require_skill = 0.001\n")]) == 6
    assert "require_skill is 0.001" in capsys.readouterr().err
    assert not (shop / "sales.forecast.csv").exists()
    assert run(["run", jobs(f'{SALES}require_skill = 0.001\nfallback = "seasonal-naive"\n')]) == 6
    assert "seasonal-naive" in (shop / "sales.forecast.csv").read_text(encoding="utf-8")


def test_data_that_have_become_too_old_are_a_gate_although_nothing_has_changed(shop, jobs, capsys):
    """Nothing stands in for data, and the forecast that was there stays."""
    path = jobs(f'{SALES}max_age = "26h"\nfallback = "seasonal-naive"\n')
    assert run(["run", path, "--as-of", LAST]) == 0
    assert run(["run", path]) == 6
    assert f"the newest row is of {LAST}" in capsys.readouterr().err
    assert not (shop / "sales.forecast.csv").exists()


def test_a_back_run_sees_nothing_later_and_writes_over_nothing_newer(shop, jobs):
    """It goes into the ledger, in hindsight; into a file only where each cutoff has its own."""
    path = jobs(SALES)
    assert run(["run", path]) == 0
    newest = (shop / "sales.forecast.csv").read_bytes()
    assert run(["run", path, "--as-of", "2020-05-01"]) == 0
    assert (shop / "sales.forecast.csv").read_bytes() == newest
    (past,) = [own for own in Ledger.open(shop / "jobs.state" / "ledger.db").scores("sales") if own.hindsight]
    assert len(past) == 7
    path = jobs(SALES + 'output = "{name}.{cutoff}.csv"\n')
    assert run(["run", path, "--as-of", "2020-05-01"]) == 0
    rows = (shop / "sales.2020-05-01.csv").read_text(encoding="utf-8").splitlines()
    assert rows[1].startswith("2020-05-02,")
    assert run(["run", path, "--as-of", "2020-05-01", "-v"]) == 0
    assert summary(shop)["counts"]["unchanged"] == 1
    assert run(["run", path, "--as-of", "someday"]) == 2


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(shop, jobs, capsys):
    """Each unit with its reason."""
    path = jobs(f'{SALES}[jobs.none]\ndata = "x/*.csv"\n')
    before = files(shop)
    assert run(["run", path, "--dry-run"]) == 3
    assert files(shop) == before
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=2) == ["sales", "run", "there is no forecast yet"]
    assert lines[1].startswith("none   fail")
    run(["run", path, "--only", "sales"])
    assert run(["run", path, "--only", "sales", "--dry-run", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["units"]
    assert (row["unit"], row["run"], row["why"]) == ("sales", False, None)


def test_too_many_failures_end_the_run(shop, jobs):
    """What was not begun is said to be so."""
    text = "".join(f'[jobs.j{i}]\ndata = "gone{i}.csv"\n' for i in range(5))
    path = jobs(text + SALES)
    assert run(["run", path, "--max-failures", "1"]) == 3
    counts = summary(shop)["counts"]
    assert (counts["failed"], counts["not begun"]) == (2, 4)
    assert run(["run", path, "--max-failures", "50%"]) == 3
    assert run(["run", path, "--max-failures", "90%"]) == 5


@pytest.mark.parametrize("text", ["--jobs 0", "--jobs two", "--max-failures x", "--max-runtime 2", "--log-format xml"])
def test_options_that_cannot_be_used_are_refused(shop, jobs, text, capsys):
    """Before any work, by their names."""
    assert run(["run", jobs(SALES), *text.split()]) == 2
    assert text.split()[0] in capsys.readouterr().err
    assert not (shop / "jobs.state").exists()


def test_a_first_file_is_written_once(shop, monkeypatch, capsys):
    """Over another one it is not."""
    monkeypatch.chdir(shop)
    assert run(["run", "--init", "sales.csv"]) == 0
    assert run(["run", "jobs.toml", "--dry-run"]) == 0
    before = Path("jobs.toml").read_bytes()
    assert run(["run", "--init", "sales.csv"]) == 2
    assert Path("jobs.toml").read_bytes() == before
    assert "there is such a file already" in capsys.readouterr().err
    assert run(["run", "--init", "sales.csv", "-o", "other.toml"]) == 0
    assert run(["run", "jobs.toml", "other.toml"]) == 2


@pytest.mark.parametrize("kind", ["text", "json"])
def test_the_log_has_a_line_for_each_event(shop, jobs, kind):
    """Appended, also after somebody has moved it away."""
    path, log = jobs(f'{SALES}[jobs.gone]\ndata = "gone.csv"\n'), shop / "night.log"
    options = ["--log-file", str(log), "--log-format", kind]
    assert run(["run", path, *options]) == 5
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4
    log.rename(shop / "night.log.1")
    assert run(["run", path, *options]) == 5
    lines = log.read_text(encoding="utf-8").splitlines()
    if kind == "json":
        events = [json.loads(line) for line in lines]
        assert {event["event"] for event in events} == {"begun", "unchanged", "failed", "ended"}
        (failed,) = [event for event in events if event["level"] == "error"]
        assert (failed["unit"], failed["code"]) == ("gone", 3)
        assert len({event["run_id"] for event in events}) == 1
    else:
        assert sum(" ERROR " in line and "unit=gone" in line for line in lines) == 1


def test_a_log_that_cannot_be_written_is_found_before_any_work(shop, jobs, capsys):
    """Resources: exit code 7."""
    assert run(["run", jobs(SALES), "--log-file", str(shop / "no" / "night.log")]) == 7
    assert not (shop / "sales.forecast.csv").exists()
    assert "night.log" in capsys.readouterr().err


def test_a_bug_in_one_job_costs_that_job_only(shop, jobs, capsys, monkeypatch):
    """Its trace is in a file that the message names."""
    import forecast.running.work as work

    whole = work.forecast_unit
    monkeypatch.setattr(work, "forecast_unit", lambda u, *a: 1 / 0 if u.name == "b" else whole(u, *a))
    assert run(["run", jobs(f'[jobs.b]\ndata = "sales.csv"\n{SALES}')]) == 1
    assert "error: b: a bug in forecast: ZeroDivisionError: division by zero" in capsys.readouterr().err
    assert "ZeroDivisionError" in (shop / "jobs.state" / "crashes" / "b.txt").read_text(encoding="utf-8")
    assert (shop / "sales.forecast.csv").exists()
