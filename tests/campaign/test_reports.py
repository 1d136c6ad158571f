"""The reports of a campaign: matrix, HTML, JUnit, JSON. Every failure is in each of them, with its replay line."""

import dataclasses
import io
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from rich.console import Console

from controller.campaign.html import html_page
from controller.campaign.junit import junit_xml
from controller.campaign.matrix import render
from controller.campaign.model import Status, Venue
from controller.campaign.summary import Campaign, campaign_object
from tests.campaign import fake_cells
from tests.campaign.fake_cells import HAZARDS, PROFILES, cells, judged, passing, result

RESULTS = tuple(judged(cell) for cell in cells())
WHOLE = Campaign("railgun_bench", 7, "0123456789abcdef+", 754.0, 2, len(RESULTS), PROFILES, HAZARDS, RESULTS)
REAL = dataclasses.replace(HAZARDS[1].variants[0], venue=Venue.REAL)
FAILED = [r.cell for r in RESULTS if r.status is Status.FAILED]


def printed(campaign: Campaign, width: int) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None)
    for part in render(campaign, console):
        console.print(part, soft_wrap=True)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_the_sample_has_all_three_ends() -> None:
    assert [WHOLE.count(status) for status in Status] == [24, 3, 18]
    assert [cell.id for cell in FAILED] == [f"01.slow/full/fire:{phase}" for phase in ("before", "during", "after")]


def test_the_matrix_on_80_columns() -> None:
    assert printed(WHOLE, 80)[:9] == [
        "full  hold 0 s",
        "                                   self_test charge    fire",
        "01 A contactor that stays closed   •••       •••       ✗✗✗           3 FAILED",
        "   slow                            •••       •••       ✗✗✗           3 FAILED",
        "07 A dump relay <that> stays open  •••       •••       •••             9 of 9",
        "",
        "noise",
        "                                   configure transfer",
        "01 A contactor that stays closed   –––       –––            0 of 12",
    ]


def test_a_long_profile_on_80_columns_gets_short_names_and_says_them() -> None:
    steps = tuple((name, "charge") for name in ("self_test", "configure", "arm", "warn", "permit", "charge", "float"))
    steps += (("countdown", "fire"), ("isolate", "fire"), ("fire", "fire"), ("verify", "fire"), ("transfer", "fire"))
    long = (dataclasses.replace(PROFILES[0], steps=steps),)
    results = tuple(passing(cell) for cell in cells(long))
    lines = printed(dataclasses.replace(WHOLE, profiles=long, results=results, planned=len(results)), 80)
    assert lines[1] == "                    sel con arm war per cha flo cou iso fir ver tra"
    assert lines[2] == "01 A contactor th…  " + " ".join(["•••"] * 12) + "     72 of 72"
    assert lines[4:6] == [
        "steps: sel self_test, con configure, war warn, per permit, cha charge, flo",
        "  float, cou countdown, iso isolate, fir fire, ver verify, tra transfer",
    ]
    assert all(len(line) <= 80 for line in lines[1:6])


def test_names_cut_alike_are_explained_once_and_others_at_once() -> None:
    two = tuple(dataclasses.replace(PROFILES[0], name=name) for name in ("full", "again"))
    three = (*two, dataclasses.replace(PROFILES[0], name="other", steps=(("self_check", "self_test"),)))
    results = tuple(passing(cell) for cell in cells(three))
    lines = printed(dataclasses.replace(WHOLE, profiles=three, results=results, planned=len(results)), 50)
    assert [line for line in lines if line.startswith("steps: ")] == ["steps: self_ self_test, charg charge"]


def test_real_cells_say_why_one_profile_is_enough() -> None:
    hazard = dataclasses.replace(HAZARDS[1], variants=(REAL,))
    cell = dataclasses.replace(next(c for c in cells() if c.row == "07"), venue=Venue.REAL)
    campaign = dataclasses.replace(WHOLE, hazards=(hazard,), results=(passing(cell),), planned=1)
    lines = printed(campaign, 80)
    assert any(line.startswith("@real: run with real processes in the middle of every step of full") for line in lines)
    assert "the profile that has every kind of step" in html_page(campaign)
    assert not any("@real" in line for line in printed(WHOLE, 80))


