"""How many changed model files does the reader accept, and does any of them break it?

    python benchmarks/checkpoint_fuzz.py [--mutants 100000] [--seed 1]

A file with the weights of a small LSTM is changed at random: bits flipped, bytes inserted, deleted, copied over others
or cut off, or a value of its JSON replaced. About half of the changed files get a valid sha256 again, as a hostile
author would give them. The exit status is 1 when a changed file without a new seal is accepted; any error but a
CheckpointError ends the run with its traceback.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from forecast import checkpoint
from forecast.checkpoint import TensorSpec
from forecast.errors import CheckpointError, ConfigError

KINDS = ("flip", "insert", "delete", "truncate", "copy", "json")
NASTY: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 7, 2**31, 2**63, 10**30, 0.5, 1e308),
    *("", "F32", "F64", "../x", "\x00", "é\ud800", "9" * 70),
    *([], [0], [2**62, 4], [[]], {}, {"forecast": "{}"}),
)


class Mutant(NamedTuple):
    """The bytes of a changed file, how they were changed, and whether they were sealed again."""

    kind: str
    sealed: bool
    data: bytes


def sample() -> bytes:
    """A model file of some 20,000 weights."""
    metadata = {"hidden": 64, "features": 8, "columns": {"time": "Tag", "ids": ["Läden"]}, "scale": [0.1, 1e-7]}
    random_state = np.random.default_rng(1)
    tensors = {
        name: random_state.normal(size=spec.shape).astype(np.float32) for name, spec in expected(metadata).items()
    }
    return checkpoint.seal(metadata, tensors)


def expected(metadata: Mapping[str, Any]) -> dict[str, TensorSpec]:
    """The tensors that the metadata of `sample` asks for."""
    hidden, features = metadata["hidden"], metadata["features"]
    if not (1 <= hidden <= 4096 and 1 <= features <= 4096):
        raise ConfigError("hidden and features must lie between 1 and 4096")
    shapes = {"weight_ih": (4 * hidden, features), "weight_hh": (4 * hidden, hidden), "bias": (4 * hidden,)}
    shapes |= {"head.weight": (13, hidden), "head.bias": (13,)}
    return {name: TensorSpec("F32", shape) for name, shape in shapes.items()}


def mutants(original: bytes, count: int, seed: int) -> Iterator[Mutant]:
    """Changed copies of a model file; a few of them come out as they were."""
    rng = random.Random(seed)
    for _ in range(count):
        kind = rng.choice(KINDS)
        data = _change_json(original, rng) if kind == "json" else _change_bytes(original, kind, rng)
        sealed = rng.random() < 0.5
        yield Mutant(kind, sealed, seal_again(data) if sealed else data)


def seal_again(data: bytes) -> bytes:
    """The same bytes with the sha256 that they should have, wherever its digits still are."""
    found = re.search(rb'\\"sha256\\":\\"([0-9a-f]{64})\\"', data)
    if found is None:
        return data
    before, after = data[: found.start(1)], data[found.end(1) :]
    return before + hashlib.sha256(before + b"0" * 64 + after).hexdigest().encode() + after


def outcome(mutant: Mutant, original: bytes) -> str:
    """What the reader made of a mutant: ACCEPTED must never occur, nor any error but a CheckpointError."""
    try:
        _, tensors = checkpoint.parse(mutant.data, expected)
    except CheckpointError:
        return "refused"
    if mutant.data == original:
        return "unchanged"
    if not mutant.sealed or not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        return "ACCEPTED"
    return "accepted, resealed"


def main() -> int:
    """Prints one line per kind of change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    original, counts, start = sample(), Counter[tuple[str, str]](), time.perf_counter()
    for mutant in mutants(original, options.mutants, options.seed):
        counts[mutant.kind, outcome(mutant, original)] += 1
    columns = sorted({result for _, result in counts} | {"refused", "ACCEPTED"}, key=str.lower)
    print(f"{'kind':10}", *(f"{column:>20}" for column in columns))
    for kind in KINDS:
        print(f"{kind:10}", *(f"{counts[kind, column]:20,}" for column in columns))
    print(f"{counts.total():,} mutants of {len(original):,} bytes in {time.perf_counter() - start:.0f} s")
    return int(any(result == "ACCEPTED" for _, result in counts))


def _change_bytes(data: bytes, kind: str, rng: random.Random) -> bytes:
    """One change, in the header half of the time; its length field then follows half of the time."""
    header_end = 8 + int.from_bytes(data[:8], "little")
    at = rng.randrange(header_end if rng.random() < 0.5 else len(data))
    length = rng.randint(1, 16)
    if kind == "truncate":
        return data[:at]
    changed = bytearray(data)
    if kind == "flip":
        changed[at] ^= 1 << rng.randrange(8)
    elif kind == "insert":
        changed[at:at] = rng.randbytes(length)
    elif kind == "delete":
        del changed[at : at + length]
    else:
        source = rng.randrange(len(data) - length)
        changed[at : at + length] = data[source : source + length]
    if 8 <= at < header_end and rng.random() < 0.5:
        changed[:8] = (header_end - 8 + len(changed) - len(data)).to_bytes(8, "little")
    return bytes(changed)


def _change_json(data: bytes, rng: random.Random) -> bytes:
    """One value, of the header or of the metadata inside it, replaced or removed; written canonically."""
    header_end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:header_end])
    if rng.random() < 0.5:
        metadata = json.loads(header["__metadata__"]["forecast"])
        _replace_one(metadata, rng)
        header["__metadata__"]["forecast"] = _canonical(metadata)
    else:
        _replace_one(header, rng)
    text = _canonical(header)
    text += " " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text.encode() + data[header_end:]


def _replace_one(tree: Any, rng: random.Random) -> None:
    """Walks down at random and changes what it finds there."""
    key = rng.choice(list(tree) if isinstance(tree, dict) else range(len(tree)))
    if isinstance(tree[key], (dict, list)) and tree[key] and rng.random() < 0.8:
        _replace_one(tree[key], rng)
    elif rng.random() < 0.1:
        del tree[key]
    elif rng.random() < 0.1 and isinstance(tree, dict):
        tree[rng.choice(["__metadata__", "b", "forecast", "x" * 300])] = tree[key]
    else:
        tree[key] = rng.choice(NASTY)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


if __name__ == "__main__":
    sys.exit(main())
