"""pyvisa-py doing a scope's job over HiSLIP, in a process of its own: says ``armed``, waits, prints JSON."""

import json
import sys
from typing import Any

import pyvisa

SETUP = (
    "*CLS", ":STOP", ":CHANnel2:PROBe 1;RANGe 8 V;OFFSet 0", ":TIMebase:RANGe 0.02;POSition 8E-3",
    ":ACQuire:TYPE HRESolution", ":TRIGger:SOURce EXTernal;SWEep NORmal;LEVel 1.5",
    ":WAVeform:SOURce CHANnel2;FORMat WORD;BYTeorder LSBFirst;UNSigned 1;POINts:MODE RAW",
    ":WAVeform:POINts 20000",
)  # fmt: skip


def job(visa: Any) -> dict[str, Any]:
    """Set up, arm, wait for the trigger, read; then status, errors, a hung instrument and its clear."""
    found: dict[str, Any] = {"identity": visa.query("*IDN?")}
    for line in (*SETUP, ":SINGle"):
        visa.write(line)
    while int(visa.query(":AER?")) == 0:
        continue
    print("armed", flush=True)
    sys.stdin.readline()
    while int(visa.query(":OPERegister:CONDition?")) & 8:
        continue
    found["preamble"] = [float(text) for text in visa.query(":WAVeform:PREamble?").split(",")]
    found["codes"] = visa.query_binary_values(":WAVeform:DATA?", datatype="H", is_big_endian=False)
    visa.query("*ESR?")
    visa.write(":TER?")
    found["mav"] = visa.read_stb() & 16
    visa.read()
    found["no_mav"] = visa.read_stb() & 16
    visa.write(":NOSUCH 1")
    found["message_bit"] = visa.read_stb() & 4
    found["error"] = visa.query(":SYSTem:ERRor?")
    visa.timeout = 300
    visa.write(":DIGitize CHANnel1;*OPC?")
    try:
        visa.read()
    except pyvisa.VisaIOError as error:
        found["hung"] = error.abbreviation
    visa.timeout = 10_000
    visa.clear()
    found["after_clear"] = visa.query("*OPT?")
    found["last_error"] = visa.query(":SYSTem:ERRor?")
    return found


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
