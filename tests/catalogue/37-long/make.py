"""A field of 2 MiB, a line of 11 MiB in fields of 1,300 bytes, and a field of 200 kB, which is fine."""

from pathlib import Path

from tests.catalogue.cases import CLEAN


def make(folder: Path, file: str) -> None:
    header, *rows = CLEAN.splitlines()
    names, note, empty = "note", "x" * (2 * 2**20 if file == "field.csv" else 200_000), ""
    if file == "line.csv":
        names, note, empty = ",".join(f"c{n}" for n in range(9_000)), ",".join(["x" * 1_300] * 9_000), "," * 8_999
    lines = [f"{header},{names}", *(f"{row},{note if n == 4 else empty}" for n, row in enumerate(rows))]
    (folder / file).write_text("\n".join(lines) + "\n")
