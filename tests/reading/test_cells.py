"""One column of text in one buffer of bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.reading import cells as module
from forecast.reading.cells import Cells

TEXTS = st.lists(st.text(st.sampled_from("ab\0ü🙂 "), max_size=20), max_size=30)


@settings(deadline=None)
@given(TEXTS)
def test_the_texts_come_back(texts: list[str]) -> None:
    """One by one, all of them, and as parts."""
    cells = Cells.of(texts)
    assert list(cells) == texts == [cells[i] for i in range(len(texts))]
    assert cells == texts
    assert cells[1::2] == texts[1::2]
    assert cells != [*texts, "more"]
    assert cells.take(np.arange(len(texts))[::-1]) == texts[::-1]


@settings(deadline=None)
@given(TEXTS)
def test_distinct_texts_are_numbered_as_they_appear(texts: list[str]) -> None:
    """As a dictionary would number them, whatever their lengths and however alike they begin."""
    distinct, which = Cells.of(texts).distinct()
    assert distinct == list(dict.fromkeys(texts))
    assert [distinct[i] for i in which] == texts


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "ab", "12345678", "12345678b", "1234567", ""]), max_size=60), st.booleans())
def test_where_the_parts_begin_that_are_read_at_once_changes_nothing(texts: list[str], in_order: bool) -> None:
    """Numbers, bytes and rows are the same in parts of three cells, whether equal cells stand together or not."""
    texts = sorted(texts) if in_order else texts
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK", 3)
        cells = Cells.of(texts)
        distinct, which = cells.distinct()
        assert distinct == list(dict.fromkeys(texts))
        assert [distinct[i] for i in which] == texts
        assert bytes(cells.matrix(9)[0]) == b"".join(text.encode().ljust(9, b"\0") for text in texts)
        assert cells.rows_of("12345678b").tolist() == [i for i, text in enumerate(texts) if text == "12345678b"]


@given(TEXTS, st.integers(0, 40))
def test_a_matrix_holds_the_first_bytes_of_every_cell(texts: list[str], width: int) -> None:
    """Padded with zeros, beside the true length of each."""
    matrix, lengths = Cells.of(texts).matrix(width)
    assert matrix.shape == (len(texts), width)
    assert [bytes(row) for row in matrix] == [text.encode()[:width].ljust(width, b"\0") for text in texts]
    assert lengths.tolist() == [len(text.encode()) for text in texts]


@given(st.lists(st.sampled_from(["2024-01-01", "2024-01-02", "2024-01-0"]), min_size=1, max_size=4), st.integers(0, 12))
def test_a_period_is_where_the_same_cells_begin_again(texts: list[str], length: int) -> None:
    """From the second time that the first one is there, all are the first ones over again, and of one length."""
    texts = (texts * 12)[:length]
    begins_again = next((n for n in range(1, length) if texts[n] == texts[0]), 0)
    repeats = begins_again and texts == (texts[:begins_again] * 12)[:length] and len(set(map(len, texts))) == 1
    assert Cells.of(texts).period() == (begins_again if repeats else 0)


def test_an_index_out_of_range_is_an_error() -> None:
    """As it is with a list, at both ends."""
    cells = Cells.of(["a", "b"])
    assert cells[-1] == "b"
    for index in (2, -3):
        with pytest.raises(IndexError):
            cells[index]


def test_cells_of_cells_are_the_same() -> None:
    """Nothing is copied twice."""
    cells = Cells.of(["a"])
    assert Cells.of(cells) is cells
