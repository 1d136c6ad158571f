"""A program of its own: RsInstrument drives an SMB100A at the resource of its first argument, and prints JSON.

Its second argument are RsInstrument's options. It knows nothing of this repository.
"""

import json
import sys

from RsInstrument import RsInstrument


def main(resource: str, options: str) -> None:
    """Set, read back, sweep with OPC, provoke an error, and tell what happened."""
    smb = RsInstrument(resource, id_query=True, reset=False, options=options)
    smb.visa_timeout = 10_000
    smb.opc_timeout = 10_000
    found = {"idn": smb.idn_string, "model": smb.full_instrument_model_name, "manufacturer": smb.manufacturer}
    smb.instrument_status_checking = True
    smb.reset()
    smb.write_float("SOUR:FREQ:CW ", 2.856e9)
    smb.write("SOUR:POW -12.5 dBm")
    smb.write_bool("SOUR:PULM:STAT ", True)
    smb.write_with_opc("OUTP:STAT ON")
    found["frequency"] = smb.query_float("SOUR:FREQ:CW?")
    found["power"] = smb.query_float("SOUR:POW?")
    found["pulse"] = smb.query_bool("SOUR:PULM:STAT?")
    found["output"] = smb.query_bool("OUTP:STAT?")
    smb.write("FREQ:STAR 1 GHz;STOP 2 GHz;:SWE:POIN 21;DWEL 10 ms;:TRIG:FSW:SOUR SING;:FREQ:MODE SWE")
    smb.write_with_opc("SOUR:SWE:FREQ:EXEC")
    found["swept"] = not smb.query_bool("SWE:RUNN:STAT?")
    smb.write("LIST:FREQ 1GHz, 2GHz, 3GHz")
    found["list"] = [float(value) for value in smb.query_bin_or_ascii_float_list("LIST:FREQ?")]
    smb.instrument_status_checking = False
    smb.write("SOUR:POW 500")
    smb.write("SOUR:FREK 1")
    found["errors"] = [[entry[0], entry[1]] for entry in smb.query_all_errors_with_codes() or []]
    found["kept"] = smb.query_float("SOUR:POW?")
    found["opc"] = smb.query_opc()
    found["self_test"] = smb.self_test()[0] if hasattr(smb, "self_test") else 0
    smb.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
