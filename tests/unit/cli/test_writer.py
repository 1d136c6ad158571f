"""Standard output can be slow, unread or gone: the writer never blocks and says once when the reader has left."""

import os
import threading

import pytest

from controller.cli.writer import QUEUE_BYTES_MAX, Writer, reader_gone

WAIT_S = 10.0


@pytest.fixture
def pipe():
    read_fd, write_fd = os.pipe()
    yield read_fd, write_fd
    for descriptor in (read_fd, write_fd):
        try:
            os.close(descriptor)
        except OSError:
            continue


def read_all(descriptor: int) -> bytes:
    chunks = []
    while chunk := os.read(descriptor, 1 << 16):
        chunks.append(chunk)
    return b"".join(chunks)


def test_lines_arrive_in_order(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1])
    writer.write("one\n")
    writer.write_line("två")
    writer.close()
    os.close(pipe[1])
    assert read_all(pipe[0]) == "one\ntvå\n".encode()


def test_an_unread_pipe_blocks_nobody_and_keeps_the_result(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1])
    for number in range(40):
        writer.write(f"{number:09d}\n" * 4000)
    writer.write_line("the result")
    assert writer.backlog <= QUEUE_BYTES_MAX
    reader = threading.Thread(target=lambda: received.append(read_all(pipe[0])))
    received: list[bytes] = []
    reader.start()
    writer.close(WAIT_S)
    os.close(pipe[1])
    reader.join(WAIT_S)
    assert received[0].endswith(b"the result\n")
    assert b"000000039\n" in received[0]


def test_close_gives_up_on_a_reader_that_never_reads(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1])
    writer.write_line("x" * (QUEUE_BYTES_MAX // 2))
    writer.close(timeout_s=0.05)
    assert not writer.closed
    assert len(os.read(pipe[0], 1 << 20)) > 0


def test_a_reader_that_left_is_noticed_without_writing(pipe: tuple[int, int]) -> None:
    left = threading.Event()
    writer = Writer(pipe[1], on_closed=left.set)
    assert not reader_gone(pipe[1])
    os.close(pipe[0])
    assert left.wait(WAIT_S)
    assert writer.closed
    assert writer.write("into the void") == len("into the void")
    writer.close()


def test_a_full_disk_counts_as_a_reader_that_left() -> None:
    if not os.path.exists("/dev/full"):
        pytest.fail("/dev/full is part of Linux; run this on Linux")
    left = threading.Event()
    with open("/dev/full", "wb", buffering=0) as full:
        writer = Writer(full.fileno(), on_closed=left.set)
        writer.write_line("x")
        assert left.wait(WAIT_S)
        writer.close()
