"""The model file: strict safetensors, weights in float32, one metadata key `forecast` that holds canonical JSON.

Nothing in it is run or imported by name, and nothing is built from it before all of it is checked. The sha256 inside
shows that a file is whole, not who made it: whoever can change a file can also seal it again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from forecast.errors import CheckpointError, ForecastError
from forecast.version import VERSION
from forecast.writing import write_atomic

#: Raised when a file means other numbers than before; additions that an older reader may ignore leave it alone.
FORMAT = 6
#: The first version of forecast that reads FORMAT.
MIN_READER = "0.1.0"

MAX_FILE = 2 * 1024**3
MAX_HEADER = 1024**2
MAX_TENSORS = 4096
MAX_RANK = 8

Weights = NDArray[np.float32]

_WIDTHS = {"F32": 4}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,199}")
_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}")
_ENVELOPE = {"format": int, "min_reader": str, "created_by": str, "sha256": str}

_TRAIN_AGAIN = "train again with: forecast train DATA"
_WHICH_FILE = "is this a model file? train one with: forecast train DATA"


@dataclass(frozen=True)
class TensorSpec:
    """The dtype of a tensor, as safetensors names it (`F32`), and its shape."""

    dtype: str
    shape: tuple[int, ...]


Expected = Callable[[Mapping[str, Any]], Mapping[str, TensorSpec]]


def save(path: str | Path, metadata: Mapping[str, Any], tensors: Mapping[str, Weights]) -> str:
    """Writes the sealed file atomically, reads it back as strictly as any reader would, and returns its sha256."""
    specs = {name: TensorSpec("F32", tensor.shape) for name, tensor in tensors.items()}
    digests = []

    def read_back(data: bytes) -> None:
        written, _ = parse(data, lambda _: specs, name=str(path))
        digests.append(written["sha256"])

    write_atomic(Path(path), seal(metadata, tensors), verify=read_back)
    return str(digests[0])


def load(path: str | Path, expected: Expected) -> tuple[dict[str, Any], dict[str, Weights]]:
    """The metadata and the weights of a model file, each weight exactly as `expected` derives it from the metadata.

    The metadata includes what sealing added: format, min_reader, created_by, sha256. Whatever is wrong with the file,
    or with the metadata in the eyes of `expected`, is a CheckpointError.
    """
    with _errors_naming(str(path)):
        return _parse(_read(path), expected)


def seal(metadata: Mapping[str, Any], tensors: Mapping[str, Weights]) -> bytes:
    """The bytes of a model file: the same for the same metadata and weights, in every process and on every machine.

    The keys format, min_reader, created_by and sha256 are set here, whatever the metadata says of them. The sha256 is
    over the whole file with zeros for its own digits. Metadata that JSON cannot hold, NaN included, is a ForecastError.
    """
    entries, parts, position = {}, [], 0
    for name, tensor in sorted(tensors.items()):
        if (tensor.dtype.kind, tensor.dtype.itemsize) != ("f", 4):
            raise ForecastError(f"tensor {name!r}: weights are stored as float32, found {tensor.dtype}")
        part = tensor.astype("<f4").tobytes()
        end = position + len(part)
        entries[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [position, end]}
        parts.append(part)
        position = end
    body = b"".join(parts)
    sealed = {**metadata, "format": FORMAT, "min_reader": MIN_READER, "created_by": f"forecast {VERSION}"}
    try:
        sealed["sha256"] = _digest(sealed, entries, memoryview(body))
        return _header(sealed, entries) + body
    except (TypeError, ValueError) as error:
        raise ForecastError("the metadata cannot be written as JSON", why=str(error)) from error


def parse(data: bytes, expected: Expected, name: str = "model file") -> tuple[dict[str, Any], dict[str, Weights]]:
    """What `load` returns, from bytes; `name` says in an error where they came from."""
    with _errors_naming(name):
        return _parse(data, expected)


def _parse(data: bytes, expected: Expected) -> tuple[dict[str, Any], dict[str, Weights]]:
    """Every check in the order of its cost: nothing is allocated or derived from what is not checked yet."""
    start = 8 + _header_length(data[:9], len(data))
    body = memoryview(data)[start:]
    entries = _strict_json(_text(data[8:start]), "the header")
    metadata = _metadata(entries.pop("__metadata__", None))
    if data[:start] != _header(metadata, entries):
        raise CheckpointError("the header is not in canonical form", why="forecast did not write it this way")
    if metadata["sha256"] != _digest(metadata, entries, body):
        raise CheckpointError(
            "the sha256 does not match",
            why="the file changed after it was saved",
            hint=f"copy it again, or {_TRAIN_AGAIN}",
        )
    _check_readable(metadata)
    specs = _specs(entries, len(body))
    _check_expected(specs, metadata, expected)
    return metadata, _weights(specs, body)


def _read(path: str | Path) -> bytes:
    """The bytes of a regular file that begins like a model file; symlinks are followed."""
    # O_NONBLOCK: opening a FIFO that nobody writes to would otherwise wait for ever. Windows has neither.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise CheckpointError("not a regular file", hint=_WHICH_FILE)
        with os.fdopen(handle, "rb", closefd=False) as file:
            _header_length(file.read(9), status.st_size)
            file.seek(0)
            return file.read(status.st_size)
    finally:
        os.close(handle)


def _header_length(first: bytes, size: int) -> int:
    """The length of the header, from the first nine bytes of a file of this size."""
    if not 8 <= size <= MAX_FILE:
        raise CheckpointError(f"{size} bytes are not the size of a model file", hint=_WHICH_FILE)
    length = int.from_bytes(first[:8], "little")
    if length > MAX_HEADER:
        raise CheckpointError(f"the header claims {length} bytes, more than {MAX_HEADER}", hint=_WHICH_FILE)
    if length > size - 8:
        raise CheckpointError(f"the header claims {length} bytes, but the file ends after {size - 8} of them")
    if length == 0 or first[8:] != b"{":
        raise CheckpointError("the header does not begin with `{`", hint=_WHICH_FILE)
    return length


def _text(header: bytes) -> str:
    try:
        return header.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError("the header is not UTF-8 text", why=str(error)) from error


def _strict_json(text: str, what: str) -> dict[str, Any]:
    """The object that JSON text holds; duplicate keys and numbers that are not finite are refused."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_not_finite, parse_float=_finite)
    except ValueError as error:
        raise CheckpointError(f"{what} is not strict JSON", why=str(error)) from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{what} is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"key {key!r} appears twice")
        values[key] = value
    return values


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a finite number")


