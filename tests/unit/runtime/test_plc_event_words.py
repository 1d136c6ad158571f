"""Events of a PLC that runs, as a person reads them in the record."""

import pytest

from controller.runtime.recording import describe_event
from drivers.wire.plc import EventCode, PlcEvent


def event(code: EventCode, detail: int, value: float) -> PlcEvent:
    return PlcEvent(1, 10, code, detail, value, False)


@pytest.mark.parametrize(
    ("code", "detail", "value", "words"),
    [
        (EventCode.INHIBIT, 4 << 16 | 3, 12.0, "pulses inhibited by OVER_CURRENT after 12 pulses, 3 retries left"),
        (EventCode.INHIBIT, 3 << 16, 7.0, "pulses inhibited by ARC, VSWR after 7 pulses, 0 retries left"),
        (EventCode.PULSES, 20, 20.0, "20 of 20 pulses came"),
        (EventCode.PULSES, 4501, 0.0, "4501 pulses came"),
        (EventCode.WINDOWS, 1, 1.03e-6, "window 1 out of bounds, the first reads 1.03e-06"),
        (EventCode.WINDOWS, 4 << 16 | 4, 0.0, "window 3 out of bounds, input 3 dead, the first reads 0"),
    ],
)
def test_in_words(code: EventCode, detail: int, value: float, words: str) -> None:
    assert describe_event(event(code, detail, value)) == words
