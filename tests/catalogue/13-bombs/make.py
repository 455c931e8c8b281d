"""Archives of some hundred kilobytes that hold 100 MB."""

import gzip
from pathlib import Path

import pyarrow as pa

MEGABYTE = b"0" * 1_000_000


def make(folder: Path, file: str) -> None:
    path = folder / file
    with gzip.open(path, "wb", 1) if path.suffix == ".gz" else pa.CompressedOutputStream(path, "zstd") as stream:
        for _ in range(100):
            stream.write(MEGABYTE)
