"""Drift: whether forecasts have got worse, as a test with its evidence. It is pure: arrays in, a verdict out."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.significance import holm

Values = NDArray[np.float64]

#: Groups of consecutive cutoffs whose means are compared, on each side.
GROUPS = 6
#: Cutoffs that each side has at least: two in every group.
FEWEST = 2 * GROUPS
#: Cutoffs that are called the last ones, at most.
_MOST_NOW = 30
#: A verdict that starts trainings every night must seldom be wrong.
_ALPHA = 0.01
#: What is worth a word: errors that are so many times as large, intervals that hold so much less.
_WORSE, _LESS = 1.1, 0.05


@dataclass(frozen=True)
class Drift:
    """Whether the last cutoffs are worse: verdict none, drift or unknown, a sentence, and the numbers behind it.

    error is the mean over cutoffs, p_value that of no increase; coverage the share inside an interval, with the p of no
    decrease. Both p are as they are when two tests are made at once. NaN: not known.
    """

    verdict: str
    sentence: str
    n_before: int
    n_now: int
    error_before: float = math.nan
    error_now: float = math.nan
    p_value: float = math.nan
    coverage_before: float = math.nan
    coverage_now: float = math.nan
    coverage_p_value: float = math.nan

    @property
    def ratio(self) -> float:
        """How many times as large the error is as before."""
        return self.error_now / self.error_before if self.error_before > 0 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an unknown number is None."""
        values = {**asdict(self), "ratio": self.ratio}
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}


def recent(n_cutoffs: int) -> int:
    """How many of so many cutoffs are called the last ones: a quarter, within bounds."""
    return min(max(n_cutoffs // 4, FEWEST), _MOST_NOW)


def find_drift(
    errors_before: Values,
    errors_now: Values,
    covered_before: Values | None = None,
    covered_now: Values | None = None,
    *,
    level: float = 80,
    what: str = "error",
) -> Drift:
    """Whether the errors [C] of the last cutoffs are larger than those [B] of cutoffs before, all in order of time.

    An error is the mean over one cutoff, whose steps depend on each other; covered [C] is likewise the share of values
    inside the interval of a level in percent, where it is known. Neighbouring cutoffs may depend on each other too:
    each side is put into groups of consecutive cutoffs, and the means of the groups are compared by a one-sided t-test
    that allows both sides spreads of their own (Ibragimov & Muller 2016, Inference with few heterogeneous clusters),
    with the degrees of freedom of the smaller side less one, which does not make it bold (Mickey & Brown 1966). Groups
    have to be long beside what neighbours have in common: dependence that lasts over many cutoffs can pass for drift.
    The two tests are corrected as one (Holm 1979).

    The verdict is drift where p is below 0.01 and the error at least 1.1 times as large, or 0.05 less inside the
    interval; unknown with fewer than 12 cutoffs on a side, or where an error is not finite. what names the error in the
    sentence.
    """
    n_before, n_now = len(errors_before), len(errors_now)
    if min(n_before, n_now) < FEWEST:
        found = f"{n_before + n_now} {'is' if n_before + n_now == 1 else 'are'} there"
        return Drift("unknown", f"drift is not known: {2 * FEWEST} cutoffs are needed, and {found}", n_before, n_now)
    if not (np.isfinite(errors_before).all() and np.isfinite(errors_now).all()):
        return Drift("unknown", "drift is not known: an error is not a finite number", n_before, n_now)
    p_values = [_p_of_increase(errors_before, errors_now), math.nan]
    inside = (math.nan, math.nan)
    shares = [side for side in (covered_before, covered_now) if side is not None and np.isfinite(side).all()]
    if len(shares) == 2:
        p_values[1] = _p_of_increase(-shares[0], -shares[1])
        inside = (float(shares[0].mean()), float(shares[1].mean()))
    p_error, p_coverage = holm(p_values)
    before, now = float(errors_before.mean()), float(errors_now.mean())
    larger = p_error < _ALPHA and now >= _WORSE * before
    emptier = p_coverage < _ALPHA and inside[0] - inside[1] >= _LESS
    verdict = "drift" if larger or emptier else "none"
    ago = f"over the {n_before} before {before:.3g}"
    words = [f"over the last {n_now} cutoffs the {what} was {now:.3g}, {ago}, {_p(p_error)}"]
    if math.isfinite(p_coverage):
        held = (f"{share:.0%}".replace("%", " %") for share in reversed(inside))
        words.append(f"the {level:g} % interval held {next(held)}, before {next(held)}, {_p(p_coverage)}")
    sentence = f"{'drift' if verdict == 'drift' else 'no drift'}: {'; '.join(words)}"
    return Drift(verdict, sentence, n_before, n_now, before, now, p_error, *inside, p_coverage)


def _p_of_increase(before: Values, now: Values) -> float:
    """The one-sided p of no increase from the mean of `before` to that of `now`, by the means of groups."""
    means = [np.array([part.mean() for part in np.array_split(side, GROUPS)]) for side in (before, now)]
    increase = float(means[1].mean() - means[0].mean())
    spread = math.sqrt(sum(float(side.var(ddof=1)) for side in means) / GROUPS)
    # Rounding leaves a spread where every value is the same.
    if spread <= 1e-12 * max(float(np.abs(side).max()) for side in means):
        return 0.0 if increase > 1e-12 * float(np.abs(means[0]).max()) else 1.0
    from scipy.special import stdtr  # late: only here

    return float(stdtr(GROUPS - 1, -increase / spread))


def _p(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p {p_value:.3f}"
