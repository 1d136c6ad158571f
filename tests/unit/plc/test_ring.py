"""The PLC's event ring: numbers, stamps, what is kept and what is gone."""

from drivers.wire.plc import EventCode, PlcEvent
from firmware_sim.plc.ring import Ring

CODE = EventCode.STATE


def filled(count: int) -> Ring:
    ring = Ring()
    for number in range(count):
        ring.record(1000 + number, CODE, number)
    return ring


def test_empty_ring_has_no_events() -> None:
    assert Ring().events() == () and Ring().head == 0 and Ring().slot(0) is None


def test_events_are_kept_whole_and_in_order() -> None:
    ring = Ring()
    ring.record(7, EventCode.TRIP, 1 << 33 | 5, 2.5, True)
    ring.record(8, EventCode.BOOT, 6)
    assert ring.events() == (
        PlcEvent(0, 7, EventCode.TRIP, 5, 2.5, True),
        PlcEvent(1, 8, EventCode.BOOT, 6, 0.0, False),
    )
    assert ring.head == 2
    assert (ring.slot(0), ring.slot(1), ring.slot(2)) == (*ring.events(), None)
    ring.record(9, CODE, 0xFFFFFFFF)
    assert ring.events()[-1].detail == 0xFFFFFFFF


def test_256_events_are_held_and_the_257th_takes_the_place_of_the_first() -> None:
    held = filled(256).events()
    assert [event.number for event in held] == list(range(256))
    ring = filled(257)
    assert [event.number for event in ring.events()] == list(range(1, 257))
    slot = ring.slot(0)
    assert slot is not None and (slot.number, slot.scan) == (256, 1256)
    assert ring.head == 257
    assert [event.number for event in filled(700).events()] == list(range(444, 700))


def test_event_numbers_wrap_at_32_bits() -> None:
    ring = Ring()
    ring.head = 0xFFFFFFFF
    ring.record(1, CODE, 0)
    ring.record(2, CODE, 0)
    first, second = ring.slot(255), ring.slot(0)
    assert first is not None and second is not None
    assert (first.number, second.number) == (0xFFFFFFFF, 0)
