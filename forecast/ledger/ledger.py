"""Ledger: what was forecast, recorded once; what came, as it arrives; both joined. Nothing stays open between calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecast.drift import Drift
from forecast.errors import ConfigError
from forecast.forecasts import Forecast
from forecast.ledger.joining import drift_of_job, joined_of_job
from forecast.ledger.outcomes import Outcomes
from forecast.ledger.recording import keep_actuals, keep_forecast, micros, new_actuals
from forecast.ledger.schema import MIGRATIONS, bring_up, schema_of
from forecast.ledger.store import Store
from forecast.panel import Panel

_STANDINGS = """
    SELECT s.job, COUNT(*), MIN(f.cutoff), MAX(f.cutoff), MAX(f.last - f.cutoff)
    FROM ledger_forecasts f JOIN ledger_series s ON s.id = f.series_id GROUP BY s.job ORDER BY s.job
"""
_NEWEST = """
    SELECT s.job, MAX(a.timestamp) FROM ledger_actuals a JOIN ledger_series s ON s.id = a.series_id GROUP BY s.job
"""
_OLD = "FROM ledger_forecasts WHERE last < :before"
_UNNEEDED = """
    DELETE FROM ledger_actuals WHERE timestamp < :before AND NOT EXISTS (
        SELECT 1 FROM ledger_forecasts f WHERE f.series_id = ledger_actuals.series_id
        AND f.cutoff < ledger_actuals.timestamp AND f.last >= ledger_actuals.timestamp)
"""
_INSERT_RUN = """
    INSERT INTO ledger_runs (id, started, ended, code, summary) VALUES (:id, :started, :ended, :code, :summary)
    ON CONFLICT (id) DO UPDATE SET
        started = excluded.started, ended = excluded.ended, code = excluded.code, summary = excluded.summary
"""


@dataclass(frozen=True)
class Standing:
    """What the ledger has of a job: so many forecasts of items, from when until when, and how far what came goes.

    longest is the time from a cutoff to its last step, at most; newest_actual is None where nothing has come.
    """

    job: str
    n_forecasts: int
    first_cutoff: np.datetime64
    last_cutoff: np.datetime64
    longest: np.timedelta64
    newest_actual: np.datetime64 | None


@dataclass(frozen=True)
class Ledger:
    """Forecasts and actual values in a database, open to several processes at once; made by `open`."""

    store: Store

    @classmethod
    def open(cls, place: str | Path, *, make: bool = True) -> Ledger:
        """The ledger at a path or an address, brought to the newest schema, and made where there is none.

        Raises ConfigError where a package is missing, a newer forecast is needed, or there is no ledger and none is to
        be made; LockedError where another run writes for too long; OutputError for what is damaged or out of reach.
        """
        store = Store.at(place)
        schema = schema_of(store)
        if schema == 0 and not make:
            raise ConfigError(f"there is no ledger {store.shown}", hint="forecast run JOBS.toml makes one")
        if schema < len(MIGRATIONS):
            bring_up(store)
        return cls(store)

    def record(
        self,
        job: str,
        forecast: Forecast,
        panel: Panel,
        *,
        model_digest: str,
        data_digest: str,
        season_length: int,
        hindsight: bool = False,
    ) -> None:
        """Keeps a forecast of a panel that ends at the cutoff; recorded again, it takes its own place.

        It is told from others by job, item, target, cutoff, model, data and source. hindsight says that the model had
        seen rows after the cutoff. The error of seasonal naive within each history, one season_length back, is kept
        with it, so that errors can be scaled later.
        """
        keep_forecast(
            self.store,
            job,
            forecast,
            panel,
            model_digest=model_digest,
            data_digest=data_digest,
            season_length=season_length,
            hindsight=hindsight,
        )

    def settle(self, job: str, panel: Panel) -> int:
        """Keeps the values of a panel that had been forecast, and says how many are new or have been corrected."""
        with self.store.transaction(writing=False) as transaction:
            rows = new_actuals(transaction, job, panel)
        if rows:
            keep_actuals(self.store, rows)
        return len(rows)

    def scores(
        self, job: str, since: np.datetime64 | None = None, until: np.datetime64 | None = None
    ) -> tuple[Outcomes, ...]:
        """The steps of a job from since to until that have come, beside what had been forecast for them.

        One value for each source, set of quantile levels or states, and for forecasts in hindsight apart. Of several
        forecasts from one cutoff only the one recorded last counts.
        """
        with self.store.transaction(writing=False) as transaction:
            return joined_of_job(transaction, job, since, until)

    def drift(self, job: str, model_digest: str | None = None) -> Drift:
        """Whether the errors of a job's last cutoffs are worse than those before; see `drift.find_drift`.

        Each cutoff counts with the mean of its first steps, as many as there usually are until the next cutoff, so that
        no value is counted twice, over the items that are there on both sides; errors are in units of that of seasonal
        naive where an item has such. Only forecasts of the model count, none in hindsight, of a fallback or of states;
        with a model_digest the last cutoffs have to be its own.
        """
        with self.store.transaction(writing=False) as transaction:
            return drift_of_job(transaction, job, model_digest)

    def standings(self) -> tuple[Standing, ...]:
        """What the ledger has of each job, by name."""
        with self.store.transaction(writing=False) as transaction:
            rows = transaction.rows(_STANDINGS)
            newest = dict(transaction.rows(_NEWEST))
        return tuple(
            Standing(
                job,
                n_forecasts,
                np.datetime64(first, "us"),
                np.datetime64(last, "us"),
                np.timedelta64(longest, "us"),
                np.datetime64(newest[job], "us") if job in newest else None,
            )
            for job, n_forecasts, first, last, longest in rows
        )

    def note_run(
        self, run: str, *, started: str, ended: str | None = None, code: int | None = None, summary: Mapping[str, Any]
    ) -> None:
        """Keeps what a run did, in place of what was there under its id: times as ISO 8601, code as it exited."""
        text = json.dumps(summary, ensure_ascii=False, sort_keys=True)
        row = {"id": run, "started": started, "ended": ended, "code": code, "summary": text}
        with self.store.transaction(writing=True) as transaction:
            transaction.run(_INSERT_RUN, [row])

    def runs(self) -> tuple[dict[str, Any], ...]:
        """The runs that are kept, the last one first."""
        names = ("id", "started", "ended", "code", "summary")
        with self.store.transaction(writing=False) as transaction:
            rows = transaction.rows(f"SELECT {', '.join(names)} FROM ledger_runs ORDER BY started DESC, id DESC")
        return tuple({**dict(zip(names, row, strict=True)), "summary": json.loads(row[4])} for row in rows)

    def prune(self, before: np.datetime64) -> int:
        """Removes forecasts whose last step lies before a time, actuals and series that none needs any more, and runs.

        Says how many forecasts went. Runs count by when they started.
        """
        values = {"before": micros(before)}
        with self.store.transaction(writing=True) as transaction:
            transaction.count(f"DELETE FROM ledger_steps WHERE forecast_id IN (SELECT id {_OLD})", **values)
            gone = transaction.count(f"DELETE {_OLD}", **values)
            transaction.count(_UNNEEDED, **values)
            transaction.count("DELETE FROM ledger_series WHERE id NOT IN (SELECT series_id FROM ledger_forecasts)")
            transaction.count("DELETE FROM ledger_runs WHERE started < :day", day=str(before.astype("datetime64[s]")))
        return gone
