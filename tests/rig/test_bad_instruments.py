"""Instruments that are not there, are others, or belong to another controller: named by the run, exit 2."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.families.rig_plc import open_rig_plc
from drivers.transports.tcp import tcp
from drivers.wire.plc import PlcRequest
from tests.rig.running_sim import RunningSim, closed_port, running_sim
from tests.support import sparkgap

RIG = "railgun_bench"
BEAT_S = 0.05


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSim]:
    with running_sim(RIG, cwd=tmp_path_factory.mktemp("sim")) as running:
        yield running


def refuse(sim: RunningSim, changed: dict[str, str], folder: Path) -> list[str]:
    """A run by a lab file with ``changed`` addresses; returns why it was refused."""
    (folder / "lab.yaml").write_text(sim.lab(changed), encoding="utf-8")
    run = sparkgap("run", "noise", "--rig", RIG, "--lab", "lab.yaml", "--out", "shots", cwd=folder)
    assert run.returncode == 2, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    assert not list((folder / "shots").glob("0*")), "a shot was begun"
    return run.stderr.splitlines()


def test_instruments_that_are_not_there_are_all_named(sim: RunningSim, tmp_path: Path) -> None:
    lines = refuse(sim, {"scope_2": closed_port(), "daq": closed_port(), "charger": "/dev/no-such-tty"}, tmp_path)
    nobody = "nobody answers at the address: "
    assert lines[0].startswith(f"{RIG}: charger: {nobody}could not open port /dev/no-such-tty: ")
    assert lines[0].endswith("; switch it on and check the address of FuG HCK 2000-4000")
    assert lines[1:] == [
        f"{RIG}: scope_2: {nobody}Connection refused; switch it on and check the address of Keysight DSO-X 3014A",
        f"{RIG}: daq: {nobody}Connection refused; switch it on and check the address of LabJack T7",
    ]


WRONG = {
    "the delay generator for a scope": (
        {"scope_1": "delay_generator"},
        "scope_1: another instrument is there, which answered "
        "'Stanford Research Systems,DG645,s/n001234,ver1.14.10E'; give the address of Keysight DSO-X 3014A",
    ),
    "a scope for the delay generator": (
        {"delay_generator": "scope_1"},
        "delay_generator: another instrument is there, which answered "
        "'KEYSIGHT TECHNOLOGIES,DSO-X 3014A,MY05400758,02.50.2019022736'; give the address of SRS DG645",
    ),
    "the PLC for the T7": (
        {"daq": "plc"},
        "daq: another device is there, without the registers of a T7: "
        "Modbus exception 2 (illegal address) to READ_HOLDING 60000; give the address of LabJack T7",
    ),
    "the T7 for the PLC": (
        {"plc": "daq"},
        "plc: another device is there, without the registers of a rig PLC: "
        "Modbus exception 2 (illegal address) to READ_HOLDING 100; give the address of Sparkgap rig PLC",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_another_instrument_at_the_address_is_named(case: str, sim: RunningSim, tmp_path: Path) -> None:
    swapped, message = WRONG[case]
    lines = refuse(sim, {name: sim.address(other) for name, other in swapped.items()}, tmp_path)
    assert lines == [f"{RIG}: {message}"]


async def test_a_bench_that_another_controller_holds_is_refused(tmp_path: Path) -> None:
    """The same rig from another folder of shots: there the PLC is what tells two controllers apart."""
    with running_sim(RIG, cwd=tmp_path) as fresh:
        host, _, port = fresh.address("plc").rpartition(":")
        plc = await open_rig_plc("plc", tcp(host, int(port)), rig_id=1)

        async def hold() -> None:
            for sequence in itertools.count(1):
                await plc.exchange(PlcRequest(sequence=sequence, epoch=1, connection_id=7))
                await asyncio.sleep(BEAT_S)

        holding = asyncio.create_task(hold(), name="first controller")
        (tmp_path / "lab.yaml").write_text(fresh.lab(), encoding="utf-8")
        arguments = ("run", "noise", "--rig", RIG, "--lab", "lab.yaml", "--out", "shots")
        run = await asyncio.to_thread(lambda: sparkgap(*arguments, cwd=tmp_path))
        holding.cancel()
        await asyncio.wait([holding])
        status = await plc.exchange(PlcRequest())
        await plc.close()
    assert (run.returncode, run.stderr) == (
        2,
        f"{RIG}: plc: another controller holds the bench; end that one first, only one may\n",
    )
    assert status.connection_id == 7, "the first controller lost the bench to one that was refused"
