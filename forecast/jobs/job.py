"""Job: what is read, trained, forecast and written under one name, and what has to hold; all paths are absolute."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from forecast.config import Config, suggest
from forecast.durations import seconds_in
from forecast.errors import ConfigError
from forecast.policies import Policy
from forecast.settings import PredictSettings
from forecast.sources import is_local, source_stem

PREVIOUS, SEASONAL_NAIVE = "previous", "seasonal-naive"
#: What may stand in for today's model, in the order in which it does.
FALLBACKS = (PREVIOUS, SEASONAL_NAIVE)


@dataclass(frozen=True)
class RunSettings:
    """`[run]`: what holds for the run as a whole. None: chosen where it runs.

    jobs are processes, max_failures a number of units or a share such as 10%, max_runtime and retention lengths of
    time, keep how many earlier models of a job stay.
    """

    state: str | None = None
    ledger: str | None = None
    jobs: int | None = None
    max_failures: int | str | None = None
    max_runtime: str | None = None
    ping: str | None = None
    keep: int = 5
    retention: str | None = None

    def __post_init__(self) -> None:
        for name, value, low, high in (("jobs", self.jobs, 1, 1_024), ("keep", self.keep, 1, 1_000)):
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name} is {value}, but must lie between {low} and {high}")
        for name in ("max_runtime", "retention"):
            _check_length(name, getattr(self, name))
        if self.max_failures is not None:
            failures_of(self.max_failures, 1)
        if self.ping is not None and not self.ping.startswith(("http://", "https://")):
            raise ConfigError(f"ping is {self.ping!r:.60}, but must begin with https:// or http://")


@dataclass(frozen=True)
class Gates:
    """What fresh data and a model have to meet before a forecast is written. None: anything goes.

    max_age is a length of time, min_complete a share of the last steps, max_flat a number of steps, require_skill the
    error of the model on held-out windows relative to that of seasonal naive, which it has to stay below.
    """

    max_age: str | None = None
    min_complete: float | None = None
    max_flat: int | None = None
    min_value: float | None = None
    max_value: float | None = None
    require_skill: float | None = None

    def __post_init__(self) -> None:
        _check_length("max_age", self.max_age)
        if self.min_complete is not None and not 0 < self.min_complete <= 1:
            raise ConfigError(f"min_complete is {self.min_complete}, but must lie between 0 and 1")
        if self.max_flat is not None and self.max_flat < 1:
            raise ConfigError(f"max_flat is {self.max_flat}, but must be at least 1")
        if self.require_skill is not None and not 0 < self.require_skill < math.inf:
            raise ConfigError(f"require_skill is {self.require_skill}, but must be above 0")
        low, high = (-math.inf if self.min_value is None else self.min_value), self.max_value
        if math.isnan(low) or (high is not None and not low <= high):
            raise ConfigError(f"min_value {self.min_value} does not lie below max_value {high}")


@dataclass(frozen=True)
class JobSettings:
    """The keys of a job that are no option of `forecast train` or `forecast predict`."""

    data: str | None = None
    output: str | None = None
    model: str | None = None
    future_data: str | None = None
    plot: str | None = None
    retrain: tuple[str, ...] = ("7d",)
    fallback: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.fallback:
            if name not in FALLBACKS:
                raise ConfigError(f"unknown fallback {name!r}", hint=suggest(name, FALLBACKS))
        if len(set(self.fallback)) < len(self.fallback):
            raise ConfigError("fallback names one of them twice", hint=f"known: {', '.join(FALLBACKS)}")


@dataclass(frozen=True)
class Job:
    """One table of `[jobs]`: a source, or a pattern of files, and what becomes of each.

    output, model, plot and future_data are templates with {name}, {stem} and, but for the model, {cutoff}.
    """

    name: str
    data: str
    config: Config
    predict: PredictSettings
    output: str
    model: str
    plot: str | None = None
    future_data: str | None = None
    retrain: tuple[Policy, ...] = (Policy.parse("7d"),)
    gates: Gates = field(default_factory=Gates)
    fallback: tuple[str, ...] = ()

    @property
    def is_pattern(self) -> bool:
        """Whether the data are all files that match, rather than one source."""
        return is_local(self.data) and any(mark in self.data for mark in "*?[") and not Path(self.data).exists()


@dataclass(frozen=True)
class Unit:
    """One piece of work: a job and one source of it. Its name is that of the job, or `job/stem` of a pattern's file."""

    name: str
    job: Job
    data: str

    @property
    def stem(self) -> str:
        """The name of the source without folder and suffixes."""
        return source_stem(self.data)

    @property
    def model(self) -> Path:
        """The model file."""
        return Path(self._filled(self.job.model))

    def output(self, cutoff: str = "{cutoff}") -> str:
        """Where the forecast goes that was made at a cutoff; a text for the name of a file."""
        return self._filled(self.job.output, cutoff)

    def plot(self, cutoff: str = "{cutoff}") -> Path | None:
        """Where its picture goes."""
        return None if self.job.plot is None else Path(self._filled(self.job.plot, cutoff))

    @property
    def future_data(self) -> str | None:
        """The source of future covariates."""
        return None if self.job.future_data is None else self._filled(self.job.future_data)

    @property
    def names_cutoffs(self) -> bool:
        """Whether each cutoff has an output of its own, so that an older one takes no newer one's place."""
        return "{cutoff}" in self.job.output

    def _filled(self, template: str, cutoff: str = "{cutoff}") -> str:
        # One after the other would fill in what a name happens to hold.
        values = {"{name}": self.name, "{stem}": self.stem, "{cutoff}": cutoff}
        return filled(template, values)


@dataclass(frozen=True)
class Jobs:
    """A whole file of jobs: where it is, where state is kept, the ledger's address or None, and the jobs in order."""

    path: Path
    state: Path
    ledger: str | None
    run: RunSettings
    jobs: tuple[Job, ...]

    def job(self, name: str) -> Job:
        """The job of a name."""
        return next(job for job in self.jobs if job.name == name)


def filled(template: str, values: dict[str, str]) -> str:
    """The template with each of the texts in braces replaced, once and at once."""
    import re

    return re.sub("|".join(map(re.escape, values)), lambda found: values[found[0]], template)


def failures_of(limit: int | str, n_units: int) -> float:
    """How many failures of so many units a limit such as 3 or 10% allows. Raises ConfigError for other texts."""
    text = str(limit).strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = math.nan
    is_share = text.endswith("%")
    if not 0 <= number <= (100 if is_share else math.inf) or (not is_share and number != int(number)):
        raise ConfigError(f"max_failures is {limit!r:.60}, but must be a number such as 3, or a share such as 10%")
    return number * n_units / 100 if is_share else number


def _check_length(name: str, text: str | None) -> None:
    if text is not None:
        try:
            seconds_in(text)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error.message}", hint=error.hint) from None
