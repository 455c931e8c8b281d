"""Whether one forecast is really better than another: a paired test over cutoffs, and its correction for many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def independent_groups(n_cutoffs: int, overlap: int) -> int:
    """How many groups of `overlap` consecutive cutoffs there are: what their windows have in common stays inside."""
    return n_cutoffs // overlap


def p_value(differences: Values, overlap: int = 1) -> float:
    """Two-sided p of a mean difference of zero, from the differences [C] of two losses at consecutive cutoffs.

    overlap is how many consecutive windows share steps, 1 when none do. Without overlap this is the test of Diebold &
    Mariano (1995) with the small-sample correction of Harvey, Leybourne & Newbold (1997) for a step of one, which is
    Student's paired t-test. With overlap that correction finds differences that are not there when cutoffs are few
    (Harvey, Leybourne & Whitehouse 2017), so the cutoffs are put into groups, as in Ibragimov & Muller (2010), and the
    test is one of the groups' means. NaN where there are fewer than two groups, or a difference is not known.
    """
    groups = independent_groups(len(differences), overlap)
    if groups < 2 or not np.isfinite(differences).all():
        return float("nan")
    means = np.array([part.mean() for part in np.array_split(differences, groups)])
    spread = means.std(ddof=1) / np.sqrt(groups)
    # Rounding leaves a spread where every difference is the same.
    if spread <= 1e-12 * np.abs(means).max():
        return 0.0 if means.any() else 1.0
    from scipy.special import stdtr  # late: only here

    return float(2 * stdtr(groups - 1, -abs(means.mean()) / spread))


def welch_p_value(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided p of equal means of two samples, of any spread each (Welch 1947); a single value counts as certain.

    NaN where both are single values, or one is not known.
    """
    samples = [np.asarray(sample, float) for sample in (first, second)]
    drawn = [sample for sample in samples if len(sample) > 1]
    difference = float(samples[0].mean() - samples[1].mean())
    if not drawn or not np.isfinite(difference):
        return float("nan")
    parts = [float(sample.var(ddof=1)) / len(sample) for sample in drawn]
    spread, rounding = np.sqrt(sum(parts)), 1e-12 * max(abs(sample.mean()) for sample in samples)
    if spread <= rounding:
        return 0.0 if abs(difference) > rounding else 1.0
    from scipy.special import stdtr  # late: only here

    freedom = sum(parts) ** 2 / sum(part**2 / (len(s) - 1) for part, s in zip(parts, drawn, strict=True))
    return float(2 * stdtr(freedom, -abs(difference) / spread))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values as they are when so many tests are made at once (Holm 1979); those that are NaN stay so."""
    known = sorted((p, i) for i, p in enumerate(p_values) if not np.isnan(p))
    adjusted = [float("nan")] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[i] = highest
    return adjusted
