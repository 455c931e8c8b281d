"""Retraining: when a model is due, and whether the one that was trained anew may take its place.

Ages are those of data: from the last row that taught a model to the newest there is. No clock is asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecast.config import Config
from forecast.drift import Drift
from forecast.durations import in_words
from forecast.errors import CheckpointError, DataError
from forecast.evaluation import NAMES, Evaluation
from forecast.filenames import challenger_of
from forecast.forecaster import Forecaster, cutoffs_after, read_card
from forecast.panel import Panel
from forecast.planning import Plan, plan
from forecast.policies import AGE, DRIFT, NEVER, Policy
from forecast.shelf import keep_previous
from forecast.snapshots import Snapshots
from forecast.training import Epoch
from forecast.writing import remove

#: By this share the error of a new model has to be lower than that of the old one.
MARGIN = 0.01
#: Windows of a contest, and values of their histories together, at most.
_MOST_WINDOWS, _MOST_VALUES = 1_000, 10_000_000


def due(
    policies: Sequence[Policy],
    champion: Forecaster | CheckpointError,
    panel: Panel,
    drift: Drift | None = None,
    *,
    loser: Forecaster | None = None,
) -> str | None:
    """Why a model is to be trained again, in words; None where it is not.

    A model that cannot be read is due under any policy but never. `loser` is the challenger that was trained last and
    did not win: ages count from its last row too, and no other policy holds until there is a horizon of rows since, or
    the same contest would be lost again every night.
    """
    if all(policy.kind == NEVER for policy in policies):
        return None
    if isinstance(champion, CheckpointError):
        return f"the model cannot be read: {champion.message}"
    taught = np.datetime64(champion.data.last)
    last = taught if loser is None else max(taught, np.datetime64(loser.data.last))
    rested = loser is None or _rows_since(panel, last) >= champion.architecture.horizon
    for policy in policies:
        if policy.kind == AGE:
            age = float((panel.last - last) / np.timedelta64(1, "s"))
            if age >= policy.seconds:
                whose = "the last row of the model" if last == taught else "that of the last challenger"
                return f"{policy}: the newest row is {in_words(age)} after {whose}"
        elif policy.kind == DRIFT:
            if rested and drift is not None and drift.verdict == "drift":
                return f"{policy}: {drift.sentence}"
        elif rested and (measured := measured_since(champion, panel)) is not None:
            value = _metric(measured, policy.metric)
            if value > policy.limit if policy.sign == ">" else value < policy.limit:
                return f"{policy}: it is {value:.3g} over the rows since it was trained"
    return None


def measured_since(champion: Forecaster, panel: Panel) -> Evaluation | None:
    """How a model does on the rows after its training, at cutoffs a horizon apart; None with less than a horizon."""
    taught, a = np.datetime64(champion.data.last), champion.architecture
    cuts = [(i, cut) for _, i, cut in cutoffs_after(taught, panel.series, a)]
    if not cuts or _rows_since(panel, taught) < a.horizon:
        return None
    return champion.judged_at(panel, cuts, a.horizon)


def _rows_since(panel: Panel, last: np.datetime64) -> int:
    """Rows with a value later than this, of the series that has most."""
    return max(
        int((~np.isnan(s.values[np.searchsorted(s.timestamps, last, side="right") :])).sum()) for s in panel.series
    )


def _metric(measured: Evaluation, name: str) -> float:
    """A metric by its name; skill is the share by which an error is below that of seasonal naive, or the base rate."""
    own, others = measured.scores[0].metrics, measured.scores[1:]
    if name != "skill" or "skill" in own:
        return own.get(name, math.nan)
    reference = next((score for score in others if "seasonal" in score.name), others[0])
    error = reference.metrics[measured.deciding]
    return 1 - own[measured.deciding] / error if error else math.nan


@dataclass(frozen=True)
class Contest:
    """A model that was trained anew beside the one before: both errors on the same steps, and a sentence on who stays.

    The errors are those of the metric that decides, MASE unless it is undefined, log loss of states; NaN where the
    champion cannot take part.
    """

    challenger: Forecaster
    wins: bool
    champion_error: float
    challenger_error: float
    sentence: str


def challenge(
    panel: Panel,
    champion: Forecaster | CheckpointError,
    config: Config | Plan,
    *,
    on_epoch: Callable[[Epoch], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    snapshots: Snapshots | None = None,
) -> Contest:
    """A model trained on the panel, and whether it may take the place of the champion.

    It begins from the champion's weights where it can. Both forecast the last windows, from every step of those that
    training held out last, and only steps after the champion's own training count: neither has seen them, nor have they
    chosen when to stop unless the series are too short for more. The champion stays unless the error of the challenger,
    as it was before the refit, is lower by MARGIN. A champion that cannot be read, or is for other data, loses.
    """
    planned = config if isinstance(config, Plan) else plan(panel, config)
    start = champion if isinstance(champion, Forecaster) else None
    challenger = Forecaster.fit(
        panel, planned, on_epoch=on_epoch, should_stop=should_stop, snapshots=snapshots, start=start
    )
    if challenger.stopped:
        return Contest(challenger, False, math.nan, math.nan, "the model stays: training anew was left off early")
    if isinstance(champion, CheckpointError):
        return _by_default(challenger, f"the one before cannot be read: {champion.message}")
    if (champion.columns.targets, champion.columns.ids) != (panel.columns.targets, panel.columns.ids):
        return _by_default(challenger, "the one before is for other columns")
    try:
        return _contest(panel, champion, challenger)
    except DataError as error:
        return _by_default(challenger, f"the one before cannot take part: {error.message}")


def _by_default(challenger: Forecaster, why: str) -> Contest:
    return Contest(challenger, True, math.nan, math.nan, f"the new model takes the place: {why}")


def _contest(panel: Panel, champion: Forecaster, challenger: Forecaster) -> Contest:
    """Who is better on the same steps."""
    judged = challenger.judged
    assert judged is not None
    taught: np.datetime64 | None = np.datetime64(champion.data.last)
    cuts = _last_cutoffs(panel, challenger, taught)
    if not cuts:  # no row since: what the champion has seen is better than nothing, and speaks for it
        taught, cuts = None, _last_cutoffs(panel, challenger, None)
    horizon, season = challenger.architecture.horizon, challenger.evaluation.season_length
    old, new = (
        forecaster.judged_at(panel, cuts, horizon, after=taught, season_length=season)
        for forecaster in (champion, challenger.with_ensemble(judged.ensemble))
    )
    deciding, name = new.deciding, NAMES[new.deciding]
    before, now = old.scores[0].metrics[deciding], new.scores[0].metrics[deciding]
    wins = now < (1 - MARGIN) * before or (math.isfinite(now) and not math.isfinite(before))
    n = len(cuts)
    where = f"over {n} window{'s' * (n != 1)} of the last {max(judged.holdout.test)} steps"
    seen = ", which the old one has seen" if taught is None else f", counting what came after {_text(taught)}"
    figures = f"{name} {now:.4g} against {before:.4g} {where}{seen}"
    if wins:
        return Contest(challenger, True, before, now, f"the new model takes the place: {figures}")
    close = f" (less than {100 * MARGIN:g} % better)" if now < before else ""
    return Contest(challenger, False, before, now, f"the model stays: the new one has {figures}{close}")


def _last_cutoffs(panel: Panel, challenger: Forecaster, after: np.datetime64 | None) -> list[tuple[int, int]]:
    """Cutoffs in the steps that were held out last, with something before them and something to count after them.

    Where that is more than can be looked at, evenly spread ones of evenly spread series.
    """
    assert challenger.judged is not None
    span, a = max(challenger.judged.holdout.test), challenger.architecture
    longest = max(len(s) for s in panel.series)
    most = min(_MOST_WINDOWS, max(1, _MOST_VALUES // longest))
    every = -(-len(panel) // most)
    chosen = range(0, len(panel), every)
    stride = -(-span * len(chosen) // most)
    found = []
    for i in chosen:
        s = panel.series[i]
        counted = ~np.isnan(s.values) if after is None else ~np.isnan(s.values) & (s.timestamps > after)
        for cut in range(max(1, len(s) - span), len(s), stride):
            if (
                not np.isnan(s.values[max(0, cut - a.context_length) : cut]).all()
                and counted[cut : cut + a.horizon].any()
            ):
                found.append((i, cut))
    return found


def _text(moment: np.datetime64) -> str:
    """A timestamp without the part that is all zeros."""
    return str(np.datetime_as_string(moment.astype("datetime64[s]"), unit="s")).removesuffix("T00:00:00")


def settle(model: Path, contest: Contest, *, data: str | Path | None = None, keep: int = 1) -> Forecaster:
    """What a contest decided, on the disk: both models are kept, and the Forecaster that is current now comes back.

    The winner takes the place of the model, which moves to the shelf, unless it is damaged. A challenger that lost is
    `<stem>.challenger.safetensors`, until the next one. Hold the model's lock.
    """
    aside = challenger_of(model)
    if not contest.wins:
        contest.challenger.save(aside, data=data)
        return Forecaster.load(model)
    if _is_whole(model):
        keep_previous(model, keep=keep)
    current = contest.challenger.save(model, data=data)
    if aside.exists():
        remove(aside)
    return current


def _is_whole(model: Path) -> bool:
    try:
        read_card(model)
    except CheckpointError:
        return False
    return True
