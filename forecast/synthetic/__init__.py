"""Series that nobody measured: drawn at random, from minutes to years, for a network to learn from before any real one.

Knows no panel and no network; every draw comes from the generator that is given, so a seed is a series.
"""

from forecast.synthetic.families import FAMILIES, Family
from forecast.synthetic.series import draw_series
from forecast.synthetic.windows import draw_windows

__all__ = ["FAMILIES", "Family", "draw_series", "draw_windows"]