def test_the_matrix_ends_with_reasons_failures_and_one_line() -> None:
    lines = printed(WHOLE, 80)
    assert "    18  nothing is charged" in lines
    assert "Row 32 (Logins) is due later: issue 6: logins are not built yet" in lines
    assert "3 failed" in lines
    for cell in FAILED:
        at = lines.index(f"{cell.id}: expected TRIP within 50 ms, the bench was safe after 80 ms")
        assert lines[at + 1] == f"    sparkgap campaign railgun_bench --only {cell.id} --seed 7"
    assert lines[-2] == "FAILED  45 cells: 24 passed, 3 failed, 18 not applicable; 12 min 34 s on 2 workers; seed 7"
    assert lines[-1].startswith("least time to spare: 01.welded/full/self_test:before, safe command after 20 of 50 ms")


def test_an_interrupted_campaign_says_so_and_leaves_blanks() -> None:
    part = dataclasses.replace(WHOLE, results=tuple(passing(c) for c in cells()[:2]), why_short="stopped by SIGINT")
    lines = printed(part, 80)
    assert re.fullmatch("01 A contactor that stays closed  •• +2 of 2", lines[2])
    assert lines[-3].startswith("STOPPED  2 of 45 cells: 2 passed, 0 failed, 0 not applicable")
    assert lines[-1] == "stopped by SIGINT: 43 cells were not run"


def test_many_failures_are_cut_in_the_terminal() -> None:
    many = dataclasses.replace(WHOLE, results=tuple(result(c, Status.FAILED, "bad") for c in cells(seed=7) * 2))
    many = dataclasses.replace(many, results=many.results[:45])
    lines = printed(many, 80)
    assert sum(line.endswith(": bad") for line in lines) == 45


def test_a_variant_that_is_run_in_both_ways_has_two_rows_and_two_ids() -> None:
    hazard = dataclasses.replace(HAZARDS[1], variants=(*HAZARDS[1].variants, REAL))
    cell = dataclasses.replace(next(c for c in cells() if c.row == "07"), venue=Venue.REAL)
    both = tuple(result(c, Status.FAILED, "bad") for c in (dataclasses.replace(cell, venue=Venue.VIRTUAL), cell))
    campaign = dataclasses.replace(WHOLE, hazards=(hazard,), results=both, planned=2)
    assert [r.cell.id for r in campaign.failures] == [
        "07.stuck/full/self_test:before",
        "07.stuck/full/self_test:before@real",
    ]
    (block,) = campaign.blocks()
    assert [row.name for row in block.rows] == ["07.stuck", "07.stuck@real"]
    assert any(line.startswith("   stuck@real") for line in printed(campaign, 80))


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_json_has_the_counts_and_every_cell_in_order() -> None:
    said = json.loads(json.dumps(campaign_object(dataclasses.replace(WHOLE, results=RESULTS[::-1]))))
    assert {key: said[key] for key in ("n", "passed", "failures", "n/a", "seed", "wall_s", "revision")} == {
        "n": 45, "passed": 24, "failures": 3, "n/a": 18, "seed": 7, "wall_s": 754.0, "revision": "0123456789abcdef+",
    }  # fmt: skip
    assert [cell["id"] for cell in said["cells"]] == [r.cell.id for r in WHOLE.ordered()]
    assert said["not_applicable_because"] == {"nothing is charged": 18}
    assert said["due_later"] == {"32": "issue 6: logins are not built yet"}


# --- JUnit ----------------------------------------------------------------------------------------------------------

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"name", "classname", "time"},
    "failure": {"message", "type"},
    "skipped": {"message"},
    "property": {"name", "value"},
    "properties": set(),
}
"""The common shape: what Jenkins, GitLab and GitHub's reporters read."""

CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "testcase": {"failure", "skipped"},
    "properties": {"property"},
}


