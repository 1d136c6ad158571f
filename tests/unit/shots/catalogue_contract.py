"""What every catalogue must do, whatever database is under it."""

import pytest

from controller.shots.catalogue import CAUSE_KNOWN, Catalogue, Remark, UnknownShot, Unstored

UTC = "2026-11-20T09:00:00Z"


def exercise_catalogue(catalogue: Catalogue) -> None:
    """Run the whole life of three shots; the catalogue must be empty."""
    first, second, third = (catalogue.reserve_number("railgun_bench", UTC) for _ in range(3))
    assert (first, second, third) == (1, 2, 3)
    assert catalogue.unfinished("railgun_bench") == (1, 2, 3)
    assert catalogue.unfinished("other") == ()
    catalogue.update(
        first, verdict="pass", ended="completed", kind="full", load="armature", operator="A'; DROP TABLE shots"
    )
    catalogue.update(second, verdict="fail", ended="completed", kind="noise", trips="DOOR_1 HEARTBEAT")
    catalogue.mark_interrupted(third, "the controller was lost while CHARGED")
    assert catalogue.unfinished("railgun_bench") == ()

    catalogue.tag(first, "demo", "3kV", "demo")
    catalogue.tag(first, "demo")
    catalogue.tag(second, "3kV")
    catalogue.untag(second, "never")
    catalogue.comment(first, UTC, "A", "arc sound")
    catalogue.comment(first, UTC, "B", "Prüfung π")
    catalogue.add_file(first, "record", "/old/shot.nxs", "aa" * 32)
    catalogue.add_file(first, "record", "/data/shot.nxs", "bb" * 32)

    shot = catalogue.get(first)
    assert (shot.tags, shot.verdict, shot.operator) == (("3kV", "demo"), "pass", "A'; DROP TABLE shots")
    assert shot.comments == (Remark(UTC, "A", "arc sound"), Remark(UTC, "B", "Prüfung π"))
    assert shot.files == {"record": ("/data/shot.nxs", "bb" * 32)}
    assert (catalogue.get(third).ended, catalogue.get(third).verdict) == ("interrupted", "inconclusive")

    exercise_trips(catalogue, first, second)

    def numbers(**filters: str | int) -> list[int]:
        return [item.number for item in catalogue.list(**filters)]  # type: ignore[arg-type]

    assert numbers() == [3, 2, 1]
    assert numbers(limit=1) == [3]
    assert numbers(tag="3kV") == [2, 1]
    assert numbers(tag="3kV", verdict="fail") == [2]
    assert numbers(kind="full", load="armature", rig="railgun_bench") == [1]
    assert numbers(rig="microwave_bench") == []

    assert catalogue.add_wear("TH-7", "shots", 1.0) == 1.0
    assert catalogue.add_wear("TH-7", "shots", 1.0) == 2.0
    assert catalogue.add_wear("TH-7", "action_a2s", 5.5e6) == 5.5e6
    assert catalogue.wear("TH-7") == {"action_a2s": 5.5e6, "shots": 2.0}
    assert catalogue.wear("new") == {}
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="cannot grow"):
            catalogue.add_wear("TH-7", "shots", wrong)

    for scope in ("scope_2", "scope_1", "scope_2"):
        catalogue.note_unstored(second, scope, "{}")
    both = (Unstored(second, "scope_1", "{}"), Unstored(second, "scope_2", "{}"))
    assert catalogue.unstored() == catalogue.unstored("railgun_bench") == catalogue.unstored(number=second) == both
    assert catalogue.unstored("other") == catalogue.unstored(number=first) == ()
    catalogue.clear_unstored(second, "scope_1")
    catalogue.clear_unstored(second, "never")
    assert catalogue.unstored() == both[1:]

    with pytest.raises(UnknownShot):
        catalogue.get(99)
    with pytest.raises(UnknownShot):
        catalogue.note_unstored(99, "scope_1", "{}")
    with pytest.raises(UnknownShot):
        catalogue.comment(99, UTC, "A", "lost")
    with pytest.raises(UnknownShot):
        catalogue.update(99, verdict="pass")
    with pytest.raises(ValueError, match="no such column: rig"):
        catalogue.update(first, rig="other")


def exercise_trips(catalogue: Catalogue, quiet: int, tripped: int) -> None:
    """Trips are spurious until a person or a fault is known to be their cause."""

    def spurious() -> int:
        return catalogue.get(tripped).spurious_trips

    assert (catalogue.get(quiet).trips, catalogue.get(quiet).faults, catalogue.get(quiet).spurious_trips) == ((), (), 0)
    assert (catalogue.get(tripped).trips, spurious()) == (("DOOR_1", "HEARTBEAT"), 2)
    catalogue.tag(tripped, CAUSE_KNOWN)
    assert spurious() == 0
    catalogue.untag(tripped, CAUSE_KNOWN)
    assert [entry.spurious_trips for entry in catalogue.list()][-2:] == [2, 0]
    catalogue.update(tripped, faults="plant.door_1_open@charge plc.late")
    assert (catalogue.get(tripped).faults, spurious()) == (("plant.door_1_open@charge", "plc.late"), 0)
