"""How often the verdict on drift is wrong: on draws of errors without a change, and on some that grow.

python benchmarks/drift.py [--draws 4000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forecast.drift import find_drift, recent

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

#: Cutoffs that are there.
LENGTHS = (24, 48, 120)


def correlated(correlation: float) -> Draw:
    """Errors whose logarithms carry over from night to night with a correlation."""

    def draw(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        noise = rng.standard_normal(n + 50)
        state = np.empty_like(noise)
        state[0] = noise[0]
        for night in range(1, len(noise)):
            state[night] = correlation * state[night - 1] + np.sqrt(1 - correlation**2) * noise[night]
        return np.exp(0.5 * state[50:])

    return draw


def growing(ratio: float) -> Draw:
    """Means of seven absolute normal errors, the last ones so many times as large."""

    def draw(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        errors = np.abs(rng.standard_normal((n, 7))).mean(axis=1)
        errors[-recent(n) :] *= ratio
        return errors

    return draw


DRAWS: dict[str, Draw] = {
    "absolute normal": lambda rng, n: np.abs(rng.standard_normal(n)),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "correlation 0.3": correlated(0.3),
    "correlation 0.6": correlated(0.6),
    "correlation 0.9": correlated(0.9),
    "1.25 times as large": growing(1.25),
    "1.5 times as large": growing(1.5),
    "twice as large": growing(2.0),
}


def main() -> None:
    """Prints the share of draws in which drift is found, for each kind of errors and number of cutoffs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000)
    draws = parser.parse_args().draws
    rng = np.random.default_rng(0)
    print(f"| errors | {' | '.join(f'{n} cutoffs' for n in LENGTHS)} |\n|---|{'---|' * len(LENGTHS)}")
    for name, draw in DRAWS.items():
        shares = []
        for n in LENGTHS:
            now = recent(n)
            made = (draw(rng, n) for _ in range(draws))
            shares.append(sum(find_drift(e[:-now], e[-now:]).verdict == "drift" for e in made) / draws)
        print(f"| {name} | {' | '.join(f'{share:.2%}' for share in shares)} |")


if __name__ == "__main__":
    main()
