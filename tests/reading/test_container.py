"""Files and stdin, as bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from forecast.reading import container, read_panel
from forecast.reading.problems import ChangingFile
from tests.reading.files import daily, problem_of, put, read


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mark.csv", b"\xef\xbb\xbf" + daily().encode()),
        ("little.csv", daily().encode("utf-16")),
        ("big.csv", b"\xfe\xff" + daily().encode("utf-16-be")),
        ("packed.csv.gz", gzip.compress(daily().encode())),
        ("packed.csv", gzip.compress(daily().encode())),
        ("packed_mark.csv", gzip.compress(b"\xef\xbb\xbf" + daily().encode())),
        ("packed.csv.bz2", bz2.compress(daily().encode())),
        ("packed.csv.xz", lzma.compress(daily().encode())),
        ("two_members.csv.bz2", bz2.compress(daily()[:60].encode()) + bz2.compress(daily()[60:].encode())),
        ("zero_padded.csv.xz", lzma.compress(daily().encode()) + bytes(64)),
        ("two_members.csv.gz", gzip.compress(daily()[:60].encode()) + gzip.compress(daily()[60:].encode())),
        ("zero_padded.csv.gz", gzip.compress(daily().encode()) + bytes(100)),
    ],
)
def test_a_wrapping_changes_nothing(tmp_path: Path, name: str, content: bytes) -> None:
    """Byte order marks, UTF-16 and gzip, whatever the name says, give the panel of the plain file."""
    plain = read_panel(put(tmp_path, daily()))
    assert read_panel(put(tmp_path, content, name)).digest() == plain.digest()


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    """A symbolic link stands for its file."""
    link = tmp_path / "link.csv"
    link.symlink_to(put(tmp_path, daily()))
    assert len(read_panel(link).series[0]) == 20


def test_a_missing_file_is_named_with_a_neighbour(tmp_path: Path) -> None:
    """A mistyped name gets the name that was meant."""
    put(tmp_path, daily(), "sales.csv")
    problem = problem_of(tmp_path / "sale.csv")
    assert problem.code == "E101"
    assert problem.hint == f"did you mean {tmp_path / 'sales.csv'}?"
    assert problem_of(tmp_path / "nosuch.csv").hint is None
    assert problem_of(tmp_path / "nowhere" / "sales.csv").code == "E101"
    assert problem_of(tmp_path / "sales.csv" / "sales.csv").code == "E101"
    (tmp_path / "link.csv").symlink_to(tmp_path / "gone.csv")
    assert problem_of(tmp_path / "link.csv").text == "the link leads to no file"


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    """A directory, a pipe and a device are refused at once; opening a pipe would wait for ever."""
    put(tmp_path, daily(), "sales.csv")
    directory = problem_of(tmp_path)
    assert (directory.code, directory.hint) == ("E102", f"did you mean {tmp_path / 'sales.csv'}?")
    os.mkfifo(tmp_path / "pipe.csv")
    pipe = problem_of(tmp_path / "pipe.csv")
    assert (pipe.code, pipe.text) == ("E102", "this is a pipe, where a file is needed")
    assert problem_of(Path("/dev/null")).text == "this is a device, where a file is needed"


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (PermissionError(13, "Permission denied"), "no permission to read this file"),
        (OSError(5, "Input/output error"), "the file cannot be read: input/output error"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, found: str
) -> None:
    """No permission and a failing disk are told apart from a missing file."""

    def fail(*_: object) -> bytes:
        raise error

    path = put(tmp_path, daily())
    monkeypatch.setattr(Path, "open", fail)
    problem = problem_of(path)
    assert (problem.code, problem.text) == ("E103", found)


def test_a_file_that_changes_while_it_is_read_is_for_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what somebody writes is not read as the whole; the exit code is that of trying again."""
    path = put(tmp_path, daily())
    look, looks = os.fstat, []

    def look_and_append(number: int) -> os.stat_result:
        if looks:
            with path.open("ab") as other:
                other.write(b"2024-01-21,20\n")
        looks.append(number)
        return look(number)

    monkeypatch.setattr(os, "fstat", look_and_append)
    with pytest.raises(ChangingFile) as caught:
        container.read_bytes(path)
    assert caught.value.exit_code == 75
    assert [problem.code for problem in caught.value.problems] == ["E116"]


