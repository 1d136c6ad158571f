"""Children that keep the pipe contract of the supervisor: ``fake_children.py rig|core|panel BEHAVIOUR FILE``.

Core behaviours: ``pass`` fires after ten frames; ``wait`` runs until told to abort; ``refuse``; ``die`` kills itself
after five frames unless its mode is recover; ``die-always``. In mode watch it runs until its input closes; then
``pass`` exits with 0, ``dumped`` with 3, ``unsafe`` with 4, and ``die`` kills itself after five frames. Panel
behaviours: ``serve``; ``refuse``; ``die`` at once; ``die-late`` once it served; ``mute`` says nothing; ``deaf`` does
not even end. FILE gets one line per thing the child was told.
"""

import json
import os
import select
import signal
import socket
import sys

from controller import messages

STEPS = tuple(messages.StepInfo(name, name, 5.0) for name in ("charge", "fire", "verify"))


def main() -> None:
    role, behaviour, path = sys.argv[1:4]
    with open(path, "a", encoding="utf-8", buffering=1) as told:
        first = sys.stdin.buffer.raw.readline()
        if not first:
            return
        told.write(f"{role} {first.decode().strip()}\n")
        {"rig": rig, "core": core, "panel": panel}[role](behaviour, first, told)


def panel(behaviour: str, first: bytes, told: object) -> None:
    if behaviour == "refuse":
        say({"refused": ["--port: 80: cannot be listened to; give another --port"]})
        sys.exit(2)
    if behaviour == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "deaf":
        signal.pause()
    if behaviour != "mute":
        say({"panel": f"http://127.0.0.1:{json.loads(first)['port'] or 4321}"})
    if behaviour == "die-late":
        os.kill(os.getpid(), signal.SIGKILL)
    for line in iter(sys.stdin.buffer.raw.readline, b""):
        told.write(f"panel {line.decode().strip()}\n")
    told.write("panel end\n")


def rig(behaviour: str, first: bytes, told: object) -> None:
    if behaviour == "mute":
        return
    endpoints = {"plc": {"model": "fake", "endpoints": {"modbus": "127.0.0.1:1"}}}
    say({"rig": json.loads(first)["rig"], "instruments": endpoints})
    for line in iter(sys.stdin.buffer.raw.readline, b""):
        told.write(f"rig {line.decode().strip()}\n")
    told.write("rig end\n")


def core(behaviour: str, first: bytes, told: object) -> None:
    mode = json.loads(first)["mode"]
    if behaviour == "refuse":
        say({"refused": ["profile.yaml:3: steps: empty; give at least one step"]})
        sys.exit(2)
    server = socket.create_server(("127.0.0.1", 0))
    bus = f"127.0.0.1:{server.getsockname()[1]}"
    say({"bus": bus, "requests": "127.0.0.1:9", "pid": os.getpid()})
    link, _ = server.accept()
    if mode == "watch":
        watch(link, behaviour)
        told.write("core end\n")
        sys.exit({"dumped": 3, "unsafe": 4}.get(behaviour, 0))
    finished = run(link, behaviour, mode, told)
    link.sendall(messages.encode(finished))
    link.close()
    print(json.dumps(result(finished)), flush=True)
    sys.exit(finished.exit)


def run(link: socket.socket, behaviour: str, mode: str, told: object) -> messages.Finished:
    channels = (messages.ChannelInfo("bank", "bank voltage", "V"),)
    link.sendall(messages.encode(messages.Hello("fake", "full", "A fake shot", 7, "id", channels, STEPS, 100.0, False)))
    if mode == "recover":
        return finish(3, "aborted", "recovered")
    for index in range(10_000):
        frame = messages.Frame(index, index * 20_000_000, (10.0 * index,), "CHARGE", 0, None, 0.0)
        link.sendall(messages.encode(frame))
        if index in (1, 4, 7):
            step = STEPS[index // 3]
            link.sendall(messages.encode(messages.StepEntered(frame.t_ns, index // 3, step.id, "enter")))
        if index == 5 and behaviour in ("die", "die-always"):
            os.kill(os.getpid(), signal.SIGKILL)
        if index == 10 and behaviour == "pass":
            return finish(0, "pass", "completed")
        readable, _, _ = select.select([sys.stdin.buffer.raw], [], [], 0.02)
        if readable:
            line = sys.stdin.buffer.raw.readline()
            told.write(f"core {line.decode().strip() or 'closed'}\n")
            return finish(3, "aborted", "aborted")
    return finish(4, "error", "unsafe-unconfirmed")


def watch(link: socket.socket, behaviour: str) -> None:
    link.sendall(messages.encode(messages.Hello("fake", "", "", 0, "", (), (), 0.0, False, "watch")))
    for index in range(10_000):
        link.sendall(messages.encode(messages.Frame(index, index * 20_000_000, (), "SAFE", -1, None, 0.0)))
        if index == 5 and behaviour == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if select.select([sys.stdin.buffer.raw], [], [], 0.02)[0]:
            return


def finish(code: int, verdict: str, ended: str) -> messages.Finished:
    value = messages.Verdict("Peak current", 64.5, "kA", 60.0, 70.0, 4.5, "pass")
    return messages.Finished(
        7,
        "id",
        verdict,
        ended,
        "",
        "/x/record.h5",
        "/x/journal",
        "/x/report.html",
        "/x/sheet.html",
        code,
        (value,),
        "ok",
    )


def result(finished: messages.Finished) -> dict[str, object]:
    import msgspec

    return json.loads(msgspec.json.encode(finished))


def say(value: dict[str, object]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
