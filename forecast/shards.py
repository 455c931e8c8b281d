"""Shard: which of N machines does what, known from the name of each thing alone, so that no two have to agree on it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from forecast.errors import ConfigError

MOST = 10_000

_TEXT = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True)
class Shard:
    """One share of `of`, number counted from 1. They do not overlap, and together leave nothing out."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of <= MOST:
            raise ConfigError(
                f"shard {self} does not exist: k/N has k from 1 to N, and N at most {MOST:,}", hint="--shard 1/16"
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard of a text such as 3/16, the third of sixteen. Raises ConfigError for any other text."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ConfigError(f"shard {text!r:.60} is not k/N, such as 3/16", hint="--shard 1/16")
        return cls(int(found[1]), int(found[2]))

    def holds(self, id: str) -> bool:
        """Whether a thing of this id is in this share: the sha256 of its UTF-8, as a number, modulo N, is k - 1.

        No seed, no version and no other id has a say, so that the answer is the same on every machine for ever.
        """
        digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest, "big") % self.of == self.number - 1

    @property
    def label(self) -> str:
        """The shard in the name of a file: 3-of-16."""
        return f"{self.number}-of-{self.of}"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"
