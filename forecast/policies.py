"""Policies: when a model is to be trained again, as jobs.toml says it. What is due is for `retraining` to find out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from forecast.config import suggest
from forecast.durations import seconds_in
from forecast.errors import ConfigError

NEVER, AGE, DRIFT, METRIC = "never", "age", "drift", "metric"
#: Metrics of past forecasts that a policy may put a limit to.
METRICS = ("mase", "mae", "rmse", "wape", "skill")
_LIMIT = re.compile(r"([a-z_]+)\s*([<>])\s*(\d+(?:\.\d+)?)", re.ASCII)


@dataclass(frozen=True)
class Policy:
    """One reason to train again. kind is never, age, drift or metric.

    seconds is the age of an `age`; of a `metric`, `metric sign limit` has to hold, such as mase > 1.0.
    """

    kind: str
    text: str
    seconds: float = 0.0
    metric: str = ""
    sign: str = ">"
    limit: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Policy:
        """The policy that `7d`, `drift`, `mase > 1.0` or `never` names. Raises ConfigError for any other text."""
        text = text.strip()
        if text in (NEVER, DRIFT):
            return cls(text, text)
        if found := _LIMIT.fullmatch(text.lower()):
            if found[1] not in METRICS:
                raise ConfigError(f"unknown metric {found[1]!r}", hint=suggest(found[1], METRICS))
            return cls(METRIC, text, metric=found[1], sign=found[2], limit=float(found[3]))
        try:
            return cls(AGE, text, seconds=seconds_in(text))
        except ConfigError:
            hint = "write it like 7d, drift, mase > 1.0 or never"
            raise ConfigError(f"{text!r:.60} is no policy of retraining", hint=hint) from None

    def __str__(self) -> str:
        return self.text


def check_policies(policies: tuple[Policy, ...]) -> None:
    """Raise ConfigError where `never` stands beside others."""
    if len(policies) > 1 and any(policy.kind == NEVER for policy in policies):
        raise ConfigError("never stands beside other policies", hint="leave it out, or leave the others out")