def _metadata(outer: Any) -> dict[str, Any]:
    if not isinstance(outer, dict) or list(outer) != ["forecast"] or not isinstance(outer["forecast"], str):
        raise CheckpointError("the metadata is not one text named `forecast`", hint=_WHICH_FILE)
    metadata = _strict_json(outer["forecast"], "the metadata")
    for key, kind in _ENVELOPE.items():
        if type(metadata.get(key)) is not kind:  # isinstance would take true for an int
            raise CheckpointError(f"the metadata has no {key} of type {kind.__name__}")
    return metadata


def _header(metadata: Mapping[str, Any], entries: Mapping[str, Any]) -> bytes:
    """The one way to write a header: its length, canonical JSON, spaces until the weights begin at a multiple of 8."""
    text = _canonical({"__metadata__": {"forecast": _canonical(metadata)}, **entries})
    length = (len(text) + 7) // 8 * 8
    return length.to_bytes(8, "little") + text.ljust(length).encode("ascii")


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def _digest(metadata: Mapping[str, Any], entries: Mapping[str, Any], body: memoryview) -> str:
    sha = hashlib.sha256(_header({**metadata, "sha256": "0" * 64}, entries))
    sha.update(body)
    return sha.hexdigest()


def _check_readable(metadata: Mapping[str, Any]) -> None:
    needed = metadata["min_reader"]
    if not _VERSION.fullmatch(needed) or metadata["format"] < 1:
        raise CheckpointError("the metadata names no format and version that were ever released")
    if metadata["format"] > FORMAT or _release(needed) > _release(VERSION):
        raise CheckpointError(
            f"needs forecast >= {needed}, this is {VERSION}", hint=f"upgrade forecast, or {_TRAIN_AGAIN}"
        )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _specs(entries: Mapping[str, Any], size: int) -> dict[str, TensorSpec]:
    """The tensors in the order of their names, which is the order of their bytes: no gap, no overlap, nothing left."""
    if len(entries) > MAX_TENSORS:
        raise CheckpointError(f"{len(entries)} tensors, more than {MAX_TENSORS}")
    specs, position = {}, 0
    for name in sorted(entries):
        if not _NAME.fullmatch(name):
            raise CheckpointError(f"tensor name {name[:40]!r} is not allowed")
        specs[name] = _spec(name, entries[name])
        end = position + _size(specs[name])
        if not _equals_ints(entries[name]["data_offsets"], [position, end]):
            raise CheckpointError(f"tensor {name!r} does not lie at bytes {position} to {end}")
        position = end
    if position != size:
        raise CheckpointError(f"the weights are {size} bytes, but the header describes {position}")
    return specs


