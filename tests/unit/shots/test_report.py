"""Report and sheet: offline, escaped, complete; their plots and numbers say what the record says."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from controller.shots.decimate import decimate
from controller.shots.html import Html, tag
from controller.shots.model import ChecklistItem, MeasuredValue, ShotRecord
from controller.shots.numbers import limit, plain, rounded, unit_text
from controller.shots.plot import Mark, Panel, Trace, draw_panel, group_by_size, ticks
from controller.shots.report import render_report, write_report
from controller.shots.sections import close_up, gauge, measurement_table, scaled, warnings
from controller.shots.sheet import render_sheet, write_sheet
from tests.support import require_tool
from tests.unit.shots.samples import bare_shot, shot

VOID = frozenset({"meta", "br", "img", "link", "input", "hr"})
FETCHING = frozenset({"script", "link", "img", "iframe", "object", "embed", "audio", "video", "use", "image", "base"})
PRINT_TIMEOUT_S = 90


class Checker(HTMLParser):
    """Balanced tags, no tag or attribute that would fetch something; collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(name)
        self.links += [
            f"{key}={value}" for key, value in attrs if key in ("src", "href", "xlink:href", "srcset", "action")
        ]
        self.links += [key for key, _value in attrs if key.startswith("on")]
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def check(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    return checker


def documents() -> Iterator[tuple[str, str]]:
    for name, record in (("full", shot()), ("bare", bare_shot())):
        yield f"report-{name}", render_report(record, "c" * 64)
        yield f"sheet-{name}", render_sheet(record)


@pytest.mark.parametrize(("name", "text"), list(documents()), ids=[name for name, _text in documents()])
def test_documents_ask_for_nothing_and_escape_everything(name: str, text: str) -> None:
    checker = check(text)
    assert not FETCHING & set(checker.names)
    assert checker.links == []
    assert not re.search(r"https?://|url\(|@import|<script", text)
    assert "default-src &#x27;none&#x27;" in text
    assert "First light at 3.0 kV <script>alert(1)</script>" in "".join(checker.words)


def test_report_shows_everything_that_is_asked_of_it() -> None:
    words = " ".join(check(render_report(shot(), "c" * 64)).words)
    wanted = (
        "✗ fail", "ended: completed", "railgun_bench (simulated)", "A. Operator & Co (operator)", "ARM-0031",
        "Peak total current", "64.59", "60 … 70 kA", "above the upper limit", "no record of channel b_dot_2",
        "Currents", "Charge and dump", "verified safe", "time after T0 (ms)", "18.000", "charge to 3000 V",
        ":CHAN1:RANGe", "RC-014", "20000 A/V", "Self-test: 2 of 2 paths passed", "Camera on", "<b>louder</b>",
        "c" * 64, "a" * 64, "b" * 64, "0f" * 16, "Bypassed: camera interlock", "Lost on the way: daq",
    )  # fmt: skip
    assert [text for text in wanted if text not in words] == []


def test_sheet_shows_the_essentials() -> None:
    words = " ".join(check(render_sheet(shot())).words)
    wanted = ("✗ fail", "Muzzle voltage, peak", "4.2 s after the dump", "Muzzle clear", "18 kJ", "operator")
    assert [text for text in wanted if text not in words] == []


@pytest.mark.parametrize(
    ("ended", "text"), [("unsafe-unconfirmed", "NOT VERIFIED: treat as charged"), ("tripped", "4.2 s after the dump")]
)
def test_the_sheet_says_whether_the_bench_was_proven_safe(ended: str, text: str) -> None:
    assert text in " ".join(check(render_sheet(replace(shot(), ended=ended))).words)


def test_the_sheet_keeps_the_lines_of_the_ledger_that_matter() -> None:
    ledger = {f"element {index} (twin)": 1000.0 + index for index in range(14)} | {"kinetic energy (twin)": 82.0}
    words = " ".join(check(render_sheet(replace(shot(), ledger=ledger))).words)
    assert "kinetic energy (twin) 82 J" in words and "element 13 (twin)" in words
    assert "element 0 (twin)" not in words and "8 more are in the report" in words


def test_documents_are_equal_for_equal_records_and_replace_earlier_ones(tmp_path: Path) -> None:
    first = write_report(shot(), tmp_path / "r.html")
    assert write_report(shot(), tmp_path / "r.html") == first
    assert write_sheet(shot(), tmp_path / "s.html") == write_sheet(shot(), tmp_path / "s.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "s.html"]


def crowded() -> ShotRecord:
    """As much as a sheet ever shows."""
    record = shot()
    items = tuple(ChecklistItem(f"Item number {index} of the list", True) for index in range(12))
    ledger = {f"element {index} (twin)": 1000.0 + index for index in range(14)}
    return replace(
        record,
        ledger=ledger,
        measurements=record.measurements * 2,
        checklist=items,
        purpose="why " * 60,
        reason="so " * 60,
    )


def test_even_a_crowded_sheet_prints_on_one_page(tmp_path: Path) -> None:
    chromium = require_tool("chromium")
    for name, record in (("plain", shot()), ("crowded", crowded())):
        write_sheet(record, tmp_path / f"{name}.html")
        command = [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--no-pdf-header-footer",
            f"--print-to-pdf={tmp_path / name}.pdf", (tmp_path / f"{name}.html").as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, timeout=PRINT_TIMEOUT_S, capture_output=True)
        pages = re.findall(rb"/Type\s*/Page\b", (tmp_path / f"{name}.pdf").read_bytes())
        assert len(pages) == 1, name


def points(figure: Html, index: int = 0) -> np.ndarray:
    text = re.findall(r'points="([^"]*)"', figure.text)[index]
    return np.array([[float(part) for part in pair.split(",")] for pair in text.split()])


def test_a_trace_is_drawn_where_its_samples_are() -> None:
    t_s = np.linspace(0.0, 10e-3, 11)
    figure = draw_panel(Panel("Ramp", "V", "time", (Trace("ramp", t_s, np.linspace(0.0, 1000.0, 11)),)))
    drawn = points(figure)
    assert drawn.shape == (11, 2)
    np.testing.assert_allclose(np.diff(drawn[:, 0]), (960 - 62 - 14) / 10, atol=0.11)
    assert np.all(np.diff(drawn[:, 1]) < 0)
    assert ">kV<" in figure.text
    assert "time (ms)" in figure.text


def test_traces_without_samples_become_a_sentence() -> None:
    nothing = Trace("gone", np.arange(3.0), np.full(3, np.nan))
    assert "no samples" in draw_panel(Panel("Gone", "V", "time", (nothing,))).text


def test_constant_and_negative_traces_are_drawn() -> None:
    t_s = np.arange(10.0)
    for value in (0.0, -5.0, 5.0):
        drawn = points(draw_panel(Panel("Flat", "V", "time", (Trace("flat", t_s, np.full(10, value)),))))
        assert np.all((drawn[:, 1] >= 18.0) & (drawn[:, 1] <= 280.0))


def test_decimation_keeps_every_spike() -> None:
    values = np.zeros(100_000)
    values[[12_345, 77_777]] = (7.0, -9.0)
    t, kept = decimate(np.arange(values.size, dtype=float), values, 1000)
    assert (kept.size, kept.max(), kept.min()) == (1000, 7.0, -9.0)
    assert np.all(np.diff(t) >= 0)
    assert decimate(np.arange(5.0), np.array([1.0, np.nan, 2.0, 3.0, 4.0]), 10)[1].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_small_traces_get_an_axis_of_their_own() -> None:
    t_s = np.arange(4.0)
    traces = [Trace(str(size), t_s, np.full(4, size)) for size in (100.0, 1.0, 30.0, 0.9)]
    assert [[trace.name for trace in group] for group in group_by_size(traces)] == [["100.0", "30.0"], ["1.0", "0.9"]]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 10.0, [0, 2, 4, 6, 8, 10]), (-1.0, 9.0, [0, 2, 4, 6, 8]), (0.0, 0.0, [0.0]), (0.0, 3.2, [0, 1, 2, 3])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def value(number: float, lower: float | None, upper: float | None) -> MeasuredValue:
    return MeasuredValue("m", "M", "c", number, "V", lower, upper, 0.1, "pass", None)


@pytest.mark.parametrize(
    ("number", "lower", "upper", "inside"),
    [(5.0, 0.0, 10.0, True), (-1.0, 0.0, 10.0, False), (12.0, 0.0, 10.0, False), (50.0, None, 60.0, True),
     (70.0, None, 60.0, False), (5.0, 3.0, None, True), (2.0, 3.0, None, False), (9e9, 0.0, 1.0, False)],
)  # fmt: skip
def test_the_gauge_puts_the_value_on_the_right_side(
    number: float, lower: float | None, upper: float | None, inside: bool
) -> None:
    text = gauge(value(number, lower, upper)).text
    zone = re.search(r'x="([\d.]+)" y="6" width="([\d.]+)"', text)
    here = re.search(r'points="([\d.]+),', text)
    assert zone is not None
    assert here is not None
    left, width, at = float(zone[1]), float(zone[2]), float(here[1])
    assert (left <= at <= left + width) is inside


def test_no_limits_no_gauge() -> None:
    assert gauge(value(1.0, None, None)).text == ""


def test_a_clean_shot_has_no_warnings() -> None:
    record = shot()
    clean = replace(record, bypasses=(), instruments=record.instruments[:1], checklist=record.checklist[:1])
    assert warnings(clean) == []
    overdue = replace(clean, captures=(replace(record.captures[0], calibration_overdue=True),))
    assert warnings(overdue) == ["Calibration overdue: Total current"]


def test_text_and_attributes_are_escaped() -> None:
    assert tag("p", '<&"', class_='"x', data_a=None).text == '<p class="&quot;x">&lt;&amp;&quot;</p>'


def test_numbers_are_rounded_to_their_uncertainty() -> None:
    assert rounded(64.5871, 0.6459) == ("64.59", "0.65")
    assert rounded(3000.07123, 0.27) == ("3000.07", "0.27")
    assert rounded(7.0839e6, 1.4e5) == ("7.08 × 10⁶", "0.14 × 10⁶")
    assert rounded(-0.04, 0.22) == ("−0.04", "0.22")
    assert rounded(1.0, 0.0) == ("1.000", "0")
    assert rounded(1.0, None) == ("1.000", "")
    assert (plain(0.0), plain(-123.456), plain(2.5e-7)) == ("0", "−123.5", "2.500 × 10⁻⁷")
    assert (limit(8e6), limit(-2.5), limit(64580.0), limit(1e-7)) == ("8 × 10⁶", "−2.5", "64580", "1 × 10⁻⁷")
    assert unit_text("A**2*s") == "A² s"


def test_values_and_limits_share_the_prefix_that_suits_them() -> None:
    item = MeasuredValue("p", "P", "c", 64374.0, "A", 62e3, 67e3, 644.0, "pass", 2374.0)
    text = " ".join(check(measurement_table([item], gauges=True).text).words)
    assert "64.37 0.64 kA 62 … 67 kA" in text and "2.37 (47 %)" in text
    assert scaled(replace(item, unit="A^2 s")).value == 64374.0
    assert scaled(replace(item, unit="kA", value=0.5, lower=None, upper=0.6)).value == 0.5


def test_a_pause_of_a_slow_channel_is_a_gap_and_not_a_slope() -> None:
    t_s = np.concatenate((np.arange(10) * 0.05, 3.0 + np.arange(10) * 0.05))
    figure = draw_panel(Panel("Slow", "V", "time", (Trace("slow", t_s, np.ones(20), gap_s=0.3),)))
    assert [points(figure, index).shape for index in (0, 1)] == [(10, 2), (10, 2)]


def test_marks_that_are_close_do_not_hide_each_other() -> None:
    t_s = np.linspace(0.0, 18.0, 50)
    marks = (Mark(17.9, "T0"), Mark(17.95, "dump"), Mark(18.0, "verified safe"))
    text = draw_panel(Panel("Slow", "V", "time", (Trace("slow", t_s, np.ones(50)),), marks)).text
    heights = [re.search(rf'y="([\d.]+)"[^>]*>{mark.text}<', text) for mark in marks]
    assert len({found[1] for found in heights if found}) == 3


def test_the_close_up_is_relative_to_t0_and_knows_shots_without_fire() -> None:
    record = shot()
    assert "time after T0" in close_up(record)[0].text
    assert "time after the dump" in close_up(replace(record, t0_s=None))[0].text
    assert close_up(replace(record, t0_s=None, dump_s=None)) == []


def test_the_twins_account_stands_apart_from_what_was_measured() -> None:
    record = replace(
        shot(), ledger={"stored before fire (measured)": 17.9e3, "stored (twin)": 18e3, "coils (twin)": 9e3}
    )
    words = " ".join(check(render_report(record)).words)
    assert "The twin's account, at the plan's voltage" in words
    assert "coils 9.000 50.00 %" in words