def test_junit_has_one_case_per_cell_in_the_common_shape() -> None:
    root = ElementTree.fromstring(junit_xml(WHOLE))
    assert root.tag == "testsuites"
    for element in root.iter():
        assert set(element.attrib) == ATTRIBUTES[element.tag]
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
    cases = list(root.iter("testcase"))
    assert [case.get("name") for case in cases] == [r.cell.id for r in WHOLE.ordered()]
    for element in (root, *root):
        inside = list(element.iter("testcase"))
        assert element.get("tests") == str(len(inside))
        assert element.get("failures") == str(sum(case.find("failure") is not None for case in inside))
        assert element.get("skipped") == str(sum(case.find("skipped") is not None for case in inside))


def test_junit_says_why_and_how_to_run_it_again() -> None:
    cases = {case.get("name"): case for case in ElementTree.fromstring(junit_xml(WHOLE)).iter("testcase")}
    for cell in FAILED:
        failure = cases[cell.id].find("failure")
        assert failure is not None and str(failure.get("message")).endswith(cell.replay)
        assert f"replay: {cell.replay}" in str(failure.text)
    skipped = cases["01.welded/noise/configure:before"].find("skipped")
    assert skipped is not None and skipped.get("message") == "nothing is charged"


def test_junit_bears_control_characters() -> None:
    odd = dataclasses.replace(WHOLE, results=(result(cells()[0], Status.FAILED, "a\x00\x1b[31m<b>&"),))
    failure = next(ElementTree.fromstring(junit_xml(odd)).iter("failure"))
    assert str(failure.get("message")).startswith("a??[31m<b>&")


# --- HTML -----------------------------------------------------------------------------------------------------------


class _Outline(HTMLParser):
    VOID = ("meta", "input", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser.tags


def test_the_page_is_one_file_with_every_cell() -> None:
    page = html_page(WHOLE)
    tags = outline(page)
    assert not [
        tag for tag, attrs in tags if {"src", "href"} & set(attrs) and not str(attrs.get("href")).startswith("#")
    ]
    assert "url(" not in page and "@import" not in page
    found = [attrs for tag, attrs in tags if tag == "td" and "data-c" in attrs]
    assert len(found) == 45
    assert [attrs["aria-label"] for attrs in found].count("failed") == 3
    for cell in FAILED:
        assert page.count(cell.replay) == 2  # read, and copied
    data = json.loads(re.search(r"id=data>(.*?)</script>", page, re.S).group(1))  # type: ignore[union-attr]
    assert len(data["cells"]) == 45
    assert data["strings"][data["cells"][0][0]] == ""
    assert "A dump relay &lt;that&gt; stays open" in page


def test_the_page_cannot_be_broken_by_what_a_cell_says() -> None:
    odd = dataclasses.replace(WHOLE, results=(result(cells()[0], Status.FAILED, "</script><script>alert(1)</script>"),))
    page = html_page(odd)
    outline(page)
    assert "<script>alert" not in page


def test_the_closest_call_is_a_time_a_bound_and_a_cell() -> None:
    page = html_page(WHOLE)
    assert "<b>20 of 50 ms</b><span>until the safe command of <code>01.welded/full/self_test:before</code>" in page


def test_a_profile_given_by_its_path_can_be_run_again() -> None:
    odd = dataclasses.replace(FAILED[0], profile="/tmp/my own.yaml")
    assert odd.replay == (
        "sparkgap campaign railgun_bench --profile '/tmp/my own.yaml' --only '01.slow//tmp/my own.yaml/fire:before' "
        "--seed 7"
    )
    profile = dataclasses.replace(PROFILES[0], name="/tmp/my own.yaml")
    page = html_page(dataclasses.replace(WHOLE, profiles=(profile,), results=(result(odd, Status.FAILED, "bad"),)))
    assert 'href="#profile--tmp-my-own-yaml"' in page and 'id="profile--tmp-my-own-yaml"' in page


@pytest.mark.parametrize("why", ["", "stopped by SIGINT"])
def test_the_page_of_an_unfinished_campaign_says_how_much_is_missing(why: str) -> None:
    part = dataclasses.replace(WHOLE, results=RESULTS[:5] if why else RESULTS, why_short=why)
    assert ("40 cells were not run" in html_page(part)) is bool(why)


def test_fakes_are_what_the_table_says() -> None:
    assert {cell.row for cell in fake_cells.cells()} == {"01", "07"}
