"""The model file: equal bytes for equal models, one line for everything that is wrong, nothing built unchecked."""

from __future__ import annotations

import hashlib
import json
import math
import os
import runpy
import struct
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from forecast import checkpoint
from forecast.checkpoint import FORMAT, TensorSpec, load, parse, save, seal
from forecast.errors import CheckpointError, ConfigError, DataError, ForecastError, OutputError
from forecast.version import VERSION

FUZZ = Path(__file__).parent.parent / "benchmarks" / "checkpoint_fuzz.py"
METADATA = {"hidden": 3, "columns": {"time": "Tag", "ids": ["Läden"]}, "scale": [0.1, 1e-07]}
TENSORS = {
    "cell.weight": np.arange(6, dtype=np.float32).reshape(2, 3) - 2.5,
    "head.bias": np.array([1e-30, -3e30], dtype=np.float32),
    "scale": np.array(0.25, dtype=np.float32),
}
SPECS = {
    "cell.weight": TensorSpec("F32", (2, 3)),
    "head.bias": TensorSpec("F32", (2,)),
    "scale": TensorSpec("F32", ()),
}


def expected(_metadata: Mapping[str, Any]) -> dict[str, TensorSpec]:
    """The tensors of METADATA, whatever it says."""
    return SPECS


def pieces(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, metadata and weights, read without the code under test."""
    end = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:end])
    return header, json.loads(header["__metadata__"]["forecast"]), data[end:]


def canonical(value: Any) -> str:
    """JSON in the one form that is allowed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def forge(change: Callable[[dict[str, Any], dict[str, Any]], Any], *, body: bytes | None = None) -> bytes:
    """The file after `change(header, metadata)`, sealed with a valid digest as a hostile author would."""
    header, metadata, weights = pieces(seal(METADATA, TENSORS))
    change(header, metadata)
    weights = weights if body is None else body
    if "sha256" in metadata:
        metadata["sha256"] = "0" * 64
        metadata["sha256"] = hashlib.sha256(assemble(header, metadata) + weights).hexdigest()
    return assemble(header, metadata) + weights


def assemble(header: dict[str, Any], metadata: dict[str, Any]) -> bytes:
    """A header with this metadata inside, if it has a place for it."""
    if isinstance(header.get("__metadata__"), dict) and "forecast" in header["__metadata__"]:
        header["__metadata__"]["forecast"] = canonical(metadata)
    return framed(canonical(header))


def framed(text: str) -> bytes:
    """The text padded to a multiple of eight bytes, its length before it."""
    raw = text.encode()
    return struct.pack("<Q", len(raw) + -len(raw) % 8) + raw + b" " * (-len(raw) % 8)


def refusal(data: bytes, derive: checkpoint.Expected = expected) -> CheckpointError:
    """The error that reading ends with: always one line about the named file, exit 4 and a way out."""
    with pytest.raises(CheckpointError) as caught:
        parse(data, derive, name="m.safetensors")
    error = caught.value
    assert error.exit_code == 4
    assert error.message.startswith("m.safetensors: ")
    assert "\n" not in error.message + (error.why or "")
    assert error.hint
    assert "forecast train" in error.hint
    return error


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """Metadata and weights come back as they were, with the envelope around them."""
    digest = save(tmp_path / "m.safetensors", METADATA, TENSORS)
    metadata, tensors = load(tmp_path / "m.safetensors", expected)
    envelope = {"format": FORMAT, "min_reader": "0.1.0", "created_by": f"forecast {VERSION}", "sha256": digest}
    assert metadata == {**METADATA, **envelope}
    assert list(tensors) == sorted(TENSORS)
    for name, tensor in tensors.items():
        assert tensor.dtype == np.float32
        assert tensor.flags.writeable
        np.testing.assert_array_equal(tensor, TENSORS[name], strict=True)


def test_saving_what_was_loaded_gives_the_same_bytes() -> None:
    """A file survives any number of readings and writings unchanged."""
    data = seal(METADATA, TENSORS)
    assert seal(*parse(data, expected)) == data


def test_a_safetensors_reader_opens_the_file(tmp_path: Path) -> None:
    """The file is plain safetensors to every other tool."""
    save(tmp_path / "m.safetensors", METADATA, TENSORS)
    found = load_file(tmp_path / "m.safetensors")
    assert found.keys() == TENSORS.keys()
    for name, tensor in found.items():
        np.testing.assert_array_equal(tensor, TENSORS[name], strict=True)


def test_the_digest_is_the_sha256_of_the_file_with_its_own_digits_as_zeros(tmp_path: Path) -> None:
    """Anyone can check the digest with sed and sha256sum."""
    digest = save(tmp_path / "m.safetensors", METADATA, TENSORS)
    data = (tmp_path / "m.safetensors").read_bytes()
    assert data.count(digest.encode()) == 1
    assert hashlib.sha256(data.replace(digest.encode(), b"0" * 64)).hexdigest() == digest


def test_the_header_is_canonical_ascii_and_the_weights_are_aligned() -> None:
    """Sorted keys, no spaces but the padding, weights at a multiple of eight bytes in the order of their names."""
    data = seal(METADATA, dict(reversed(TENSORS.items())))
    header, metadata, weights = pieces(data)
    assert data == assemble(header, metadata) + weights
    assert (len(data) - len(weights)) % 8 == 0
    assert data[8 : len(data) - len(weights)].isascii()
    assert weights == b"".join(TENSORS[name].astype("<f4").tobytes() for name in sorted(TENSORS))


def test_two_processes_write_equal_bytes() -> None:
    """Nothing in the file depends on the process: no time, no hash order."""
    code = (
        "import sys, numpy as np; from forecast.checkpoint import seal;"
        "t = {n: np.full(3, 0.5, np.float32) for n in {'a', 'b', 'c', 'd'}};"
        "sys.stdout.buffer.write(seal({k: 1 for k in {'x', 'y', 'z'}}, t))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(FUZZ.parent.parent)},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0]) > 4 * 12


def test_the_byte_order_of_the_machine_does_not_matter() -> None:
    """Weights held in big-endian order give the same file as little-endian ones."""
    assert seal(METADATA, {n: t.astype(">f4") for n, t in TENSORS.items()}) == seal(METADATA, TENSORS)


def test_weights_that_are_not_contiguous_are_saved_in_their_logical_order() -> None:
    """A transposed view is written as what it shows."""
    tensor = np.arange(6, dtype=np.float32).reshape(2, 3).T
    _, tensors = parse(seal({}, {"t": tensor}), lambda _: {"t": TensorSpec("F32", (3, 2))})
    np.testing.assert_array_equal(tensors["t"], [[0, 3], [1, 4], [2, 5]])


def test_metadata_cannot_speak_for_the_envelope() -> None:
    """The keys that sealing sets win over those that were passed."""
    metadata, _ = parse(seal({"format": 99, "sha256": "x", "created_by": "me"}, TENSORS), expected)
    assert metadata["format"] == FORMAT
    assert metadata["created_by"] == f"forecast {VERSION}"


def test_the_expected_tensors_are_derived_from_the_metadata_before_any_weight_is_read() -> None:
    """`expected` sees the whole metadata, and its refusal comes before one about the weights."""
    seen = []

    def derive(metadata: Mapping[str, Any]) -> dict[str, TensorSpec]:
        seen.append(metadata["hidden"])
        raise ConfigError("hidden is 3, but must lie between 4 and 8")

    broken = np.full_like(TENSORS["head.bias"], np.nan)
    error = refusal(seal(METADATA, {**TENSORS, "head.bias": broken}), derive)
    assert seen == [3]
    assert error.message == "m.safetensors: the model it describes cannot be built"
    assert error.why == "hidden is 3, but must lie between 4 and 8"


def test_expected_is_not_asked_about_a_file_whose_digest_is_wrong() -> None:
    """Damaged metadata is never interpreted."""
    data = bytearray(seal(METADATA, TENSORS))
    data[-1] ^= 1
    error = refusal(bytes(data), lambda _: pytest.fail("asked"))
    assert error.message == "m.safetensors: the sha256 does not match"
    assert error.why == "the file changed after it was saved"
    assert error.hint == "copy it again, or train again with: forecast train DATA"


@pytest.mark.parametrize(
    ("raised", "why"),
    [
        (DataError("calendar is unknown"), "calendar is unknown"),
        (CheckpointError("no members"), "no members"),
        (ValueError("bad"), "ValueError('bad')"),
        (KeyError("config"), "KeyError('config')"),
        (TypeError("not a list"), "TypeError('not a list')"),
        (AttributeError("no items"), "AttributeError('no items')"),
        (OverflowError("too large"), "OverflowError('too large')"),
    ],
)
def test_metadata_that_expected_cannot_use_is_the_fault_of_the_file(raised: Exception, why: str) -> None:
    """Whatever a sealed but senseless metadata provokes ends as a CheckpointError with the reason."""

    def derive(_metadata: Mapping[str, Any]) -> dict[str, TensorSpec]:
        raise raised

    error = refusal(seal(METADATA, TENSORS), derive)
    assert error.message == "m.safetensors: the model it describes cannot be built"
    assert error.why == why


def test_metadata_that_sends_expected_too_deep_is_refused() -> None:
    """A RecursionError while the model is derived ends as a CheckpointError too."""

    def derive(metadata: Mapping[str, Any]) -> dict[str, TensorSpec]:
        return derive(metadata)

    assert "nested too deeply" in refusal(seal(METADATA, TENSORS), derive).message


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    """A change that sets one value; the path begins in the header, or in the metadata after `forecast`."""

    def change(header: dict[str, Any], metadata: dict[str, Any]) -> None:
        tree: Any = metadata if path[0] == "forecast" else header
        *way, last = path[1:] if path[0] == "forecast" else path
        for step in way:
            tree = tree[step]
        tree[last] = value

    return change


def drop(name: str) -> Callable[[dict[str, Any], dict[str, Any]], Any]:
    """A change that removes one entry of the header."""
    return lambda header, _: header.pop(name)


WHICH = "is this a model file?"
FORGED = {
    "no metadata": (drop("__metadata__"), "the metadata is not one text named `forecast`"),
    "metadata is a list": (put("__metadata__", value=[]), "the metadata is not one text named `forecast`"),
    "two metadata keys": (put("__metadata__", "x", value="y"), "the metadata is not one text named `forecast`"),
    "other metadata key": (put("__metadata__", value={"x": "{}"}), "the metadata is not one text named `forecast`"),
    "format missing": (lambda _, m: m.pop("format"), "the metadata has no format of type int"),
    "format is true": (put("forecast", "format", value=True), "the metadata has no format of type int"),
    "format is text": (put("forecast", "format", value="1"), "the metadata has no format of type int"),
    "created_by is null": (put("forecast", "created_by", value=None), "the metadata has no created_by of type str"),
    "sha256 missing": (lambda _, m: m.pop("sha256"), "the metadata has no sha256 of type str"),
    "format 0": (
        put("forecast", "format", value=0),
        "the metadata names no format and version that were ever released",
    ),
    "min_reader is no version": (
        put("forecast", "min_reader", value="\x1b[2J"),
        "the metadata names no format and version that were ever released",
    ),
    "format too new": (
        lambda _, m: m.update(format=2, min_reader="7.0.0"),
        f"needs forecast >= 7.0.0, this is {VERSION}",
    ),
    "reader too old": (put("forecast", "min_reader", value="0.10.0"), f"needs forecast >= 0.10.0, this is {VERSION}"),
    "parent folder in a name": (put("../x", value={}), "tensor name '../x' is not allowed"),
    "NUL in a name": (put("a\x00", value={}), "tensor name 'a\\x00' is not allowed"),
    "empty name": (put("", value={}), "tensor name '' is not allowed"),
    "line feed after a name": (put("a\n", value={}), "tensor name 'a\\n' is not allowed"),
    "long name": (put("a" * 201, value={}), f"tensor name '{'a' * 40}' is not allowed"),
    "tensor is a list": (put("scale", value=[]), "tensor 'scale' is not described by dtype, shape and data_offsets"),
    "unknown field": (
        put("scale", "extra", value=1),
        "tensor 'scale' is not described by dtype, shape and data_offsets",
    ),
    "other dtype": (put("scale", "dtype", value="F64"), "tensor 'scale' is not of dtype F32"),
    "dtype is a list": (put("scale", "dtype", value=["F32"]), "tensor 'scale' is not of dtype F32"),
    "shape is text": (
        put("scale", "shape", value=""),
        "tensor 'scale' does not have a shape of at most 8 positive whole numbers",
    ),
    "rank 9": (
        put("scale", "shape", value=[1] * 9),
        "tensor 'scale' does not have a shape of at most 8 positive whole numbers",
    ),
    "dim is true": (
        put("scale", "shape", value=[True]),
        "tensor 'scale' does not have a shape of at most 8 positive whole numbers",
    ),
    "dim is a float": (
        put("scale", "shape", value=[1.0]),
        "tensor 'scale' does not have a shape of at most 8 positive whole numbers",
    ),
    "dim is negative": (
        put("scale", "shape", value=[-1, -1]),
        "tensor 'scale' does not have a shape of at most 8 positive whole numbers",
    ),
    "dim 0 beside a huge one": (
        put("scale", "shape", value=[0, 2**63 - 1]),
        "tensor 'scale' does not have a shape of at most 8 positive whole numbers",
    ),
    "huge shape": (put("scale", "shape", value=[2**62, 4]), f"tensor 'scale' does not lie at bytes 32 to {32 + 2**66}"),
    "gap": (put("head.bias", "data_offsets", value=[25, 33]), "tensor 'head.bias' does not lie at bytes 24 to 32"),
    "overlap": (put("head.bias", "data_offsets", value=[20, 28]), "tensor 'head.bias' does not lie at bytes 24 to 32"),
    "offset is a float": (
        put("head.bias", "data_offsets", value=[24.0, 32]),
        "tensor 'head.bias' does not lie at bytes 24 to 32",
    ),
    "offset is false": (
        put("cell.weight", "data_offsets", value=[False, 24]),
        "tensor 'cell.weight' does not lie at bytes 0 to 24",
    ),
    "one offset": (put("head.bias", "data_offsets", value=[24]), "tensor 'head.bias' does not lie at bytes 24 to 32"),
    "offsets are null": (
        put("head.bias", "data_offsets", value=None),
        "tensor 'head.bias' does not lie at bytes 24 to 32",
    ),
    "tensor without a model": (
        put("zero", value={"dtype": "F32", "shape": [1], "data_offsets": [36, 40]}),
        "the weights are 36 bytes, but the header describes 40",
    ),
    "other shape": (
        put("cell.weight", "shape", value=[3, 2]),
        "tensor 'cell.weight' is F32 [3, 2], the model needs F32 [2, 3]",
    ),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_file_is_refused_although_its_digest_is_right(case: str) -> None:
    """Each defect has its own words, whatever seal it bears."""
    change, message = FORGED[case]
    assert refusal(forge(change)).message == f"m.safetensors: {message}"


def test_the_forger_of_these_tests_writes_valid_files() -> None:
    """Without a change the forged file is the sealed one, so every refusal above is due to the change."""
    assert forge(lambda *_: None) == seal(METADATA, TENSORS)


def test_tensors_must_be_those_of_the_model() -> None:
    """A tensor too few, or one too many, is named."""
    data = seal(METADATA, TENSORS)
    more, fewer = {**SPECS, "x": TensorSpec("F32", (1,))}, {"scale": SPECS["scale"], "head.bias": SPECS["head.bias"]}
    assert refusal(data, lambda _: more).message == "m.safetensors: tensor 'x' is missing"
    message = refusal(data, lambda _: fewer).message
    assert message == "m.safetensors: tensor 'cell.weight' is not part of the model it describes"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_must_be_finite(value: float) -> None:
    """One NaN or infinity among the weights is found and its tensor named."""
    data = seal(METADATA, {**TENSORS, "head.bias": np.array([1, value], dtype=np.float32)})
    assert refusal(data).message == "m.safetensors: tensor 'head.bias' holds weights that are not finite"


def test_bytes_after_the_last_tensor_are_refused() -> None:
    """Trailing bytes have no place even under a valid seal."""
    data = forge(lambda *_: None, body=pieces(seal(METADATA, TENSORS))[2] + b"\0")
    assert refusal(data).message == "m.safetensors: the weights are 37 bytes, but the header describes 36"


def test_more_tensors_than_any_model_has_are_refused() -> None:
    """4,097 tensors are counted before one of them is looked at."""

    def flood(header: dict[str, Any], _metadata: dict[str, Any]) -> None:
        header.update({f"t{i}": {} for i in range(4094)})

    assert refusal(forge(flood)).message == "m.safetensors: 4097 tensors, more than 4096"


RAW = {
    "empty": (b"", "0 bytes are not the size of a model file", WHICH),
    "seven bytes": (b"PK\x03\x04abc", "7 bytes are not the size of a model file", WHICH),
    "no header": (struct.pack("<Q", 0), "the header does not begin with `{`", WHICH),
    "eight bytes": (
        struct.pack("<Q", 1),
        "the header claims 1 bytes, but the file ends after 0 of them",
        "train again",
    ),
    "a csv": (b"date,value\n2024-01-01,1\n", "the header claims 7809653161889915236 bytes, more than 1048576", WHICH),
    "huge header": (struct.pack("<Q", 2**20 + 1) + b"{", "the header claims 1048577 bytes, more than 1048576", WHICH),
    "cut off": (
        struct.pack("<Q", 100) + b'{"a":1}',
        "the header claims 100 bytes, but the file ends after 7 of them",
        "train again",
    ),
    "space first": (struct.pack("<Q", 3) + b" {}", "the header does not begin with `{`", WHICH),
    "list": (struct.pack("<Q", 2) + b"[]", "the header does not begin with `{`", WHICH),
    "not UTF-8": (struct.pack("<Q", 4) + b'{"\xff"', "the header is not UTF-8 text", "train again"),
    "not JSON": (framed('{"a":}'), "the header is not strict JSON", "train again"),
    "two documents": (framed("{}{}"), "the header is not strict JSON", "train again"),
    "another tool's file": (
        framed('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}') + b"\0\0\0\0",
        "the metadata is not one text named `forecast`",
        WHICH,
    ),
    "metadata is no JSON": (
        framed('{"__metadata__":{"forecast":"hidden"}}'),
        "the metadata is not strict JSON",
        "train again",
    ),
    "metadata is a JSON list": (
        framed('{"__metadata__":{"forecast":"[]"}}'),
        "the metadata is not a JSON object",
        "train again",
    ),
}


@pytest.mark.parametrize("case", RAW)
def test_what_is_not_a_model_file_is_told_so(case: str) -> None:
    """The first bytes decide, with a hint that fits."""
    data, message, hint = RAW[case]
    error = refusal(data)
    assert error.message == f"m.safetensors: {message}"
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("NaN", "NaN is not a finite number"),
        ("-Infinity", "-Infinity is not a finite number"),
        ("1e999", "1e999 is not a finite number"),
        ('{"a":1,"a":1}', "key 'a' appears twice"),
    ],
)
@pytest.mark.parametrize("inside", [False, True], ids=["header", "metadata"])
def test_json_is_read_strictly(value: str, why: str, inside: bool) -> None:
    """Duplicate keys and numbers that JSON does not have are refused in the header and in the metadata."""
    text = f'{{"a":{value}}}'
    error = refusal(framed(canonical({"__metadata__": {"forecast": text}}) if inside else text))
    assert error.message == f"m.safetensors: the {'metadata' if inside else 'header'} is not strict JSON"
    assert error.why == why


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    """Python's own limit on the digits of an int surfaces as a refusal."""
    assert "not strict JSON" in refusal(framed('{"a":' + "9" * 5000 + "}")).message


@pytest.mark.parametrize("inside", [False, True], ids=["header", "metadata"])
def test_json_nested_too_deeply_is_refused(inside: bool) -> None:
    """A hundred thousand brackets end in one line, not in a crash."""
    text = '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"
    error = refusal(framed(canonical({"__metadata__": {"forecast": text}}) if inside else text))
    assert error.message == "m.safetensors: the header is nested too deeply"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'":', b'": ', 1),
        lambda text: text.rstrip() + b" " * (16 + -len(text.rstrip()) % 8),
        lambda text: text.replace(b"Tag", b"\\\\u0054ag"),
        lambda text: text.replace(b"1e-07", b"0.0000001"),
        lambda text: text.replace(b'\\"hidden\\":3', b'\\"hidden\\":-0'),
    ],
    ids=["space", "more padding", "escape", "number", "minus zero"],
)
def test_only_the_canonical_form_of_a_header_is_accepted(change: Callable[[bytes], bytes]) -> None:
    """Another spelling of the same content is not what forecast writes."""
    data = seal(METADATA, TENSORS)
    end = 8 + struct.unpack("<Q", data[:8])[0]
    text = change(data[8:end])
    assert text != data[8:end]
    error = refusal(struct.pack("<Q", len(text)) + text + data[end:])
    assert error.message == "m.safetensors: the header is not in canonical form"


