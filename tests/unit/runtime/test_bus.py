"""The bus: everybody hears everything, a late one is told what it missed, a stalled one costs nobody anything."""

import asyncio
import socket
from contextlib import suppress

import pytest

from controller.messages import AlarmChanged, Decoder, Event, Finished, Frame, Hello, Message, StepEntered
from controller.runtime.bus import ALARMS_MAX, QUEUE_MAX, SUBSCRIBERS_MAX, Bus

HELLO = Hello("bench", "full", "Full", 1, "id", (), (), 3000.0, False)


def frame(seq: int, width: int = 1) -> Frame:
    return Frame(seq, seq, (1.0,) * width, "SAFE", 0, None, 0.0)


async def listen(address: tuple[str, int], count: int) -> list[Message]:
    reader, writer = await asyncio.open_connection(*address)
    decoder, got = Decoder(), []
    try:
        async with asyncio.timeout(5.0):
            while len(got) < count:
                data = await reader.read(65536)
                assert data, "the bus hung up early"
                got += decoder.feed(data)
    finally:
        writer.close()
        await writer.wait_closed()
    return got


async def test_a_late_subscriber_gets_hello_steps_and_events_but_no_old_frames() -> None:
    bus = Bus()
    address = await bus.serve()
    step, event = StepEntered(1, 0, "charge", "enter"), Event(2, "plc", "info", "hello")
    for message in (HELLO, step, frame(1), event):
        bus.publish(message)
    got = await listen(address, 3)
    await bus.close()
    assert got == [HELLO, step, event]


def alarm(name: str, state: str, t_ns: int) -> AlarmChanged:
    return AlarmChanged(name, name, "high", state, state == "UNACKNOWLEDGED", t_ns)


async def test_a_late_subscriber_gets_the_latest_of_each_alarm_and_the_last_word() -> None:
    bus = Bus()
    address = await bus.serve()
    finished = Finished(1, "id", "pass", "completed", "", "", "", "", "", 0)
    door, fan = alarm("door", "UNACKNOWLEDGED", 1), alarm("fan", "UNACKNOWLEDGED", 2)
    for message in (HELLO, door, fan, alarm("door", "NORMAL", 3), finished):
        bus.publish(message)
    got = await listen(address, 4)
    await bus.close()
    assert got == [HELLO, fan, alarm("door", "NORMAL", 3), finished]


async def test_alarms_kept_for_late_subscribers_are_bounded() -> None:
    bus = Bus()
    address = await bus.serve()
    for number in range(ALARMS_MAX + 10):
        bus.publish(alarm(str(number), "NORMAL", number))
    got = await listen(address, ALARMS_MAX)
    await bus.close()
    assert [m.id for m in got if isinstance(m, AlarmChanged)] == [str(n) for n in range(10, ALARMS_MAX + 10)]


async def test_the_tap_hears_everything_without_a_server() -> None:
    heard: list[Message] = []
    bus = Bus(heard.append)
    bus.publish(HELLO)
    bus.publish(frame(1))
    await bus.close()
    assert heard == [HELLO, frame(1)]


async def test_a_stalled_subscriber_loses_its_oldest_frames_and_nothing_else() -> None:
    bus = Bus()
    host, port = await bus.serve()
    bus.publish(HELLO)
    stalled = socket.create_connection((host, port))
    assert await listen((host, port), 1) == [HELLO]  # connections are accepted in order: the stalled one is in
    total = 4 * QUEUE_MAX
    for seq in range(total):
        bus.publish(frame(seq, width=1000))  # 9 kB each: far beyond what the kernel buffers of one connection hold
        if seq == total // 2:
            bus.publish(Event(0, "core", "info", "kept"))
    draining = asyncio.create_task(asyncio.to_thread(drain, stalled), name="draining")
    await bus.close(linger_s=10.0)
    late = await draining
    seqs = [m.seq for m in late if isinstance(m, Frame)]
    assert seqs == sorted(seqs)
    assert seqs[-1] == total - 1
    assert QUEUE_MAX <= len(seqs) < total
    assert [m.text for m in late if isinstance(m, Event)] == ["kept"]


def drain(connection: socket.socket) -> list[Message]:
    decoder, got = Decoder(), []
    connection.settimeout(5.0)
    with connection:
        while data := connection.recv(1 << 16):
            got += decoder.feed(data)
    return got


async def test_the_house_is_full_after_so_many() -> None:
    bus = Bus()
    address = await bus.serve()
    guests = [await asyncio.open_connection(*address) for _ in range(SUBSCRIBERS_MAX)]
    await asyncio.sleep(0)
    reader, writer = await asyncio.open_connection(*address)
    async with asyncio.timeout(5.0):
        assert await reader.read() == b""
    for _, guest in [*guests, (reader, writer)]:
        guest.close()
        await guest.wait_closed()
    await bus.close()


async def test_one_who_talks_on_the_bus_is_hung_up_on() -> None:
    bus = Bus()
    reader, writer = await asyncio.open_connection(*await bus.serve())
    writer.write(b"x" * 65536)
    with suppress(ConnectionError):
        async with asyncio.timeout(5.0):
            assert await reader.read() == b""
    writer.close()
    await bus.close()


async def test_in_a_full_house_one_who_does_not_read_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.runtime.bus.SUBSCRIBERS_MAX", 1)
    bus = Bus()
    address = await bus.serve()
    bus.publish(HELLO)
    reader, writer = await asyncio.open_connection(*address)
    async with asyncio.timeout(5.0):
        assert await reader.read(1), "he is in"
        for seq in range(4 * QUEUE_MAX):
            bus.publish(frame(seq, width=1000))  # 9 kB each: far beyond what the kernel buffers of one connection hold
        assert await listen(address, 1) == [HELLO]
    writer.transport.abort()
    await bus.close()


def test_a_frame_that_claims_too_much_is_refused() -> None:
    with pytest.raises(ValueError, match=r"bus frame of 4294967295 bytes"):
        Decoder().feed(b"\xff\xff\xff\xff")
