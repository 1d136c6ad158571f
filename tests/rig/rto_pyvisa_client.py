"""A program of its own: pyvisa-py reads an RTO or a DS1074Z at the resource of its first argument, and prints JSON.

It knows nothing of this repository.
"""

import json
import sys
from typing import Any

import pyvisa


def read_rto(scope: Any) -> dict[str, Any]:
    """Interface messages, a single shot, the block as a raw message whose last byte is the LF."""
    for line in ("&GTR", "*RST;*CLS", "SYST:DISP:UPD ON", "*ESE 127"):
        scope.write(line)
    found: dict[str, Any] = {"idn": scope.query("*IDN?"), "divisions": scope.query("TIMebase:DIVisions?")}
    scope.write("CHANnel1:STATe ON;:CHANnel1:RANGe 1;:TIMebase:RANGe 0.001;:ACQuire:POINts 5000")
    scope.write("TRIGger1:SOURce CHAN1;:TRIGger1:LEVel1 0.15;:TRIGger1:MODE NORMAL")
    scope.write("SINGle")
    scope.query("*OPC?")
    scope.write("FORMat:DATA INT,16;:FORMat:BORder LSBFirst;:EXPort:WAVeform:INCXvalues OFF")
    found["header"] = scope.query("CHANnel1:DATA:HEADER?")
    if scope.resource_name.endswith("INSTR"):
        scope.write("CHANnel1:DATA?")
        found["last"] = scope.read_raw()[-1]
        found["stb"] = [scope.read_stb()]
        scope.write("NOSUCH 1")
        found["stb"].append(scope.read_stb())
        found["error"] = scope.query("SYSTem:ERRor:ALL?")
        found["stb"].append(scope.read_stb())
    codes = scope.query_binary_values("CHANnel1:DATA?", datatype="h", is_big_endian=False)
    return found | {"codes": codes, "after": scope.query("SYST:ERR?")}


def read_rigol(scope: Any) -> dict[str, Any]:
    """A single shot in memory, read in batches."""
    found: dict[str, Any] = {"idn": scope.query("*IDN?")}
    for line in (":STOP", ":CHAN1:RANG 0.8", ":TIM:SCAL 0.0001", ":ACQ:MDEP 120000", ":TRIG:EDG:LEV 0.15", ":SINGle"):
        scope.write(line)
    while scope.query(":TRIGger:STATus?").strip() != "STOP":
        continue
    for line in (":WAV:SOUR CHAN1", ":WAV:MODE RAW", ":WAV:FORM BYTE"):
        scope.write(line)
    found["preamble"] = [float(text) for text in scope.query(":WAV:PRE?").split(",")]
    codes: list[int] = []
    for start in (1, 60_001):
        scope.write(f":WAV:STARt {start}")
        scope.write(f":WAV:STOP {start + 59_999}")
        codes += scope.query_binary_values(":WAV:DATA?", datatype="B")
    return found | {"codes": codes[::100], "points": len(codes), "after": scope.query(":SYST:ERR?")}


def main(kind: str, resource: str) -> None:
    """Open, read, close."""
    manager = pyvisa.ResourceManager("@py")
    scope: Any = manager.open_resource(resource, open_timeout=5000)
    scope.timeout = 10_000
    scope.chunk_size = 1 << 20
    scope.read_termination = "\n"
    scope.write_termination = "\n"
    print(json.dumps({"rto": read_rto, "rigol": read_rigol}[kind](scope)))
    scope.close()
    manager.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
