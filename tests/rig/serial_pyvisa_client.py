"""A program of its own: pyvisa-py does a serial instrument's job on its pty. Arguments: which, and the device.

It knows nothing of this repository. Prints JSON.
"""

import json
import sys
import time

import pyvisa


def charge(line: pyvisa.resources.SerialInstrument) -> dict[str, object]:
    """A FuG HCK: set, on, wait for the voltage by its register, read it, off."""
    line.baud_rate = 9600
    line.read_termination, line.write_termination = "\n", "\n"
    found: dict[str, object] = {"identity": line.query("*IDN?")}
    answers = [line.query(order) for order in (">S0R 1000", ">S0B 1", ">S1 1", ">S0 250", ">BON 1")]
    until = time.monotonic() + 20
    while line.query(">DVR ?") != "DVR:1" and time.monotonic() < until:
        time.sleep(0.05)
    found["voltage"] = float(line.query(">M0 ?").partition(":")[2])
    found["on"] = line.query(">DON ?")
    answers += [line.query(order) for order in (">S0 0", ">BON 0")]
    found["answers"] = answers
    found["unknown"] = line.query(">QQ ?")
    return found


def gauge(line: pyvisa.resources.SerialInstrument) -> dict[str, object]:
    """A Pfeiffer TPG: mnemonic, ACK, bare ENQ, and the data; a wrong one is NAK and its error word."""
    line.baud_rate = 9600
    line.read_termination, line.write_termination = "\r\n", "\r\n"

    def ask(mnemonic: str) -> list[str]:
        acknowledged = line.query(mnemonic)
        line.write_raw(b"\x05")
        return [acknowledged.encode().hex(), line.read()]

    found: dict[str, object] = {}
    for mnemonic in ("UNI,2", "PR1", "PRX", "SEN,1,0", "PR1", "SEN,2,0", "PR1", "QQQ"):
        found.setdefault(mnemonic, []).append(ask(mnemonic))  # type: ignore[attr-defined]
    line.write_raw(b"COM,0\r\n")
    found["continuous"] = [line.read() for _ in range(4)]
    line.write_raw(b"\x03")
    return found


if __name__ == "__main__":
    manager = pyvisa.ResourceManager("@py")
    opened = manager.open_resource(f"ASRL{sys.argv[2]}::INSTR")
    opened.timeout = 20_000
    told = {"charge": charge, "gauge": gauge}[sys.argv[1]](opened)
    opened.close()
    manager.close()
    print(json.dumps(told))
