"""The stream's benchmarks as gates at twice their bars: a shared machine may be slow, a regression is slower."""

from tests.benchmarks import bench_stream
from tests.support import require_tool


def test_the_stream_stays_near_raw_frames() -> None:
    with bench_stream.bench(require_tool("gcc")) as found:
        for rate in bench_stream.measure_rates(found, "floor", (1, 10), rounds=3, seconds=0.2):
            assert rate.ratio >= bench_stream.BAR_RATE / 2, rate


def test_a_stalled_viewer_takes_nothing_from_the_others() -> None:
    with bench_stream.bench(require_tool("gcc")) as found:
        stall = bench_stream.measure_stall(found, rounds=1, seconds=1.5)
    assert stall.missed == 0, stall
    assert stall.rows_ratio >= 0.5, stall


def test_a_thousand_rows_a_second_to_ten_viewers_are_cheap() -> None:
    with bench_stream.bench(require_tool("gcc")) as found:
        cost = bench_stream.measure_cost(found, seconds=1.5)
    assert cost.missed == 0, cost
    assert cost.cpu <= 2 * bench_stream.BAR_CPU, cost
