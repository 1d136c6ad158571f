"""What tests of the DSO-X stand-in say to it again and again."""

import numpy as np
import numpy.typing as npt

from tests.unit.scope.bench import MS, Bench


def codes_of(reply: bytes, kind: str) -> npt.NDArray[np.int64]:
    """The samples of a definite block; ``kind`` is their dtype."""
    length = int(reply[2:10])
    assert reply[:2] == b"#8" and len(reply) == length + 11 and reply[-1:] == b"\n"
    return np.frombuffer(reply[10:-1], dtype=kind).astype(np.int64)


def read_words(bench: Bench, channel: int, points: int = 2000) -> npt.NDArray[np.int64]:
    """A channel of the last record as WORDs."""
    bench.ask(f":WAV:POIN:MODE RAW;:WAV:POIN {points};FORM WORD;BYT LSBF;UNS 1;SOUR CHAN{channel}")
    return codes_of(bench.ask(":WAV:DATA?"), "<u2")


def fire(bench: Bench) -> None:
    """The external trigger, and the time until the record stands."""
    assert bench.scope.trigger(bench.now_ns, "EXT")
    bench.now_ns += 25 * MS


def preamble(bench: Bench) -> list[float]:
    """The numbers of ``:WAV:PRE?``."""
    return [float(text) for text in bench.ask(":WAV:PRE?").split(b",")]
