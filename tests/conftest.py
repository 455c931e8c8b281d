"""What holds for every test: torch computes on one thread, because test processes run side by side.

Networks are trained without the prior unless a test is marked `prior`: fine-tuning it would take most of the time, and
what tests of training say has to hold of the networks that are trained from nothing.
"""

import os
from collections.abc import Iterator

import pytest

# Read when torch is imported. Two processes with two threads each on two cores wait for each other most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")


#: Whether the prior that comes with the package joins in the test that runs.
_joins = [False]


@pytest.fixture(scope="session", autouse=True)
def _without_prior() -> Iterator[None]:
    """The prior that comes with the package joins only where a test is about it; one that is named always does.

    For the whole session: fixtures of modules train networks that tests then compare with their own.
    """
    from forecast.planning import Plan

    wanted = Plan.prior.fget
    assert wanted is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Plan, "prior", property(lambda plan: None if wanted(plan) == "auto" and not _joins[0] else wanted(plan))
        )
        yield


@pytest.fixture(autouse=True)
def _prior_joins(request: pytest.FixtureRequest) -> Iterator[None]:
    _joins[0] = request.node.get_closest_marker("prior") is not None
    yield
    _joins[0] = False
