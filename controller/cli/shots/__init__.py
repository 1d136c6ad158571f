"""``sparkgap shots``: what is kept of shots, one file per subcommand."""

import click

from controller.cli.lazy import Entry, LazyGroup


def _entry(module: str, summary: str) -> Entry:
    return Entry(f"controller.cli.shots.{module}", "command", summary)


COMMANDS = {
    "list": _entry("listing", "List shots, newest first."),
    "show": _entry("show", "Show everything the catalogue and the record say about a shot."),
    "report": _entry("report", "Say where a shot's report and sheet are, or render them anew."),
    "comment": _entry("comment", "Append a comment to a shot, beside the sealed record."),
    "tag": _entry("tag", "Add tags to a shot, or take one away."),
    "reevaluate": _entry("reevaluate", "Judge a shot's measurements again with corrected factors."),
    "fetch": _entry("fetch", "Read again what a scope still holds of a shot."),
    "verify": _entry("verify", "Check records against the catalogue's sha256 and their own rules."),
    "export": _entry("export", "Write a shot's waveforms and slow channels as CSV, MAT, TDMS or Parquet."),
    "import": _entry("imports", "Record traces of scopes and data loggers as a shot."),
}


@click.group("shots", cls=LazyGroup, table=COMMANDS)
def group() -> None:
    """List, show, verify, export and import recorded shots."""
