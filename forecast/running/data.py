"""The data of a unit, read as its model or its settings need them, and held against its gates."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from forecast.errors import GateError
from forecast.forecaster import Forecaster
from forecast.gates import newest, not_as_wanted, too_old
from forecast.jobs import Unit
from forecast.ledger import Ledger
from forecast.panel import Panel
from forecast.reading import read_panel
from forecast.reading.times import parse_moment
from forecast.running.outcome import How
from forecast.settings import override


class Unfit(GateError):
    """The data do not pass their gates, and nothing can stand in for data."""


def read_anew(unit: Unit, how: How) -> Panel:
    """The data of a unit, as its settings say."""
    config = unit.job.config
    return read_panel(unit.data, config.data, replace(config.read, as_of=how.as_of), task=config.model.task)


def read_for(forecaster: Forecaster, unit: Unit, how: How) -> Panel:
    """The data of a unit, as a model needs them."""
    read = replace(override(forecaster.config.read, unit.job.config.read), as_of=how.as_of)
    return read_panel(unit.data, read=read, future_data=unit.future_data, known=forecaster.known)


def check_data(unit: Unit, how: How, panel: Panel, horizon: int) -> None:
    """Raises GateError with everything that the gates have against the data."""
    gates = unit.job.gates
    if said := (*too_old(gates, newest(panel), _now(how, panel)), *not_as_wanted(gates, panel, horizon)):
        raise Unfit("\n".join(said))


def _now(how: How, panel: Panel) -> datetime:
    """The time of the run, or the moment that it is meant for, as the clocks of the data tell it."""
    if how.as_of is None:
        return datetime.fromisoformat(how.now)
    moment: datetime = parse_moment(how.as_of, panel.columns.timezone).astype("datetime64[us]").astype(datetime)
    return moment.replace(tzinfo=timezone.utc)


def ledger_of(how: How) -> Ledger | None:
    """The ledger of a run."""
    return None if how.ledger is None else Ledger.open(how.ledger)
