"""Shard: the same share of the same names on every machine, for ever."""

from __future__ import annotations

from collections import Counter

import pytest

from forecast.errors import ConfigError
from forecast.shards import Shard

#: sha256 of the name's UTF-8 modulo N, plus one, by hand from Python's hashlib: (name, of 2, of 3, of 7, of 16).
KNOWN = (
    ("", 2, 2, 2, 6),
    ("sales", 1, 2, 1, 13),
    ("prices/Åarhus", 1, 1, 5, 3),
    ("a", 2, 2, 2, 12),
    ("store\x1fmilk", 2, 3, 2, 12),
)


@pytest.mark.parametrize(("name", "two", "three", "seven", "sixteen"), KNOWN)
def test_a_name_is_where_it_always_was(name: str, two: int, three: int, seven: int, sixteen: int) -> None:
    """These numbers must never change: parts of one whole may come from machines with other versions."""
    for of, number in ((2, two), (3, three), (7, seven), (16, sixteen)):
        assert [k for k in range(1, of + 1) if Shard(k, of).holds(name)] == [number]


@pytest.mark.parametrize("of", [1, 2, 16])
def test_shares_are_disjoint_complete_and_of_like_size(of: int) -> None:
    """Each name is in exactly one; and none has half as much again as its due, of ten thousand names."""
    sizes = Counter(k for i in range(10_000) for k in range(1, of + 1) if Shard(k, of).holds(f"item {i}"))
    assert sizes.total() == 10_000
    assert max(sizes.values()) <= 10_000 / of * 1.5


def test_a_text_is_read_and_written_back() -> None:
    """With leading zeros, as job arrays may have them."""
    assert Shard.parse("3/16") == Shard(3, 16)
    assert Shard.parse("003/016") == Shard(3, 16)
    assert str(Shard(3, 16)) == "3/16"
    assert Shard(3, 16).label == "3-of-16"
    assert Shard.parse("10000/10000").number == 10_000


@pytest.mark.parametrize(
    "text", ["", "3", "0/3", "4/3", "1/0", "1/10001", "-1/3", "1 / 3", "1/3 ", "a/b", "1/3/5", "٣/٤"]
)
def test_other_texts_are_refused(text: str) -> None:
    """As an option that cannot be used."""
    with pytest.raises(ConfigError, match="shard"):
        Shard.parse(text)


def test_a_name_that_is_no_text_has_a_share_too() -> None:
    """Half a surrogate pair, as a file name may hold one."""
    assert sum(Shard(k, 3).holds("\ud800") for k in (1, 2, 3)) == 1
