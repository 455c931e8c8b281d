"""Scores of past forecasts: how far they were off, which way, what their intervals held, and whether that got worse."""

from forecast.scoring.scores import JobScore, SourceScore, Window, score_job, totals
from forecast.scoring.tally import Tally

__all__ = ["JobScore", "SourceScore", "Tally", "Window", "score_job", "totals"]
