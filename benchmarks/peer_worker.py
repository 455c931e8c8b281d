"""What peers.py runs in the environment of the peers: requests on the lines of stdin, answers on those of stdout.

A request is JSON: method, season_length, horizon, training (values) and histories (values up to each cutoff). The
answer has forecasts (as long as the horizon, one for each history), train_seconds and predict_seconds, or an error.
Neural methods train once and see the histories; statistical ones are fitted to each history, and all of that counts as
training. Settings are the libraries' own defaults; what has no default is said where it is set.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
#: For methods that ask how much they see: three times as much as they forecast, the rule of neuralforecast's LSTM.
_CONTEXT_HORIZONS = 3

#: Seasons that are a day of hours or of half-hours.
_DAYS = (24, 48)
_LONGEST_OF_ETS = 24


class Answer(NamedTuple):
    """Forecasts of each history [horizon], and how long it took."""

    forecasts: list[Values]
    train_seconds: float
    predict_seconds: float


def main() -> None:
    """Answer requests until stdin ends; what the libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "darts"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


def versions() -> dict[str, str]:
    """The version of the library behind each method."""
    import darts
    import neuralforecast
    import statsforecast

    libraries = {"neuralforecast": neuralforecast, "darts": darts, "statsforecast": statsforecast}
    return {method: f"{library} {libraries[library].__version__}" for method, (library, _) in METHODS.items()}


def neuralforecast_lstm(training: Values, histories: list[Values], season_length: int, horizon: int) -> Answer:  # noqa: ARG001
    """LSTM of neuralforecast: 1,000 steps, two layers of 128, a context of three horizons, robust scaling."""
    import pandas as pd
    from neuralforecast import NeuralForecast
    from neuralforecast.models import LSTM

    def table(values: Values) -> pd.DataFrame:
        return pd.DataFrame({"unique_id": "series", "ds": np.arange(1, len(values) + 1), "y": values})

    model = LSTM(h=horizon, enable_progress_bar=False, logger=False, enable_checkpointing=False)
    forecaster = NeuralForecast(models=[model], freq=1)
    begun = time.perf_counter()
    forecaster.fit(df=table(training))
    trained = time.perf_counter()
    forecasts = [forecaster.predict(df=table(history))["LSTM"].to_numpy(float) for history in histories]
    return Answer(forecasts, trained - begun, time.perf_counter() - trained)


def darts_block_rnn(training: Values, histories: list[Values], season_length: int, horizon: int) -> Answer:  # noqa: ARG001
    """BlockRNNModel of darts: 100 epochs of a plain RNN of 25. How much it sees and forecasts has to be said."""
    from darts.models import BlockRNNModel

    context = _CONTEXT_HORIZONS * horizon
    return _darts(BlockRNNModel(context, horizon, **_darts_settings()), training, histories, horizon)


def darts_rnn(training: Values, histories: list[Values], season_length: int, horizon: int) -> Answer:  # noqa: ARG001
    """RNNModel of darts, which forecasts step by step. Its training length has to be longer than what it sees."""
    from darts.models import RNNModel

    context = _CONTEXT_HORIZONS * horizon
    model = RNNModel(context, training_length=context + horizon, **_darts_settings())
    return _darts(model, training, histories, horizon)


def seasons_of(method: str, season_length: int) -> int | list[int]:
    """What a statistical method is told of the season.

    MSTL, which can have several, is told the week beside a day; AutoETS, which models none longer than 24, no such one.
    """
    if method == "MSTL" and season_length in _DAYS:
        return [season_length, 7 * season_length]
    return 1 if method == "AutoETS" and season_length > _LONGEST_OF_ETS else season_length


def statistical(name: str) -> Callable[[Values, list[Values], int, int], Answer]:
    """A model of statsforecast, fitted to each history."""

    def fitted(training: Values, histories: list[Values], season_length: int, horizon: int) -> Answer:  # noqa: ARG001
        from statsforecast import models

        seasons = seasons_of(name, season_length)
        begun = time.perf_counter()
        forecasts = [
            getattr(models, name)(season_length=seasons).forecast(y=history, h=horizon)["mean"] for history in histories
        ]
        return Answer([np.asarray(f, float) for f in forecasts], time.perf_counter() - begun, 0.0)

    return fitted


#: The library of each method, and the method itself.
METHODS: dict[str, tuple[str, Callable[[Values, list[Values], int, int], Answer]]] = {
    "AutoETS": ("statsforecast", statistical("AutoETS")),
    "AutoTheta": ("statsforecast", statistical("AutoTheta")),
    "MSTL": ("statsforecast", statistical("MSTL")),
    "neuralforecast LSTM": ("neuralforecast", neuralforecast_lstm),
    "darts BlockRNN": ("darts", darts_block_rnn),
    "darts RNN": ("darts", darts_rnn),
}


def _darts_settings() -> dict[str, Any]:
    quiet = {"enable_progress_bar": False, "logger": False, "enable_checkpointing": False}
    return {"random_state": 1, "pl_trainer_kwargs": quiet}


def _darts(model: Any, training: Values, histories: list[Values], horizon: int) -> Answer:
    """What darts' own introduction does: values scaled to 0 … 1 by a Scaler of the training part, then fit, predict."""
    from darts import TimeSeries
    from darts.dataprocessing.transformers import Scaler

    scaler = Scaler()
    begun = time.perf_counter()
    model.fit(scaler.fit_transform(TimeSeries.from_values(training)), verbose=False)
    trained = time.perf_counter()
    forecasts = []
    for history in histories:
        scaled = scaler.transform(TimeSeries.from_values(history))
        forecast = model.predict(n=horizon, series=scaled, verbose=False)
        forecasts.append(scaler.inverse_transform(forecast).values()[:, 0])
    return Answer(forecasts, trained - begun, time.perf_counter() - trained)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    if request.get("method") == "versions":
        return versions()
    run = METHODS[request["method"]][1]
    histories = [np.array(history) for history in request["histories"]]
    try:
        answer = run(np.array(request["training"]), histories, request["season_length"], request["horizon"])
    except Exception as error:  # whatever a library raises is its result on this file
        return {"error": f"{type(error).__name__}: {error}"}
    return {**answer._asdict(), "forecasts": [forecast.tolist() for forecast in answer.forecasts]}


if __name__ == "__main__":
    main()
