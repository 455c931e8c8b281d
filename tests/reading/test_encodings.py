"""Bytes to text."""

from __future__ import annotations

import codecs
import gzip
import io
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.reading import encodings
from forecast.reading.encodings import decode
from forecast.reading.problems import FileProblems, Problem
from tests.reading.files import daily

TEXT = "Datum;Größe\n2024-01-01;5\n"


def refused(content: bytes, encoding: str | None = None) -> Problem:
    """What is wrong with the content."""
    with pytest.raises(FileProblems) as caught:
        decode(content, "x.csv", encoding)
    (problem,) = caught.value.problems
    return problem


def test_text_in_utf8_is_the_text_and_not_a_copy() -> None:
    """A mark in front is not part of it."""
    content = TEXT.encode()
    assert decode(content, "x.csv") == (content, ())
    assert decode(content, "x.csv")[0] is content
    assert decode(codecs.BOM_UTF8 + content, "x.csv") == (content, ())
    assert decode(content, "x.csv", "utf-8") == (content, ())


@pytest.mark.parametrize("name", ["utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["le", "be"])
def test_a_mark_names_the_encoding(name: str, end: str) -> None:
    """The text is decoded, which a note says; another encoding cannot be given for it."""
    content = ("\ufeff" + TEXT).encode(f"{name}-{end}")
    text, (note,) = decode(content, "x.csv")
    assert text == TEXT.encode()
    assert note == f"W104 the text is in {name.upper()} and was decoded"
    assert decode(content, "x.csv", name) == (text, ())
    problem = refused(content, "cp1252")
    assert (problem.code, problem.hint) == ("E106", f"--encoding {name}")


@pytest.mark.parametrize("end", ["le", "be"])
def test_utf16_without_a_mark_is_refused_with_its_name(end: str) -> None:
    """It is not guessed, and the hint reads it."""
    content = TEXT.encode(f"utf-16-{end}")
    problem = refused(content)
    assert (problem.code, problem.hint) == ("E107", f"--encoding utf-16-{end}")
    assert decode(content, "x.csv", f"utf-16-{end}") == (TEXT.encode(), ())


@pytest.mark.parametrize(
    ("text", "encoding", "hint"),
    [
        (TEXT, "cp1252", "cp1252"),
        ("Preis €,Größe\n", "cp1252", "cp1252"),
        ("日期,销售数量\n2024-01-01,数量很多\n", "gb18030", "gb18030"),
    ],
)
def test_another_encoding_is_a_hint_and_no_guess(text: str, encoding: str, hint: str) -> None:
    """The byte is named with its place, and the hint reads the file."""
    content = text.encode(encoding)
    problem = refused(content)
    at = next(i for i, byte in enumerate(content) if byte >= 0x80)
    assert (problem.code, problem.line, problem.hint) == ("E106", 1, f"--encoding {hint}")
    assert problem.text == f"byte 0x{content[at]:02x} at offset {at} is not UTF-8"
    assert decode(content, "x.csv", hint) == (text.encode(), ())


def test_one_bad_byte_in_utf8_is_no_other_encoding() -> None:
    """Where all other letters are UTF-8 the line is damaged, and reading it as cp1252 would spoil the rest."""
    content = (TEXT * 50).encode().replace("ß".encode(), b"\xdf", 1)
    problem = refused(content)
    assert problem.hint == "repair that line"
    assert problem.line == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_bad_byte_is_found_on_its_line_whatever_ends_lines(end: str) -> None:
    """Lines are counted as the reader counts them."""
    content = daily().replace("\n", end).encode().replace(b"2024-01-07", b"2024-01-\xe9")
    problem = refused(content)
    assert (problem.code, problem.line) == ("E106", 8)
    assert "0xe9" in problem.text


@given(st.binary(max_size=60), st.integers(1, 9))
def test_the_first_bad_byte_is_the_one_that_python_finds(content: bytes, size: int) -> None:
    """Wherever the parts end in which the content is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encodings, "_CHUNK", size)
        found = encodings._first_error(content, "utf-8")
    valid = len(content.decode(errors="ignore").encode()) == len(content)
    assert (found is None) == valid
    if found is not None:
        with pytest.raises(UnicodeDecodeError) as caught:
            content.decode()
        assert (found.start, found.end) == (caught.value.start, caught.value.end)


def test_an_encoding_that_does_not_fit_is_refused() -> None:
    """At the byte and line where it ends; and with a note where the text might be UTF-8 after all."""
    problem = refused(b"a,b\n1,\x81\n", "cp1252")
    assert (problem.code, problem.line) == ("E106", 2)
    assert "0x81 at offset 6" in problem.text
    text, (note,) = decode(TEXT.encode(), "x.csv", "cp1252")
    assert text == TEXT.encode().decode("cp1252").encode()
    assert note.startswith("W105 ")


def test_half_a_character_is_no_text() -> None:
    """At the end of a file in UTF-16 that was cut off."""
    assert refused(daily().encode("utf-16") + b"1").code == "E106"


def test_a_nul_byte_is_found_on_its_line() -> None:
    """A file whose end was never written is full of them."""
    problem = refused(b"date,y\n2024-01-01,1\n\0\0\0\0")
    assert (problem.code, problem.line) == ("E107", 3)


@pytest.mark.parametrize("content", [b"\n\r\n  \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_blank_lines_alone_are_no_table(content: bytes) -> None:
    """Nor is a byte order mark alone."""
    assert refused(content).code == "E104"


def archive(kind: str) -> bytes:
    """An archive that holds a table."""
    target = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(target, "w") as packed:
            packed.writestr("data.csv", daily())
    else:
        with tarfile.open(fileobj=target, mode="w") as bundle:
            bundle.addfile(tarfile.TarInfo("data.csv"))
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (archive("zip"), "a zip archive"),
        (archive("tar"), "a tar archive"),
        (gzip.compress(b"x", mtime=0), "an archive inside an archive"),
        (b"\x28\xb5\x2f\xfd....", "a zstd archive"),
        (b"%PDF-1.7", "a PDF document"),
        (b"<!DOCTYPE html>", "a web page or XML"),
        (b'\xef\xbb\xbf{"error": 404}', "JSON"),
    ],
)
def test_another_kind_of_file_is_named(content: bytes, found: str) -> None:
    """With what to do about it."""
    problem = refused(content)
    assert (problem.code, problem.text) == ("E105", f"this is {found}, not a table of text")
    assert problem.hint
