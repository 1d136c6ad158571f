"""Services that are found running by a PLC that has scanned before: a rig process starts before people come."""

from tests.unit.plc.run_kit import AUXILIARIES, RunStation


def test_relays_that_are_found_closed_stay_closed() -> None:
    everything = (1 << len(AUXILIARIES)) - 1
    station = RunStation()
    station.scan(3)
    assert station.plc.outputs.auxiliaries == 0
    station.force["auxiliaries"] = everything
    station.plc.left_running()
    station.scan()
    del station.force["auxiliaries"]
    station.scan(5)
    assert (station.plc.outputs.auxiliaries, station.status.auxiliaries) == (everything, everything)
    assert not station.plc.trips
