"""Command-line options: the ones commands share, and those that settings turn into. Only the help texts live here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from forecast.cli.paths import require_folder
from forecast.cli.settings import DIRECTIONS, EXPLANATIONS, SECTIONS, option, resolve
from forecast.config import (
    CELLS,
    DECODERS,
    DELIMITERS,
    DEVICES,
    DUPLICATES,
    HEADS,
    INITIAL_STATES,
    PRESETS,
    SCALINGS,
    TASKS,
    TEACHER_FORCING,
    THOUSANDS,
    Config,
)
from forecast.settings import FORMATS

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of text.", rich_help_panel="Output")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.", rich_help_panel="Output")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say what is done, even when nobody watches.", rich_help_panel="Output")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel="Output")]

ModelToWrite = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        metavar="FILE",
        envvar="FORECAST_MODEL",
        show_envvar=False,
        readable=False,
        help="Model file to write; without it <DATA>.safetensors in this folder.",
        rich_help_panel="Output",
    ),
]

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        readable=False,
        help="Settings file to read instead of forecast.toml.",
        rich_help_panel="Output",
    ),
]

DATA_HELP = "File with a column of timestamps; also a URL, a database (sqlite:///f.db?query=...), or - for stdin."

#: The heading over a section's options on a help page.
PANELS = {
    "read": "Reading",
    "data": "Data",
    "model": "Network",
    "train": "Training",
    "predict": "Options",
    "explain": "Options",
    "tune": "Search",
    "pretrain": "Pretraining",
    "backtest": "Comparison",
    "compare": "Comparison",
    "score": "Options",
}

CHOICES = {
    "task": TASKS,
    "cell": CELLS,
    "decoder": DECODERS,
    "head": HEADS,
    "initial_state": INITIAL_STATES,
    "teacher_forcing": TEACHER_FORCING,
    "scaling": SCALINGS,
    "preset": PRESETS,
    "device": DEVICES,
    "format": FORMATS,
    "direction": DIRECTIONS,
    "picture": EXPLANATIONS,
    "on_duplicate": DUPLICATES,
    "delimiter": tuple(DELIMITERS),
    "thousands": tuple(THOUSANDS),
}

#: What each setting is, in the words of a help page; a section's own text goes before the shared one.
HELP = {
    "encoding": "Encoding of the text, such as cp1252; without it UTF-8, or UTF-16 with its mark.",
    "delimiter": "What stands between columns.",
    "quote": "Quoting character, when it is not the double quote.",
    "escape": "Character that takes the meaning from the one after it, such as a backslash.",
    "comment": "What a line begins with that is to be ignored, such as #.",
    "skip_lines": "Lines above the header that are to be ignored.",
    "names": "Names of the columns, for a file without a header; with commas.",
    "decimal": "Decimal mark, . or the comma.",
    "thousands": "What stands between groups of three digits.",
    "na": "More words for a missing value, with commas: -200,n/a.",
    "units": "What to take off numbers, with commas: $,kg,%. () reads (8) as -8.",
    "date_format": "How times are written, such as %d/%m/%Y %H:%M; or epoch_s, epoch_ms, epoch_us, epoch_ns, excel.",
    "timezone": "Time zone of times that are written without one, such as Europe/Berlin.",
    "on_duplicate": "What to make of several rows of one item and time.",
    "max_missing": "Per cent of the steps that may be missing; 60 unless given.",
    "as_of": "Ignore rows later than this time.",
    "time": "Column with the timestamps; several, with commas, when date and time, or year, month and day, are apart.",
    "target": "Column to forecast; several with commas, or by repeating the option.",
    "id": "Columns that tell one item from another; several with commas.",
    "past": "Covariates that are known only until the newest row, with commas.",
    "future": "Covariates that are known over the horizon too, with commas.",
    "static": "Covariates that belong to an item and never change, with commas.",
    "holidays": "Countries whose public holidays matter, with commas: DE or US-CA.",
    "features": "Calendar features, with commas, such as hour,weekday; none for none.",
    "freq": "Step between rows as a pandas alias: D, B, W, MS, h ...",
    "calendar": "Which days exist: an exchange code such as XNYS, or a weekday mask such as 1111100.",
    "season_length": "Steps in a season, e.g. 7 for a weekly pattern in daily data.",
    "scaling": "How values are scaled before the network sees them.",
    "floor": "No forecast lies below this value; none for no floor. 0 unless given where no value is negative.",
    "cap": "No forecast lies above this value; none for no cap.",
    "horizon": "Steps to forecast.",
    "context_length": "Steps of history the network sees.",
    "task": "What the target is: numbers, yes or no (binary), or one of a few names (class).",
    "cell": "Recurrent cell; `forecast cells` lists them.",
    "layers": "Recurrent layers on top of each other.",
    "hidden": "Width of a layer.",
    "bidirectional": "Read the history in both directions.",
    "anchors": "Begin with a mix of simple continuations; without it, the recurrence alone moves the last value.",
    "smoothing": "Let exponential smoothing be among what the network chooses from.",
    "dropout": "Share of values dropped between layers while training.",
    "variational": "Drop the same values at all steps, and also of what enters the first layer.",
    "recurrent_dropout": "Share of recurrent weights dropped while training.",
    "layer_norm": "Normalise what leaves each layer.",
    "residual": "Add what enters a layer to what leaves it, where both are as wide.",
    "initial_state": "What the recurrence begins with.",
    "forget_bias": "Bias of forget gates at the start of training.",
    "truncation": "Recurrent steps that gradients go back through; 0 for all.",
    "decoder": "How the horizon comes about: at once, a step for each segment, or each segment from the one before.",
    "head": "What is said of each step: free quantiles, or a distribution; the negative binomial is for counts.",
    "context_loss": "How much a loss at every step of the history counts beside that of the horizon.",
    "teacher_forcing": "Whether the recursive decoder is told the truth in training: scheduled is ever more seldom.",
    "segment": "Steps of history that one recurrent step takes in.",
    "members": "Networks that are trained and averaged.",
    "prior": "Networks trained before any file that join: auto, none, or a file of `forecast pretrain`.",
    "learning_rate": "Largest step of the optimiser.",
    "batch_size": "Windows in one step of the optimiser.",
    "max_steps": "Steps of the optimiser per network, at most.",
    "patience": "Looks at the validation data without progress before training stops.",
    "weight_decay": "Pull of the weights towards zero.",
    "time_limit": "Seconds that the work may take; or 10m, 2h.",
    "seed": "Seed of everything random.",
    "device": "Where the network runs.",
    "threads": "Processor threads.",
    "preset": "How much to train: for seconds, for longer, or many networks for minutes.",
    "predict.model": "Model file; without it the newest one in this folder.",
    "predict.data": "History to forecast from; without it today's version of the file the model was trained on.",
    "future_data": "File with the future covariates over the horizon.",
    "predict.horizon": "Steps to forecast; without it as many as the model was trained for.",
    "levels": "Central intervals in percent, with commas: 80,95 unless quantiles are asked for.",
    "quantiles": "Quantiles between 0 and 1, with commas.",
    "above": "Say how likely each step lies above this value; several with commas, or by repeating the option.",
    "below": "The same for below.",
    "samples": "So many paths drawn at random, whose steps depend on each other; sums over them are those of paths.",
    "predict.seed": "Seed of the samples.",
    "predict.floor": "No forecast lies below this value, instead of the model's own floor; none for no floor.",
    "predict.cap": "The same for above.",
    "output": "File to write, a database (sqlite:///f.db#table), or - for stdout; without it <data>.forecast.csv.",
    "format": "Format of the output; without it by its suffix.",
    "nixtla_names": "Name the columns unique_id, ds, forecast ...",
    "plot": "Draw the forecast into this file, .png or .svg.",
    "excel_safe": "Keep a spreadsheet from taking texts of the output for formulas.",
    "chart": "Draw the forecast on the terminal; on by default where there is one.",
    "adapt": "Let the intervals answer to how they did on rows that came after training; on by default.",
    "explain.data": "Data to look at; without it today's version of the file the model was trained on.",
    "item": "Item to look at, by its ids; without it the first.",
    "cutoff": "Look at the window that ends here; without it the newest.",
    "member": "Network whose gates and gradients are shown, of those that are averaged.",
    "layer": "Recurrent layer whose gates are shown, from 1; without it the last.",
    "direction": "Direction whose gates are shown; forward unless given.",
    "explain.plot": "Draw into this file: one picture as .png or .svg, all of them as .html.",
    "picture": "What to draw; without it gates, gradients for several models, anchors of a prior, or all in .html.",
    "repeats": "How often each covariate is shuffled.",
    "steps": "Optimiser steps of each network.",
    "networks": "Networks that are trained and averaged.",
    "share": "Share of the batches that come from DATA; the rest is synthetic.",
    "trials": "Trials in all, those of earlier runs of the study counted.",
    "study": "SQLite file that keeps the trials, .db; a later run with the same file goes on.",
    "cells": "Recurrent cells to try as well, with commas; `forecast cells` lists them.",
    "backtest.cells": "Recurrent cells to train, with commas, instead of --cell; none for none.",
    "presets": "Presets to train each cell with, with commas, instead of --preset.",
    "baselines": "With commas: naive,seasonal-naive,drift unless given; also ets,theta,arima; none for none.",
    "windows": "Cutoffs; without it as many as lie in the last quarter of the data, at most 10.",
    "step": "Steps from one cutoff to the next; without it the horizon.",
    "refit": "Train again at each cutoff, not only before the first.",
    "backtest.adapt": "Let intervals answer at each cutoff to how they did since training, as predict does.",
    "by_lead": "Show the error at each step ahead.",
    "compare.cells": "Recurrent cells to compare, with commas; all for all of them.",
    "seeds": "Networks of each cell, each from its own seed; the first is --seed.",
    "jobs": "Networks that are trained at a time; without it as many as there are processors.",
    "score.ledger": "Ledger: a SQLite file, or postgresql+psycopg://USER@HOST/DATABASE; without it that of the jobs.",
    "score.only": "Jobs to score, with commas, or by repeating the option.",
    "since": "Count what came from this time on, by the clock of the data: 2024-01-31, or 2024-01-31T06:00.",
    "until": "The same for the end; a day counts whole.",
    "last": "Count so much of what came last, such as 30d or 12w.",
    "include_hindsight": "Show forecasts of models that had seen later rows, too, each apart.",
    "settle": "Read the newest data of the jobs first; on by default.",
    "fail_on_drift": "End with exit code 6 where forecasts have got worse.",
    "score.plot": "Draw error by step ahead and coverage into this file, .png or .svg.",
    "metrics_file": "Write the scores for node_exporter of Prometheus into this file, .prom.",
    "config_output": "Settings file to write, .toml; without it <DATA>.tuned.toml in this folder.",
    "expect_sha256": "Stop with exit code 4 unless the model file has this digest.",
}

_SHORT = {"horizon": "-H", "target": "-t", "predict.model": "-m", "predict.output": "-o"}
#: What Typer makes of an option. Numbers stay text, so that an option and a variable are read, and refused, alike.
_TYPES = {"bool": bool, "tuple[str, ...]": list[str], "tuple[float, ...]": list[str]}
#: What stands for choices that are too many for a help page.
_LISTED_ELSEWHERE = {"cell": "CELL"}
_METAVARS = {"str": "TEXT", "int": "N", "float": "X", "tuple[str, ...]": "NAMES", "tuple[float, ...]": "LIST"}


def with_settings(command: Callable[..., Any], *, anywhere: bool = False) -> Callable[..., Any]:
    """The command with its Config or section, where it takes one, replaced by an option for every field of it.

    Typer reads the options off the signature; when called, the wrapper hands the resolved settings on. Every command
    also takes --debug, which `errors.debugging` looks for by itself, and --config where it has settings. anywhere: it
    runs where the current folder was deleted, too.
    """
    signature = inspect.signature(command, eval_str=True)
    own, options, wanted = [], [], {}
    for name, parameter in signature.parameters.items():
        sections = _sections(parameter.annotation)
        if sections:
            wanted[name] = parameter.annotation
            options += [_parameter(section, field) for section in sections for field in fields(SECTIONS[section])]
        else:
            own.append(parameter)
    debug = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug)
    file = inspect.Parameter("settings_file", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=SettingsFile)
    positional = [p for p in own if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    keywords = [p for p in own if p.kind is inspect.Parameter.KEYWORD_ONLY]

    @wraps(command)
    def run(**values: Any) -> Any:
        values.pop("debug")
        if not anywhere:
            require_folder()
        settings_file = values.pop("settings_file", None)
        given = {p.name: values.pop(p.name) for p in options}
        given = {key: value for key, value in given.items() if value is not None}
        return command(**values, **{name: resolve(kind, given, settings_file) for name, kind in wanted.items()})

    parameters = [*positional, *options, *keywords, *([file] if wanted else []), debug]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _sections(annotation: Any) -> tuple[str, ...]:
    if annotation is Config:
        return tuple(field.name for field in fields(Config))
    return tuple(name for name, kind in SECTIONS.items() if kind is annotation)


def _parameter(section: str, field: Field[Any]) -> inspect.Parameter:
    """The option of one setting: never a default of its own, so that what is not given can come from elsewhere."""
    base, key = str(field.type).split(" | ")[0], field.name
    choices = CHOICES.get(key)
    flags = [option(key)]
    if base == "bool":
        flags = [f"{option(key)}/--no-{key.replace('_', '-')}"]
    short = _SHORT.get(f"{section}.{key}", _SHORT.get(key))
    help_text = HELP.get(f"{section}.{key}") or HELP[key]
    if field.default not in (None, MISSING, (), False):
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        help_text += f" [default: {default}]"
    info = typer.Option(
        *flags,
        *([short] if short else []),
        help=help_text,
        metavar=None if base == "bool" else _LISTED_ELSEWHERE.get(key) or "|".join(choices or (_METAVARS[base],)),
        rich_help_panel=PANELS[section],
        show_default=False,
        autocompletion=(lambda: list(choices)) if choices else None,
    )
    return inspect.Parameter(
        key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[_TYPES.get(base, str) | None, info]
    )
