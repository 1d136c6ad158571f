"""Scope stand-ins, as ``sim --instrument`` opens them, under programs nobody here wrote, each a process of its own.

pyvisa-py and RsInstrument on the RTO's three transports, pyvisa-py on the DS1074Z, PyMeasure's driver on the DSO-X.
"""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_sim.personalities.scope_signals import panel_signals
from firmware_sim.servers.doors import open_doors
from firmware_sim.standalone import STANDALONE
from tests.rig.foreign import run_foreign

HERE = Path(__file__).parent


def resources(endpoints: Mapping[str, str]) -> dict[str, str]:
    """Endpoints as VISA spells them."""
    spelled = {}
    for transport, address in endpoints.items():
        host, _, port = address.partition(":")
        vxi11 = f"TCPIP::{host},{port}::inst0::INSTR" if port else f"TCPIP::{host}::inst0::INSTR"
        spelled[transport] = {
            "socket": f"TCPIP::{host}::{port}::SOCKET",
            "hislip": f"TCPIP::{host}::hislip0,{port}::INSTR",
            "vxi11": vxi11,
        }[transport]
    return spelled


@pytest.fixture
async def rto() -> AsyncIterator[dict[str, str]]:
    doors = await open_doors(STANDALONE["R&S RTO1024"](3), None)
    yield resources(doors.endpoints)
    await doors.close()


def looks_like_channel_1(volts: "np.ndarray[Any, Any]", step_v: float) -> None:
    """A 5 kHz square wave between 0.01 and 0.26 V, rising where it was triggered: in the middle of the window."""
    middle = len(volts) // 2
    times = (np.arange(len(volts)) - middle) * (1e-3 / len(volts))
    clear = np.abs(np.mod(times * 1e4 + 0.5, 1.0) - 0.5) > 0.05
    expected = panel_signals(0, np.asarray(times + 1e-8, dtype=np.float64))
    assert np.abs(volts - expected)[clear].max() < 2 * step_v


@pytest.mark.parametrize("transport", ["socket", "hislip", "vxi11"])
async def test_pyvisa_reads_the_rto(rto: dict[str, str], transport: str) -> None:
    found = await run_foreign(HERE / "rto_pyvisa_client.py", "rto", rto[transport])
    assert found["idn"].startswith("Rohde&Schwarz,RTO,1316.1000k14/200001,")
    assert found["divisions"] == "10"
    assert [float(text) for text in found["header"].split(",")] == [-0.0005, 0.0005, 5000, 1]
    looks_like_channel_1(np.array(found["codes"]) * 1.0 / (253 * 256), 1.0 / 253)
    if transport != "socket":
        assert found["last"] == 10, "the LF is in the message"
        assert [stb & 4 for stb in found["stb"]] == [0, 4, 0]
        assert found["error"] == '-113,"Undefined header"'
    assert found["after"] == '0,"No error"'


@pytest.mark.parametrize(
    ("transport", "options"),
    [
        ("socket", "SelectVisa=SocketIo"),
        ("socket", "SelectVisa=@py"),
        ("hislip", "SelectVisa=@py"),
        ("vxi11", "SelectVisa=@py"),
    ],
)
async def test_rsinstrument_does_the_rtos_whole_job(rto: dict[str, str], transport: str, options: str) -> None:
    found = await run_foreign(HERE / "rs_rto_client.py", rto[transport], options)
    assert found["manufacturer"] == "Rohde&Schwarz" and found["model"] == "RTO"
    assert found["divisions"] == 10
    codes = np.array(found["codes"])
    looks_like_channel_1(codes * 1.0 / (253 * 256), 1.0 / 253)
    assert found["volts"] == pytest.approx((codes * 1.0 / (253 * 256)).tolist(), abs=1e-6)
    assert found["text"] == pytest.approx(found["volts"], abs=1e-6)
    assert found["header"] == "-0.0005,0.0005,1000,1"
    assert found["maximum"] == pytest.approx(0.26, abs=0.005)
    assert found["segments"] == 4
    assert sorted(found["times"]) == found["times"] and found["times"][3] == 0 and found["times"][0] < -1e-3
    assert '"1.bin,BIN,' in found["files"] and f'"1.Wfm.bin,BIN,{found["file"]}"' in found["files"]
    assert found["file"] == 8 + 4 * 1000 * 2
    assert found["count"] == 2
    assert [code for code, _ in found["errors"]] == [-222, -113]
    assert found["kept"] == pytest.approx(1e-3)


async def test_pyvisa_reads_the_rigol_in_batches() -> None:
    doors = await open_doors(STANDALONE["Rigol DS1074Z"](3), None)
    try:
        found = await run_foreign(HERE / "rto_pyvisa_client.py", "rigol", resources(doors.endpoints)["socket"])
    finally:
        await doors.close()
    assert found["idn"] == "RIGOL TECHNOLOGIES,DS1074Z,DS1ZA000000001,00.04.04.SP4"
    form, kind, points, count, x_increment, x_origin, x_reference, y_increment, y_origin, y_reference = found[
        "preamble"
    ]
    assert (form, kind, points, count, x_reference) == (0, 2, 120_000, 1, 0) and found["points"] == 120_000
    assert x_increment == pytest.approx(1e-8) and x_origin == pytest.approx(-6e-4)
    volts = (np.array(found["codes"]) - y_origin - y_reference) * y_increment
    assert len(volts) == 1200
    looks_like_channel_1(volts[100:1100], 0.8 / 200)
    assert found["after"] == '0,"No error"'


@pytest.mark.parametrize("transport", ["socket", "hislip", "vxi11"])
async def test_pymeasure_drives_the_dsox(transport: str) -> None:
    doors = await open_doors(STANDALONE["Keysight DSO-X 3014A"](3), None)
    try:
        found = await run_foreign(HERE / "dsox_pymeasure_client.py", resources(doors.endpoints)[transport])
    finally:
        await doors.close()
    assert found["id"].strip() == "KEYSIGHT TECHNOLOGIES,DSO-X 3014A,MY00000001,02.50.2019022736"
    assert found["timebase_at_reset"] == {"MODE": "MAIN", "REF": "CENT", "MAIN:RANG": 1e-3, "POS": 0.0}
    assert found["timebase"] == ["main", pytest.approx(1e-4), pytest.approx(2e-3), pytest.approx(2e-4)]
    assert found["channel"] == {
        "CHAN": 1, "OFFS": 1.0, "COUP": "DC", "IMP": "ONEM", "DISP": True, "BWL": False, "INV": False, "LAB": '"PULSE"',
        "UNIT": "VOLT", "PROB": 10.0, "PROB:SKEW": 0.0, "STYP": "SING", "RANG": 8.0,
    }  # fmt: skip
    assert found["acquisition"] == ["hresolution", "realtime"] and found["segmented"] == "segmented"
    preamble = found["preamble"]
    assert preamble["format"] == "BYTE", "read before it asks for ASCii"
    assert (preamble["points"], found["count"]) == (2000, 2000)
    assert preamble["xincrement"] == pytest.approx(1e-6)
    assert (found["low"], found["high"]) == (pytest.approx(0.1, abs=0.02), pytest.approx(2.6, abs=0.02))
    assert found["rising"] == 10, "5 kHz in 2 ms"
    assert found["errors"] == '+0,"No error"'
