"""Bytes to fields, against a reader that goes through the text one character at a time."""

from __future__ import annotations

from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.reading import tokens
from forecast.reading.problems import Problem
from forecast.reading.tokens import Form, tokenise

#: Few characters, so that quotes, blanks, delimiters and line ends meet in every way.
TEXTS = st.sampled_from(['a"{}\n', 'ab" {}\n\r', 'ab "{}{}\r\n\tü', '"{}\n', 'a "" {}\n\r'])
PIECES = st.lists(st.integers(0, 8), min_size=1, max_size=25)

Record = tuple[int, list[str]]


class Fault(Exception):
    """The line and the number of a field that is quoted badly."""


def slow_records(text: str, delimiter: str) -> list[Record]:
    """Every record with the line it begins on. Raises Fault at the first field that breaks the rules of quotes."""
    records: list[Record] = []
    at, line = 0, 1
    while True:
        begins, fields, more = line, [], True
        while more:
            field, end = slow_field(text, at, delimiter, (line, len(fields) + 1))
            fields.append(field)
            line += line_ends(text[at:end])
            more = text[end : end + 1] == delimiter
            at = end + 1 if more else end
        records.append((begins, fields))
        at += 2 if text[at : at + 2] == "\r\n" else 1
        line += 1
        if at >= len(text):
            return records


def slow_field(text: str, at: int, delimiter: str, place: tuple[int, int]) -> tuple[str, int]:
    """The field that begins at a position, and where it ends."""
    blanks, ends = " \t".replace(delimiter, ""), f"{delimiter}\r\n"
    start = at
    while text[start : start + 1] and text[start] in blanks:
        start += 1
    if text[start : start + 1] != '"':
        end = at
        while end < len(text) and text[end] not in ends:
            end += 1
        if '"' in text[at:end]:
            raise Fault(*place)
        return text[at:end].strip(blanks), end
    inside, end = "", start + 1
    while text[end : end + 1] != '"' or text[end : end + 2] == '""':
        if end >= len(text):
            raise Fault(*place)
        inside += text[end]
        end += 2 if text[end] == '"' else 1
    end += 1
    while end < len(text) and text[end] in blanks:
        end += 1
    if end < len(text) and text[end] not in ends:
        raise Fault(*place)
    return inside, end


def line_ends(text: str) -> int:
    return len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")) - 1


@settings(max_examples=600, deadline=None)
@given(TEXTS, PIECES, st.sampled_from(",;\t"), st.sampled_from([1, 2, 3, 7, 64]))
def test_any_text_is_cut_as_one_character_after_the_other_would_be(
    alphabet: str, pieces: list[int], delimiter: str, chunk: int
) -> None:
    """Fields, lines, and the place of the first fault, however the chunks fall that the bytes are looked at in."""
    characters = alphabet.format(delimiter, delimiter)
    text = "".join(characters[piece % len(characters)] for piece in pieces)
    with mock.patch.object(tokens, "_CHUNK", chunk):
        found = tokenise(text.encode(), Form(delimiter))
    try:
        expected: object = slow_records(text, delimiter)
    except Fault as fault:
        expected = fault.args
    if isinstance(found, Problem):
        assert (found.line, found.column) == expected
    else:
        assert [(int(found.lines[i]), found.fields(i)) for i in range(len(found))] == expected


@given(st.lists(st.text(st.sampled_from('a,"\\\n '), max_size=6), min_size=2, max_size=6))
def test_escapes_and_doubled_quotes_come_back(fields: list[str]) -> None:
    """Quoted fields with both ways of writing a quote inside, and escapes of anything."""
    written = [f.replace("\\", "\\\\").replace('"', '""' if n % 2 else '\\"') for n, f in enumerate(fields)]
    found = tokenise(",".join(f'"{text}"' for text in written).encode(), Form(escape="\\"))
    assert not isinstance(found, Problem)
    assert found.fields(0) == fields


def test_an_escape_needs_no_quotes() -> None:
    """It takes the meaning from delimiters, line ends and quotes anywhere; the lines are still counted."""
    for end in ("\n", "\r", "\r\n"):
        found = tokenise(f'a\\,b,c\\{end}d\\"{end}e,\\ f{end}'.encode(), Form(escape="\\"))
        assert not isinstance(found, Problem)
        assert [found.fields(0), found.fields(1)] == [["a,b", f'c{end}d"'], ["e", " f"]]
        assert list(found.lines) == [1, 3]
