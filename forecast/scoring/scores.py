"""The scores of a job from its ledger: what made the forecasts apart, each step ahead apart where asked, and drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from forecast.drift import Drift
from forecast.ledger import Ledger, Outcomes, Standing
from forecast.scoring.tally import Tally

#: How far back scores go unless they are told, or as far as the longest forecast reaches, if that is more.
USUAL = np.timedelta64(30, "D")
_MOMENT = np.timedelta64(1, "us")


@dataclass(frozen=True)
class Window:
    """Which times count: from since until until, both included, or the last so long before what came last of all.

    Without since and last these are the last 30 days, or as long as the longest forecast reaches if that is more.
    """

    since: np.datetime64 | None = None
    until: np.datetime64 | None = None
    last: np.timedelta64 | None = None

    def of(self, standing: Standing) -> tuple[np.datetime64 | None, np.datetime64 | None]:
        """The first and the last time that count for a job, None where nothing limits them."""
        newest = standing.newest_actual
        if self.since is not None or newest is None:
            return self.since, self.until
        end = newest if self.until is None else min(newest, self.until)
        # Of 30 days there are 30, not 31.
        return end - (self.last or max(USUAL, standing.longest)) + _MOMENT, end


@dataclass(frozen=True)
class SourceScore:
    """What one source did for a job, or for all where the job is empty; by_lead only where it was asked for."""

    job: str
    source: str
    hindsight: bool
    n_items: int
    n_cutoffs: int
    tally: Tally
    by_lead: dict[int, Tally] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`model`, or `model, in hindsight`."""
        return f"{self.source}, in hindsight" if self.hindsight else self.source

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        leads = [{"lead": lead, **tally.to_dict()} for lead, tally in self.by_lead.items()]
        return {
            "source": self.source,
            "hindsight": self.hindsight,
            "items": self.n_items,
            "cutoffs": self.n_cutoffs,
            **self.tally.to_dict(),
            **({"by_lead": leads} if leads else {}),
        }


@dataclass(frozen=True)
class JobScore:
    """A job: what the ledger has of it, its sources, the verdict on drift, and the first and last time that count.

    These are None where nothing does. left_out are steps that were forecast in hindsight and do not count.
    """

    standing: Standing
    first: np.datetime64 | None
    last: np.datetime64 | None
    sources: tuple[SourceScore, ...]
    drift: Drift
    left_out: int = 0

    @property
    def job(self) -> str:
        """Its name."""
        return self.standing.job

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; times in ISO form by the clock of the data."""
        return {
            "job": self.job,
            "first_cutoff": in_words(self.standing.first_cutoff),
            "last_cutoff": in_words(self.standing.last_cutoff),
            "newest_actual": in_words(self.standing.newest_actual),
            "first": in_words(self.first),
            "last": in_words(self.last),
            "sources": [own.to_dict() for own in self.sources],
            "left_out_in_hindsight": self.left_out,
            "drift": self.drift.to_dict(),
        }


def score_job(
    ledger: Ledger, standing: Standing, window: Window, *, hindsight: bool = False, by_lead: bool = False
) -> JobScore:
    """The scores of what a job had forecast for the times of a window and has come.

    Forecasts of a model that had seen rows after the cutoff count only with hindsight, and stand apart.
    """
    since, until = window.of(standing)
    parts: dict[tuple[str, bool, bool], list[Outcomes]] = {}
    stamps: list[int] = []
    left_out = 0
    for outcomes in ledger.scores(standing.job, since, until):
        if outcomes.hindsight and not hindsight:
            left_out += len(outcomes)
        else:
            parts.setdefault((outcomes.source, outcomes.hindsight, bool(outcomes.states)), []).append(outcomes)
            stamps += [int(outcomes.timestamp.min()), int(outcomes.timestamp.max())]
    sources = tuple(_source(standing.job, own, by_lead) for own in parts.values())
    ends = [np.datetime64(end(stamps), "us") if stamps else None for end in (min, max)]
    return JobScore(standing, ends[0], ends[1], sources, ledger.drift(standing.job), left_out)


def totals(scores: Sequence[JobScore]) -> tuple[SourceScore, ...]:
    """All jobs together, source by source, each step counting once; empty for fewer than two jobs with scores.

    Jobs have units of their own: where errors are compared, it is by MASE and sMAPE.
    """
    if sum(bool(job.sources) for job in scores) < 2:
        return ()
    found: dict[tuple[str, bool, bool], SourceScore] = {}
    for job in scores:
        for own in job.sources:
            key = (own.source, own.hindsight, own.tally.of_states)
            if key in found:
                found[key] = _together(found[key], own)
            else:
                found[key] = replace(own, job="")
    return tuple(found.values())


def in_words(moment: np.datetime64 | None) -> str | None:
    """A time in ISO form, a date where it is midnight and no more than needed otherwise."""
    if moment is None:
        return None
    text = str(moment.astype("datetime64[us]"))
    return text.removesuffix(".000000").removesuffix(":00").removesuffix("T00:00")


def _source(job: str, parts: Sequence[Outcomes], by_lead: bool) -> SourceScore:
    first = parts[0]
    series, cutoffs, leads = (np.unique(np.concatenate([getattr(p, n) for p in parts])) for n in _COUNTED)
    at_leads = {}
    for lead in leads.tolist() if by_lead else ():
        chosen = [part.where(part.lead == lead) for part in parts]
        at_leads[lead] = sum((Tally.of(own) for own in chosen if len(own)), Tally())
    tally = sum((Tally.of(part) for part in parts), Tally())
    return SourceScore(job, first.source, first.hindsight, len(series), len(cutoffs), tally, at_leads)


_COUNTED = ("series", "cutoff", "lead")


def _together(one: SourceScore, other: SourceScore) -> SourceScore:
    leads = sorted({*one.by_lead, *other.by_lead})
    return replace(
        one,
        n_items=one.n_items + other.n_items,
        n_cutoffs=max(one.n_cutoffs, other.n_cutoffs),
        tally=one.tally + other.tally,
        by_lead={lead: one.by_lead.get(lead, Tally()) + other.by_lead.get(lead, Tally()) for lead in leads},
    )
