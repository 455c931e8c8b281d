"""Schedules: what is printed for cron and systemd means the time that was asked for, and runs as it stands there."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from forecast.cli.app import run
from forecast.errors import ConfigError
from forecast.schedules import Schedule, cron_table, systemd_units

COMMAND = ["/opt/a b/forecast", "run", "/srv/100%/jobs.toml"]


@pytest.mark.parametrize(
    ("kind", "text", "fields", "event"),
    [
        ("daily", "06:30", "30 6 * * *", "*-*-* 06:30:00"),
        ("daily", "0:05", "5 0 * * *", "*-*-* 00:05:00"),
        ("hourly", ":15", "15 * * * *", "*-*-* *:15:00"),
        ("weekly", "mon 06:30", "30 6 * * 1", "Mon *-*-* 06:30:00"),
        ("weekly", "Sunday 23:59", "59 23 * * 0", "Sun *-*-* 23:59:00"),
        ("cron", "*/5  0-6,22 1 jan-MAR mon", "*/5 0-6,22 1 jan-mar mon", None),
    ],
)
def test_a_time_is_five_fields_and_an_event(kind: str, text: str, fields: str, event: str | None) -> None:
    """For cron and for systemd."""
    when = Schedule.of(kind, text)
    assert (when.fields, when.event) == (fields, event)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("daily", "24:00"),
        ("daily", "6.30"),
        ("daily", ""),
        ("hourly", "15"),
        ("hourly", ":60"),
        ("weekly", "06:30"),
        ("weekly", "mo 06:30"),
        ("weekly", "mon"),
        ("cron", "* * * *"),
        ("cron", "60 * * * *"),
        ("cron", "* * 0 * *"),
        ("cron", "a * * * *"),
        ("cron", "*-5 * * * *"),
        ("cron", "*/0 * * * *"),
        ("cron", "0 0 * * * root"),
        ("cron", "@daily"),
    ],
)
def test_what_is_no_time_is_refused(kind: str, text: str) -> None:
    """With one that is."""
    with pytest.raises(ConfigError, match=f"--{kind}") as error:
        Schedule.of(kind, text)
    assert (error.value.hint or "").startswith(f"--{kind}")


def test_an_unknown_zone_is_refused() -> None:
    """As everywhere."""
    with pytest.raises(ConfigError):
        Schedule.of("daily", "06:30", "Europe/Berlim")


def test_a_line_of_cron_has_its_percent_signs_escaped_and_an_end() -> None:
    """A bare one would end the command, and a table without an end is refused."""
    text = cron_table(Schedule.of("daily", "06:30", "Europe/Berlin"), COMMAND)
    assert text.splitlines()[1:] == [
        "CRON_TZ=Europe/Berlin",
        r"30 6 * * * '/opt/a b/forecast' run /srv/100\%/jobs.toml",
    ]
    assert text.endswith("\n")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize(("kind", "text"), [("daily", "06:30"), ("hourly", ":15"), ("weekly", "mon 06:30")])
def test_systemd_finds_nothing_wrong(kind: str, text: str, tmp_path: Path) -> None:
    """With the units, nor with the event; the program has to be there, so it is one that is."""
    when = Schedule.of(kind, text, "Europe/Berlin")
    units = systemd_units(when, ["/bin/true", "100% $HOME", 'a "b" \\'], tmp_path / "my jobs.toml")
    for name, content in units.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in units)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = [line for line in found.stderr.splitlines() if str(tmp_path) in line or "forecast-" in line]
    assert (found.returncode, said) == (0, [])
    event = subprocess.run(
        ["systemd-analyze", "calendar", f"{when.event} {when.zone}"], capture_output=True, check=False, timeout=60
    )
    assert event.returncode == 0


def test_the_command_prints_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Of the program, the jobs and the log; for five fields of cron there is no timer."""
    monkeypatch.chdir(tmp_path)
    Path("jobs.toml").write_text('[jobs.a]\ndata = "a.csv"\n', encoding="utf-8")
    assert run(["schedule", "jobs.toml", "--daily", "06:30", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    program, *_ = found["command"]
    assert Path(program).is_absolute()
    assert Path(program).is_file()
    assert found["command"][-3:] == [str(tmp_path / "jobs.toml"), "--log-file", str(tmp_path / "forecast.log")]
    assert sorted(Path(name).suffix for name in found["units"]) == [".service", ".timer"]
    assert run(["schedule", "jobs.toml", "--cron", "*/5 * * * *"]) == 0
    out = capsys.readouterr().out
    assert "*/5 * * * * " in out
    assert "systemd" not in out


@pytest.mark.parametrize("options", [[], ["--daily", "06:30", "--hourly", ":15"], ["--daily", "noon"]])
def test_one_time_is_needed(options: list[str], tmp_path: Path, capsys) -> None:
    """Neither none nor two."""
    (tmp_path / "jobs.toml").write_text('[jobs.a]\ndata = "a.csv"\n', encoding="utf-8")
    assert run(["schedule", str(tmp_path / "jobs.toml"), *options]) == 2
    assert "--daily" in capsys.readouterr().err
