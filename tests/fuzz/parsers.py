"""Targets for the PURE parsers: each takes any bytes and may raise what it declares, nothing else."""

import json
import struct
from collections.abc import Callable
from functools import partial

from controller.shots import journal
from drivers.wire import (
    block,
    formula,
    hislip,
    labjack_t7,
    modbus,
    plc,
    plc_arguments,
    plc_map,
    probus,
    scpi,
    visa,
    wavedesc,
)
from drivers.wire.dialect import BadReply, Dialect
from drivers.wire.verbs import block_data, block_framer
from firmware_sim.sessions import rpc
from tests.fuzz.bounds import Breach, allow

BLOCK_MAX = 1 << 16
"""The caller's memory in the block target."""

_TABLE = scpi.HeaderTable(
    (header, header)
    for header in (
        "*IDN?",
        ":CHANnel<n>:RANGe",
        ":CHANnel<n>:RANGe?",
        "[:SOURce<n>]:FREQuency[:CW]",
        ":WAVeform:DATA?",
        ":A:B:C",
        ":A<n>:B<n>:C<n>",
    )
)


def check_scpi(data: bytes) -> None:
    """Messages, headers, arguments."""
    units = allow((scpi.ScpiError,), lambda: scpi.parse_message(data))
    for unit in units if isinstance(units, list) else ():
        allow((scpi.ScpiError,), partial(_TABLE.find, unit))
        for text in unit.arguments[:8]:
            for parse in (scpi.parse_number, scpi.parse_boolean, scpi.parse_quoted):
                allow((scpi.ScpiError,), partial(parse, text))
            allow((scpi.ScpiError,), partial(scpi.parse_number, text, "HZ"))
            allow((scpi.ScpiError,), partial(scpi.parse_choice, text, ("NORMal", "HRESolution")))


def check_dialect(dialect: Dialect, data: bytes) -> None:
    """Every row on the same bytes; what is read can be written again or is refused as a value."""
    for row in dialect.rows.values():
        asked = row.parse_request(data)
        if asked is not None:
            allow((ValueError,), partial(row.request, **asked))
        answered = allow((BadReply,), partial(row.parse_reply, data))
        if isinstance(answered, dict) and answered:
            allow((ValueError,), partial(row.reply, **answered))


def cut(data: bytes) -> list[bytes]:
    """The rest of ``data`` in pieces of as many bytes as the first one says."""
    size = data[0] % 32 + 1 if data else 1
    return [data[at : at + size] for at in range(1, len(data), size)]


def check_block(data: bytes) -> None:
    """Both ways of reading a block, and the framer of learned scopes."""
    allow((block.BadBlock,), lambda: block.parse_header(data))
    out = bytearray(BLOCK_MAX)
    allow((block.BadBlock,), lambda: _feed_block(block.BlockReader(out), cut(data)))
    allow((block.BadBlock,), lambda: _fill_block(block.BlockReader(memoryview(out)), data[1:]))
    size = allow((ValueError,), lambda: block_framer("WF ", BLOCK_MAX)(bytearray(data)))
    if isinstance(size, int) and 0 < size <= len(data):
        allow((ValueError,), lambda: block_data(data[:size], "WF "))


def _feed_block(reader: block.BlockReader, parts: list[bytes]) -> None:
    for part in parts:
        if reader.feed(part):
            break
    reader.ended()


def _fill_block(reader: block.BlockReader, data: bytes) -> None:
    while data:
        window = reader.window()
        count = min(len(window), len(data))
        if not count:
            raise Breach("the window of a block reader is empty")
        window[:count] = data[:count]
        data = data[count:]
        if reader.wrote(count):
            break


def check_hislip(data: bytes) -> None:
    """Messages cut anywhere, and the fields of each."""
    reader = hislip.MessageReader(1 << 12)
    try:
        for part in cut(data):
            for message in reader.feed(part):
                if isinstance(message, hislip.Message):
                    _check_message(message)
    except hislip.BadHeader:
        return


def _check_message(message: hislip.Message) -> None:
    if next(iter(hislip.MessageReader().feed(message.encode()))) != message:
        raise Breach(f"{message} is read otherwise than it is written")
    hello = allow((hislip.BadMessage,), lambda: hislip.Initialize.of(message))
    if isinstance(hello, hislip.Initialize):
        hello.message().encode()
    hislip.InitializeResponse.of(message).message().encode()
    allow((hislip.BadMessage,), lambda: hislip.size_in(message))
    hislip.describe_problem(message)


def check_modbus(data: bytes) -> None:
    """Frames cut anywhere, requests, and replies to every kind of request."""
    framer = modbus.Framer()
    try:
        frames = [frame for part in cut(data) for frame in framer.feed(part)]
    except modbus.ModbusError:
        frames = []
    if framer.pending > modbus.PDU_MAX + modbus.MBAP_SIZE:
        raise Breach(f"{framer.pending} bytes of one frame are held")
    for pdu in (data[:300], *(frame.pdu for frame in frames)):
        request = allow((modbus.ModbusError,), partial(modbus.decode_request, pdu))
        if isinstance(request, modbus.Request) and modbus.encode_request(request)[:5] != pdu[:5]:
            raise Breach(f"{request} is written otherwise than it was read")
        for asked in (
            modbus.Request(modbus.Function.READ_HOLDING, 0, 2),
            modbus.Request(modbus.Function.READ_WRITE, 0, 1, b"\0\1", 5),
            modbus.Request(modbus.Function.WRITE_MANY, 0, 0, b"\0\1"),
            modbus.Request(modbus.Function.WRITE_ONE, 0, 0, b"\0\1"),
        ):
            allow((modbus.ModbusError,), partial(modbus.decode_reply, asked, pdu))


