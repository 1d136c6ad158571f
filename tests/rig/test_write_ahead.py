"""Write-ahead, seen from outside: strace shows each barrier's fsync before its command leaves for the PLC."""

import asyncio
import re
from pathlib import Path

import pytest

from controller.app.attendant import scene_of
from controller.app.children import module_command
from controller.app.preflight import prepare
from controller.app.supervisor import Job, Onlooker, Supervisor
from controller.app.wall_clock import utc_label
from controller.messages import RunConfig
from drivers.wire.plc import PlcCommand
from tests.support import require_tool

CALLS = "trace=fsync,write,writev,sendto,sendmsg"

FC23 = 0x17
COMMAND_AT = 17
"""Offset of the command register in an FC 23 frame: MBAP 7, function 1, two addresses with counts 8, byte count 1."""

ORDER = (
    ("scope_arm_intent", "arm", 2),
    ("permit", "PERMIT", 1),
    ("charge_intent", "CHARGE", 1),
    ("fire_token", "FIRE_ENABLE", 1),
    ("fire_intent", "FIRE", 1),
)
"""Journal record, what it must precede, how often that may be sent: each scope is armed, all else happens once."""

LINE = re.compile(r"^(\d+)\s+(\w+)\((\d+)(.*)$")
RESUMED = re.compile(r"^(\d+)\s+<\.\.\. fsync resumed>.*= 0")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def events_of(trace: str) -> list[tuple[str, str]]:
    """(what, detail) in the order things happened: journal records written, fsyncs finished, commands sent."""
    found: list[tuple[str, str]] = []
    pending: dict[str, str] = {}
    for line in trace.splitlines():
        resumed = RESUMED.match(line)
        if resumed and resumed[1] in pending:
            found.append(("fsync", pending.pop(resumed[1])))
        call = LINE.match(line)
        if call is None:
            continue
        thread, name, fd, rest = call.groups()
        if name == "fsync":
            if "unfinished" in rest:
                pending[thread] = fd
            else:
                found.append(("fsync", fd))
            continue
        data = b"".join(bytes.fromhex(text.replace("\\x", "")) for text in TEXT.findall(rest))
        kind = re.search(rb'"kind":"(\w+)"', data)
        if kind is not None and data.startswith(b"SGJ"):
            found.append(("journal", f"{kind[1].decode()} {fd}"))
        elif len(data) > COMMAND_AT + 1 and data[7] == FC23:
            command = int.from_bytes(data[COMMAND_AT : COMMAND_AT + 2], "big")
            if command != PlcCommand.NONE:
                found.append(("sent", PlcCommand(command).name))
        elif data.upper().startswith(b":SING"):
            found.append(("sent", "arm"))
    return found


@pytest.mark.timeout(120)
def test_each_barrier_is_on_the_disk_before_its_command_leaves(tmp_path: Path) -> None:
    strace, trace = require_tool("strace"), tmp_path / "trace"
    config = RunConfig("railgun_bench", "polarity", str(tmp_path / "shots"), started_utc=utc_label())
    prepared = prepare(config)
    job = Job(
        config,
        tmp_path,
        scene=scene_of(prepared.plan, prepared.rig.bank.modules),
        core_command=(
            *(strace, "-f", "-q", "-xx", "-s", "4096", "-e", CALLS, "-o", str(trace)),
            *module_command("controller.app.core_process"),
        ),
    )
    outcome = asyncio.run(Supervisor(job, Onlooker()).run())
    assert outcome.exit == 0, outcome

    events = events_of(trace.read_text(encoding="ascii"))
    for kind, command, times in ORDER:
        written = next(n for n, (what, text) in enumerate(events) if what == "journal" and text.startswith(f"{kind} "))
        fd = events[written][1].split()[1]
        sent = events.index(("sent", command))
        assert ("fsync", fd) in events[written:sent], f"{kind} was not on the disk before {command} was sent"
        assert events.count(("sent", command)) == times
