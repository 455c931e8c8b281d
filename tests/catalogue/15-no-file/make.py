"""A directory, a FIFO that nobody writes to, a link to a device, and a file that may not be read."""

import os
from pathlib import Path


def make(folder: Path, file: str) -> None:
    path = folder / file
    if file == "folder.csv":
        path.mkdir()
    elif file == "pipe.csv":
        os.mkfifo(path)
    elif file == "device.csv":
        path.symlink_to("/dev/zero")
    elif file == "locked.csv":
        path.write_text("date,sales\n2024-01-01,1\n")
        path.chmod(0)
