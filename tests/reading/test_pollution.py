"""A gate: of files spoilt in every way none is read wrongly without a word, and no fewer are saved than before."""

from __future__ import annotations

from collections import Counter

from benchmarks.pollution import OUTCOMES, outcomes

#: How many of the files are read rightly, repaired or not. It may rise.
LEAST = {"named": 169, "no options": 171}


def test_spoilt_files_are_saved_or_refused_and_never_wrong() -> None:
    """Whatever is done to a file, it is read as what it was, or refused with what to do; and refusing all is no way."""
    # It takes seconds to compare business days with the calendars of all exchanges.
    found = list(outcomes([1], tuple(LEAST), without=("business days",)))
    assert [one for one in found if one.outcome == OUTCOMES[-1]] == []
    refused = [one for one in found if one.outcome == "refused"]
    assert [one for one in refused if " E" not in one.words or one.words.endswith("HINT None")] == []
    saved = Counter(one.reader for one in found if one.outcome in ("right", "salvaged"))
    assert {reader: saved[reader] for reader in LEAST if saved[reader] < LEAST[reader]} == {}, saved
