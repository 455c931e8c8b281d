"""The picture: both formats, always the same bytes, and the words that belong on it."""

import struct
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from forecast.errors import ConfigError
from forecast.report.plot import picture, require_matplotlib, write_picture
from tests.report.forecasts import straight

WAVE = 100 + 10 * np.sin(np.arange(80) / 3)


def words(svg):
    """Every text of an SVG picture."""
    return {"".join(e.itertext()) for e in ET.fromstring(svg).iter() if e.tag.endswith("}text")}


def test_a_png_has_the_size_of_a_slide():
    """16 by 9, and wide enough for a screen."""
    width, height = struct.unpack(">II", picture(*straight(WAVE[:60], WAVE[60:], spread=2))[16:24])
    assert width * 9 == height * 16
    assert width >= 1280


@pytest.mark.parametrize("form", ["png", "svg"])
def test_equal_forecasts_give_equal_bytes(form):
    """No date and no random name in the file."""
    forecast = straight(WAVE[:60], WAVE[60:], spread=2)
    assert picture(*forecast, format=form) == picture(*forecast, format=form)


def test_the_words_name_item_horizon_cutoff_and_intervals():
    """A slide has to speak for itself."""
    found = words(picture(*straight(WAVE[:60], WAVE[60:], spread=2), format="svg"))
    assert {"y: next 20 days", "until 2020-02-29", "history", "forecast", "80 % interval", "95 % interval"} <= found


def test_several_items_become_small_multiples_and_more_than_six_are_counted():
    """Each has its own title; what does not fit is said."""
    found = words(picture(*straight([1, 2], [3.0], ids=tuple((f"shop {i}",) for i in range(9))), format="svg"))
    assert {f"shop {i}" for i in range(6)} <= found
    assert "Forecast: next day, the first 6 of 9 items" in found
    assert "shop 6" not in found


def test_a_long_name_is_cut_where_it_would_run_into_the_next():
    """Alone it has the whole width."""
    name = "a rather long name of one of the many shops"
    assert f"{name}: next day" in words(picture(*straight([1, 2], [3.0], ids=((name,),)), format="svg"))
    both = words(picture(*straight([1, 2], [3.0], ids=((name,), ("b",))), format="svg"))
    assert "a rather long name of one of the ma…" in both


def test_a_dollar_sign_and_a_foreign_letter_are_letters():
    """Neither is a formula or a failure, in a picture of dots or of lines."""
    forecast = straight([1, 2], [3.0], ids=(("$AAPL$ 株_{",),))
    assert "$AAPL$ 株_{: next day" in words(picture(*forecast, format="svg"))
    assert picture(*forecast).startswith(b"\x89PNG")


def test_values_between_missing_ones_are_drawn():
    """A line needs two points; a single one still has to be seen."""
    history = np.full(48, np.nan)
    history[::2] = 1.0
    history[-1] = 1.0
    full = np.ones(48)
    alone, joined = (picture(*straight(h, [1.0]), format="svg") for h in (history, full))
    # One use of the same marker for each of the 23 values that have no neighbour.
    assert alone.count(b"<use") - joined.count(b"<use") == 23


def test_the_suffix_decides_the_format(tmp_path):
    """In capitals too."""
    forecast = straight([1, 2], [3.0])
    write_picture(*forecast, tmp_path / "a.SVG")
    write_picture(*forecast, tmp_path / "a.png")
    assert b"<svg" in (tmp_path / "a.SVG").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_error_names_the_install_line(monkeypatch):
    """The extra is optional, the way to it is not a riddle."""
    monkeypatch.setattr("forecast.report.plot.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="matplotlib") as caught:
        require_matplotlib()
    assert caught.value.hint == "pip install 'forecast[plot]'"


def test_drawing_leaves_pyplot_alone():
    """No window system is asked for and no global figure is kept."""
    picture(*straight([1, 2], [3.0]))
    assert "matplotlib.pyplot" not in sys.modules
