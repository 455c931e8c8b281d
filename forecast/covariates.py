"""Covariates of a panel: calendar features added, columns chosen, and what a forecast needs to know of the future."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from forecast.calendars import future_timestamps
from forecast.errors import DataError
from forecast.features import feature_names, feature_values
from forecast.panel import Covariate, Panel, Series, Timestamps, Values
from forecast.timeformat import format_times


def with_features(panel: Panel, chosen: Sequence[str], horizon: int) -> Panel:
    """The panel with calendar features as further future covariates, known for at least `horizon` steps ahead."""
    if not chosen:
        return panel
    added = tuple(Covariate(name, "future") for name in feature_names(chosen))
    n_own = len(panel.of_role("past", "future"))
    known: dict[tuple[np.datetime64, np.datetime64, int], Values] = {}
    series = []
    for s in panel.series:
        ahead = max(horizon, len(s.covariates) - len(s) if n_own else 0)
        key = s.timestamps[0], s.timestamps[-1], ahead
        if key not in known:
            known[key] = feature_values(chosen, _steps(panel, s, ahead), panel.calendar, panel.columns.timezone)
        rows = np.full((len(s) + ahead, n_own + len(added)), np.nan)
        rows[: len(s.covariates), :n_own] = s.covariates if n_own else np.nan
        rows[:, n_own:] = known[key]
        series.append(replace(s, covariates=rows))
    # Past and future ones lie side by side in a series, the static ones apart.
    covariates = (*panel.of_role("past", "future"), *added, *panel.of_role("static"))
    return replace(panel, series=tuple(series), covariates=covariates)


def with_only(panel: Panel, names: Collection[str]) -> Panel:
    """The panel with the covariates of these names and no others."""
    varying, static = panel.of_role("past", "future"), panel.of_role("static")
    columns = [i for i, covariate in enumerate(varying) if covariate.name in names]
    fixed = [i for i, covariate in enumerate(static) if covariate.name in names]
    series = tuple(
        replace(s, covariates=s.covariates[:, columns] if varying else s.covariates, static=s.static[fixed])
        for s in panel.series
    )
    return replace(panel, series=series, covariates=tuple(c for c in panel.covariates if c.name in names))


def hide(panel: Panel, names: Collection[str]) -> Panel:
    """The panel with the covariates of these names not known anywhere."""
    varying, static = panel.of_role("past", "future"), panel.of_role("static")
    columns = [i for i, covariate in enumerate(varying) if covariate.name in names]
    fixed = [i for i, covariate in enumerate(static) if covariate.name in names]
    series = []
    for s in panel.series:
        rows, own = s.covariates.copy(), s.static.copy()
        if columns:
            rows[:, columns] = np.nan
        own[fixed] = np.nan
        series.append(replace(s, covariates=rows, static=own))
    return replace(panel, series=tuple(series))


def require_known(panel: Panel, horizon: int) -> None:
    """Raises DataError that names the first timestamp over the horizon for which a future covariate is not known."""
    varying = panel.of_role("past", "future")
    for s in panel.series:
        for column, covariate in enumerate(varying):
            if covariate.role != "future":
                continue
            ahead = s.covariates[len(s) : len(s) + horizon, column]
            missing = np.flatnonzero(np.isnan(ahead))
            n_known = int(missing[0]) if len(missing) else len(ahead)
            if n_known < horizon:
                raise _unknown(panel, s, covariate, n_known)


def _unknown(panel: Panel, series: Series, covariate: Covariate, n_known: int) -> DataError:
    stamp = future_timestamps(panel.calendar, series.timestamps[-1], n_known + 1)[-1:]
    when = format_times(stamp, panel.columns.time_format, panel.columns.timezone)[0]
    who = f" of {series.name}" if series.item_id else ""
    return DataError(
        f"the future covariate {covariate.name!r}{who} is not known for {when}, step {n_known + 1} of the forecast",
        why="; ".join(["the model needs it for every step: it is never filled in", *_unseen(panel, covariate)]),
        hint="--future-data FILE with these rows" + (f", or --horizon {n_known}" if n_known else ""),
    )


def _unseen(panel: Panel, covariate: Covariate) -> list[str]:
    """What the reader had to say of texts of this covariate that training did not see, and that count as missing."""
    of_it = f'column "{covariate.name}": '
    return [note for note in panel.notes if note.startswith("W322 ") and of_it in note]


def _steps(panel: Panel, series: Series, ahead: int) -> Timestamps:
    future = future_timestamps(panel.calendar, series.timestamps[-1], ahead)
    return np.concatenate([series.timestamps, future.astype(series.timestamps.dtype)])
