"""Forecast: item × timestamp × quantile level. What a Forecaster or a baseline returns; it never touches a disk."""

from __future__ import annotations

import math
import zlib
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from forecast.bounds import Bounds
from forecast.dependence import USUAL, draw_scores
from forecast.errors import ConfigError, DataError
from forecast.panel import Columns

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Unpack

Quantiles = NDArray[np.float64]
#: Columns [N] of a table by name and in order: texts, timestamps or numbers.
Table = dict[str, NDArray[Any]]

#: The central intervals of a forecast in percent, unless others are asked for.
LEVELS = (80, 95)
#: What the names of columns with probabilities begin with; the threshold follows.
P_ABOVE, P_BELOW = "p_above_", "p_below_"
#: What comes before the name of a state in the column of its probability.
P_STATE = "p_"


class Form(TypedDict, total=False):
    """The columns that a table of a forecast has: what `Forecast.to_table` can be told."""

    levels: Sequence[float] | None
    quantiles: Sequence[float]
    nixtla_names: bool
    above: Sequence[float]
    below: Sequence[float]
    samples: int
    seed: int
    named_source: bool


@dataclass(frozen=True)
class ItemForecast:
    """One target of one item: timestamps [H] datetime64[us], quantiles [H, Q] float64, ascending along Q.

    Of states it has probabilities [H, C] instead, which sum to 1 along C, and no quantiles (Q is 0).
    """

    item_id: tuple[str, ...]
    target: str
    timestamps: NDArray[np.datetime64]
    quantiles: Quantiles
    probabilities: Quantiles = field(default_factory=lambda: np.empty((0, 0)))


