"""100 000 columns."""

from pathlib import Path


def make(folder: Path, file: str) -> None:
    header = "date," + ",".join(f"c{n}" for n in range(100_000))
    rows = [f"2024-01-{day:02}," + ",".join(["1"] * 100_000) for day in range(1, 9)]
    (folder / file).write_text("\n".join([header, *rows]) + "\n")
