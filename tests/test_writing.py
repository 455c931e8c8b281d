"""Files appear whole or not at all, whatever fails; a forecast file reads back as the forecast."""

from __future__ import annotations

import builtins
import csv
import errno
import fcntl
import io
import json
import os
import random
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast import writing
from forecast.config import QUANTILE_LEVELS
from forecast.errors import ConfigError, DataError, LockedError, OutputError
from forecast.forecasts import Forecast, ItemForecast
from forecast.panel import Columns
from forecast.writing import WRITERS, lock, render, write_atomic, write_forecast

REPOSITORY = Path(__file__).parent.parent
#: The calls that write_atomic makes to the system, with the object each lives on.
CALLS = {"open": os, "write": os, "fsync": os, "close": os, "read_bytes": Path, "replace": Path, "chmod": Path}
FAULTS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EDQUOT)


def made(
    values: list[list[float]], item_id: tuple[str, ...] = (), columns: Columns | None = None, source: str = "model"
) -> Forecast:
    """A forecast of one item with these quantiles [H, Q], from the day before a leap day on."""
    quantiles = np.array(values, dtype=np.float64)
    days = np.datetime64("2024-02-28", "us") + np.arange(len(quantiles)) * np.timedelta64(1, "D")
    items = (ItemForecast(item_id, "sales", days, quantiles),)
    return Forecast(items, QUANTILE_LEVELS, columns or Columns("date", ("sales",)), source)


def rows(data: bytes) -> list[list[str]]:
    """The cells of a csv as Python's own reader finds them."""
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@pytest.fixture(autouse=True)
def _ordinary_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


# The forecast file


def test_a_csv_is_plain() -> None:
    """A header, one line per row, line feeds, no quotes and no spaces without need."""
    values = [[x / 4 for x in range(13)], [1000.0 * x for x in range(13)]]
    assert render(made(values)).decode() == (
        "date,forecast,lo_80,hi_80,lo_95,hi_95\n2024-02-28,1.5,0.5,2.5,0,3\n2024-02-29,6000,2000,10000,0,12000\n"
    )


@pytest.mark.parametrize("text", ["a,b", 'say "x"', "two\nlines", "a\rb", " padded ", "", "Käse", "=1+1"])
def test_any_text_survives_a_csv(text: str) -> None:
    """Ids and column names come back as they were, whatever is in them."""
    columns = Columns("date", ("sales",), ids=(text, "second"))
    found = rows(render(made([[0.0] * 13], (text, "x"), columns)))
    assert found[0][:3] == [text, "second", "date"]
    assert found[1][:2] == [text, "x"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-2", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x"),1'])
def test_no_spreadsheet_computes_a_text_where_that_is_asked_for(text: str) -> None:
    """An apostrophe stands before ids and names that begin like a formula; numbers stay bare."""
    columns = Columns("date", ("sales",), ids=(text, "plain"))
    forecast = made([[-1.5] * 13], (text, "a=b"), columns)
    found = rows(render(forecast, levels=(), excel_safe=True))
    assert found == [[f"'{text}", "plain", "date", "forecast"], [f"'{text}", "a=b", "2024-02-28", "-1.5"]]
    for format in ("json", "parquet"):
        assert render(forecast, format=format, excel_safe=True) == render(forecast, format=format)


def test_a_time_of_a_zone_is_written_as_its_clocks_show_it(tmp_path: Path) -> None:
    """In every format; parquet keeps the moment and the zone."""
    columns = Columns("t", ("sales",), time_format="%Y-%m-%d %H:%M", timezone="Europe/Berlin")
    for name in ("x.csv", "x.json", "x.parquet"):
        write_forecast(made([[0.0] * 13], columns=columns), tmp_path / name)
    assert rows((tmp_path / "x.csv").read_bytes())[1][0] == "2024-02-28 01:00"
    assert json.loads((tmp_path / "x.json").read_bytes())["rows"][0]["t"] == "2024-02-28 01:00"
    assert pd.read_parquet(tmp_path / "x.parquet")["t"].tolist() == [
        pd.Timestamp("2024-02-28 01:00", tz="Europe/Berlin")
    ]


@pytest.mark.parametrize("format", ["csv", "json"])
def test_timestamps_keep_the_text_form_of_the_users_file(format: str) -> None:
    """A month stays a month, an offset stays an offset."""
    for pattern, text in {"%Y-%m": "2024-02", "%d.%m.%Y": "28.02.2024", "%Y-%m-%dT%H:%MZ": "2024-02-28T00:00Z"}.items():
        data = render(made([[0.0] * 13], columns=Columns("date", ("sales",), time_format=pattern)), format=format)
        assert f'"{text}"' in data.decode() if format == "json" else rows(data)[1][0] == text


