"""Temperature: one number that makes probabilities more or less certain, where that would have been better.

Guo, Pleiss, Sun & Weinberger (2017), On calibration of modern neural networks: logits are divided by it, which raises
probabilities to the power of one over it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast.probabilities import LEAST, log_loss

Values = NDArray[np.float64]

#: Above the first, probabilities would hardly differ, and below the second hardly be probabilities.
HOTTEST, COLDEST = 8.0, 0.125
#: Consecutive parts of the outcomes, each judged by the temperature of the others.
_PARTS = 5
#: What the logarithm of a temperature is expected to be away from 0 before any outcome says so.
_EXPECTED = 0.3
#: Halvings by the golden ratio: the logarithm is then known to a thousandth.
_ROUNDS = 18


def tempered(probabilities: Values, temperature: float) -> Values:
    """Probabilities [..., C] at a temperature: 1 leaves them, more brings them nearer to each other."""
    if temperature == 1.0:
        return probabilities
    powers = np.clip(probabilities, LEAST, 1.0) ** (1.0 / temperature)
    scaled: Values = powers / powers.sum(axis=-1, keepdims=True)
    return scaled


def fit_temperature(outcomes: Values, probabilities: Values, independent: float | None = None) -> float:
    """The temperature with the least log loss over outcomes [N] and probabilities [N, C]; 1 unless it helps.

    `independent` is how many of the outcomes are worth counting, all unless given: neighbours are alike, and windows
    overlap. Few of them move the temperature little. It helps where temperatures that were fitted to four fifths of the
    outcomes make the log loss of the others lower, by more than the standard error over the fifths.
    """
    if len(outcomes) < 2 * _PARTS:
        return 1.0
    share = 1.0 if independent is None else independent / len(outcomes)
    part = np.arange(len(outcomes)) * _PARTS // len(outcomes)
    gains = np.empty(_PARTS)
    for k in range(_PARTS):
        inside = part == k
        temperature = _best(outcomes[~inside], probabilities[~inside], share)
        before, after = (log_loss(outcomes[inside], tempered(probabilities[inside], t)) for t in (1.0, temperature))
        gains[k] = before - after
    helps = gains.mean() > gains.std(ddof=1) / np.sqrt(_PARTS)
    return _best(outcomes, probabilities, share) if helps else 1.0


def _best(outcomes: Values, probabilities: Values, share: float) -> float:
    """The least log loss by golden section over the logarithm of the temperature, which costs by its distance from 0.

    `share` of the outcomes count.
    """
    counted = share * len(outcomes)

    def cost(at: float) -> float:
        return counted * log_loss(outcomes, tempered(probabilities, float(np.exp(at)))) + (at / _EXPECTED) ** 2 / 2

    ratio = (np.sqrt(5) - 1) / 2
    low, high = float(np.log(COLDEST)), float(np.log(HOTTEST))
    for _ in range(_ROUNDS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if cost(left) <= cost(right) else (left, high)
    return float(np.exp((low + high) / 2))