class Terminal(io.BytesIO):
    """A stdin at which a person sits."""

    def isatty(self) -> bool:
        """It says so."""
        return True


@pytest.mark.parametrize("wrap", [bytes, gzip.compress, bz2.compress])
def test_a_dash_is_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrap: Callable[[bytes], bytes]) -> None:
    """Its content is read like that of a file, packed or not."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(wrap(daily().encode()))))
    assert container.read_bytes(Path("-")) == daily().encode()
    assert container.display_name(Path("-")) == "stdin"


def test_a_stdin_without_data_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody types a table: a terminal is not waited for. Nothing and too much are told from it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Terminal()))
    assert problem_of(Path("-")).code == "E102"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert problem_of(Path("-")).code == "E104"
    monkeypatch.setattr(sys, "stdin", None)
    assert problem_of(Path("-")).code == "E103"
    monkeypatch.setattr(container, "MAX_BYTES", 100)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x" * 101)))
    assert problem_of(Path("-")).code == "E109"


PACKERS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("kind", PACKERS)
def test_an_archive_that_is_not_whole_is_refused(tmp_path: Path, kind: str) -> None:
    """Cut off anywhere, with a byte changed, or with something behind it: never the part that can be read."""
    packed = PACKERS[kind](daily(500).encode())
    for end in (len(packed) // 2, len(packed) - 1, 7):
        assert problem_of(put(tmp_path, packed[:end])).code == "E108"
    assert problem_of(put(tmp_path, packed + b"more,rows\n")).code == "E108"
    middle = len(packed) // 2
    damaged = packed[:middle] + bytes([packed[middle] ^ 0x55]) + packed[middle + 1 :]
    problem = problem_of(put(tmp_path, damaged))
    assert problem.code == "E108"
    assert problem.text.startswith(f"the {kind} file is ")


def test_an_archive_of_nothing_is_empty(tmp_path: Path) -> None:
    """As the file that was packed."""
    assert problem_of(put(tmp_path, gzip.compress(b""))).code == "E104"


@pytest.mark.parametrize("packer", PACKERS.values(), ids=PACKERS)
def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packer: Callable[[bytes], bytes]
) -> None:
    """A bomb is refused long before its end, whatever packed it."""
    monkeypatch.setattr(container, "_HARMLESS_BYTES", 2**20)
    bomb = packer(daily().encode() + b"\n" * 2**21)
    assert problem_of(put(tmp_path, bomb, "bomb.csv.gz")).code == "E109"


def test_a_file_above_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a file is looked at before its content."""
    path = put(tmp_path, daily())
    monkeypatch.setattr(container, "MAX_BYTES", 100)
    assert problem_of(path).code == "E109"


def test_words_of_any_script_are_text(tmp_path: Path) -> None:
    """Names and ids beyond ASCII are read as they are, and letters that look like magic bytes are no other kind."""
    rows = "".join(f"2024-01-{n:02},東京 🗼,{n}\n" for n in range(1, 13))
    panel = read(put(tmp_path, f"Zeit-Date,Ort,größe\n{rows}"), id=["Ort"])
    assert panel.columns.targets == ("größe",)
    assert panel.series[0].item_id == ("東京 🗼",)
    np.testing.assert_array_equal(panel.series[0].values, np.arange(1.0, 13.0))


def test_a_long_path_is_shown_by_its_name(tmp_path: Path) -> None:
    """A message stays short however deep the file lies, and shows no control characters of its name."""
    deep = tmp_path / ("x" * 70)
    deep.mkdir()
    assert container.display_name(deep / "data.csv") == "data.csv"
    assert container.display_name(Path("a\x1b[31m.csv")) == "a\\x1b[31m.csv"