def test_probabilities_take_no_digits_from_values_and_lose_none_to_them() -> None:
    """A narrow interval far from zero keeps the digits that tell its ends apart, as without the column."""
    forecast = made([[1e9 + x / 1e4 for x in range(13)]])
    without = render(forecast).decode().splitlines()[1]
    header, row = render(forecast, above=(1e9 + 9.5e-4,)).decode().splitlines()
    assert header.endswith(",p_above_1000000000")
    values, share = row.rsplit(",", 1)
    assert values == without
    assert float(share) == pytest.approx(forecast.probability_above(1e9 + 9.5e-4)[0].item(), abs=5e-10)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-12.5, "-12.5"),
        (1 / 3, "0.333333333"),
        (2e6 / 3, "666666.667"),
        (123456789012.6, "123456789013"),
        (1e15, "1000000000000000"),
        (1e16, "1e+16"),
        (1.23456789012e-5, "0.0000123456789"),
        (2e-11, "0.00000000002"),
        (1e-300, "1e-300"),
        (99999.9999, "99999.9999"),
        (99999.99999, "100000"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_numbers_have_nine_significant_digits_and_all_of_their_whole_part(value: float, text: str) -> None:
    """What float32 weights can tell apart is written, rounding noise is not."""
    assert rows(render(made([[value] * 13]), levels=()))[1][1] == text


def test_a_narrow_interval_far_from_zero_keeps_its_width() -> None:
    """A meter at 123 million that grows by thousandths shows more than nine digits."""
    values = [[123456789.0 + 0.001 * k for k in range(-6, 7)]]
    assert rows(render(made(values), levels=(80,)))[1][1:] == ["123456789", "123456788.996", "123456789.004"]


anything = st.one_of(st.floats(-1e300, 1e300), st.floats(-10, 10), st.sampled_from([9.999999999, 10.0, 1e-11, 1e16]))
narrow = st.builds(
    lambda level, step: level + step * 1e-4, st.sampled_from([-1e9, 99999.9999, 1e9]), st.integers(-99, 99)
)


@given(st.one_of(*(st.lists(value, min_size=13, max_size=13) for value in (anything, narrow))).map(sorted))
def test_rounding_never_lets_an_interval_cross(values: list[float]) -> None:
    """In the file, too, the forecast lies inside every interval, and is within nine digits of its value."""
    header, row = rows(render(made([values]), levels=(50, 80, 90, 95)))
    written = dict(zip(header[1:], map(float, row[1:]), strict=True))
    order = ["lo_95", "lo_90", "lo_80", "lo_50", "forecast", "hi_50", "hi_80", "hi_90", "hi_95"]
    assert [written[name] for name in order] == sorted(written.values())
    assert written["forecast"] == pytest.approx(values[6], rel=5.1e-9, abs=0)


def test_json_is_one_document_of_row_objects() -> None:
    """Column names once in order, then one object per row on a line of its own, with the numbers of the csv."""
    columns = Columns("Tag", ("sales",), ids=("Laden",))
    data = render(made([[1 / 3] * 13] * 2, ('Köln "1"',), columns), format="json", levels=(80,))
    document = json.loads(data)
    assert document["columns"] == ["Laden", "Tag", "forecast", "lo_80", "hi_80"]
    row = {
        "Laden": 'Köln "1"',
        "Tag": "2024-02-28",
        "forecast": 0.333333333,
        "lo_80": 0.333333333,
        "hi_80": 0.333333333,
    }
    assert document["rows"] == [row, {**row, "Tag": "2024-02-29"}]
    assert list(document["rows"][0]) == document["columns"]
    assert len(data.splitlines()) == 4


def test_parquet_keeps_dates_and_numbers_as_they_are() -> None:
    """No text form, no rounding."""
    forecast = made([[1 / 3] * 13] * 2, ("0042",), Columns("day", ("sales",), ids=("shop",), time_format="%d.%m.%y"))
    frame = pd.read_parquet(io.BytesIO(render(forecast, format="parquet")))
    assert frame["day"].tolist() == [pd.Timestamp("2024-02-28"), pd.Timestamp("2024-02-29")]
    assert frame["forecast"].tolist() == [1 / 3, 1 / 3]
    assert frame["shop"].tolist() == ["0042", "0042"]


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An optional part that is missing is a matter of configuration."""
    real = builtins.__import__

    def without_pyarrow(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    forecast = made([[0.0] * 13])
    forecast.to_frame()
    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    for name in [name for name in sys.modules if name.startswith("pandas.io.parquet")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigError, match="parquet files need pyarrow") as caught:
        render(forecast, format="parquet")
    assert caught.value.hint == "pip install 'forecast[parquet]'"


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_has_all_columns_and_equal_bytes_for_equal_forecasts(suffix: str, tmp_path: Path) -> None:
    """The suffix chooses the format; writing twice changes nothing."""
    columns = Columns("date", ("sales",), ids=("shop",))
    forecast = made([list(range(13))], ("a",), columns, source="naive")
    paths = [tmp_path / f"one{suffix}", tmp_path / f"two{suffix.upper()}"]
    for path in paths:
        write_forecast(forecast, path, quantiles=(0.1, 0.9))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    read: Callable[[Path], list[str]] = {
        ".csv": lambda path: rows(path.read_bytes())[0],
        ".json": lambda path: list(json.loads(path.read_bytes())["rows"][0]),
        ".parquet": lambda path: list(pd.read_parquet(path).columns),
    }[suffix]
    assert read(paths[0]) == ["shop", "date", "forecast", "q_0.1", "q_0.9", "source"]


def test_a_format_may_be_named_whatever_the_suffix_is(tmp_path: Path) -> None:
    """An explicit format wins over the suffix."""
    write_forecast(made([[1.0] * 13]), tmp_path / "out.txt", format="json", nixtla_names=True, levels=())
    document = json.loads((tmp_path / "out.txt").read_bytes())
    assert document["rows"] == [{"unique_id": "sales", "ds": "2024-02-28", "forecast": 1.0}]


@pytest.mark.parametrize(
    ("name", "format", "found"), [("out.xlsx", None, "xlsx"), ("out", None, ""), ("o.csv", "tsv", "tsv")]
)
def test_an_unknown_format_lists_the_known_ones(name: str, format: str | None, found: str, tmp_path: Path) -> None:
    """A suffix or format without a writer is refused before anything is written."""
    with pytest.raises(ConfigError, match=f"unknown forecast format '{found}'") as caught:
        write_forecast(made([[1.0] * 13]), tmp_path / name, format=format)
    assert ".csv" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_forecast_that_is_not_a_number_is_not_written(suffix: str, value: float) -> None:
    """The row is named, whatever the format."""
    columns = Columns("date", ("sales",), ids=("shop",))
    forecast = made([[0.0] * 13, [0.0] * 12 + [value]], ("a",), columns)
    with pytest.raises(DataError, match=r"the forecast for a, 2024-02-29 .*is not a finite number"):
        render(forecast, format=suffix[1:])


# Atomic writing


def test_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    """Not the 0600 of a temporary file: another user's cron job must be able to read it."""
    for mask, mode in {0o022: 0o644, 0o027: 0o640, 0o077: 0o600}.items():
        os.umask(mask)
        write_atomic(tmp_path / f"{mask}", b"x")
        assert stat.S_IMODE((tmp_path / f"{mask}").stat().st_mode) == mode


def test_an_existing_file_keeps_its_mode(tmp_path: Path) -> None:
    """Replacing a file does not change who may read it."""
    path = tmp_path / "out"
    path.write_bytes(b"old")
    path.chmod(0o664)
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


def test_a_symlink_is_written_through(tmp_path: Path) -> None:
    """The link stays a link, its target changes, and the temporary file lies beside the target."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real/out")
    write_atomic(link, b"1")
    assert (tmp_path / "real" / "out").read_bytes() == b"1"
    write_atomic(link, b"2", verify=lambda _: _assert_temporary_in(tmp_path / "real"))
    assert link.is_symlink()
    assert (tmp_path / "real" / "out").read_bytes() == b"2"


def _assert_temporary_in(folder: Path) -> None:
    names = [path.name for path in folder.iterdir() if path.name != "out"]
    assert len(names) == 1
    assert re.fullmatch(rf"\.out\.{os.getpid()}\.[0-9a-f]{{8}}\.tmp", names[0])


@pytest.mark.parametrize("kind", ["folder", "fifo", "full", "loop"])
def test_only_a_regular_file_is_replaced(kind: str, tmp_path: Path) -> None:
    """A folder, a FIFO, a device such as /dev/full and a link to itself are refused and left alone."""
    path = Path("/dev/full") if kind == "full" else tmp_path / "out"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to("out")
    with pytest.raises(OutputError, match=f"cannot write {path}: ") as caught:
        write_atomic(path, b"x")
    assert caught.value.exit_code == 7
    assert ("symbolic links" if kind == "loop" else "not a regular file") in caught.value.message


@pytest.mark.parametrize("folder", ["absent", "absent/deeper", "file"])
def test_a_missing_folder_is_not_created_but_named(folder: str, tmp_path: Path) -> None:
    """The hint creates the folder."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError) as caught:
        write_atomic(tmp_path / folder / "out", b"x")
    assert caught.value.message == f"cannot write {tmp_path / folder / 'out'}: there is no folder {tmp_path / folder}"
    assert caught.value.hint == f"mkdir -p {tmp_path / folder}"


def test_the_hint_for_a_folder_with_a_space_can_be_pasted(tmp_path: Path) -> None:
    """Names are quoted for the shell."""
    with pytest.raises(OutputError) as caught:
        write_atomic(tmp_path / "my data" / "out", b"x")
    assert caught.value.hint == f"mkdir -p '{tmp_path}/my data'"


def test_a_name_that_the_file_system_refuses_is_an_output_error(tmp_path: Path) -> None:
    """A name that leaves no room for a temporary one is refused in the system's words."""
    with pytest.raises(OutputError, match="file name too long"):
        write_atomic(tmp_path / ("x" * 250), b"x")
    assert list(tmp_path.iterdir()) == []


def test_the_order_is_write_fsync_verify_rename_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data is on the disk before the name points at it, and the name before the call returns."""
    seen = []
    for name, owner in CALLS.items():
        real = getattr(owner, name)

        def noted(*arguments: Any, _name: str = name, _real: Any = real, **options: Any) -> Any:
            seen.append(_name)
            return _real(*arguments, **options)

        monkeypatch.setattr(owner, name, noted)
    write_atomic(tmp_path / "out", b"x", verify=lambda _: seen.append("verify"))
    expected = "open write fsync close read_bytes verify replace open fsync close"
    assert seen == expected.split()


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes three bytes at a time still gets all of them."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:3]))
    write_atomic(tmp_path / "out", b"0123456789")
    assert (tmp_path / "out").read_bytes() == b"0123456789"


def test_what_the_disk_gives_back_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that loses bytes is caught before the rename."""
    (tmp_path / "out").write_bytes(b"old")
    monkeypatch.setattr(os, "write", lambda _handle, data: len(data))
    with pytest.raises(OutputError, match="what was read back is not what was written"):
        write_atomic(tmp_path / "out", b"new")
    assert _contents(tmp_path) == {"out": b"old"}


@pytest.mark.parametrize("raised", [DataError("rows are missing"), KeyboardInterrupt()])
def test_a_refusal_to_verify_leaves_the_old_file(raised: BaseException, tmp_path: Path) -> None:
    """What verify raises passes through, the old file stays and the temporary one goes."""
    (tmp_path / "out").write_bytes(b"old")

    def refuse(data: bytes) -> None:
        assert data == b"new"
        raise raised

    with pytest.raises(type(raised)):
        write_atomic(tmp_path / "out", b"new", verify=refuse)
    assert _contents(tmp_path) == {"out": b"old"}


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("number", FAULTS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", CALLS)
def test_any_failing_call_leaves_the_old_file_or_the_new(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call fails in turn at its first, second, … use: exit 7 with the system's words, no temporary file left."""
    owner, path, failures = CALLS[call], tmp_path / "out", 0
    real = getattr(owner, call)
    while True:
        path.write_bytes(b"old")
        with monkeypatch.context() as patch:
            patch.setattr(owner, call, _failing(real, number, after=failures, closes=call == "close"))
            try:
                write_atomic(path, b"new" * 1000)
            except OutputError as error:
                found = error
            else:
                break
        failures += 1
        reason = os.strerror(number)
        assert found.exit_code == 7
        assert found.message == f"cannot write {path}: {reason[0].lower()}{reason[1:]}"
        # The second open, fsync and close are those of the folder, after the rename.
        renamed = failures == 2
        assert _contents(tmp_path) == {"out": b"new" * 1000 if renamed else b"old"}
    assert failures == {"open": 2, "fsync": 2, "close": 2}.get(call, 1)
    assert _contents(tmp_path) == {"out": b"new" * 1000}


def _failing(real: Callable[..., Any], number: int, *, after: int, closes: bool) -> Callable[..., Any]:
    """The call, failing once it was used `after` times; a failing close has closed, as on Linux."""
    used = 0

    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal used
        used += 1
        if used == after + 1:
            if closes:
                real(*arguments, **options)
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    return call


def test_a_full_disk_and_a_forbidden_folder_come_with_a_command_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint shows the space, or the rights, of the folder."""
    for number, hint in {errno.ENOSPC: f"df -h {tmp_path}", errno.EACCES: f"ls -ld {tmp_path}"}.items():
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", _failing(os.write, number, after=0, closes=False))
            with pytest.raises(OutputError) as caught:
                write_atomic(tmp_path / "out", b"x")
        assert caught.value.hint == hint


def test_a_file_size_limit_is_an_output_error(tmp_path: Path) -> None:
    """A real limit of the system, not a simulated one: exit 7, the old file intact, nothing left over."""
    (tmp_path / "out").write_bytes(b"old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from forecast.writing import write_atomic;"
        "from forecast.errors import OutputError;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomic(Path(sys.argv[1]), b'x' * 5000)\n"
        "except OutputError as error: print(error, end=''); sys.exit(error.exit_code)"
    )
    run = _python(code, tmp_path / "out")
    output, _ = run.communicate()
    assert (run.returncode, output) == (7, f"cannot write {tmp_path / 'out'}: file too large")
    assert _contents(tmp_path) == {"out": b"old"}


def _python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
    )


# Locks


HOLDER = (
    "import sys, time; from pathlib import Path; from forecast.writing import lock\n"
    "with lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    """Exit 75 at once, with pid, host and time of the holder; free again as soon as the holder is killed."""
    path = tmp_path / "out.csv"
    with _python(HOLDER, path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError) as caught, lock(path):
            pass
        holder.kill()
    assert caught.value.exit_code == 75
    said = rf"{path}: held by pid {holder.pid} on host \S+ since \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(said, caught.value.message)
    with lock(path):
        assert f"pid {os.getpid()} " in (tmp_path / "out.csv.lock").read_text()


def test_the_lock_file_stays_and_the_lock_goes(tmp_path: Path) -> None:
    """Deleting a lock file would let two runs hold two files of one name."""
    path = tmp_path / "out"
    for _ in range(2):
        with lock(path):
            pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.lock"]


def test_the_lock_is_released_when_the_run_fails(tmp_path: Path) -> None:
    """An error inside passes through and leaves the lock free."""
    with pytest.raises(DataError, match="inside"), lock(tmp_path / "out"):
        raise DataError("inside")
    with lock(tmp_path / "out"):
        pass


def test_a_file_and_a_link_to_it_share_one_lock(tmp_path: Path) -> None:
    """The lock belongs to the real file."""
    (tmp_path / "link").symlink_to("out")
    with lock(tmp_path / "out"), pytest.raises(LockedError), lock(tmp_path / "link"):
        pass


def test_a_lock_file_without_a_readable_holder_still_locks(tmp_path: Path) -> None:
    """What stands in the file is only for the message, and never sent raw to a terminal."""
    (tmp_path / "out.lock").write_bytes(b"\x1b[2Jpid 1")
    with (tmp_path / "out.lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="held by another run"), lock(tmp_path / "out"):
            pass


def test_a_planted_link_is_not_emptied(tmp_path: Path) -> None:
    """A lock file that is a symlink is refused, its target untouched."""
    (tmp_path / "precious").write_bytes(b"data")
    (tmp_path / "out.lock").symlink_to("precious")
    with pytest.raises(OutputError, match="symbolic links"), lock(tmp_path / "out"):
        pass
    assert (tmp_path / "precious").read_bytes() == b"data"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_an_error_with_a_way_out(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No lock is never taken for a lock."""

    def refuse(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OutputError, match=f"cannot lock {tmp_path / 'out'}") as caught, lock(tmp_path / "out"):
        pytest.fail("entered without a lock")
    assert caught.value.hint == "write to a local disk with: --output PATH"


def test_a_lock_in_a_missing_folder_names_the_folder(tmp_path: Path) -> None:
    """The same words as for writing."""
    with pytest.raises(OutputError, match="there is no folder"), lock(tmp_path / "absent" / "out"):
        pass


def test_on_windows_the_block_runs_without_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform without flock writes no lock file and goes on."""
    monkeypatch.setattr(sys, "platform", "win32")
    with lock(tmp_path / "out"), lock(tmp_path / "out"):
        write_atomic(tmp_path / "out", b"x")
    assert _contents(tmp_path) == {"out": b"x"}


def test_the_lock_clears_what_crashed_runs_left_of_this_file_only(tmp_path: Path) -> None:
    """Temporary files of dead processes and those older than a day go; those of living ones and of others stay."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    alive, dead = os.getppid(), ended.pid
    gone = [f".out.csv.{dead}.00000000.tmp", f".out.csv.{alive}.11111111.tmp"]
    kept = [
        f".out.csv.{alive}.22222222.tmp",
        f".outXcsv.{dead}.33333333.tmp",
        f".other.csv.{dead}.44444444.tmp",
        f".out.csv.{dead}.5.tmp",
        f".out.csv.{dead}.66666666.tmp.csv",
        "out.csv",
    ]
    for name in [*gone, *kept]:
        (tmp_path / name).write_bytes(b"x")
    day_ago = time.time() - 24 * 3600 - 60
    os.utime(tmp_path / gone[1], (day_ago, day_ago))
    with lock(tmp_path / "out.csv"):
        assert sorted(_contents(tmp_path)) == sorted([*kept, "out.csv.lock"])


@pytest.mark.parametrize("denied", [True, False])
def test_leftovers_that_cannot_be_removed_do_not_stop_a_run(
    denied: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's leftovers in a sticky folder stay; a broken disk still surfaces."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".out.{ended.pid}.00000000.tmp").write_bytes(b"x")
    number = errno.EPERM if denied else errno.EIO
    monkeypatch.setattr(Path, "unlink", _failing(Path.unlink, number, after=0, closes=False))
    if denied:
        with lock(tmp_path / "out"):
            pass
    else:
        with pytest.raises(OutputError, match="input/output error"), lock(tmp_path / "out"):
            pass


def test_a_process_of_another_user_counts_as_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not being allowed to signal a process means that it exists."""

    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    assert writing._alive(1)


WRITER = """
import sys
from pathlib import Path
from forecast.writing import lock, write_atomic
path = Path(sys.argv[1])
with lock(path):
    print("ready", flush=True)
    while True:
        for letter in (b"a", b"b"):
            write_atomic(path, letter * 2**20)
"""


@pytest.mark.slow
def test_a_killed_run_leaves_the_old_file_or_the_new_and_the_next_run_cleans_up(tmp_path: Path) -> None:
    """Twenty times kill -9 at a random moment of rewriting a megabyte."""
    path = tmp_path / "out"
    waits = random.Random(1)
    whole = {b"a" * 2**20, b"b" * 2**20}
    write_atomic(path, b"a" * 2**20)
    for _ in range(20):
        with _python(WRITER, path) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            time.sleep(waits.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
        assert path.read_bytes() in whole
    with lock(path):
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out", "out.lock"]


def of_states() -> Forecast:
    """Two days of a sky that is more rain than sun, and then the other way."""
    days = np.datetime64("2024-02-28", "us") + np.arange(2) * np.timedelta64(1, "D")
    item = ItemForecast((), "sky", days, np.empty((2, 0)), np.array([[0.75, 0.25], [1 / 3, 2 / 3]]))
    return Forecast((item,), (), Columns("date", ("sky",)), states=("=rain", "sun"), task="class")


def test_states_are_written_by_their_names() -> None:
    """With nine digits of their probabilities, in any format."""
    text = "date,forecast,p_=rain,p_sun\n2024-02-28,=rain,0.75,0.25\n2024-02-29,sun,0.333333333,0.666666667\n"
    assert render(of_states()).decode() == text
    document = json.loads(render(of_states(), format="json"))
    assert document["rows"][1] == {
        "date": "2024-02-29",
        "forecast": "sun",
        "p_=rain": 0.333333333,
        "p_sun": 0.666666667,
    }
    frame = pd.read_parquet(io.BytesIO(render(of_states(), format="parquet")))
    assert frame["forecast"].tolist() == ["=rain", "sun"]
    assert frame["p_sun"].tolist() == [0.25, 2 / 3]


def test_a_state_that_a_spreadsheet_would_compute_is_defused() -> None:
    """As any other text of the file."""
    assert "2024-02-28,'=rain,0.75" in render(of_states(), excel_safe=True).decode()
