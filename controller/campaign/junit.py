"""PURE: a campaign as JUnit XML: one test case per cell, grouped by profile and hazard row."""

from collections.abc import Iterable
from xml.etree import ElementTree

from controller.campaign.model import CellResult, Status
from controller.campaign.summary import Block, Campaign


def junit_xml(campaign: Campaign) -> bytes:
    """``<testsuites>`` with one suite per profile; not applicable is skipped, with its reason."""
    suites = [_suite(campaign, block) for block in campaign.blocks()]
    root = ElementTree.Element("testsuites", name=f"sparkgap campaign {campaign.rig}")
    root.extend(suites)
    _count(root, campaign.results)
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def _suite(campaign: Campaign, block: Block) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=f"{campaign.rig}/{block.profile.name}")
    properties = ElementTree.SubElement(suite, "properties")
    facts = {"seed": str(campaign.seed), "revision": campaign.revision, **block.profile.overrides}
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", name=name, value=value)
    results = [result for row in block.rows for result in row.results.values()]
    _count(suite, results)
    for row in block.rows:
        for step in block.steps:
            for (at, _), result in row.results.items():
                if at == step:
                    suite.append(_case(campaign, result, row.hazard.title))
    return suite


def _count(element: ElementTree.Element, results: Iterable[CellResult]) -> None:
    listed = list(results)
    element.set("tests", str(len(listed)))
    element.set("failures", str(sum(r.status is Status.FAILED for r in listed)))
    element.set("errors", "0")
    element.set("skipped", str(sum(r.status is Status.NOT_APPLICABLE for r in listed)))
    element.set("time", f"{sum(r.wall_s for r in listed):.3f}")


def _case(campaign: Campaign, result: CellResult, title: str) -> ElementTree.Element:
    cell = result.cell
    case = ElementTree.Element(
        "testcase",
        classname=f"{cell.rig}.{cell.profile}.{cell.row} {title}",
        name=cell.id,
        time=f"{result.wall_s:.3f}",
    )
    if result.status is Status.NOT_APPLICABLE:
        ElementTree.SubElement(case, "skipped", message=_clean(result.why))
    if result.status is Status.FAILED:
        failure = ElementTree.SubElement(case, "failure", type="failed", message=_clean(f"{result.why}; {cell.replay}"))
        failure.text = _clean(
            f"{result.why}\nreplay: {cell.replay}\nended: {result.ended}: {result.reason} (exit {result.exit})\n"
            f"bench: {result.bench}, trips: {', '.join(result.trips) or 'none'}"
        )
    return case


def _clean(text: str) -> str:
    """XML 1.0 has no control characters beside tab and line feed."""
    return "".join(char if char in "\t\n" or char >= " " else "?" for char in text)