def _spec(name: str, entry: Any) -> TensorSpec:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"tensor {name!r} is not described by dtype, shape and data_offsets")
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(dtype, str) or dtype not in _WIDTHS:
        raise CheckpointError(f"tensor {name!r} is not of dtype {' or '.join(_WIDTHS)}")
    if not isinstance(shape, list) or len(shape) > MAX_RANK or not all(type(n) is int and n > 0 for n in shape):
        raise CheckpointError(f"tensor {name!r} does not have a shape of at most {MAX_RANK} positive whole numbers")
    return TensorSpec(dtype, tuple(shape))


def _size(spec: TensorSpec) -> int:
    return math.prod(spec.shape) * _WIDTHS[spec.dtype]


def _equals_ints(found: Any, wanted: list[int]) -> bool:
    # Python takes false for 0 and 8.0 for 8; a strict reader does not.
    return found == wanted and all(type(n) is int for n in found)


def _check_expected(specs: Mapping[str, TensorSpec], metadata: Mapping[str, Any], expected: Expected) -> None:
    """The tensors are those, and only those, that the metadata asks for."""
    try:
        wanted = expected(metadata)
    # The metadata may be sealed by anyone: what is missing from it or of the wrong type is the file's fault.
    except (ForecastError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        why = error.message if isinstance(error, ForecastError) else repr(error)
        raise CheckpointError("the model it describes cannot be built", why=why) from error
    for name in sorted(specs.keys() | wanted.keys()):
        if name not in specs:
            raise CheckpointError(f"tensor {name!r} is missing")
        if name not in wanted:
            raise CheckpointError(f"tensor {name!r} is not part of the model it describes")
        if specs[name] != wanted[name]:
            raise CheckpointError(f"tensor {name!r} is {_words(specs[name])}, the model needs {_words(wanted[name])}")


def _words(spec: TensorSpec) -> str:
    return f"{spec.dtype} {list(spec.shape)}"


def _weights(specs: Mapping[str, TensorSpec], body: memoryview) -> dict[str, Weights]:
    weights, position = {}, 0
    for name, spec in specs.items():
        end = position + _size(spec)
        weights[name] = np.frombuffer(body[position:end], "<f4").reshape(spec.shape).astype(np.float32)
        if not np.isfinite(weights[name]).all():
            raise CheckpointError(f"tensor {name!r} holds weights that are not finite")
        position = end
    return weights


@contextmanager
def _errors_naming(name: str) -> Iterator[None]:
    """Every failure becomes one line that begins with the name of the file, and a way out."""
    try:
        yield
    except CheckpointError as error:
        hint = error.hint or _TRAIN_AGAIN
        raise CheckpointError(f"{name}: {error.message}", why=error.why, hint=hint) from error
    except RecursionError as error:
        raise CheckpointError(f"{name}: the header is nested too deeply", hint=_WHICH_FILE) from error
    except OSError as error:
        raise CheckpointError(f"{name}: {(error.strerror or str(error)).lower()}", hint=_TRAIN_AGAIN) from error
