"""From an address to a rig's model: resources, identification, learning, recalling; and the table of models."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.app.identification import identify
from controller.app.learned_scopes import learn, learned_names, open_model, recall
from controller.app.model_table import NOTES, model_rows
from controller.app.resources import parse_resource
from controller.app.standin_models import maker_of
from controller.cli.entry import invoke
from controller.rig.model import InstrumentSpec
from controller.rig.source import Refused
from drivers.errors import WrongInstrument
from drivers.registry import MODELS
from drivers.transports.route import Hislip, Visa
from firmware_sim.servers.doors import open_doors
from firmware_sim.standalone import STANDALONE
from tests.unit.learned.bench import Table

ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SPARKGAP_HOME", str(tmp_path))
    yield tmp_path


@pytest.mark.parametrize(
    ("text", "transport", "address"),
    [
        ("10.0.0.5:5025", "socket", "10.0.0.5:5025"),
        ("TCPIP::10.0.0.5::5025::SOCKET", "socket", "10.0.0.5:5025"),
        ("TCPIP0::scope::hislip0::INSTR", "hislip", "scope:4880"),
        ("TCPIP::scope::hislip0,40001::INSTR", "hislip", "scope:40001"),
        ("hislip:127.0.0.1:4880", "hislip", "127.0.0.1:4880"),
        ("/dev/ttyUSB0", "serial", "/dev/ttyUSB0"),
        ("/dev/ttyUSB0#6", "serial", "/dev/ttyUSB0#6"),
        ("ASRL/dev/ttyUSB0::INSTR", "serial", "/dev/ttyUSB0"),
        ("COM3", "serial", "COM3"),
        ("vxi11:10.0.0.5", "vxi11", "10.0.0.5"),
        ("TCPIP::10.0.0.5::inst0::INSTR", "visa", "TCPIP::10.0.0.5::inst0::INSTR"),
        ("GPIB0::7::INSTR", "visa", "GPIB0::7::INSTR"),
    ],
)
def test_addresses_as_people_write_them(text: str, transport: str, address: str) -> None:
    found = parse_resource(text)
    assert (found.transport, found.address) == (transport, address)
    kind = {"hislip": Hislip, "vxi11": Visa, "visa": Visa}.get(transport)
    assert isinstance(found.route, kind) if kind is not None else callable(found.route)


@pytest.mark.parametrize(
    "text", ["nonsense", "hislip:", "TCPIP::::SOCKET", "GPIB0::99999::INSTR", "vxi11:", "1.2.3.4:"]
)
def test_what_is_no_address_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(Refused, match=r"; write "):
        parse_resource(text)


@pytest.mark.parametrize("transport", ["socket", "hislip", "vxi11"])
async def test_identify_by_every_transport_names_transport_and_rows(transport: str) -> None:
    doors = await open_doors({transport: STANDALONE["Keysight DSO-X 3014A"](1)[transport]}, None)
    try:
        where = f"{transport}:{doors.endpoints[transport]}"
        found = await identify(where)
        assert (found.identity.model, found.transport) == ("DSO-X 3014A", transport)
        assert (found.models, found.verbs) == (("Keysight DSO-X 3014A",), "")
    finally:
        await doors.close()


async def test_identify_on_a_serial_line_needs_the_model_where_idn_is_not_spoken() -> None:
    doors = await open_doors(STANDALONE["FuG HCK 800-20000"](1), None)
    try:
        found = await identify(doors.endpoints["serial"], "FuG HCK 800-20000")
        assert found.transport == "serial" and "HCK" in found.identity.model
    finally:
        await doors.close()
    with pytest.raises(Refused, match="--model"):
        await identify("modbus:127.0.0.1:1")


async def test_a_scope_is_learned_over_the_wire_and_opened_as_a_rig_names_it(home: Path) -> None:
    doors = await open_doors(STANDALONE["Tektronix MSO54"](1), None)
    try:
        where = f"hislip:{doors.endpoints['hislip']}"
        assert (await identify(where)).verbs == "mso5"
        found = await learn(parse_resource(where).route, where, "fast_one", "mso5", "2026-11-21T17:00:00Z")
        assert found.folder == home / "scopes" / "fast_one" and found.panel_settings > 20
        assert learned_names() == ("fast_one",)
        route = parse_resource(doors.endpoints["socket"]).route
        port: Any = await open_model("scope fast_one", "scope_1", route, identity="C012345")
        await port.restore()
        assert (await port.identify()).serial == "C012345"
        await port.close()
        with pytest.raises(WrongInstrument):
            await open_model("scope fast_one", "scope_1", route, identity="C999999")
    finally:
        await doors.close()


@pytest.mark.parametrize("transport", ["socket", "vxi11"])
async def test_the_command_learns_by_what_the_scope_answers(
    transport: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    doors = await open_doors(STANDALONE["Teledyne LeCroy WaveRunner"](1), None)
    try:
        code = await asyncio.to_thread(invoke, ["scope", "learn", f"{transport}:{doors.endpoints[transport]}"])
    finally:
        await doors.close()
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert "LECROY, WAVERUNNER640ZI, serial LCRY3701N10001" in said.out
    assert "{model: scope lecroy, port: Oscilloscope, identity: LCRY3701N10001}" in said.out
    assert recall("lecroy")[1].startswith(b"' XStreamDSO")


async def test_what_is_no_known_scope_is_not_guessed_at(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    doors = await open_doors(STANDALONE["SRS DG645"](1), None)
    try:
        code = await asyncio.to_thread(invoke, ["scope", "learn", doors.endpoints["socket"]])
    finally:
        await doors.close()
    assert code == 2 and "write one and give it with --verbs; shipped: lecroy, mso5" in capsys.readouterr().err
    assert learned_names() == ()


def test_a_scope_that_was_never_learned_or_was_tampered_with_is_refused(home: Path) -> None:
    with pytest.raises(Refused, match="scope learn RESOURCE --name mso5"):
        recall("mso5")
    asyncio.run(_learn_offline(home))
    (home / "scopes" / "mso5" / "panel.bin").write_bytes(b":CH1:SCALE 1")
    with pytest.raises(Refused, match="learn the scope again"):
        recall("mso5")
    with pytest.raises(Refused, match="did you mean mso5"):
        recall("mso6")


async def _learn_offline(home: Path) -> None:
    doors = await open_doors({"socket": STANDALONE["Tektronix MSO54"](1)["socket"]}, None)
    await learn(parse_resource(doors.endpoints["socket"]).route, "here", "mso5", "mso5", "")
    await doors.close()


async def test_a_panel_that_moves_by_itself_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table("mso5")
    learn_once = table.scope.learn

    def restless() -> bytes:
        table.scope.panel.level_v += 0.5
        return bytes(learn_once())

    monkeypatch.setattr(table.scope, "learn", restless)
    table.scope._table = table.scope._rows()
    from controller.app import learned_scopes

    async def open_it(*_: Any, **__: Any) -> Any:
        return await table.open()

    monkeypatch.setattr(learned_scopes, "open_learned", open_it)
    with pytest.raises(Refused, match=r"changes by itself: :TRIGGER:A:LEVEL:CH1"):
        await learn(parse_resource("1.2.3.4:5").route, "here", "x", "mso5", "")


# -- the table of models


def test_every_model_stands_in_the_table_and_nothing_else() -> None:
    assert set(NOTES) == set(MODELS) | set(STANDALONE), "one row of controller/app/model_table.NOTES per model"
    assert {row.model for row in model_rows()} == set(NOTES)
    for row in model_rows():
        assert row.model == "Sparkgap rig PLC" or set(row.simulated) & set(row.transports), row


@pytest.mark.parametrize("model", NOTES)
def test_every_client_it_claims_drives_that_model_in_the_named_test(model: str) -> None:
    spoken = {word.lower() for word in re.findall(r"[A-Za-z]*[0-9]+[A-Za-z]*|FuG|PLC", model)} | {model.lower()}
    for check in NOTES[model].checks:
        text = (ROOT / check.test).read_text(encoding="utf-8").lower()
        assert re.search(rf"def test_[a-z0-9_]*{check.client}", text) or f"_{check.client}" in text, check
        assert any(word in text for word in spoken) or {"charger", "dsox", "dg645"} & set(re.findall(r"\w+", text))
        assert check.transport in next(row.transports for row in model_rows() if row.model == model)


def test_a_learned_scope_has_no_stand_in_of_a_bench() -> None:
    spec = InstrumentSpec("scope_1", "Scope", "scope mso5", "Oscilloscope", "", "socket", "required", "", ())
    with pytest.raises(Refused, match="no bench has a stand-in of 'scope mso5'; run it with"):
        maker_of(spec)
