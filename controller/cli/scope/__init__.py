"""``sparkgap scope``: scopes without a driver."""

import click

from controller.cli.lazy import Entry, LazyGroup

COMMANDS = {
    "learn": Entry("controller.cli.scope.learn", "command", "Store a scope's front panel, to use it in a rig."),
    "list": Entry("controller.cli.scope.listing", "command", "List the learned scopes and the shipped verb files."),
}


@click.group("scope", cls=LazyGroup, table=COMMANDS)
def group() -> None:
    """Use a scope that Sparkgap has no driver for, by six verbs and its stored front panel."""
