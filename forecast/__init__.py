"""Forecast time series with recurrent networks.

    from forecast import Forecaster, read_panel
    panel = read_panel("prices.csv")
    forecaster = Forecaster.fit(panel)
    print(forecaster.predict(panel, horizon=30).to_frame())

The names in __all__ are the public interface; each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from forecast.version import VERSION

if TYPE_CHECKING:
    from forecast.config import Config
    from forecast.errors import ForecastError
    from forecast.forecaster import Forecaster
    from forecast.forecasts import Forecast
    from forecast.panel import Panel
    from forecast.reading import read_panel

__all__ = ["Config", "Forecast", "ForecastError", "Forecaster", "Panel", "__version__", "read_panel"]

__version__ = VERSION

_HOMES = {
    "Config": "forecast.config",
    "Forecast": "forecast.forecasts",
    "ForecastError": "forecast.errors",
    "Forecaster": "forecast.forecaster",
    "Panel": "forecast.panel",
    "read_panel": "forecast.reading",
}


# Loaded late because torch and pandas take seconds to import, and `forecast --help` needs neither.
def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Kept, so that the next use of the name no longer passes through here.
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
