"""The ``sparkgap`` group, and how every way of ending becomes an exit code and one line per problem."""

import importlib.metadata
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from controller.cli.exits import MEANING
from controller.cli.lazy import Entry, LazyGroup
from controller.sequencer.verdict import Exit


def _entry(module: str, summary: str, attribute: str = "command") -> Entry:
    return Entry(f"controller.cli.{module}", attribute, summary)


COMMANDS = {
    "demo": _entry("demo", "Run the default profile on a simulated bench."),
    "up": _entry("up", "Keep a bench up, with its page, until Ctrl-C."),
    "run": _entry("run", "Run a profile on a bench, simulated or real."),
    "check": _entry("check", "Say everything about a profile that can be known before energy."),
    "dry-run": _entry("dry_run", "Run a profile on the twin in virtual time and print the predicted envelope."),
    "sim": _entry("sim", "Start the stand-ins alone, until Ctrl-C."),
    "campaign": _entry("campaign", "Inject every fault at every step and judge what comes of it."),
    "shots": _entry("shots", "List, show, verify, export and import recorded shots.", "group"),
    "faults": _entry("faults", "List the ids that --fault takes."),
    "tape": _entry("tape", "Show, replay and compare recordings of the wire.", "group"),
    "scope": _entry("scope", "Learn a scope that has no driver, and list the learned ones.", "group"),
    "identify": _entry("identify", "Ask what answers at an address."),
    "instruments": _entry("instruments", "List the models there are, and the instruments of the benches."),
    "rigs": _entry("rigs", "List the benches."),
    "profiles": _entry("profiles", "List the profiles that can be run."),
    "paths": _entry("paths", "Say where files are read from and written to."),
    "completion": _entry("completion", "Print the completion script of a shell."),
}
"""Every command there is, in the order of use. A command stands here only once it works."""

EPILOG = "Exit codes: " + "; ".join(f"{int(code)} {text}" for code, text in MEANING.items()) + "."


@click.group(cls=LazyGroup, table=COMMANDS, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(importlib.metadata.version("sparkgap"), prog_name="sparkgap")
def group() -> None:
    """Run pulsed-power test benches: charge, fire, record, and always back to safe."""


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Never raises and never shows a traceback."""
    _replace_closed_streams()
    try:
        result = group.main(args=list(arguments), prog_name="sparkgap", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return Exit.REFUSED
    except click.UsageError as error:
        print_errors([usage_line(error)])
        return Exit.REFUSED
    except click.ClickException as error:
        error.show()
        return Exit.REFUSED
    except (click.Abort, KeyboardInterrupt):
        return Exit.ABORTED
    except SystemExit:
        _silence_stdout()  # so click ends a command whose reader has left, and nothing else here does
        return Exit.PASS
    except Exception as error:
        return _explain(error)
    return int(result) if isinstance(result, int) else Exit.PASS


def usage_line(error: click.UsageError) -> str:
    """A usage error as one line in the form of every other refusal."""
    command = error.ctx.command_path if error.ctx is not None else "sparkgap"
    problem = " ".join(error.format_message().split()).rstrip(".")
    remedy = "" if "; " in problem else f"; see `{command} --help`"
    return f"{command}: {problem}{remedy}"


def _explain(error: Exception) -> int:
    """Refusals are one line per problem; anything else is our defect, and its traceback is in the log."""
    from controller.cli.fail import refusal_lines

    lines = refusal_lines(error)
    if lines:
        print_errors(lines)
        return Exit.REFUSED
    print_errors([f"sparkgap: internal error: {type(error).__name__}: {error}", *_log_traceback(error)])
    return Exit.INTERNAL


def _log_traceback(error: Exception) -> list[str]:
    from controller.cli.fail import open_log

    path = open_log("cli")
    if path is None:
        return []
    logging.getLogger("sparkgap.cli").error("internal error", exc_info=error)
    return [f"log: {path}"]


def print_errors(lines: Sequence[str]) -> None:
    """Write lines to standard error; a closed one is not worth a second error."""
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except OSError:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process


def _replace_closed_streams() -> None:
    """A stream that was closed before we started becomes the null device, lest a socket gets its number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(Path(os.devnull), os.O_RDWR)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - lives as long as the process


def _silence_stdout() -> None:
    """Standard output is gone: point it at the null device so that the interpreter's last flush says nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
