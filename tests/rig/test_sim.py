"""``sparkgap sim``: what it publishes, who answers there, how it ends, and a run against it by lab file."""

import json
import re
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial
from pymodbus.client import ModbusTcpClient

from firmware_sim.standalone import STANDALONE
from tests.rig.running_sim import TIMEOUT_S, RunningSim, ask, running_sim
from tests.support import sparkgap

RIG = "railgun_bench"
SOCKET = r"127\.0\.0\.1:[1-9][0-9]*"
PTY = r"/dev/pts/[0-9]+"
PUBLISHED = {
    "plc": ("Sparkgap rig PLC", "modbus", SOCKET),
    "charger": ("FuG HCK 2000-4000", "serial", PTY),
    "delay_generator": ("SRS DG645", "socket", SOCKET),
    "scope_1": ("Keysight DSO-X 3014A", "socket", SOCKET),
    "scope_2": ("Keysight DSO-X 3014A", "socket", SOCKET),
    "daq": ("LabJack T7", "modbus", SOCKET),
}

CHARGE_LOOKS = 40
"""Looks at the charger's voltage while it rises; one takes about 20 ms at 9600 baud."""


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSim]:
    with running_sim(RIG, cwd=tmp_path_factory.mktemp("sim")) as running:
        yield running


def read_modbus(address: str, register: int, count: int) -> bytes:
    host, _, port = address.rpartition(":")
    client = ModbusTcpClient(host, port=int(port), timeout=TIMEOUT_S)
    assert client.connect()
    try:
        answer = client.read_holding_registers(register, count=count, device_id=1)
        assert not answer.isError(), answer
        return struct.pack(f">{count}H", *answer.registers)
    finally:
        client.close()


def talk(port: serial.Serial, line: bytes) -> str:
    port.write(line + b"\n")
    return port.read_until(b"\n").decode().strip()


def test_the_bench_publishes_every_endpoint_in_the_promised_shape(sim: RunningSim) -> None:
    assert list(sim.said) == ["rig", "instruments"] and sim.said["rig"] == RIG
    assert list(sim.said["instruments"]) == list(PUBLISHED)
    for name, (model, transport, address) in PUBLISHED.items():
        entry = sim.said["instruments"][name]
        assert list(entry) == ["model", "endpoints"] and entry["model"] == model
        assert list(entry["endpoints"]) == ([transport, "hislip"] if name.startswith("scope") else [transport])
        assert re.fullmatch(address, entry["endpoints"][transport])
    assert len({sim.address(name) for name in PUBLISHED}) == len(PUBLISHED)


def test_everybody_answers_to_a_client_of_its_protocol(sim: RunningSim) -> None:
    assert (
        ask(sim.address("delay_generator"), b"*IDN?\n") == b"Stanford Research Systems,DG645,s/n001234,ver1.14.10E\r\n"
    )
    scopes = [ask(sim.address(name), b"*IDN?\n").decode().strip().split(",") for name in ("scope_1", "scope_2")]
    assert [fields[:2] for fields in scopes] == [["KEYSIGHT TECHNOLOGIES", "DSO-X 3014A"]] * 2
    assert scopes[0][2] != scopes[1][2], "two scopes have one serial number"
    with serial.Serial(sim.address("charger"), 9600, timeout=TIMEOUT_S) as port:
        assert talk(port, b"*IDN?") == "FUG HCK 2000 - 4 000 MOD 17022-01-01"
    assert struct.unpack(">f", read_modbus(sim.address("daq"), 60000, 2)) == (7.0,)  # PRODUCT_ID of a T7
    assert len(read_modbus(sim.address("plc"), 100, 2)) == 4  # state and acknowledgement (plc-map.md)


def test_identify_says_who_is_there(sim: RunningSim, tmp_path: Path) -> None:
    delay = sparkgap("identify", sim.address("delay_generator"), cwd=tmp_path)
    assert (delay.returncode, delay.stdout, delay.stderr) == (
        0,
        "Stanford Research Systems, DG645, serial s/n001234, firmware ver1.14.10E\n"
        f"transport socket: {sim.address('delay_generator')}\nmodel SRS DG645\n",
        "",
    )
    host, _, port = sim.address("scope_1").rpartition(":")
    scope = sparkgap("identify", f"TCPIP::{host}::{port}::SOCKET", cwd=tmp_path)
    assert scope.returncode == 0 and scope.stdout.startswith("KEYSIGHT TECHNOLOGIES, DSO-X 3014A, serial MY")
    charger = sparkgap("identify", sim.address("charger"), "--model", "FuG HCK 2000-4000", cwd=tmp_path)
    assert charger.returncode == 0 and "HCK 2000" in charger.stdout
    daq = sparkgap("identify", sim.address("daq"), "--model", "LabJack T7", cwd=tmp_path)
    assert daq.returncode == 0 and "T7" in daq.stdout and "470012345" in daq.stdout


def test_identify_refuses_what_is_no_answer(sim: RunningSim, tmp_path: Path) -> None:
    remedy = "check the address, or name the protocol with --model"
    address = sim.address("daq")
    modbus = sparkgap("identify", address, cwd=tmp_path)  # SCPI to a Modbus device: silence, or the link closed
    assert modbus.returncode == 2 and modbus.stdout == ""
    assert modbus.stderr.startswith(f"{address}: ") and modbus.stderr.endswith(f"; {remedy}\n")
    wrong = sparkgap("identify", sim.address("delay_generator"), "--model", "Keysight DSO-X 3014A", cwd=tmp_path)
    assert wrong.returncode == 2 and wrong.stdout == ""
    assert "DG645" in wrong.stderr and wrong.stderr.endswith(f"; {remedy}\n")
    model = sparkgap("identify", address, "--model", "LabJack T8", cwd=tmp_path)
    assert model.returncode == 2 and "--model: LabJack T8: there is no such model; models: " in model.stderr


