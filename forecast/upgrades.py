"""Numbered upgrades: the metadata of a model file of an older format, as today's code expects it. Append-only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Metadata = Mapping[str, Any]


def upgraded(metadata: Metadata) -> Metadata:
    """The metadata of a model file of any format that was ever released, in the form of the newest one."""
    for number in range(metadata["format"], max(UPGRADES) + 1):
        metadata = UPGRADES[number](metadata)
    return metadata


def _from_1(metadata: Metadata) -> Metadata:
    """Format 2 has covariates, and times that may be spread over several columns."""
    config = metadata.get("config")
    if isinstance(config, Mapping) and isinstance(config.get("data"), Mapping):
        time = config["data"].get("time")
        config = {**config, "data": {**config["data"], "time": [] if time is None else time}}
    return {**metadata, "config": config, "covariates": [], "features": [], "worth": None}


def _from_2(metadata: Metadata) -> Metadata:
    """Format 3 has calibration factors by lead time; until then one row of them served every lead.

    It also has presets, where what is now the balanced one was all there was, and exponential smoothing among the
    anchors, where there was none.
    """
    factors, config = metadata.get("factors"), metadata.get("config")
    if isinstance(config, Mapping) and isinstance(config.get("train"), Mapping):
        config = {**config, "train": {"preset": "balanced", **config["train"]}}
    if isinstance(config, Mapping) and isinstance(config.get("model"), Mapping):
        config = {**config, "model": {**config["model"], "smoothing": False}}
    return {**metadata, "config": config, "factors": {"leads": [1], "rows": [factors]}}


def _from_3(metadata: Metadata) -> Metadata:
    """Format 4 has a floor and a cap for forecasts, how much of an error carries over, and states beside numbers.

    Until then forecasts had no bounds and targets were numbers; what was not measured is the usual.
    """
    config = metadata.get("config")
    if isinstance(config, Mapping) and isinstance(config.get("data"), Mapping):
        config = {**config, "data": {"floor": "none", "cap": "none", **config["data"]}}
    return {**metadata, "config": config, "persistence": 0.8, "states": [], "temperature": 1.0}


def _from_4(metadata: Metadata) -> Metadata:
    """Format 5 may have networks of a prior beside the others; until then every network was trained from nothing."""
    config = metadata.get("config")
    if isinstance(config, Mapping) and isinstance(config.get("model"), Mapping):
        config = {**config, "model": {"prior": "none", **config["model"]}}
    return {**metadata, "config": config, "prior": None}


def _from_5(metadata: Metadata) -> Metadata:
    """Format 6 says which design the networks of a prior have; until then there was one."""
    key = "prior"
    return {**metadata, key: {**metadata[key], "design": 1} if isinstance(metadata.get(key), Mapping) else None}


#: The step from each format to the next.
UPGRADES: dict[int, Callable[[Metadata], Metadata]] = {1: _from_1, 2: _from_2, 3: _from_3, 4: _from_4, 5: _from_5}
