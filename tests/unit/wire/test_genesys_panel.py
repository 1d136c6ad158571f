"""The Genesys supplies and their line (instruments.md 2.6)."""

import pytest

from drivers.wire.genesys import GENESYS, Fault, Status, checksum, unseal
from firmware_sim.personalities.genesys import GenesysUnit
from firmware_sim.personalities.genesys_language import LINE_MAX
from firmware_sim.sessions.genesys import GenesysLine

MS = 1_000_000
S = 1000 * MS


class Desk:
    """A line with supplies, and somebody who types."""

    def __init__(self, *addresses: int, load_ohm: float = 1.0) -> None:
        self.units = [GenesysUnit(address, load_ohm=lambda: load_ohm) for address in addresses or (6,)]
        self.unit = self.units[0]
        self.line = GenesysLine(self.units)
        self.now_ns = 0

    def raw(self, request: bytes) -> bytes:
        return b"".join(bytes(chunk.data) for chunk in self.line.feed(request, self.now_ns))

    def ask(self, text: str) -> str:
        reply = self.raw(text.encode() + b"\r").decode()
        assert not reply or reply.endswith("\r")
        return reply[:-1]

    def wait(self, time_ns: int) -> bytes:
        self.now_ns += time_ns
        return b"".join(bytes(chunk.data) for chunk in self.line.tick(self.now_ns))


@pytest.fixture
def desk() -> Desk:
    found = Desk()
    assert found.ask("ADR 6") == "OK"
    return found


def test_the_first_clients_session(desk: Desk) -> None:
    """pymeasure: ADR in the constructor, every set is answered OK, %g numbers."""
    script = [
        ("ADR 6", "OK"), ("RMT REM", "OK"), ("RMT?", "REM"), ("IDN?", "LAMBDA,GEN80-65"), ("REV?", "REV:1U:4.3"),
        ("SN?", "123A456-0001"), ("DATE?", "2021/03/15"), ("PV 24", "OK"), ("PV?", "24"), ("PC 1.5", "OK"),
        ("PC?", "1.5"), ("OVP 30", "OK"), ("OVP?", "30.000"), ("UVL 5", "OK"), ("UVL?", "05.000"),
        ("FLD OFF", "OK"), ("FLD?", "OFF"), ("FBD 10", "OK"), ("FBD?", "10"), ("FBDRST", "OK"), ("FBD?", "0"),
        ("AST ON", "OK"), ("AST?", "ON"), ("AST OFF", "OK"), ("FILTER 46", "OK"), ("FILTER?", "46"), ("OVM", "OK"),
        ("OVP?", "88.000"), ("MDAV?", "1"), ("MS?", "1"), ("MODE?", "OFF"), ("OUT ON", "OK"), ("OUT?", "ON"),
        ("\\", "ON"),
    ]  # fmt: skip
    for request, reply in script:
        assert desk.ask(request) == reply, request
    desk.wait(S)
    assert (desk.ask("MODE?"), desk.ask("MV?"), desk.ask("MC?")) == ("CC", "01.500", "01.500")
    assert desk.ask("STT?") == "MV(01.500),PV(24.000),MC(01.500),PC(01.500),SR(06),FR(00)"
    assert desk.ask("DVC?") == "01.500,24.000,01.500,01.500,88.000,05.000"


def test_the_sheets_own_status_line() -> None:
    """An open output in CV: `STT?` as the sheet prints it."""
    desk = Desk(load_ohm=1e9)
    for text in ("ADR 6", "PV 24.000", "PC 01.500", "OUT 1"):
        assert desk.ask(text) == "OK"
    desk.wait(S)
    assert desk.ask("STT?") == "MV(24.000),PV(24.000),MC(00.000),PC(01.500),SR(05),FR(00)"
    assert desk.ask("MODE?") == "CV"
    assert desk.ask("PV?") == "24.000", "exactly as sent"