@dataclass(frozen=True)
class Forecast:
    """Forecasts of every item at ascending quantile_levels (Q, 0.5 among them), with the user's column names.

    Forecasts of states have no levels but states, the names of the C things that may come, and the task `binary` where
    the second of two is what is asked for, else `class`.

    No quantile lies outside the bounds, those beyond the trained levels included. persistence is how much of an error
    carries over from one step to the next (see dependence.py).
    """

    items: tuple[ItemForecast, ...]
    quantile_levels: tuple[float, ...]
    columns: Columns
    source: str = "model"
    states: tuple[str, ...] = ()
    task: str = "regression"
    bounds: Bounds = field(default_factory=Bounds)
    persistence: float = USUAL

    @property
    def stated(self) -> tuple[int, ...]:
        """The states whose probabilities are written: of a `binary` task the second, of which the other follows."""
        return (1,) if self.task == "binary" else tuple(range(len(self.states)))

    def quantile(self, level: float) -> list[Quantiles]:
        """The quantile at a level between 0 and 1, one [H] array per item.

        A trained level is returned as it is. Between two of them the quantile is linear in the normal score of the
        level, which is exact for a normal distribution; beyond the outermost it continues through the outer two.
        It never falls as the level rises. Raises ConfigError for a level that is not strictly between 0 and 1.
        """
        self._require_numbers("quantiles")
        return [self._at(item.quantiles, level) for item in self.items]

    def probability_above(self, threshold: float) -> list[Quantiles]:
        """The probability that a step lies above a threshold in the user's units, one [H] array per item.

        The distribution is that of `quantile`: between two trained quantiles the normal score of the level is linear in
        the value, and beyond the outermost it continues through the outer two. Equal quantiles are a value with a
        probability of its own, which lies neither above nor below itself. Never rises with the threshold: it
        is 1 below the floor, and 0 from the cap on. Raises
        ConfigError for a threshold that is not finite, or where there is only a median.
        """
        return [_share_above(scores) for scores in self._scores(threshold, "right")]

    def probability_below(self, threshold: float) -> list[Quantiles]:
        """The probability that a step lies below a threshold, as `probability_above`. Never falls with the threshold.

        The two add up to 1 but for the probability of the threshold itself.
        """
        return [_share_above(-scores) for scores in self._scores(threshold, "left")]

    def probabilities(self, above: Sequence[float] = (), below: Sequence[float] = ()) -> dict[str, list[Quantiles]]:
        """The probabilities of lying above and below thresholds by the names of their columns, thresholds ascending."""
        return {
            **{_threshold_name(P_ABOVE, threshold): self.probability_above(threshold) for threshold in sorted(above)},
            **{_threshold_name(P_BELOW, threshold): self.probability_below(threshold) for threshold in sorted(below)},
        }

    def samples(self, count: int, seed: int = 1) -> list[Quantiles]:
        """So many paths through the horizon, drawn with a seed, one [H, count] array per item.

        Each step has the distribution of `quantile`, and steps depend on each other as `persistence` says (see
        dependence.py), so that sums and extremes over a path are those of a path. Items are drawn independently of
        each other, each the same whatever stands beside it. Raises ConfigError where there is only a median.
        """
        self._require_numbers("samples")
        if count < 1:
            raise ConfigError(f"samples is {count}, but must be at least 1")
        if len(self.quantile_levels) < 2:
            raise ConfigError("samples: the forecast has its median only")
        found = []
        for item in self.items:
            name = zlib.crc32("\x1f".join((*item.item_id, item.target)).encode())
            scores = draw_scores(self.persistence, len(item.timestamps), count, np.random.default_rng([seed, name]))
            found.append(self.bounds.clip(_at_scores(item.quantiles, self.quantile_levels, scores.T)))
        return found

    def to_frame(self, **form: Unpack[Form]) -> pd.DataFrame:
        """The table of `to_table` as a data frame of pandas."""
        import pandas as pd  # late: a Forecast itself needs numpy only, and its file too

        return pd.DataFrame(self.to_table(**form))

    def to_table(
        self,
        levels: Sequence[float] | None = None,
        quantiles: Sequence[float] = (),
        nixtla_names: bool = False,
        above: Sequence[float] = (),
        below: Sequence[float] = (),
        samples: int = 0,
        seed: int = 1,
        named_source: bool = False,
    ) -> Table:
        """One row per item and step under the user's names: ids, time, `forecast` (the median), then the intervals.

        The intervals are `lo_80, hi_80, …` for ascending central levels in percent (None: those of LEVELS, unless there
        are quantiles), then come the quantiles, `q_0.1, …`, the probabilities of lying above and below thresholds,
        `p_above_200, …, p_below_0, …`, with ascending thresholds, and so many samples drawn with the seed, `sample_1,
        …`. A `target` column names the target when there are several, a `source` column what stood in for the model, or
        with named_source that it was the model. With nixtla_names the ids become one `unique_id` and the time `ds`. Of
        states, `forecast` is the name of the most probable one and `p_…` are the probabilities of those in `stated`.
        Raises ConfigError for a level or a threshold out of range or of states, DataError when one of the user's
        columns has the name of a column that is added.
        """
        if self.states:
            numbers = {"levels": levels, "quantiles": quantiles, "above": above, "below": below, "samples": samples}
            for name, asked in numbers.items():
                if asked:
                    self._require_numbers(name)
            made = self._state_columns()
        else:
            made = self._number_columns(_quantile_columns(levels, quantiles), self.probabilities(above, below))
            if samples:
                paths = np.concatenate(self.samples(samples, seed))
                made |= {f"sample_{number}": path for number, path in enumerate(paths.T, start=1)}
        added = [*made]
        if len(self.columns.targets) > 1:
            added.insert(0, "target")
        if named_source or self.source != "model":
            added.append("source")
        _check_names([] if nixtla_names else [*self.columns.ids, self.columns.time], added)

        steps = [len(item.timestamps) for item in self.items]
        table: Table = {}
        if nixtla_names:
            table["unique_id"] = np.repeat([" / ".join(item.item_id) or item.target for item in self.items], steps)
        else:
            for position, name in enumerate(self.columns.ids):
                table[name] = np.repeat([item.item_id[position] for item in self.items], steps)
        table["ds" if nixtla_names else self.columns.time] = np.concatenate([item.timestamps for item in self.items])
        if "target" in added:
            table["target"] = np.repeat([item.target for item in self.items], steps)
        table |= made
        if "source" in added:
            table["source"] = np.repeat(self.source, sum(steps))
        return table

    def _require_numbers(self, what: str) -> None:
        if self.states:
            raise ConfigError(f"{what}: a forecast of states has probabilities and no numbers")

    def _number_columns(self, wanted: dict[str, float], chances: dict[str, list[Quantiles]]) -> Table:
        """The columns of a forecast of numbers: the median, then the quantiles and probabilities by their names."""
        values = np.concatenate([item.quantiles for item in self.items])
        columns: Table = {name: self._at(values, level) for name, level in {"forecast": 0.5, **wanted}.items()}
        return columns | {name: np.concatenate(shares) for name, shares in chances.items()}

    def _state_columns(self) -> Table:
        """The columns of a forecast of states: the most probable one, then the probabilities of those in `stated`."""
        values = np.concatenate([item.probabilities for item in self.items])
        columns: Table = {"forecast": np.array(self.states)[values.argmax(axis=1)]}
        return columns | {f"{P_STATE}{self.states[code]}": values[:, code] for code in self.stated}

    def _scores(self, threshold: float, side: Literal["left", "right"]) -> list[Quantiles]:
        """The normal scores [H] of the shares up to a threshold, of each item; all of one sign and infinite outside."""
        self._require_numbers("thresholds")
        if not math.isfinite(threshold):
            raise ConfigError(f"threshold {threshold:g} is not a finite number", hint="--above 200")
        if len(self.quantile_levels) < 2:
            raise ConfigError(f"threshold {threshold:g}: the forecast has its median only")
        floor, cap = self.bounds.floor, self.bounds.cap
        # The bounds themselves may have a probability of their own.
        if threshold < floor or (threshold == floor and side == "left"):
            return [np.full(len(item.timestamps), -math.inf) for item in self.items]
        if threshold > cap or (threshold == cap and side == "right"):
            return [np.full(len(item.timestamps), math.inf) for item in self.items]
        return [
            normal_scores(item.quantiles, self.quantile_levels, np.full(len(item.timestamps), threshold), side)
            for item in self.items
        ]

    def _at(self, quantiles: Quantiles, level: float) -> Quantiles:
        return self.bounds.clip(_quantile(quantiles, self.quantile_levels, level))


