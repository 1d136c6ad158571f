"""What waits for the broker is bounded, and telemetry is the first to go."""

from collections.abc import Iterator

from controller.bridges.outbox import (
    PAYLOAD_BYTES_MAX,
    REPORT_BYTES_MAX,
    REPORTS_MAX,
    RETAINED_MAX,
    TELEMETRY_MAX,
    Outbox,
)
from controller.bridges.topics import Publication


def telemetry(number: int) -> Publication:
    return Publication("tlm", b"%d" % number)


def report(number: int, size: int = 0) -> Publication:
    return Publication("event", b"%d" % number + b" " * size, qos=1)


def retained(topic: str, text: bytes) -> Publication:
    return Publication(topic, text, qos=1, retain=True)


def emptied(box: Outbox) -> Iterator[bytes]:
    while (publication := box.first()) is not None:
        box.remove(publication)
        yield publication.payload


def test_states_come_first_then_reports_in_order_then_telemetry() -> None:
    box = Outbox()
    for publication in (telemetry(1), report(1), report(2), retained("state", b"a"), retained("state", b"b")):
        box.put(publication)
    assert len(box) == 4
    assert list(emptied(box)) == [b"b", b"1", b"2", b"1"]
    assert box.dropped_telemetry + box.dropped_reports == 0


def test_a_flood_of_telemetry_loses_the_oldest_and_no_report() -> None:
    box = Outbox()
    box.put(report(0))
    for number in range(10 * TELEMETRY_MAX):
        box.put(telemetry(number))
    assert len(box) == TELEMETRY_MAX + 1
    assert box.dropped_telemetry == 9 * TELEMETRY_MAX
    assert box.dropped_reports == 0
    left = list(emptied(box))
    assert (left[0], left[-1]) == (b"0", b"%d" % (10 * TELEMETRY_MAX - 1))


def test_reports_are_bounded_by_count_and_by_bytes() -> None:
    box = Outbox()
    for number in range(REPORTS_MAX + 5):
        box.put(report(number))
    assert (len(box), box.dropped_reports) == (REPORTS_MAX, 5)
    assert next(emptied(box)) == b"5"
    box = Outbox()
    for number in range(100):
        box.put(report(number, size=PAYLOAD_BYTES_MAX - 10))
    assert len(box) == REPORT_BYTES_MAX // (PAYLOAD_BYTES_MAX - 8)
    box.put(report(0, size=PAYLOAD_BYTES_MAX))
    assert box.dropped_reports == 100 - len(box) + 1


def test_a_new_connection_is_told_everything_retained_and_no_old_telemetry() -> None:
    box = Outbox()
    for publication in (retained("state", b"a"), retained("meta", b"m"), telemetry(1)):
        box.put(publication)
    assert list(emptied(box)) == [b"a", b"m", b"1"]
    box.put(retained("state", b"a"))
    assert box.first() is None  # it has been said
    for publication in (telemetry(2), report(3)):
        box.put(publication)
    box.connected()
    assert list(emptied(box)) == [b"a", b"m", b"3"]
    assert box.dropped_telemetry == 1


def test_what_changed_while_it_was_sent_is_sent_again() -> None:
    box = Outbox()
    box.put(retained("state", b"a"))
    sending = box.first()
    assert sending is not None
    box.put(retained("state", b"b"))
    box.remove(sending)
    assert list(emptied(box)) == [b"b"]


def test_there_are_only_so_many_retained_topics() -> None:
    box = Outbox()
    for number in range(RETAINED_MAX + 3):
        box.put(retained(str(number), b"x"))
    assert (len(box), box.dropped_reports) == (RETAINED_MAX, 3)
    assert box.owes_reports
