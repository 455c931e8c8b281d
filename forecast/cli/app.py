"""The commands, and what all of them share: help pages, `-h`, `--version`, and failures as exit codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from importlib import import_module
from inspect import getdoc
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from forecast.cli.errors import reporting
from forecast.cli.options import with_settings
from forecast.config import suggest
from forecast.errors import ConfigError
from forecast.version import VERSION

#: Every command in the order of the help page; each is the function of its name in the module of its name beside this.
COMMANDS = (
    *("check", "train", "tune", "predict", "pretrain", "merge", "run", "status", "schedule", "backtest", "compare"),
    *("inspect", "cells", "explain", "rollback", "score", "doctor", "completion"),
)

PROGRAM = "forecast"
#: Commands for which the folder they are started in does not matter.
ANYWHERE = frozenset(("run", "status", "schedule"))


@reporting
def run(arguments: list[str]) -> int | None:
    """The exit code that these arguments end with."""
    from typer.completion import completion_init  # type: ignore[attr-defined]
    from typer.main import get_command

    # Registers the shells without the two options that Typer would otherwise add to every help page.
    completion_init()
    # All others together have some 450 options, which take a while to make.
    names = [name for name in arguments[:1] if name in COMMANDS] or COMMANDS
    code: int | None = get_command(application(names))(arguments, prog_name=PROGRAM, standalone_mode=False)
    return code


def application(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The Typer application of these commands, each with its settings as options and its failures reported."""
    app = typer.Typer(
        cls=_Group,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # with rich every help page takes half as long again
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        epilog="\b\nExample:\n  forecast train sample_data/prices.csv\n  forecast predict --horizon 30",
    )
    app.callback()(_root)
    for name in names:
        command = getattr(import_module(f"forecast.cli.{name}"), name)
        text, _, example = (getdoc(command) or "").partition("Example:\n")
        app.command(name, cls=_Command, help=text, epilog=f"\b\nExample:\n{example}")(
            reporting(with_settings(command, anywhere=name in ANYWHERE))
        )
    return app


class _Command(TyperCommand):
    """A command whose help page groups its options under headings."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        arguments, panels = [], defaultdict(list)
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                arguments.append(record)
            else:
                panels[getattr(parameter, "rich_help_panel", None) or "Output"].append(record)
        for heading, records in (("Arguments", arguments), *panels.items()):
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class _Group(TyperGroup):
    """The group of all commands, which names the ones that are near when it is asked for one it does not have."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is None and not ctx.resilient_parsing:
            raise ConfigError(f"unknown command {cmd_name!r}", hint=suggest(cmd_name, COMMANDS))
        return command


def _root(
    ctx: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Forecast time series with recurrent networks: train on a file, predict from its newest rows."""
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


def _show_version(value: bool) -> None:
    if value:
        print(f"{PROGRAM} {VERSION}")
        raise typer.Exit
