"""What pyvisa-py does with a scope by any transport that has status bytes and a clear; runs in the client's process."""

import sys
from typing import Any

import pyvisa

SETUP = (
    "*CLS", ":STOP", ":CHANnel2:PROBe 1;RANGe 8 V;OFFSet 0", ":TIMebase:RANGe 0.02;POSition 8E-3",
    ":ACQuire:TYPE HRESolution", ":TRIGger:SOURce EXTernal;SWEep NORmal;LEVel 1.5",
    ":WAVeform:SOURce CHANnel2;FORMat WORD;BYTeorder LSBFirst;UNSigned 1;POINts:MODE RAW",
    ":WAVeform:POINts 20000",
)  # fmt: skip


def take_record(visa: Any) -> dict[str, Any]:
    """Set up, arm, say ``armed``, wait for a line and for the end of the acquisition, read."""
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
    return found


def message_available(visa: Any) -> dict[str, Any]:
    """MAV of the status byte, while an answer waits and after it."""
    visa.query("*ESR?")
    visa.write(":TER?")
    found = {"mav": visa.read_stb() & 16}
    visa.read()
    return found | {"no_mav": visa.read_stb() & 16}


def errors_and_clear(visa: Any) -> dict[str, Any]:
    """The bit and the text of an error, a hung instrument and its clear."""
    visa.write(":NOSUCH 1")
    found: dict[str, Any] = {"message_bit": visa.read_stb() & 4, "error": visa.query(":SYSTem:ERRor?")}
    visa.timeout = 300
    visa.write(":DIGitize CHANnel1;*OPC?")
    try:
        visa.read()
    except pyvisa.VisaIOError as error:
        found["hung"] = error.abbreviation
    visa.timeout = 10_000
    visa.clear()
    return found | {"after_clear": visa.query("*OPT?")}
