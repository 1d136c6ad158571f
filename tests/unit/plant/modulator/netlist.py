"""The modulator as an ngspice netlist: an independent solver on the same circuit (physics.md D)."""

import subprocess
from pathlib import Path

import numpy as np

from firmware_sim.plant.modulator.parameters import CircuitParameters

TIMEOUT_S = 60.0
OFF_OHM = 1e7
"""A blocking switch in ngspice: 2 mA at full voltage."""


def write_netlist(p: CircuitParameters, perveance: float, line_v: float, end_s: float, step_s: float, out: Path) -> str:
    """Netlist of a charged line, switched at t = 0 through its resistance (one way or both), into a diode K V^1.5.

    A one-way switch is an exact resistor for forward current and OFF_OHM against inverse voltage; its first inductor
    would be left without a path otherwise.
    """
    line, t, switch = p.line, p.transformer, p.switch
    lines = ["* line-type modulator"]
    for k in range(line.sections):
        here, toward = f"c{k}", f"c{k - 1}" if k else "sw"
        first_h = line.section_h + t.leakage_h if k == 0 else line.section_h
        lines.append(f"C{k} {here} 0 {line.section_f!r} ic={line_v!r}")
        if k and line.section_ohm:
            lines += [f"L{k} {here} r{k} {first_h!r} ic=0", f"R{k} r{k} {toward} {line.section_ohm!r}"]
        else:
            lines.append(f"L{k} {here} {toward} {first_h!r} ic=0")
    ohm = switch.resistance_ohm + t.winding_ohm + line.section_ohm
    if switch.reverse:
        lines += [f"Rsw sw m {ohm!r}"]
    else:
        forward = f"(v(sw)-v(m)-{switch.drop_v!r})/{ohm!r}"
        lines.append(
            f"Bsw sw m I=v(sw)-v(m)>{switch.drop_v!r} ? {forward} : (v(sw)-v(m)-{switch.drop_v!r})/{OFF_OHM!r}"
        )
    lines += [
        "Vi m p 0",
        f"Cs p 0 {t.stray_f!r} ic=0",
        f"Lm p 0 {t.magnetising_h!r} ic=0",
        f"Bk p 0 I={t.ratio!r}*{perveance!r}*(max(0,{t.ratio!r}*v(p)))^1.5",
    ]
    if t.core_ohm is not None:
        lines.append(f"Rc p 0 {t.core_ohm!r}")
    for name, node, clipper in (
        ("Bbs", "p", p.backswing_clipper),
        ("Beol", f"c{line.sections - 1}", p.end_of_line_clipper),
    ):
        if clipper is not None:
            lines.append(f"{name} 0 {node} I=max(0,(-v({node})-{clipper.threshold_v!r})/{clipper.resistance_ohm!r})")
    lines += [
        ".options reltol=1e-5 trtol=7 method=trap abstol=1e-6 vntol=1e-6",
        f".tran {step_s!r} {end_s!r} 0 {step_s!r} uic",
        ".control",
        "set wr_singlescale",
        "set numdgt=15",
        "run",
        f"wrdata {out} v(p) i(Vi) v(c0) v(c{line.sections - 1}) i(Lm)",
        "quit",
        ".endc",
        ".end",
    ]
    return "\n".join(lines) + "\n"


def run_ngspice(tool: str, netlist: str, end_s: float, folder: Path, out: Path) -> np.ndarray:
    """Rows of (t, primary voltage, switch current, near and far line voltage), each time once.

    Raises AssertionError when ngspice stopped early: its return code may still be fine (physics.md D, lesson 1).
    """
    path = folder / "modulator.cir"
    path.write_text(netlist, encoding="ascii")
    done = subprocess.run([tool, "-b", str(path)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert out.exists(), done.stdout + done.stderr
    rows = np.loadtxt(out)
    assert abs(rows[-1, 0] - end_s) < 1e-12, f"ngspice stopped at {rows[-1, 0]} s: {done.stderr[-500:]}"
    return rows[np.unique(rows[:, 0], return_index=True)[1]]
