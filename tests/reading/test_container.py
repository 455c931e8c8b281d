"""What kind of file it is, decompressed and decoded."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from forecast.reading import container, read_panel
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


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    """A directory and a pipe are refused at once; opening a pipe would wait for ever."""
    assert problem_of(tmp_path).code == "E102"
    os.mkfifo(tmp_path / "pipe.csv")
    assert problem_of(tmp_path / "pipe.csv").code == "E102"


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_a_file_that_cannot_be_read_is_a_problem_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """No permission and a failing disk are told apart from a missing file."""

    def fail(_: Path) -> bytes:
        raise error

    path = put(tmp_path, daily())
    monkeypatch.setattr(Path, "read_bytes", fail)
    assert problem_of(path).code == "E103"


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(tmp_path: Path) -> None:
    """A gzip bomb is refused long before its end, and so is a plain file above the limit."""
    bomb = gzip.compress(daily().encode() + b"\n" * (80 * 2**20), compresslevel=9)
    assert problem_of(put(tmp_path, bomb, "bomb.csv.gz")).code == "E109"


def test_a_file_above_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a file is looked at before its content."""
    path = put(tmp_path, daily())
    monkeypatch.setattr(container, "MAX_BYTES", 100)
    assert problem_of(path).code == "E109"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_bad_byte_is_found_on_its_line_whatever_ends_lines(tmp_path: Path, end: str) -> None:
    """Lines are counted as the reader counts them."""
    content = daily().replace("\n", end).encode().replace(b"2024-01-07", b"2024-01-\xe9")
    problem = problem_of(put(tmp_path, content))
    assert (problem.code, problem.line) == ("E106", 8)
    assert "0xe9" in problem.text


def test_a_broken_utf16_file_is_refused(tmp_path: Path) -> None:
    """Half a character at the end is no text."""
    assert problem_of(put(tmp_path, daily().encode("utf-16") + b"1")).code == "E106"


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
