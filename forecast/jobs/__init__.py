"""jobs.toml → frozen values: what a run is to do, checked before any work. Nothing heavy is imported."""

from forecast.jobs.first import first_file
from forecast.jobs.job import Gates, Job, Jobs, RunSettings, Unit
from forecast.jobs.reading import read_jobs
from forecast.jobs.units import Expansion, expand, only, shared

__all__ = [
    "Expansion",
    "Gates",
    "Job",
    "Jobs",
    "RunSettings",
    "Unit",
    "expand",
    "first_file",
    "only",
    "read_jobs",
    "shared",
]
