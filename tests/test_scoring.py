"""Scores say what a pocket calculator says, and each source, step ahead and job for itself."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from forecast.errors import DataError
from forecast.forecasts import Forecast, ItemForecast
from forecast.ledger import Ledger
from forecast.report.scores import picture
from forecast.scoring import JobScore, Tally, Window, score_job, totals
from forecast.scoring.prometheus import exposition
from tests.ledger.made import forecast, panel

#: Two shops until January 5, whose errors of naive are 1 and 2.
PAST = {"a": [1, 2, 3, 4, 5], "b": [2, 4, 6, 8, 10]}
#: Forecast 6, 7 and 12, 14; this comes, the first of b never does.
CAME = {"a": [*PAST["a"], 6.5, 9.0], "b": [*PAST["b"], float("nan"), 17.0]}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger.open(tmp_path / "ledger.db")
    past = panel(PAST)
    told = {"model_digest": "m", "data_digest": "d", "season_length": 1}
    ledger.record("sales", forecast(past, {"a": [6, 7], "b": [12, 14]}), past, **told)
    ledger.settle("sales", panel(CAME))
    return ledger


def scored(ledger: Ledger, job: str = "sales", window: Window | None = None, **options: bool) -> JobScore:
    standing = next(own for own in ledger.standings() if own.job == job)
    return score_job(ledger, standing, window or Window(), **options)


def test_scores_are_means_over_steps(ledger: Ledger) -> None:
    """Errors 0.5, 2 and 3, forecasts too low by as much; scales 1, 1 and 2; one of three inside."""
    (own,) = scored(ledger).sources
    assert (own.n_items, own.n_cutoffs, own.tally.steps) == (2, 1, 3)
    assert own.tally.scores == pytest.approx(
        {
            "mae": 5.5 / 3,
            "mase": (0.5 + 2 + 1.5) / 3,
            "smape": (200 * 0.5 / 12.5 + 200 * 2 / 16 + 200 * 3 / 31) / 3,
            "bias": -5.5 / 3,
        }
    )
    assert own.tally.to_dict()["coverage"] == {"80": {"share": pytest.approx(1 / 3), "inside": 1, "steps": 3}}


def test_each_step_ahead_has_scores_of_its_own(ledger: Ledger) -> None:
    """The first of one shop, the second of both; together they are the whole."""
    (own,) = scored(ledger, by_lead=True).sources
    assert {lead: tally.scores["mae"] for lead, tally in own.by_lead.items()} == {1: 0.5, 2: 2.5}
    assert own.by_lead[2].coverage == {80: 0}
    assert own.by_lead[1] + own.by_lead[2] == own.tally


def test_a_fallback_and_hindsight_stand_apart(ledger: Ledger) -> None:
    """Hindsight only when asked for, and what was left out is counted."""
    past = panel({"a": CAME["a"][:6]})
    told = {"data_digest": "d", "season_length": 1}
    ledger.record("sales", forecast(past, {"a": [8]}, source="seasonal-naive"), past, model_digest="", **told)
    ledger.record("sales", forecast(past, {"a": [9]}), past, model_digest="n", hindsight=True, **told)
    found = scored(ledger)
    assert [(own.name, own.tally.scores["mae"]) for own in found.sources] == [
        ("model", pytest.approx(5.5 / 3)),
        ("seasonal-naive", 1),
    ]
    assert found.left_out == 1
    found = scored(ledger, hindsight=True)
    assert [own.name for own in found.sources] == ["model", "seasonal-naive", "model, in hindsight"]
    assert found.left_out == 0


def test_without_a_scale_there_is_no_mase_and_two_zeros_are_no_error(tmp_path: Path) -> None:
    """A history that never moved has no error of seasonal naive to divide by."""
    ledger = Ledger.open(tmp_path / "ledger.db")
    past = panel({"a": [0, 0, 0]})
    ledger.record("sales", forecast(past, {"a": [0]}), past, model_digest="m", data_digest="d", season_length=1)
    ledger.settle("sales", panel({"a": [0, 0, 0, 0]}))
    (own,) = scored(ledger).sources
    assert {k: v for k, v in own.tally.scores.items() if k != "mase"} == {"mae": 0, "smape": 0, "bias": 0}
    assert np.isnan(own.tally.scores["mase"])


def test_states_have_scores_of_their_own(tmp_path: Path) -> None:
    """Log loss, Brier score and accuracy of 0.1 and 0.8 for rain where it stayed dry."""
    ledger = Ledger.open(tmp_path / "ledger.db")
    past = panel({"a": [0, 1, 0, 1]})
    stamps = past.last + np.arange(1, 3) * np.timedelta64(1, "D")
    item = ItemForecast(("a",), "sales", stamps, np.empty((2, 0)), np.array([[0.9, 0.1], [0.2, 0.8]]))
    made = Forecast((item,), (), past.columns, states=("dry", "wet"), task="binary")
    ledger.record("rain", made, past, model_digest="m", data_digest="d", season_length=1)
    ledger.settle("rain", panel({"a": [0, 1, 0, 1, 0, 0]}))
    found = scored(ledger, "rain", by_lead=True)
    assert found.sources[0].tally.scores == pytest.approx(
        {"log_loss": -(np.log(0.9) + np.log(0.2)) / 2, "brier": (0.1**2 + 0.8**2) / 2, "accuracy": 0.5}
    )
    assert b'forecast_log_loss{job_name="rain"' in exposition([found])
    assert "log loss" in picture([found], format="svg").decode()


def test_the_window_is_of_times_that_were_forecast() -> None:
    """Thirty days that have come, or as far as a forecast reaches; of 30 days there are 30."""
    ledger_of = {"days": 7, "years": 400}
    from forecast.ledger import Standing

    now = np.datetime64("2024-03-31", "us")
    for job, longest in ledger_of.items():
        standing = Standing(job, 1, now, now, np.timedelta64(longest, "D"), now)
        since, until = Window().of(standing)
        assert until == now
        assert since is not None
        assert (now - since) / np.timedelta64(1, "D") == pytest.approx(max(30, longest))
        assert since > now - np.timedelta64(max(30, longest), "D")
    since, until = Window(last=np.timedelta64(2, "D"), until=np.datetime64("2024-03-20", "us")).of(standing)
    assert (str(since), until) == ("2024-03-18T00:00:00.000001", np.datetime64("2024-03-20"))
    assert Window(since=now).of(standing) == (now, None)


def test_all_jobs_together_count_each_step_once(ledger: Ledger) -> None:
    """Errors in units of their own do not mix: MASE and coverage do."""
    assert totals([scored(ledger)]) == ()
    past = panel({"a": PAST["a"]})
    ledger.record("other", forecast(past, {"a": [6]}), past, model_digest="m", data_digest="d", season_length=1)
    ledger.settle("other", panel({"a": [*PAST["a"], 6]}))
    (total,) = totals([scored(ledger), scored(ledger, "other")])
    assert total.job == ""
    assert (total.tally.steps, total.tally.scores["mase"]) == (4, pytest.approx(4 / 4))
    assert total.tally.coverage == {80: 0.5}


def test_the_metrics_file_is_one_that_prometheus_reads(ledger: Ledger) -> None:
    """HELP and TYPE once before the samples of a metric, labels escaped, and a line feed at the end."""
    past = panel({"a": PAST["a"]})
    name = 'a "b" \\ c\nd'
    ledger.record(name, forecast(past, {"a": [6]}), past, model_digest="m", data_digest="d", season_length=1)
    text = exposition([scored(ledger), scored(ledger, name)]).decode()
    assert text.endswith("\n")
    seen: list[str] = []
    sample = re.compile(r'([a-z_]+)\{([a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*)\} (\S+)')
    for line in text.splitlines():
        if line.startswith("# HELP "):
            seen.append(line.split()[2])
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {seen[-1]} gauge"
        else:
            found = sample.fullmatch(line)
            assert found is not None, line
            assert found[1] == seen[-1]
            float(found[3])
    assert len(set(seen)) == len(seen)
    labels = 'job_name="sales",source="model",hindsight="false"'
    assert f"forecast_mae{{{labels}}} {5.5 / 3!r}\n" in text
    assert f'forecast_coverage_steps{{{labels},level="80"}} 3.0\n' in text
    assert 'forecast_newest_cutoff_timestamp_seconds{job_name="sales"} 1704412800.0\n' in text
    assert 'job_name="a \\"b\\" \\\\ c\\nd"' in text
    assert "forecast_drift{" not in text  # too little is there to know


def test_a_drift_is_one_in_the_metrics_file(tmp_path: Path) -> None:
    """And none is zero."""
    from tests.ledger.test_drift import nights, wavy

    ledger = Ledger.open(tmp_path / "ledger.db")
    nights(ledger, [*wavy(24), *wavy(12, 3)])
    assert b'forecast_drift{job_name="job"} 1.0\n' in exposition([scored(ledger, "job")])


def test_the_picture_is_the_same_for_the_same_scores_and_names_its_lines(ledger: Ledger) -> None:
    """In both formats, with a line for each source."""
    past = panel({"a": CAME["a"][:6]})
    made = forecast(past, {"a": [8]}, source="seasonal-naive")
    ledger.record("sales", made, past, model_digest="", data_digest="d", season_length=1)
    found = scored(ledger, by_lead=True)
    png, svg = (picture([found], format=form) for form in ("png", "svg"))
    width, height = struct.unpack(">II", png[16:24])
    assert width * 9 == height * 16
    assert svg == picture([found], format="svg")
    words = {"".join(e.itertext()) for e in ET.fromstring(svg).iter() if e.tag.endswith("}text")}
    assert {"sales: forecasts against what came", "steps ahead", "model", "seasonal-naive"} <= words


def test_many_jobs_are_one_line_for_each_source(tmp_path: Path) -> None:
    """More lines than there are colours could not be told apart."""
    ledger = Ledger.open(tmp_path / "ledger.db")
    past = panel({"a": PAST["a"]})
    for job in "abcdefgh":
        ledger.record(job, forecast(past, {"a": [6]}), past, model_digest="m", data_digest="d", season_length=1)
        ledger.settle(job, panel({"a": [*PAST["a"], 6]}))
    svg = picture([scored(ledger, job, by_lead=True) for job in "abcdefgh"], format="svg").decode()
    assert "Forecasts of 8 jobs against what came" in svg


def test_a_picture_of_nothing_is_refused(tmp_path: Path) -> None:
    """Nothing has come: that is a reason to wait, and no picture."""
    ledger = Ledger.open(tmp_path / "ledger.db")
    past = panel({"a": PAST["a"]})
    ledger.record("sales", forecast(past, {"a": [6]}), past, model_digest="m", data_digest="d", season_length=1)
    with pytest.raises(DataError, match="nothing that was forecast has come yet"):
        picture([scored(ledger)])


def test_nothing_is_a_tally_of_nothing() -> None:
    """Its scores are not defined."""
    assert all(np.isnan(value) for value in Tally().scores.values())
