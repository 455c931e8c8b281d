"""Schedules: when a command is to run, as a line for cron and as units for systemd. It installs nothing."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from forecast.errors import ConfigError

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: The bounds of the five fields of cron: minute, hour, day of the month, month, day of the week.
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_PART = re.compile(r"(\*|[0-9a-z]+)(?:-([0-9a-z]+))?(?:/([1-9]\d*))?", re.ASCII)


@dataclass(frozen=True)
class Schedule:
    """When a run begins: the five fields of cron, and where there is one the calendar event of systemd, in a zone."""

    fields: str
    event: str | None = None
    zone: str | None = None

    @classmethod
    def of(cls, kind: str, text: str, zone: str | None = None) -> Schedule:
        """What `daily 06:30`, `hourly :15`, `weekly mon 06:30` or `cron <fields>` mean. Raises ConfigError."""
        if zone is not None:
            from forecast.timezones import check_zone  # late: it needs numpy

            check_zone(zone)
        text = " ".join(text.lower().split())
        if kind == "hourly":
            if not re.fullmatch(r":[0-5]\d", text, re.ASCII):
                raise ConfigError(f"--hourly: {text!r:.60} is no minute past the hour", hint="--hourly :15")
            return cls(f"{int(text[1:])} * * * *", f"*-*-* *:{text[1:]}:00", zone)
        if kind == "daily":
            hour, minute = _clock(kind, text, "--daily 06:30")
            return cls(f"{minute} {hour} * * *", f"*-*-* {hour:02}:{minute:02}:00", zone)
        if kind == "weekly":
            day, _, clock = text.partition(" ")
            if day[:3] not in WEEKDAYS:
                raise ConfigError(f"--weekly: {text!r:.60} names no day of the week", hint='--weekly "mon 06:30"')
            hour, minute = _clock(kind, clock, '--weekly "mon 06:30"')
            number = WEEKDAYS.index(day[:3])
            return cls(f"{minute} {hour} * * {number}", f"{day[:3].title()} *-*-* {hour:02}:{minute:02}:00", zone)
        _check_fields(text)
        return cls(text, None, zone)


def cron_table(when: Schedule, command: Sequence[str]) -> str:
    """The lines of a crontab, the last one ended, as cron wants it; a % would end the command, so it is escaped.

    A zone is a line of its own, which cronie goes by; for Debian's cron, which goes by the machine's clock, a comment
    says so.
    """
    line = f"{when.fields} {shlex.join(command)}".replace("%", r"\%")
    note = "# cronie goes by CRON_TZ, Debian's cron by the clock of the machine: there give the time of that clock"
    zone = f"{note}\nCRON_TZ={when.zone}\n" if when.zone else ""
    return f"{zone}{line}\n"


def systemd_units(when: Schedule, command: Sequence[str], jobs: Path) -> dict[str, str]:
    """The .service and the .timer by the names of their files; a night that was missed is caught up with."""
    # Two files of jobs with one name in different folders are two timers.
    tail = hashlib.sha256(str(jobs).encode()).hexdigest()[:6]
    name = f"forecast-{re.sub(r'[^A-Za-z0-9_.-]+', '-', jobs.stem)}-{tail}"
    zone = f" {when.zone}" if when.zone else ""
    service = f"""[Unit]
Description=forecast run {_escaped(str(jobs))}
Documentation=man:systemd.timer(5)

[Service]
Type=oneshot
ExecStart={" ".join(_word(part) for part in command)}
Nice=10
"""
    timer = f"""[Unit]
Description=When forecast runs {_escaped(str(jobs))}

[Timer]
OnCalendar={when.event}{zone}
Persistent=true
RandomizedDelaySec=5m

[Install]
WantedBy=timers.target
"""
    return {f"{name}.service": service, f"{name}.timer": timer}


def _clock(kind: str, text: str, hint: str) -> tuple[int, int]:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ConfigError(f"--{kind}: {text!r:.60} is no time of day", hint=hint)
    return int(found[1]), int(found[2])


def _check_fields(text: str) -> None:
    """Raises ConfigError unless these are five fields that every cron understands."""
    fields = text.split(" ")
    if len(fields) != len(_BOUNDS):
        raise ConfigError(f"--cron: five fields are needed, found {len(fields)}", hint='--cron "30 6 * * *"')
    for position, (field, (low, high)) in enumerate(zip(fields, _BOUNDS, strict=True)):
        names = {name: n for n, name in enumerate(_MONTHS, start=1)} if position == 3 else {}
        names |= {name: n for n, name in enumerate(WEEKDAYS)} if position == 4 else {}
        for part in field.split(","):
            found = _PART.fullmatch(part)
            ends = (found[1], found[2]) if found else ()
            numbers = [names.get(end, end) for end in ends if end not in (None, "*")]
            wrong = [n for n in numbers if not str(n).isdigit() or not low <= int(n) <= high]
            if found is None or wrong or (found[1] == "*" and found[2]):
                raise ConfigError(f"--cron: {part!r:.60} is no such field", hint='--cron "30 6 * * *"')


def _word(text: str) -> str:
    """A word of ExecStart: systemd has its own quotes, and its own meaning for % and $."""
    escaped = _escaped(text).replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_./%$:=@+,-]+", escaped):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