def test_the_hint_of_a_file_that_is_too_new_says_to_upgrade() -> None:
    """The way out of a newer format is a newer reader."""
    assert refusal(forge(put("forecast", "format", value=FORMAT + 1))).hint == (
        "upgrade forecast, or train again with: forecast train DATA"
    )


def test_a_file_with_keys_this_version_does_not_know_stays_readable() -> None:
    """Additions that an older reader may ignore do not need a new format."""
    metadata, _ = parse(forge(put("forecast", "added_later", value=[1])), expected)
    assert metadata["added_later"] == [1]


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "device", "not permitted"])
def test_only_a_regular_file_is_opened(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file, a folder, a FIFO without a writer and a device are refused at once."""
    path = {"folder": tmp_path, "device": Path(os.devnull)}.get(kind, tmp_path / "m.safetensors")
    if kind == "fifo":
        os.mkfifo(path)
    if kind == "not permitted":

        def refuse(*_arguments: object) -> int:
            raise PermissionError(13, "permission denied")

        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(CheckpointError) as caught:
        load(path, expected)
    found = {"missing": "no such file or directory", "not permitted": "permission denied"}
    assert caught.value.message == f"{path}: {found.get(kind, 'not a regular file')}"
    assert "forecast train" in (caught.value.hint or "")


def test_a_symlink_to_a_model_file_is_followed(tmp_path: Path) -> None:
    """`latest.safetensors` may point at the model in use."""
    save(tmp_path / "m.safetensors", METADATA, TENSORS)
    (tmp_path / "latest.safetensors").symlink_to("m.safetensors")
    assert load(tmp_path / "latest.safetensors", expected)[0]["hidden"] == 3


def test_a_file_larger_than_any_model_is_refused_unread(tmp_path: Path) -> None:
    """A sparse file of two GiB and one byte costs nothing."""
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3 + 1)
    with pytest.raises(CheckpointError, match="2147483649 bytes are not the size of a model file"):
        load(path, expected)


def test_a_large_file_that_is_no_model_is_refused_by_its_first_bytes(tmp_path: Path) -> None:
    """A wrong file of a gigabyte is refused after nine bytes, without the memory to hold it."""
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:
        file.truncate(1024**3)
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="does not begin with"):
        load(path, expected)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize("value", [np.nan, np.float32(1), {1, 2}, object()])
def test_metadata_that_json_cannot_hold_is_a_bug_of_the_caller(value: Any) -> None:
    """NaN and foreign types are refused on writing, as exit 1."""
    with pytest.raises(ForecastError, match="the metadata cannot be written as JSON") as caught:
        seal({"score": value}, TENSORS)
    assert caught.value.exit_code == 1


def test_weights_are_never_rounded_in_silence() -> None:
    """Only float32 is stored; a float64 weight is the caller's bug."""
    with pytest.raises(ForecastError, match="tensor 'w': weights are stored as float32, found float64"):
        seal({}, {"w": np.zeros(2)})  # type: ignore[dict-item]


def test_a_model_that_could_not_be_loaded_is_not_saved(tmp_path: Path) -> None:
    """The file is read back as strictly as later; a refusal leaves the file before in place, and nothing else."""
    path = tmp_path / "m.safetensors"
    save(path, METADATA, TENSORS)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="not finite"):
        save(path, METADATA, {"w": np.array([math.inf], dtype=np.float32)})
    with pytest.raises(CheckpointError, match="tensor name '0' is not allowed"):
        save(path, METADATA, {"0": np.zeros(1, dtype=np.float32)})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_model_cannot_be_saved_into_a_folder_that_is_missing(tmp_path: Path) -> None:
    """Writing errors are those of every other output."""
    with pytest.raises(OutputError, match="there is no folder"):
        save(tmp_path / "absent" / "m.safetensors", METADATA, TENSORS)


def test_changed_files_are_refused_and_break_nothing() -> None:
    """Of 2,000 mutants none is accepted without a new seal, and none raises anything but a CheckpointError."""
    fuzz = runpy.run_path(str(FUZZ))
    original = fuzz["sample"]()
    counts = Counter(fuzz["outcome"](mutant, original) for mutant in fuzz["mutants"](original, 2_000, seed=7))
    assert counts["ACCEPTED"] == 0
    assert counts["refused"] > 1_500
    assert counts["accepted, resealed"] > 50
    assert counts.total() == 2_000


@pytest.mark.parametrize("size", range(0, 80, 7))
def test_every_truncation_is_refused(size: int) -> None:
    """A copy that stopped early is never taken for a model."""
    data = seal(METADATA, TENSORS)
    refusal(data[: len(data) - 1 - size])
