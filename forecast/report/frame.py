"""What stands around every drawing in text: its heading above, and the dates below."""

from __future__ import annotations

import numpy as np

from forecast.panel import Columns, Timestamps
from forecast.timeformat import format_times


def heading(name: str, legend: str, items: int, width: int) -> list[str]:
    """The name of what is drawn, and the legend: on one line where both fit, else on two with the name cut to fit."""
    more = f" (1 of {items})" if items > 1 else ""
    line = f"{name}{more}   {legend}"
    if len(line) <= width:
        return [line]
    room = max(width - len(more), 1)
    return [(name if len(name) <= room else f"{name[: room - 1]}…") + more, legend]


def dates_below(past: Timestamps, future: Timestamps, width: int, columns: Columns) -> str:
    """The first date, the cutoff and the last date under where they lie; the middle one only where it fits."""
    ends = np.array([past[0], past[-1], future[-1]])
    first, cutoff, last = format_times(ends, columns.time_format, columns.timezone)
    line = f"└{first}".ljust(width + 1 - len(last)) + last
    steps = len(past) + len(future) - 1
    start = 1 + round((len(past) - 1) / steps * (width - 1)) - len(cutoff) // 2
    end = start + len(cutoff)
    return line if line[start - 1 : end + 1].strip() else line[:start] + cutoff + line[end:]
