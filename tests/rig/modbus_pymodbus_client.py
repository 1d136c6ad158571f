"""A program of its own: pymodbus reads a T7's inputs and has a rig PLC dump. Arguments: the ports of T7 and PLC,
and the command to send (register 0 of the PLC's request).

It knows nothing of this repository: registers by their numbers, the checksum by its definition. Prints JSON.
"""

import json
import struct
import sys
import zlib

from pymodbus.client import ModbusTcpClient

STATUS, STATUS_WORDS, REQUEST_WORDS = 100, 70, 28


def read_t7(port: int) -> dict[str, object]:
    """Serial number, ranges set and read back, and four inputs."""
    client = ModbusTcpClient("127.0.0.1", port=port, retries=0)
    assert client.connect()
    kinds = client.DATATYPE

    def value(address: int, kind: object) -> object:
        return client.convert_from_registers(client.read_holding_registers(address, count=2).registers, kind)

    found = {"product": value(60000, kinds.FLOAT32), "serial": value(60028, kinds.UINT32)}
    written = client.write_registers(40002, client.convert_to_registers(1.0, kinds.FLOAT32))
    found["written"] = not written.isError()
    found["range"] = value(40002, kinds.FLOAT32)
    block = client.read_holding_registers(0, count=8).registers
    found["volts"] = [client.convert_from_registers(block[at : at + 2], kinds.FLOAT32) for at in range(0, 8, 2)]
    found["unknown"] = client.read_holding_registers(5000, count=2).exception_code
    refused = client.write_registers(40000, client.convert_to_registers(33.0, kinds.FLOAT32))
    found["refused"] = refused.exception_code
    client.close()
    return found


def dump(port: int, command: int) -> dict[str, object]:
    """Status before, the exchange (FC 23) with the command, its checksum, and the newest events."""
    client = ModbusTcpClient("127.0.0.1", port=port, retries=0)
    assert client.connect()
    words = client.read_holding_registers(STATUS, count=STATUS_WORDS).registers
    body = struct.pack(f">{STATUS_WORDS}H", *words)
    found: dict[str, object] = {
        "state": words[0],
        "checksum": zlib.crc32(body[:-4]) == int.from_bytes(body[-4:], "big"),
        "probes": list(struct.unpack(">2f", struct.pack(">4H", *words[36:40]))),
        "events": [client.read_holding_registers(1000, count=24).registers[at + 1] for at in (0, 12)],
    }
    request = struct.pack(">HHIIII32x", command, 0, 0, 0, 0, 0)
    block = struct.unpack(f">{REQUEST_WORDS}H", request + zlib.crc32(request).to_bytes(4, "big"))
    answer = client.readwrite_registers(
        read_address=STATUS, read_count=STATUS_WORDS, write_address=0, values=list(block)
    )
    found["answered"] = len(answer.registers)
    spoilt = [*block[:-1], block[-1] ^ 1]
    bad = client.readwrite_registers(read_address=STATUS, read_count=STATUS_WORDS, write_address=0, values=spoilt)
    found["bad"] = bad.isError()
    found["half"] = client.write_registers(0, list(block[:10])).exception_code
    client.close()
    return found


if __name__ == "__main__":
    told = {"t7": read_t7(int(sys.argv[1])), "plc": dump(int(sys.argv[2]), int(sys.argv[3]))}
    print(json.dumps(told))
