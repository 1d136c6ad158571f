"""pyvisa-py doing a scope's job over HiSLIP, in a process of its own: says ``armed``, waits, prints JSON."""

import json
import sys
from typing import Any

import pyvisa

from tests.rig.visa_job import errors_and_clear, message_available, take_record


def job(visa: Any) -> dict[str, Any]:
    """Record, status, errors, a hung instrument and its clear."""
    found = take_record(visa) | message_available(visa) | errors_and_clear(visa)
    return found | {"last_error": visa.query(":SYSTem:ERRor?")}


def main() -> None:
    """One argument: HOST:PORT."""
    host, port = sys.argv[1].split(":")
    manager = pyvisa.ResourceManager("@py")
    visa: Any = manager.open_resource(f"TCPIP::{host}::hislip0,{port}::INSTR")
    visa.timeout, visa.read_termination = 10_000, "\n"
    print(json.dumps(job(visa)), flush=True)
    visa.close()
    manager.close()


if __name__ == "__main__":
    main()