def test_bytes_between_messages(desk: Desk) -> None:
    assert desk.raw(b"\r") == b"OK\r"
    assert desk.raw(b"\npv\n 12\r\n") == b"OK\r"
    assert desk.raw(b"PV 99\x08\x080\x08\x08\x08\x08PC 2\r") == b"OK\r"
    assert (desk.ask("pv?"), desk.ask("PC?")) == ("12", "2")
    assert desk.raw(b"P") + desk.raw(b"V") + desk.raw(b"?\r") == b"12\r"
    assert desk.raw(b"\\\r") == b"12\r"
    assert desk.raw(b"X" * 100_000 + b"\r") == b"C01\r"
    assert len(desk.line._line) <= LINE_MAX + 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NOSUCH", "C01"),
        ("NOSUCH?", "C01"),
        ("PV10", "C01"),
        ("MV 1", "C01"),
        ("STT", "C01"),
        ("PV", "C02"),
        ("OUT", "C02"),
        ("ADR", "C02"),
        ("PV abc", "C03"),
        ("PV 1.000000000001", "C03"),
        ("PV nan", "C03"),
        ("OUT 2", "C03"),
        ("OUT MAYBE", "C03"),
        ("FBD 1.5", "C03"),
        ("SENA XY", "C03"),
        ("MV? 3", "C03"),
        ("CLS 1", "C03"),
        ("ADR 31", "C05"),
        ("PV -1", "C05"),
        ("PC 69", "C05"),
        ("PC -1", "C05"),
        ("FBD 256", "C05"),
        ("FILTER 20", "C05"),
        ("OVP 89", "C05"),
        ("UVL 77", "C05"),
        ("PV 85", "E01"),
        ("PV 83.7", "E01"),
        ("PV 4", "E02"),
        ("OVP 4", "E04"),
        ("OVP 10.4", "E04"),
        ("UVL 11", "E06"),
    ],
)
def test_each_mistake_has_its_code(desk: Desk, text: str, code: str) -> None:
    """105 % of 80 V are 84 V, 95 % of 88 V are 83.6 V; 105 % of 10 V are 10.5 V."""
    assert desk.ask("PV 10") + desk.ask("UVL 5") == "OKOK"
    assert desk.ask(text) == code
    assert (desk.ask("PV?"), desk.ask("UVL?"), desk.ask("OVP?")) == ("10", "05.000", "88.000")


def test_edges_of_the_limits_are_allowed(desk: Desk) -> None:
    for text in ("PV 83.6", "PC 68.25", "PV 10", "OVP 10.5", "UVL 10", "FBD 255", "FENA FF"):
        assert desk.ask(text) == "OK", text
    assert desk.ask("FENA?") == "FE", "bit 0 is spare"


def test_only_who_is_addressed_answers() -> None:
    desk = Desk(6, 7, 30)
    assert desk.ask("IDN?") == "", "nobody is addressed yet"
    assert desk.ask("ADR 7") == "OK"
    assert desk.ask("PV 5") == "OK"
    assert desk.ask("ADR 12") == "", "nobody has that address"
    assert desk.ask("PV?") == ""
    for address, expected in ((6, "00.000"), (7, "5"), (30, "00.000")):
        assert desk.ask(f"ADR {address:02d}") == "OK"
        assert desk.ask("PV?") == expected


def test_everybody_obeys_global_commands_in_silence() -> None:
    desk = Desk(6, 7)
    for text in ("GPV 12", "GPC 20", "GOUT ON", "GSAV", "GPV 900", "GPV", "GPV 3"):
        assert desk.ask(text) == ""
    desk.wait(S)
    for address in (6, 7):
        desk.ask(f"ADR {address}")
        assert desk.ask("STT?").startswith("MV(03.000),PV(03.000)")
    assert desk.ask("GRST") == ""
    assert (desk.ask("PV?"), desk.ask("OUT?")) == ("00.000", "OFF")
    assert desk.ask("GRCL") == ""
    assert (desk.ask("PV?"), desk.ask("OUT?")) == ("12", "ON")


def test_save_reset_recall(desk: Desk) -> None:
    settings = ("RMT LLO", "PV 20", "PC 30", "OVP 40", "UVL 2", "FLD ON", "FBD 9", "AST ON", "SAV", "PV 21", "UVL 0")
    for text in settings:
        assert desk.ask(text) == "OK"
    queries = ("PV?", "PC?", "OVP?", "UVL?", "FLD?", "FBD?", "AST?", "OUT?", "RMT?")
    assert desk.ask("RMT?") == "LLO"
    assert desk.ask("RST") == "OK"
    after_reset = [desk.ask(query) for query in queries]
    assert after_reset == ["00.000", "00.000", "88.000", "00.000", "OFF", "0", "OFF", "OFF", "REM"]
    assert desk.ask("RCL") == "OK"
    assert [desk.ask(query) for query in queries] == ["20", "30", "40.000", "02.000", "ON", "9", "ON", "OFF", "REM"]


def test_checksums(desk: Desk) -> None:
    """The maker's own example: STT?$3A."""
    assert checksum(b"STT?") == b"$3A" and checksum(b"STAT?") == b"$7B"
    assert desk.raw(b"STAT?$7B\r") == b"04$64\r"
    assert desk.raw(b"PV 5$%02X\r" % (sum(b"PV 5") & 0xFF)) == b"OK$9A\r"
    assert desk.raw(b"STT?$3B\r") == b"C04$A7\r"
    assert desk.raw(b"NOSUCH" + checksum(b"NOSUCH") + b"\r") == b"C01" + checksum(b"C01") + b"\r"
    assert unseal(b"OK$9a") == b"OK"


