"""`forecast completion`: the script with which a shell completes commands and options."""

from __future__ import annotations

from typing import Annotated

import typer

from forecast.config import suggest
from forecast.errors import ConfigError

SHELLS = ("bash", "zsh", "fish", "powershell")
#: The variable through which a shell asks for completions; it carries no FORECAST_ prefix and so is no setting.
VARIABLE = "_FORECAST_COMPLETE"


def completion(
    shell: Annotated[
        str, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.", autocompletion=lambda: list(SHELLS))
    ],
) -> None:
    """Print the completion script of a shell.

    Evaluate it where the shell starts, or put it where the shell looks for completions.

    Example:
      eval "$(forecast completion bash)"
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    if shell not in SHELLS:
        raise ConfigError(f"no completion for the shell {shell!r}", hint=suggest(shell, SHELLS))
    print(get_completion_script(prog_name="forecast", complete_var=VARIABLE, shell=shell))