def test_a_noise_shot_by_lab_file_completes(tmp_path: Path) -> None:
    with running_sim(RIG, cwd=tmp_path) as fresh:
        (tmp_path / "lab.yaml").write_text(fresh.lab(), encoding="utf-8")
        run = sparkgap("run", "noise", "--rig", RIG, "--lab", "lab.yaml", "--out", "made", "--json", cwd=tmp_path)
        assert run.returncode == 0, run.stdout + run.stderr
        started, result = (json.loads(line) for line in run.stdout.splitlines())
        assert (result["verdict"], result["ended"], result["exit"]) == ("pass", "completed", 0)
        assert list(started["pids"]) == ["core"], "nobody but the core is started for real addresses"
        assert Path(result["record"]).is_file()
        assert fresh.process.poll() is None, "the run ended the stand-ins, which are not its own"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_with_0_and_leaves_nobody(name: str, tmp_path: Path) -> None:
    with running_sim(RIG, cwd=tmp_path) as running:
        address = running.address("delay_generator")
        assert ask(address, b"*OPC?\n") == b"1\r\n"
        running.process.send_signal(getattr(signal, name))
        _, err = running.process.communicate(timeout=TIMEOUT_S)
        assert (running.process.returncode, err) == (0, "")
    with pytest.raises(ConnectionRefusedError):
        ask(address, b"*OPC?\n")


def test_a_reader_that_leaves_ends_it(tmp_path: Path) -> None:
    with running_sim("--instrument", "SRS DG645", cwd=tmp_path) as running:
        assert running.process.stdout is not None
        running.process.stdout.close()
        assert running.process.wait(TIMEOUT_S) == 0
        running.process.stdout = None


def charge(address: str) -> None:
    with serial.Serial(address, 9600, timeout=TIMEOUT_S) as port:

        def volts() -> float:
            return float(talk(port, b">M0 ?").removeprefix("M0:"))

        assert volts() == 0.0
        assert [talk(port, line) for line in (b">S1 1", b">S0 100", b">BON 1")] == ["E0"] * 3
        rising = [volts() for _ in range(CHARGE_LOOKS)]
        assert rising == sorted(rising) and 0.0 < rising[0] < rising[-1]
        assert rising[-1] == pytest.approx(100.0, abs=1.0)
        assert talk(port, b">BON 0") == "E0"
        falling = [volts() for _ in range(3)]
        assert falling[2] < falling[1] < falling[0] < rising[-1]


def trigger(address: str) -> None:
    assert ask(address, b"*IDN?\n").startswith(b"Stanford Research Systems,DG645,")
    assert int(ask(address, b"TSRC 5\n*TRG\nINSR?\n")) & 1, "*TRG triggers a delay generator that stands alone"


def see_signals(address: str) -> None:
    assert ask(address, b"*IDN?\n").startswith(b"KEYSIGHT TECHNOLOGIES,DSO-X 3014A,")
    swings_v = [float(ask(address, f":DIG\n:MEAS:VPP? CHAN{number}\n".encode())) for number in (1, 2)]
    assert all(0.01 < swing_v < 100.0 for swing_v in swings_v)


def read_inputs(address: str) -> None:
    assert struct.unpack(">f", read_modbus(address, 60000, 2)) == (7.0,)
    one_v, two_v = (struct.unpack(">f", read_modbus(address, 2 * number, 2))[0] for number in (1, 2))
    assert two_v == pytest.approx(2.0 * one_v, rel=1e-3) and one_v > 0.0


ALONE: dict[str, tuple[str, Callable[[str], None]]] = {
    "FuG HCK 2000-4000": ("serial", charge),
    "SRS DG645": ("socket", trigger),
    "Keysight DSO-X 3014A": ("socket", see_signals),
    "LabJack T7": ("modbus", read_inputs),
}


@pytest.mark.parametrize("model", ALONE)
def test_one_instrument_alone_is_useful(model: str, tmp_path: Path) -> None:
    transport, use = ALONE[model]
    with running_sim("--instrument", model, cwd=tmp_path) as running:
        assert running.said["rig"] == "" and list(running.said["instruments"]) == [model]
        entry = running.said["instruments"][model]
        assert entry["model"] == model and next(iter(entry["endpoints"])) == transport
        use(entry["endpoints"][transport])
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(TIMEOUT_S) == 0


def test_what_cannot_be_simulated_is_refused(tmp_path: Path) -> None:
    unknown = sparkgap("sim", "--instrument", "LabJack T8", cwd=tmp_path)
    assert unknown.returncode == 2 and unknown.stdout == ""
    assert unknown.stderr == (
        f"--instrument: there is no stand-in called 'LabJack T8'; models that stand alone: {', '.join(STANDALONE)}\n"
    )
    rig = sparkgap("sim", "nowhere", cwd=tmp_path)
    assert rig.returncode == 2 and rig.stderr.startswith("--rig: there is no rig called 'nowhere'; known rigs: ")
    assert rig.stderr.endswith(f"{RIG}; or give the path of a bench's folder\n")
    assert list(tmp_path.iterdir()) == [], "something was created"
