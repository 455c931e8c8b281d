"""The architecture, as a table of rooms and of the rooms each may import; the code has exactly these edges.

A room is a module of `forecast`, or a package with all that is inside. Rooms are listed from the ground up, and an edge
goes to a room listed earlier, never to a higher layer: so nothing runs upwards and nothing runs in circles.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "forecast"

#: room: (layer, the rooms it imports)
ROOMS: dict[str, tuple[int, str]] = {
    "errors": (0, ""),
    "filenames": (0, ""),
    "sources": (0, ""),
    "version": (0, ""),
    "cells": (1, ""),
    "config": (1, "errors cells"),
    "durations": (1, "errors"),
    "policies": (1, "errors config durations"),
    "databases": (1, "sources"),
    "holidays": (1, "errors config"),
    "timezones": (1, "errors config"),
    "calendars": (1, "errors config timezones"),
    "metrics": (1, ""),
    "panel": (1, "errors calendars"),
    "presets": (1, ""),
    "probabilities": (1, ""),
    "recipe": (1, ""),
    "shards": (1, "errors"),
    "significance": (1, ""),
    "drift": (1, "significance"),
    "timeformat": (1, "errors config timezones"),
    "schedules": (1, "errors timezones"),
    "workers": (1, "errors"),
    "features": (1, "errors config timezones holidays calendars"),
    "database_rows": (2, "errors sources databases"),
    "covariates": (2, "errors calendars panel timeformat features"),
    "bounds": (2, "panel timeformat"),
    "dependence": (2, ""),
    "forecasts": (2, "errors bounds dependence panel"),
    "settings": (2, "errors config forecasts"),
    "jobs": (2, "errors sources config durations policies settings shards"),
    "upgrades": (2, ""),
    "models": (2, "cells"),
    "reading": (2, "errors sources version config timezones databases calendars panel timeformat"),
    "scaling": (2, "errors"),
    "seasonality": (2, ""),
    "periods": (2, "seasonality"),
    "windows": (2, ""),
    "synthetic": (2, ""),
    "rolling": (2, "errors panel"),
    "statistical": (2, "errors"),
    "diagnosis": (3, "calendars panel timeformat reading scaling periods"),
    "baselines": (3, "errors config statistical"),
    "state_baselines": (3, ""),
    "tempering": (3, "probabilities"),
    "adaptation": (3, ""),
    "calibration": (3, ""),
    "evaluation": (3, "errors config metrics baselines probabilities state_baselines"),
    "leaderboard": (3, "metrics baselines evaluation significance"),
    "prediction": (3, "models scaling windows panel"),
    "writing": (3, "errors config panel timeformat forecasts database_rows"),
    "checkpoint": (3, "errors version writing"),
    "snapshots": (3, "errors checkpoint writing"),
    "training": (3, "errors models windows recipe snapshots"),
    "planning": (3, "errors cells config bounds calendars panel models scaling seasonality features presets recipe"),
    "checking": (3, "errors config panel diagnosis planning reading"),
    "heldout": (3, "errors models panel planning prediction scaling windows"),
    "judging": (
        3,
        "calibration dependence evaluation forecasts heldout models panel planning prediction tempering",
    ),
    "trials": (3, "covariates heldout judging metrics models panel planning prediction training windows"),
    "priors": (3, "cells checkpoint config errors models upgrades"),
    "headtuning": (3, "models recipe training windows"),
    "finetuning": (
        3,
        "headtuning heldout judging models panel planning prediction presets priors recipe scaling snapshots training "
        "windows",
    ),
    "fitting": (
        3,
        "errors panel models scaling windows calibration evaluation prediction training planning covariates features "
        "recipe snapshots version config calendars heldout judging trials priors finetuning",
    ),
    "gates": (3, "calendars durations evaluation jobs panel timeformat"),
    "study": (4, "errors writing"),
    "ledger": (4, "errors sources version databases drift metrics panel forecasts"),
    "metadata": (
        4,
        "errors config calendars calibration evaluation models panel planning priors snapshots tempering",
    ),
    "forecaster": (
        4,
        "errors config bounds calendars panel forecasts models adaptation calibration evaluation prediction training "
        "planning fitting checkpoint covariates upgrades sources tempering scaling snapshots priors trials metadata",
    ),
    "pretraining": (4, "errors models panel priors scaling synthetic training windows"),
    "merging": (4, "errors version panel forecasts shards writing"),
    "shelf": (4, "errors filenames writing forecaster"),
    "scoring": (5, "drift metrics probabilities ledger"),
    "retraining": (
        5,
        "errors config durations policies panel drift evaluation training planning filenames forecaster shelf "
        "snapshots writing",
    ),
    "backtesting": (
        5,
        "errors config panel rolling training baselines leaderboard planning forecaster",
    ),
    "comparison": (
        5,
        "errors config panel rolling training baselines evaluation leaderboard planning significance trials workers "
        "backtesting",
    ),
    "tuning": (5, "errors version config panel evaluation planning training fitting trials study forecaster"),
    "weighing": (5, "panel models prediction forecaster"),
    "importance": (5, "features metrics panel covariates rolling windows prediction training forecaster"),
    "explanation": (5, "errors config panel covariates models windows prediction training forecaster weighing"),
    "report": (5, "errors calendars panel timeformat forecasts writing weighing importance explanation scoring"),
    "cluster": (5, "errors workers"),
    "running": (
        5,
        "errors sources version filenames config durations policies bounds calendars panel timeformat forecasts jobs "
        "reading settings gates baselines state_baselines planning writing workers snapshots shelf ledger forecaster "
        "report retraining shards cluster",
    ),
    "cli": (
        6,
        "errors settings sources version cells config panel timeformat forecasts tuning study "
        "reading diagnosis checking evaluation planning training writing forecaster baselines backtesting report "
        "adaptation comparison explanation importance workers filenames shelf jobs durations running snapshots "
        "schedules ledger scoring shards merging cluster pretraining priors",
    ),
    "__main__": (7, "cli"),
    "forecast": (7, "errors version config panel forecasts reading forecaster"),
}


def sources() -> dict[str, Path]:
    """Every module by its dotted name, packages under their own."""
    return {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def module_name(path: Path) -> str:
    """The dotted name under which a file is imported."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The room a module lives in: `reading` for forecast.reading.dialect, `forecast` for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def imported(path: Path, known: set[str]) -> Iterator[str]:
    """The modules of this package that a file imports, at its top or inside a function, for types or for real."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "forecast")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute, so that this table can read them"
            if node.module and node.module.split(".")[0] == "forecast":
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if inner in known else node.module


def edges() -> set[tuple[str, str]]:
    """Every (importing room, imported room), those within a room left out."""
    modules = sources()
    found = set()
    for module, path in modules.items():
        found |= {(room_of(module), room_of(target)) for target in imported(path, set(modules))}
    return {(source, target) for source, target in found if source != target}


def allowed() -> set[tuple[str, str]]:
    """The edges of the table."""
    return {(room, target) for room, (_, targets) in ROOMS.items() for target in targets.split()}


def test_every_module_is_in_the_table() -> None:
    """A new module has to say where in the house it lives."""
    assert {room_of(module) for module in sources()} == set(ROOMS)


def test_the_code_has_the_edges_of_the_table_and_no_others() -> None:
    """An import that the table does not have is refused, and so is a line of the table that no import needs."""
    assert edges() - allowed() == set(), "imported, but not in the table"
    assert allowed() - edges() == set(), "in the table, but not imported"


@pytest.mark.parametrize("room", ROOMS)
def test_no_edge_runs_upwards_or_in_a_circle(room: str) -> None:
    """Each edge of the table goes to a room that is listed earlier, on the same layer or below."""
    layer, targets = ROOMS[room]
    earlier = list(ROOMS)[: list(ROOMS).index(room)]
    for target in targets.split():
        assert target in earlier
        assert ROOMS[target][0] <= layer


def test_modules_inside_a_room_import_each_other_in_one_direction() -> None:
    """Within a package, too, there is no circle."""
    modules = sources()
    waiting = {
        module: {t for t in imported(path, set(modules)) if t != module and room_of(t) == room_of(module)}
        for module, path in modules.items()
    }
    while ready := {module for module, needs in waiting.items() if not needs & set(waiting)}:
        waiting = {module: needs for module, needs in waiting.items() if module not in ready}
    assert waiting == {}


def test_the_readme_shows_the_same_layers() -> None:
    """Its table has each layer, from the top down, with the rooms of this one."""
    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| [^|]+ \| (.+) \|$", readme, re.MULTILINE)
    shown = {int(layer): re.findall(r"`(\w+)`", rooms) for layer, rooms in rows}
    layers = sorted({layer for layer, _ in ROOMS.values()}, reverse=True)
    assert shown == {layer: sorted(room for room in ROOMS if ROOMS[room][0] == layer) for layer in layers}
    assert list(shown) == layers
