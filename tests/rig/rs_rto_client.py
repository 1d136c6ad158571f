"""A program of its own: RsInstrument drives an RTO at the resource of its first argument, and prints JSON.

Its second argument are RsInstrument's options. It knows nothing of this repository.
"""

import json
import sys
from typing import Any

from RsInstrument import BinFloatFormat, BinIntFormat, RsInstrument


def main(resource: str, options: str) -> None:
    """Set up, single shot with OPC, read a record in two formats, segments, files, errors; tell what happened."""
    rto = RsInstrument(resource, id_query=True, reset=True, options=options)
    rto.visa_timeout = rto.opc_timeout = 10_000
    rto.instrument_status_checking = True
    found: dict[str, Any] = {
        "idn": rto.idn_string,
        "model": rto.full_instrument_model_name,
        "manufacturer": rto.manufacturer,
    }
    rto.write("SYST:DISP:UPD ON")
    rto.write("CHAN1:STAT ON;RANG 1;COUP DCL;:TIM:RANG 1 ms;REF 50;:ACQ:POIN 1000")
    rto.write("TRIG1:MODE NORM;SOUR CHAN1;LEV1 0.15")
    found["divisions"] = rto.query_int("TIM:DIV?")
    rto.write_with_opc("SING")
    rto.write("EXP:WAV:INCX OFF;:FORM:BORD LSBF")
    rto.bin_float_numbers_format = BinFloatFormat.Single_4bytes
    rto.bin_int_numbers_format = BinIntFormat.Integer16_2bytes
    volts = rto.query_bin_or_ascii_float_list("FORM REAL,32;:CHAN1:DATA?")
    codes = rto.query_bin_or_ascii_int_list("FORM INT,16;:CHAN1:DATA?")
    text = rto.query_bin_or_ascii_float_list("FORM ASC;:CHAN1:DATA?")
    found |= {"volts": volts, "codes": codes, "text": text, "header": rto.query_str("CHAN1:DATA:HEAD?")}
    found["maximum"] = rto.query_float("MEAS1:RES? MAX")
    rto.write_with_opc("ACQ:COUN 4;:ACQ:SEGM:STAT ON;:CHAN:HIST ON;:SING")
    found["segments"] = rto.query_int("ACQ:AVA?")
    found["times"] = [rto.query_float(f"CHAN:WAV:HIST:CURR {-n};TSR?") for n in (3, 2, 1, 0)]
    rto.write("EXP:WAV:SOUR C1W1;NAME 'C:\\Data\\1.bin';DLOG ON")
    rto.write_with_opc("CHAN:HIST:PLAY")
    found["files"] = rto.query_str("MMEM:CAT? 'C:\\Data'")
    found["file"] = len(rto.query_bin_block("MMEM:DATA? 'C:\\Data\\1.Wfm.bin'"))
    rto.instrument_status_checking = False
    rto.write("TIM:RANG 1000")
    rto.write("NOSUCH:THING")
    found["count"] = rto.query_int("SYST:ERR:COUN?")
    found["errors"] = [[entry[0], entry[1]] for entry in rto.query_all_errors_with_codes() or []]
    found["kept"] = rto.query_float("TIM:RANG?")
    rto.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
