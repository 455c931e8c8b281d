"""A run over jobs: each unit read, checked, trained when due, forecast, written and recorded."""

from forecast.running.outcome import How, Outcome
from forecast.running.unit import attempt, run_unit

__all__ = ["How", "Outcome", "attempt", "run_unit"]
