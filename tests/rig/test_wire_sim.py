"""``sparkgap sim`` with faults and with a tape, and what ``faults`` lists for one instrument alone."""

import json
import socket
from pathlib import Path

import pytest

from controller.app.tape_format import Received, Sent
from controller.app.tape_read import read_tape
from firmware_sim.link_faults import FAULTS
from tests.rig.running_sim import ask, running_sim
from tests.support import sparkgap

MODEL = "SRS DG645"


def test_one_instrument_alone_takes_faults_of_its_wire(tmp_path: Path) -> None:
    with running_sim("--instrument", MODEL, "--fault", "wrong_end", "--fault", "split", cwd=tmp_path) as sim:
        host, _, port = sim.address(MODEL).rpartition(":")
        with socket.create_connection((host, int(port)), 10) as link:
            link.sendall(b"*IDN?\n")
            got = b""
            while not got.endswith(b"\r\r"):
                got += link.recv(100)
    assert got.startswith(b"Stanford Research Systems,DG645")


def test_a_bench_takes_faults_from_the_start(tmp_path: Path) -> None:
    with running_sim("railgun_bench", "--fault", "delay_generator.close", cwd=tmp_path) as sim:
        assert ask(sim.address("delay_generator"), b"*IDN?\n") == b""


def test_a_tape_at_the_stand_ins_side(tmp_path: Path) -> None:
    tape = tmp_path / "sim.tape"
    with running_sim("--instrument", MODEL, "--tape", str(tape), cwd=tmp_path) as sim:
        answer = ask(sim.address(MODEL), b"*IDN?\n")
    (recording,) = read_tape(tape).recordings
    assert recording.begin.side == "stand-in"
    serial, connection = recording.connections  # a serial line is connected from the start
    assert serial.events == []
    assert [type(event) for event in connection.events[:2]] == [Sent, Received]
    assert connection.events[1].data == answer  # type: ignore[union-attr]
    refused = sparkgap("sim", "--instrument", MODEL, "--tape", str(tape), cwd=tmp_path)
    assert refused.returncode == 2 and "exists already" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--instrument", MODEL, "--fault", "dorp"), "did you mean drop?"),
        (("railgun_bench", "--fault", "delay_generator.dorp"), "did you mean delay_generator.drop?"),
    ],
)
def test_an_unknown_fault_is_refused_with_the_nearest(arguments: tuple[str, ...], told: str, tmp_path: Path) -> None:
    refused = sparkgap("sim", *arguments, cwd=tmp_path)
    assert refused.returncode == 2 and told in refused.stderr


def test_faults_lists_the_wires(tmp_path: Path) -> None:
    listed = sparkgap("faults", "--instrument", MODEL, "--json", cwd=tmp_path)
    assert json.loads(listed.stdout) == dict(FAULTS)