def test_foldback_trips_after_its_delay_and_off_acknowledges(desk: Desk) -> None:
    for text in ("PV 20", "PC 5", "FBD 5", "FLD ON", "OUT ON"):
        assert desk.ask(text) == "OK"
    desk.wait(749 * MS)
    assert (desk.ask("MODE?"), desk.ask("FLT?"), desk.ask("STAT?")) == ("CC", "00", "26")
    desk.wait(MS)
    assert (desk.ask("MODE?"), desk.ask("FLT?"), desk.ask("STAT?")) == ("OFF", "08", "28")
    assert desk.ask("OUT ON") == "E07"
    assert desk.ask("OUT OFF") + desk.ask("PC 65") + desk.ask("OUT ON") == "OKOKOK"
    desk.wait(10 * S)
    assert (desk.ask("MODE?"), desk.ask("FLT?")) == ("CV", "00")


@pytest.mark.parametrize(
    ("fault", "register", "lasts"),
    [
        ("ac_fail", Fault.AC_FAIL, False),
        ("over_temperature", Fault.OVER_TEMPERATURE, False),
        ("shut_off", Fault.SHUT_OFF, False),
        ("enable_open", Fault.ENABLE_OPEN, False),
        ("over_voltage", Fault.OVER_VOLTAGE, True),
        ("front_off", Fault.OUTPUT_OFF, True),
    ],
)
@pytest.mark.parametrize("auto_start", [False, True])
def test_faults_switch_off_and_say_why(desk: Desk, fault: str, register: Fault, lasts: bool, auto_start: bool) -> None:
    for text in ("PV 20", "PC 60", f"AST {int(auto_start)}", "OUT 1"):
        assert desk.ask(text) == "OK"
    desk.wait(S)
    desk.unit.inject(fault)
    assert int(desk.ask("FLT?"), 16) == register
    assert (desk.ask("MODE?"), desk.ask("OUT ON")) == ("OFF", "E07")
    desk.unit.inject(fault, False)
    assert int(desk.ask("FLT?"), 16) == (register if lasts else 0)
    assert desk.ask("OUT?") == ("ON" if auto_start and not lasts else "OFF")
    assert desk.ask("OUT 0") + desk.ask("OUT 1") == "OKOK"


def test_events_and_service_requests(desk: Desk) -> None:
    for text in ("PV 20", "PC 60", "SENA 0F", "FENA FE", "CLS"):
        assert desk.ask(text) == "OK"
    assert desk.raw(b"OUT 1\r") == b"OK\r!06\r", "constant voltage is an enabled event"
    desk.unit.inject("shut_off")
    assert desk.wait(MS) == b"!06\r", "the first fault event"
    desk.unit.inject("over_temperature")
    assert desk.wait(MS) == b"", "more bits are no more requests"
    assert (desk.ask("FEVE?"), desk.ask("FEVE?"), desk.ask("FLT?")) == ("24", "00", "24")
    assert (desk.ask("SEVE?"), desk.ask("SEVE?")) == ("09", "00")
    desk.unit.inject("over_temperature", False)
    assert desk.wait(MS) == b""
    desk.unit.inject("over_temperature")
    assert desk.wait(MS) == b"!06\r", "a new edge after the events were read"
    assert desk.ask("CLS") + desk.ask("SEVE?") + desk.ask("FEVE?") == "OK0000"
    assert desk.ask("SENA 00") + desk.ask("FENA 00") == "OKOK"
    assert not desk.line.waiting


def test_a_request_in_the_middle_of_a_reply(desk: Desk) -> None:
    desk.unit.inject("srq_inside")
    assert desk.raw(b"MV?\r") == b"00.!06\r000\r"


def test_fast_queries_need_no_address() -> None:
    desk = Desk(6, 13)
    desk.ask("ADR 6")
    assert desk.raw(b"\xaa\x06") == b"1$31\r"
    assert desk.raw(b"\xaa\x0d") == b"1$31\r", "an address that looks like a CR"
    assert desk.raw(b"\xaa\x07") == b""
    assert desk.raw(b"\x8d\x8d") == b"040000000000$44\r"
    assert desk.raw(b"\x8d\x86\x86") == b"040000000000$44\r", "a lone byte is forgotten"
    found = GENESYS["fast_minutes"].parse_reply(desk.raw(b"\xa6") + desk.raw(b"\x06"))
    assert found == {"minutes": 123456}
    assert desk.raw(b"\xc6\xc6") == b"0001E240$9C\r", "says its last answer again"
    desk.raw(b"\xa4")
    assert desk.ask("SENA?") == f"{int(Status.FAULT):02X}"
    desk.raw(b"\xbf")
    assert desk.ask("IDN?") == ""


def test_the_line_is_paced(desk: Desk) -> None:
    chunks = desk.line.feed(b"MV?\r", S)
    assert sum(chunk.duration_ns for chunk in chunks) == 11 * (1_000_000_000 * 10 // 9600)
