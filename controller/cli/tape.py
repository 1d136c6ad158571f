"""``sparkgap tape``: recordings of the wire."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.lazy import Entry, LazyGroup
from controller.cli.options import json_option
from controller.sequencer.verdict import Exit

if TYPE_CHECKING:
    from controller.app.tape_read import Content, Recording

SHOWN_BYTES = 64
"""Of one piece in a listing; ``--all`` shows everything."""


def _entry(name: str, summary: str) -> Entry:
    return Entry("controller.cli.tape", name, summary)


COMMANDS = {
    "show": _entry("show", "List what went over the wire."),
    "replay": _entry("replay", "Run a taped shot again, its instruments played by the tape."),
    "diff": _entry("diff", "Locate the first byte in which two tapes differ."),
}


@click.group("tape", cls=LazyGroup, table=COMMANDS)
def group() -> None:
    """Show, replay and compare recordings of the wire (`--tape` of run, up and sim)."""


def _read(name: str) -> "Content":
    from controller.app.tape_format import NoTape
    from controller.app.tape_read import read_tape
    from controller.rig.source import Problem, Refused

    try:
        return read_tape(Path(name))
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except NoTape as error:
        problem = str(error)
    raise Refused([Problem(name, 0, "", problem, "name a file that `--tape` has written")])


@click.command("show")
@click.argument("tape")
@click.option("--instrument", metavar="NAME", default="", help="Only this instrument.")
@click.option("--all", "whole", is_flag=True, help="Show every byte of long pieces.")
def show(tape: str, instrument: str, whole: bool) -> None:
    """List every piece on TAPE: time in seconds, instrument#connection, direction (> to it, < from it), bytes."""
    from controller.app.tape_format import Received, Sent

    content = _read(tape)
    for recording in content.recordings:
        click.echo(_title(recording))
        rows = sorted(
            (
                (event.t_ns, number, connection, event)
                for connection in recording.connections
                if instrument in ("", connection.instrument)
                for number, event in enumerate(connection.events)
            ),
            key=lambda row: row[0],
        )
        for t_ns, _, connection, event in rows:
            where = f"{t_ns / 1e9:14.6f}  {connection.instrument}#{connection.index}"
            if isinstance(event, Sent | Received):
                click.echo(f"{where} {'>' if isinstance(event, Sent) else '<'} {_text(event.data, whole)}")
            else:
                click.echo(f"{where} closed by the {event.by} {event.problem}".rstrip())
    _say_how_it_ends(content)


def _title(recording: "Recording") -> str:
    begin = recording.begin
    clock = "virtual time" if begin.virtual else "real time"
    ended = "" if recording.ended is None else f", {recording.ended.verdict}"
    pieces = sum(len(connection.events) for connection in recording.connections)
    return f"recorded at the {begin.side}'s side, {begin.utc}, {clock}{ended}: {pieces} pieces"


def _text(data: bytes, whole: bool) -> str:
    shown = data if whole else data[:SHOWN_BYTES]
    more = f" ... {len(data)} bytes" if len(shown) < len(data) else ""
    return repr(shown)[2:-1] + more


def _say_how_it_ends(content: "Content") -> None:
    for recording in content.recordings:
        if recording.gaps:
            click.echo(f"{recording.gaps} pieces are missing: the disk was too slow", err=True)
        if recording.full:
            click.echo("the tape is full; what followed is not on it", err=True)
    if content.cut:
        click.echo(f"the tape is {content.cut}; everything before is shown", err=True)


@click.command("replay")
@click.argument("tape")
@click.option("--out", metavar="DIR", default="", help="Folder for the replayed shot  [default: none is kept]")
@json_option
def replay(tape: str, out: str, as_json: bool) -> int:
    """Run the shot on TAPE again on virtual time. Exit code 0: the taped verdict; 1: another one."""
    import tempfile

    from controller.app.tape_replay import replay as run_again
    from controller.rig.source import Problem, Refused

    content = _read(tape)
    runs = [recording for recording in content.recordings if recording.begin.profile]
    if not runs:
        remedy = "replay one that `sparkgap run --tape` has recorded"
        raise Refused([Problem(tape, 0, "", "holds no run that could be replayed", remedy)])
    with tempfile.TemporaryDirectory(prefix="sparkgap-replay-") as folder:
        played = run_again(runs[0], Path(out).absolute() if out else Path(folder))
    finished, taped = played.finished, played.taped or "no verdict, the tape ends before"
    first = played.divergences[0] if played.divergences else None
    if as_json:
        told = {"taped": played.taped, "verdict": finished.verdict, "reason": finished.reason, "same": played.same}
        where = None if first is None else {"instrument": first.instrument, "connection": first.connection}
        click.echo(json.dumps({**told, "divergences": len(played.divergences), "first": where}))
    else:
        click.echo(f"taped: {taped}\nreplayed: {finished.verdict} {finished.reason}".rstrip())
        if first is not None:
            click.echo(
                f"{len(played.divergences)} requests differ from the tape, the first at {first.t_ns / 1e9:.6f} s: "
                f"{first.instrument}#{first.connection} byte {first.offset}: sent {_text(first.sent, False)}, "
                f"taped {_text(first.taped, False)}"
            )
    return Exit.PASS if played.same else Exit.FAILED


@click.command("diff")
@click.argument("one")
@click.argument("other")
@json_option
def diff(one: str, other: str, as_json: bool) -> int:
    """Locate the first byte in which the tapes ONE and OTHER differ. Exit code 0: none differs; 1: some do."""
    import msgspec

    from controller.app.tape_diff import differences

    left, right = _read(one), _read(other)
    found = differences(left.recordings, right.recordings)
    if as_json:
        click.echo(json.dumps([{**msgspec.to_builtins(d), "before": d.before.hex()} for d in found]))
    else:
        for d in found:
            arrow = ">" if d.direction == "to" else "<"
            click.echo(
                f"{d.t_ns / 1e9:14.6f}  {d.instrument}#{d.connection} {arrow} byte {d.offset}: "
                f"{_byte(d.one)} in one, {_byte(d.other)} in the other; in {d.row or 'an unknown request'}, "
                f"after {_text(d.before, True)}"
            )
        if not found:
            click.echo("every byte is the same")
    for content in (left, right):
        if content.cut:
            click.echo(f"a tape is {content.cut}", err=True)
    return Exit.FAILED if found else Exit.PASS


def _byte(value: int | None) -> str:
    return "nothing" if value is None else f"{value:#04x} {chr(value)!r}" if 32 <= value < 127 else f"{value:#04x}"
