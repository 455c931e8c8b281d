"""A million minutes, one of them with a letter."""

from pathlib import Path

import numpy as np


def make(folder: Path, file: str) -> None:
    times = np.datetime_as_string(np.datetime64("2020-01-01T00:00") + np.arange(1_000_000), unit="m").tolist()
    rows = [f"{time},{n % 977}" for n, time in enumerate(times)]
    rows[765_432] += "O"
    (folder / file).write_text("\n".join(["time,load", *rows]) + "\n")