def _threshold_name(prefix: str, threshold: float) -> str:
    """The column of a threshold, P_ABOVE or P_BELOW: `p_above_200` for 200 and 200.0, `p_below_-1.5`."""
    return f"{prefix}{threshold + 0.0:.12g}"  # adding zero takes the sign off -0.0


def _quantile_columns(levels: Sequence[float] | None, quantiles: Sequence[float]) -> dict[str, float]:
    """Column name → quantile level, in the order of the file."""
    columns = {}
    for level in sorted((() if quantiles else LEVELS) if levels is None else levels):
        if not 0 < level < 100:
            raise ConfigError(f"level {level:g} is not strictly between 0 and 100 percent", hint="--levels 80,95")
        columns[f"lo_{level:.12g}"] = (100 - level) / 200
        columns[f"hi_{level:.12g}"] = (100 + level) / 200
    return columns | {f"q_{level:.12g}": level for level in sorted(quantiles)}


def _check_names(own: list[str], added: list[str]) -> None:
    for name in own:
        if name in added:
            raise DataError(
                f"column {name!r}: the forecast adds a column of this name",
                hint="rename the column in the data, or use --nixtla-names",
            )


def _quantile(quantiles: Quantiles, trained: Sequence[float], level: float) -> Quantiles:
    """The quantiles [N] at one level, from those at the ascending trained levels [N, Q]."""
    if not 0 < level < 1:
        raise ConfigError(f"quantile level {level:g} is not strictly between 0 and 1", hint="--quantiles 0.1,0.5,0.9")
    # Closer than 1e-9 to a trained level, rounding could carry interpolation past its quantile; no further away.
    for position, known in enumerate(trained):
        if math.isclose(level, known, rel_tol=1e-9):
            return quantiles[:, position]
    if len(trained) < 2:
        raise ConfigError(f"quantile level {level:g}: the forecast has its median only")
    left = min(max(bisect(trained, level) - 1, 0), len(trained) - 2)
    low, high = quantiles[:, left], quantiles[:, left + 1]
    score, low_score, high_score = (NormalDist().inv_cdf(p) for p in (level, trained[left], trained[left + 1]))
    weight = (score - low_score) / (high_score - low_score)
    return low + weight * (high - low)


def normal_scores(
    quantiles: Quantiles, trained: Sequence[float], values: Quantiles, side: Literal["left", "right"] = "right"
) -> Quantiles:
    """The normal scores [N] of the shares up to values [N], these included on the right side of them; may be infinite.

    The shares are those of the distributions with the quantiles [N, Q] at the ascending trained levels. NaN stays NaN.
    """
    scores = np.array([-math.inf, *(NormalDist().inv_cdf(level) for level in trained), math.inf])
    reached = quantiles <= values[:, None] if side == "right" else quantiles < values[:, None]
    count = reached.sum(axis=1)
    left = np.clip(count - 1, 0, len(trained) - 2)
    rows = np.arange(len(quantiles))
    low, high = quantiles[rows, left], quantiles[rows, left + 1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        weight = (values - low) / (high - low)
        # Where the outer two are equal, nothing lies beyond them.
        weight = np.where(high > low, weight, np.where(count > 0, math.inf, -math.inf))
        found = scores[left + 1] + weight * (scores[left + 2] - scores[left + 1])
    # Rounding must not carry it past the score of a quantile that was, or was not, reached.
    bounded: Quantiles = np.clip(found, scores[count], scores[count + 1])
    return np.where(np.isnan(values), np.nan, bounded)


def _at_scores(quantiles: Quantiles, trained: Sequence[float], scores: Quantiles) -> Quantiles:
    """The values [H, N] at normal scores [H, N] of the distributions with the quantiles [H, Q]."""
    known = np.array([NormalDist().inv_cdf(level) for level in trained])
    left = np.clip(np.searchsorted(known, scores, side="right") - 1, 0, len(known) - 2)
    low, high = (np.take_along_axis(quantiles, at, axis=1) for at in (left, left + 1))
    values: Quantiles = low + (scores - known[left]) / (known[left + 1] - known[left]) * (high - low)
    return values


def _share_above(scores: Quantiles) -> Quantiles:
    """The shares of the normal distribution above some scores [N], exact far out on both sides."""
    return np.array([0.5 * math.erfc(score / math.sqrt(2)) for score in scores.tolist()])
