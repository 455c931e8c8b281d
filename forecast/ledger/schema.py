"""The tables of a ledger, as numbered and named migrations; a ledger of any age becomes one of today, or stays whole.

A migration that was released is never changed: later ones are added below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from forecast.errors import ConfigError
from forecast.ledger.store import Store, Transaction

#: So that of several writers that find an old PostgreSQL ledger one migrates it: any number that nobody else takes.
_LOCK = 7_263_518_042


@dataclass(frozen=True)
class Migration:
    """One step of the schema; needs is the first version of forecast that reads what it leaves behind.

    `{compact}` in a statement becomes what SQLite needs to keep a table in the order of its key.
    """

    name: str
    needs: str
    statements: tuple[str, ...]


#: The schema is as many as have been applied. Timestamps are whole microseconds since 1970 by the clock of the data,
#: `recorded` since 1970 in UTC; item, levels, states, numbers and summary are JSON.
MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "forecasts, steps, actuals and runs",
        "0.1.0",
        (
            """CREATE TABLE ledger_series (
                id TEXT PRIMARY KEY, job TEXT NOT NULL, item TEXT NOT NULL, target TEXT NOT NULL)""",
            "CREATE INDEX ledger_series_job ON ledger_series (job)",
            """CREATE TABLE ledger_forecasts (
                id TEXT PRIMARY KEY, series_id TEXT NOT NULL, cutoff BIGINT NOT NULL, data_until BIGINT NOT NULL,
                last BIGINT NOT NULL, source TEXT NOT NULL, model TEXT NOT NULL, data TEXT NOT NULL,
                levels TEXT NOT NULL, states TEXT NOT NULL, season_length INTEGER NOT NULL, scale DOUBLE PRECISION,
                hindsight INTEGER NOT NULL, created_by TEXT NOT NULL, recorded BIGINT NOT NULL)""",
            "CREATE INDEX ledger_forecasts_series ON ledger_forecasts (series_id, cutoff)",
            """CREATE TABLE ledger_steps (
                forecast_id TEXT NOT NULL, lead INTEGER NOT NULL, timestamp BIGINT NOT NULL,
                forecast DOUBLE PRECISION NOT NULL, numbers TEXT NOT NULL, PRIMARY KEY (forecast_id, lead)){compact}""",
            """CREATE TABLE ledger_actuals (
                series_id TEXT NOT NULL, timestamp BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL,
                PRIMARY KEY (series_id, timestamp)){compact}""",
            """CREATE TABLE ledger_runs (
                id TEXT PRIMARY KEY, started TEXT NOT NULL, ended TEXT, code INTEGER, summary TEXT NOT NULL)""",
        ),
    ),
)


def schema_of(store: Store) -> int:
    """How many migrations a ledger has seen; 0 for none. Raises ConfigError for one newer than this program."""
    if not store.exists:
        return 0
    with store.transaction(writing=False) as transaction:
        return _applied(store, transaction)


def bring_up(store: Store) -> None:
    """Brings a ledger to the newest schema, making it where there is none, all in one transaction under a lock."""
    with store.transaction(writing=True) as transaction:
        if not transaction.is_sqlite:
            transaction.define(f"SELECT pg_advisory_xact_lock({_LOCK})")
        # Only under the lock is it known what is left to do.
        applied = _applied(store, transaction)
        if applied == 0:
            transaction.define(
                "CREATE TABLE ledger_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, needs TEXT NOT NULL)"
            )
        for number, migration in enumerate(MIGRATIONS[applied:], start=applied + 1):
            for statement in migration.statements:
                transaction.define(statement.format(compact=" WITHOUT ROWID" if transaction.is_sqlite else ""))
            row = {"number": number, "name": migration.name, "needs": migration.needs}
            transaction.run("INSERT INTO ledger_migrations VALUES (:number, :name, :needs)", [row])


def _applied(store: Store, transaction: Transaction) -> int:
    if not _has_table(transaction, "ledger_migrations"):
        return 0
    applied: list[tuple[int, str]] = transaction.rows("SELECT number, needs FROM ledger_migrations ORDER BY number")
    if len(applied) > len(MIGRATIONS):
        needs = applied[-1][1]
        raise ConfigError(
            f"ledger {store.shown}: it needs forecast >= {needs}", hint=f"pip install 'forecast>={needs}'"
        )
    return len(applied)


def _has_table(transaction: Transaction, name: str) -> bool:
    if transaction.is_sqlite:
        return bool(transaction.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name", name=name))
    return transaction.rows("SELECT to_regclass(:name) IS NOT NULL", name=name) == [(True,)]
