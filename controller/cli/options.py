"""Options that several commands share, and how their text becomes values."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

RIG_HELP = "The bench: a name that `sparkgap rigs` lists, or the path of a bench's folder."
"""Of --rig, and of RIG where it is an argument."""


def read_pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """``name=value`` texts as a dict; a text without ``=``, or a name given twice, is a usage error."""
    pairs: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise click.BadParameter(f"{text!r} is not a name and a value; write NAME=VALUE", context, parameter)
        if name in pairs:
            raise click.BadParameter(f"{name!r} is given twice; give it once", context, parameter)
        pairs[name] = value
    return pairs


def profile_argument(command: Decorated) -> Decorated:
    """PROFILE: a path or the name of a shipped profile."""
    return click.argument("profile")(command)


def rig_option(command: Decorated) -> Decorated:
    """--rig, required: a profile is never run on a guess."""
    return click.option("--rig", required=True, metavar="RIG", help=RIG_HELP)(command)


def set_option(command: Decorated) -> Decorated:
    """--set name=value, repeatable."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="NAME=VALUE",
        callback=read_pairs,
        help="Give a declared parameter of the profile another value, with its unit. Repeatable.",
    )(command)


def seed_option(command: Decorated) -> Decorated:
    """--seed: everything random derives from it."""
    return click.option(
        "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of all simulated noise."
    )(command)


def out_option(command: Decorated) -> Decorated:
    """--out: where the shot goes."""
    return click.option("--out", metavar="DIR", default="", help="Folder for shots  [default: see `sparkgap paths`]")(
        command
    )


def tape_option(command: Decorated) -> Decorated:
    """--tape: every byte."""
    return click.option(
        "--tape",
        metavar="FILE",
        default="",
        help="Record every byte on the wire in a new FILE; see `sparkgap tape`.",
    )(command)


def json_option(command: Decorated) -> Decorated:
    """--json: for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of text.")(command)


def port_option(command: Decorated) -> Decorated:
    """--port: where the page is."""
    return click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=0,
        metavar="N",
        help="Port of the page on this computer  [default: a free one]",
    )(command)


def site_option(command: Decorated) -> Decorated:
    """--site: what this place is called, and its broker."""
    return click.option("--site", metavar="FILE", default="", help="Site file  [default: see `sparkgap paths`]")(
        command
    )


def add_options(*options: Callable[[Decorated], Decorated]) -> Callable[[Decorated], Decorated]:
    """Apply several option decorators; the first is shown first in the help."""

    def decorate(command: Decorated) -> Decorated:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
