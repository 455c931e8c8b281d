"""A link to the data beside it."""

from pathlib import Path


def make(folder: Path, file: str) -> None:
    (folder / file).symlink_to("data.csv")
