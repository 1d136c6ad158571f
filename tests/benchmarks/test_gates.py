"""The link benchmarks as gates at twice their bars: a shared machine may be slow, a regression is slower."""

from tests.benchmarks import bench_block, bench_hislip, bench_query
from tests.support import require_tool


def test_query_stays_near_the_raw_socket() -> None:
    found = bench_query.run(require_tool("gcc"))
    assert found.ratio <= 2 * bench_query.BAR, found


def test_blocks_stay_near_raw_recv_into_whatever_they_hold() -> None:
    for found in bench_block.run(require_tool("gcc"), sizes=(10_000_000,)):
        assert found.ratio >= bench_block.BAR / 2, found


def test_hislip_stays_near_a_raw_exchange() -> None:
    query, *blocks = bench_hislip.run(require_tool("gcc"), sizes=(10_000_000,))
    assert query.ratio <= 2 * bench_hislip.QUERY_BAR, query
    for found in blocks:
        assert found.ratio >= bench_hislip.BLOCK_BAR / 2, found
