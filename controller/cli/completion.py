"""``sparkgap completion``: what a shell sources to complete commands and options."""

import click
from click.shell_completion import get_completion_class

VARIABLE = "_SPARKGAP_COMPLETE"
"""The variable through which the shell asks; click derives it from the program's name."""


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL; for bash: eval "$(sparkgap completion bash)"."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    click.echo(kind(context.find_root().command, {}, "sparkgap", VARIABLE).source())
