"""Scores in the text format of Prometheus, for the textfile collector of node_exporter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from forecast.scoring.scores import JobScore

#: What each metric is; all are gauges. A score that is not defined has no sample.
HELP: dict[str, str] = {
    "forecast_scored_steps": "Steps that were forecast and have come.",
    "forecast_mae": "Mean absolute error, in the unit of the data.",
    "forecast_mase": "Mean absolute error over that of seasonal naive within the history.",
    "forecast_smape": "Symmetric mean absolute percentage error, 0 to 200.",
    "forecast_bias": "Mean of forecast less actual value, in the unit of the data.",
    "forecast_log_loss": "Mean log loss of forecasts of states, in nats.",
    "forecast_brier": "Mean Brier score of forecasts of states.",
    "forecast_accuracy": "Share of steps at which the most probable state came.",
    "forecast_coverage_ratio": "Share of values inside the central interval of a level in percent.",
    "forecast_coverage_steps": "Steps behind forecast_coverage_ratio.",
    "forecast_drift": "1 where forecasts have got worse, 0 where they have not; absent while that is not known.",
    "forecast_drift_error_ratio": "Error over the last cutoffs by that over those before.",
    "forecast_newest_cutoff_timestamp_seconds": "Newest row of the newest forecast, by the clock of the data.",
    "forecast_newest_actual_timestamp_seconds": "Newest value that came, by the clock of the data.",
}


def exposition(scores: Sequence[JobScore]) -> bytes:
    """The samples of all jobs, each metric once with its HELP and TYPE, in UTF-8."""
    found: dict[str, list[str]] = {}
    for name, labels, value in (sample for job in scores for sample in _samples(job)):
        if math.isfinite(value):
            told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            found.setdefault(name, []).append(f"{name}{{{told}}} {value!r}\n")
    lines = (
        [f"# HELP {name} {text}\n", f"# TYPE {name} gauge\n", *found[name]]
        for name, text in HELP.items()
        if name in found
    )
    return "".join(line for lines_of_one in lines for line in lines_of_one).encode()


def _samples(job: JobScore) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Name, labels and value of every sample of a job."""
    for own in job.sources:
        labels = {"job_name": job.job, "source": own.source, "hindsight": str(own.hindsight).lower()}
        yield "forecast_scored_steps", labels, float(own.tally.steps)
        for name, value in own.tally.scores.items():
            yield f"forecast_{name}", labels, value
        counted = dict(own.tally.counted)
        for level, share in own.tally.coverage.items():
            with_level = {**labels, "level": f"{level:.12g}"}
            yield "forecast_coverage_ratio", with_level, share
            yield "forecast_coverage_steps", with_level, float(counted[level])
    # Not `job`: that label Prometheus itself gives to what it scrapes.
    labels = {"job_name": job.job}
    if job.drift.verdict != "unknown":
        yield "forecast_drift", labels, float(job.drift.verdict == "drift")
    yield "forecast_drift_error_ratio", labels, job.drift.ratio
    yield "forecast_newest_cutoff_timestamp_seconds", labels, _seconds(job.standing.last_cutoff)
    if job.standing.newest_actual is not None:
        yield "forecast_newest_actual_timestamp_seconds", labels, _seconds(job.standing.newest_actual)


def _seconds(moment: np.datetime64) -> float:
    return float((moment - np.datetime64(0, "us")) / np.timedelta64(1, "s"))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
