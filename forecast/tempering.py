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
#: Halvings by the golden ratio: the logarithm is then known to a thousandth.
_ROUNDS = 18


def tempered(probabilities: Values, temperature: float) -> Values:
    """Probabilities [..., C] at a temperature: 1 leaves them, more brings them nearer to each other."""
    if temperature == 1.0:
        return probabilities
    powers = np.clip(probabilities, LEAST, 1.0) ** (1.0 / temperature)
    scaled: Values = powers / powers.sum(axis=-1, keepdims=True)
    return scaled


def fit_temperature(outcomes: Values, probabilities: Values) -> float:
    """The temperature with the least log loss over outcomes [N] and probabilities [N, C]; 1 unless it helps.

    It helps where temperatures that were fitted to four fifths of the outcomes make the log loss of the others lower in
    all. Consecutive outcomes are of one part, because neighbours are alike.
    """
    if len(outcomes) < 2 * _PARTS:
        return 1.0
    part = np.arange(len(outcomes)) * _PARTS // len(outcomes)
    gain = 0.0
    for k in range(_PARTS):
        inside = part == k
        temperature = _best(outcomes[~inside], probabilities[~inside])
        before, after = (log_loss(outcomes[inside], tempered(probabilities[inside], t)) for t in (1.0, temperature))
        gain += float(inside.sum()) * (before - after)
    return _best(outcomes, probabilities) if gain > 0 else 1.0


def _best(outcomes: Values, probabilities: Values) -> float:
    """The least log loss by golden section over the logarithm of the temperature, in which it has one valley."""
    ratio = (np.sqrt(5) - 1) / 2
    low, high = float(np.log(COLDEST)), float(np.log(HOTTEST))
    for _ in range(_ROUNDS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        losses = [log_loss(outcomes, tempered(probabilities, float(np.exp(at)))) for at in (left, right)]
        low, high = (low, right) if losses[0] <= losses[1] else (left, high)
    return float(np.exp((low + high) / 2))
