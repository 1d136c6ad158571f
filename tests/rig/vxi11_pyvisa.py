"""pyvisa-py doing a scope's job over VXI-11, in a process of its own: says ``armed``, waits, prints JSON."""

import json
import sys
from typing import Any

import pyvisa

from tests.rig.visa_job import errors_and_clear, message_available, take_record

CHUNK = 20_480
"""pyvisa's default: a record that is an exact multiple of it is trap T7."""


def job(visa: Any, other: Any) -> dict[str, Any]:
    """Record, service request, status, bus trigger, errors, clear, locks."""
    visa.chunk_size = 1 << 20
    found = take_record(visa)
    visa.write("*CLS;*ESE 1;*SRE 32")
    visa.write("*OPC")
    found["service"] = visa.read_stb()
    found["polled"] = visa.read_stb()
    found |= message_available(visa)
    visa.write(":TRIGger:SWEep AUTO")
    visa.assert_trigger()  # one acquisition, as :DIGitize
    found["triggered"] = visa.query("*OPC?;:TER?")
    visa.write(":TRIGger:SWEep NORMal")
    found |= errors_and_clear(visa)
    visa.lock_excl(1000)
    other.timeout = 200
    try:
        other.query("*IDN?")
    except pyvisa.VisaIOError as error:
        found["locked_out"] = error.abbreviation
    found["holder"] = visa.query("*OPT?")
    visa.unlock()
    other.timeout = 10_000
    found["unlocked"] = other.query("*OPT?")
    return found


def multiple_of_chunk(visa: Any) -> dict[str, Any]:
    """Trap T7: a message of exactly two chunks (header of ten bytes, data, line feed)."""
    visa.write(f":WAVeform:FORMat BYTE;POINts:MODE RAW;:WAVeform:POINts {2 * CHUNK - 11}")
    visa.chunk_size = CHUNK
    visa.timeout = 500
    visa.write(":WAVeform:DATA?")
    try:
        return {"exact": len(visa.read_raw())}
    except pyvisa.VisaIOError as error:
        return {"exact": error.abbreviation}


def main() -> None:
    """Arguments: what stands between ``TCPIP::`` and ``::inst0``; ``t7`` for the trap alone."""
    manager = pyvisa.ResourceManager("@py")
    name = f"TCPIP::{sys.argv[1]}::inst0::INSTR"
    visa: Any = manager.open_resource(name, open_timeout=5000)
    other: Any = manager.open_resource(name, open_timeout=5000)
    for resource in (visa, other):
        resource.timeout, resource.read_termination = 10_000, "\n"
        resource.visalib.sessions[resource.session].lock_timeout = 200
    print(json.dumps(multiple_of_chunk(visa) if "t7" in sys.argv else job(visa, other)), flush=True)
    visa.close()
    other.close()
    manager.close()


if __name__ == "__main__":
    main()
