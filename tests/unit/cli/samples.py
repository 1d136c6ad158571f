"""Bus messages as a short run sends them."""

from controller import messages

HELLO = messages.Hello(
    rig="railgun_bench",
    profile="full",
    title="Full shot",
    shot=12,
    shot_id="id",
    channels=(messages.ChannelInfo("t", "temperature", "K"), messages.ChannelInfo("bank", "bank voltage", "V")),
    steps=tuple(messages.StepInfo(name, name, 5.0) for name in ("charge", "fire", "verify")),
    target_v=3000.0,
    virtual=True,
)

FINISHED = messages.Finished(
    shot=12,
    shot_id="id",
    verdict="fail",
    ended="completed",
    reason="peak current is low",
    record="/shots/12.h5",
    journal="/shots/12.journal",
    report="/shots/12.html",
    sheet="/shots/12-sheet.html",
    exit=1,
    measurements=(
        messages.Verdict("Peak current", 64580.0, "A", 60000.0, 70000.0, 4580.0, "pass"),
        messages.Verdict("Muzzle voltage", None, "V", None, 200.0, None, "inconclusive"),
        messages.Verdict("Dump tau", 0.31, "s", 0.09, 0.11, -0.2, "fail"),
    ),
    safe="both dumps proven closed, every module below 50 V",
)


def frame(t_s: float, voltage_v: float, plc_state: str = "CHARGE", countdown_s: float | None = None) -> messages.Frame:
    return messages.Frame(0, round(t_s * 1e9), (300.0, voltage_v), plc_state, 0, countdown_s, 0.01)


def step(t_s: float, index: int, phase: str) -> messages.StepEntered:
    return messages.StepEntered(round(t_s * 1e9), index, HELLO.steps[index].id, phase)


def event(t_s: float, kind: str, text: str) -> messages.Event:
    return messages.Event(round(t_s * 1e9), "plc", kind, text)