def check_rpc(data: bytes) -> None:
    """Records cut anywhere, and each as a call with all kinds of arguments."""
    reader = rpc.RecordReader(1 << 12)
    try:
        records = [record for part in cut(data) for record in reader.feed(part)]
    except rpc.BadRecord:
        records = []
    for record in (data, *records):
        call = allow((rpc.BadRecord, rpc.Refusal), partial(rpc.parse_call, record))
        if isinstance(call, rpc.Call):
            allow((rpc.BadArguments,), lambda call=call: _read_arguments(call.arguments))


def _read_arguments(reader: rpc.Unpacker) -> None:
    for _ in range(64):
        reader.i32()
        reader.boolean()
        reader.opaque(40)


def check_probus(data: bytes) -> None:
    """The charger's error answers (its rows are the dialect's)."""
    probus.error_of(data)


def check_plc(data: bytes) -> None:
    """Every block as it came and with a right checksum, and argument registers."""
    for start, decode, size in (
        (0, plc_map.decode_request, plc_map.REQUEST_REGISTERS * 2),
        (0, plc_map.decode_status, plc_map.STATUS_REGISTERS * 2),
        (0, plc_map.decode_event, plc_map.EVENT_REGISTERS * 2),
    ):
        allow((ValueError,), partial(decode, data))
        body = data[start : start + size - 4].ljust(size - 4, b"\0")
        value = allow((ValueError,), partial(decode, plc_map._seal(body)))
        encode: Callable[..., bytes] | None = {
            plc.PlcRequest: plc_map.encode_request,
            plc.PlcStatus: plc_map.encode_status,
            plc.PlcEvent: plc_map.encode_event,
        }.get(type(value))
        if encode is not None:
            allow((ValueError,), partial(decode, encode(value)))
    registers = struct.unpack(f">{len(data) // 2}H", data[: len(data) // 2 * 2])
    for read in (plc_arguments.decode_permit, plc_arguments.decode_fire_enable, plc_arguments.decode_shot):
        allow((ValueError,), partial(read, registers))
        for count in range(len(registers)):
            allow((ValueError,), partial(read, registers[: count % 32]))
            if count == 32:
                break


def check_journal(data: bytes) -> None:
    """A segment as it came, and one whose lines are records with right hashes."""
    journal.scan_journal(data)
    segment, head = b"", journal.GENESIS
    for seq, line in enumerate(data.split(b"\n")[:16]):
        header = journal.HEADER.pack(journal.MAGIC, len(line), seq)
        try:
            json.loads(line)["data"]["t_ns"]
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            line = journal.canonical_json({"kind": "event", "data": {"text": line.decode("latin-1")}})
            header = journal.HEADER.pack(journal.MAGIC, len(line), seq)
        head = journal.chain_hash(head, header, line)
        segment += header + line + head
    scan = journal.scan_journal(segment)
    damaged = bytearray(segment)
    if data and segment:
        damaged[int.from_bytes(data[:2], "big") % len(segment)] ^= data[-1] or 1
        cut_scan = journal.scan_journal(bytes(damaged))
        if len(cut_scan.records) >= len(scan.records) and scan.damage is journal.Damage.NONE:
            raise Breach("a damaged journal is read as a whole one")


def check_labjack(data: bytes) -> None:
    """Register values."""
    for _, register, _ in list(labjack_t7.instances())[:40]:
        allow((ValueError,), partial(register.decode, data))


def check_texts(data: bytes) -> None:
    """What people write into files and command lines: formulas, resources; and a LeCroy descriptor."""
    text = data.decode("latin-1")
    found = allow((formula.BadFormula,), lambda: formula.parse_formula(text))
    if isinstance(found, formula.Formula):
        values = dict.fromkeys(found.names, 3.0)
        allow((formula.BadFormula,), lambda: found.value(values))
        for name in found.names:
            allow((formula.BadFormula,), partial(found.line, values, name))
    allow((visa.BadResource,), lambda: visa.check_resource(text))
    allow((visa.BadResource,), lambda: visa.split_library(text))
    allow((wavedesc.BadDescriptor,), lambda: wavedesc.decode(data))
    allow((wavedesc.BadDescriptor,), lambda: wavedesc.decode((wavedesc.MARK + data).ljust(wavedesc.SIZE, b"\0")))


PARSERS: dict[str, Callable[[bytes], None]] = {
    "scpi": check_scpi,
    "block": check_block,
    "hislip": check_hislip,
    "modbus": check_modbus,
    "rpc": check_rpc,
    "probus": check_probus,
    "plc": check_plc,
    "journal": check_journal,
    "labjack": check_labjack,
    "texts": check_texts,
}
