"""The pulse circuit as an ngspice netlist (physics.md D): the independent peer of firmware_sim.plant.pulse.

Native capacitors and inductors, behavioural sources for the piecewise-linear switch and crowbar, the rails as a
behavioural voltage whose dI/dt is v(L0)/L0, motion as currents into 1 F capacitors. Gate edges are 1 us ramps that
END at the trigger instant: with a piecewise-linear gate, conduction starts with the ramp (lesson 3).
"""

import subprocess
from pathlib import Path

import numpy as np

from firmware_sim.plant.parameters import PulseParameters, RailLoad

RAMP_S = 1e-6
TIMEOUT_S = 60.0


def write_netlist(p: PulseParameters, voltage_v, fire_s, end_s: float, out: Path) -> str:
    """The netlist as text; it writes load current, module 1-n capacitor voltages and speed to ``out``."""
    load = p.load
    assert isinstance(load, RailLoad)
    lines = ["* pulse of N modules into rails with a moving armature"]
    for k in range(p.modules):
        c, a, s, g = f"c{k}", f"a{k}", f"s{k}", f"g{k}"
        lines += [
            f"C{k} {c} 0 {p.capacitance_f[k]!r} ic={voltage_v[k]!r}",
            f"Bsw{k} {c} {a} I=v({g})*max(0,(v({c})-v({a})-{p.switch_v[k]!r})/{p.switch_ohm[k]!r})",
            f"Bcb{k} 0 {a} I=max(0,(-v({a})-{p.crowbar_v!r})/{p.crowbar_ohm!r})",
            f"Rsn{k} {a} 0 {p.snubber_ohm!r}",
            f"L{k} {a} {s} {p.coil_h[k]!r} ic=0",
            f"R{k} {s} b {p.coil_ohm[k]!r}",
        ]
        if fire_s[k] <= 0.0:
            lines.append(f"V{g} {g} 0 1")
        else:
            lines.append(f"V{g} {g} 0 PWL(0 0 {fire_s[k]!r} 0 {fire_s[k] + RAMP_S!r} 1)")
    l0 = load.inductance_h
    rate = f"((v(b)-v(r))/{l0!r})"
    emf = f"{load.gradient_h_per_m!r}*(v(x)*{rate}+v(u)*i(Vi))"
    ohms = f"({load.resistance_ohm!r}+{load.gradient_ohm_per_m!r}*v(x))*i(Vi)"
    contact = f"{load.contact_v!r}*tanh(i(Vi)/{load.contact_a!r})"
    force = f"0.5*{load.gradient_h_per_m!r}*i(Vi)*i(Vi)-{load.friction_n!r}*tanh(v(u)/{load.friction_mps!r})"
    lines += [
        f"Lrail b r {l0!r} ic=0",
        "Vi r q 0",
        f"Brail q 0 V={ohms}+{emf}+{contact}",
        f"Bu 0 u I=({force})/{load.mass_kg!r}",
        "Cu u 0 1 ic=0",
        "Bx 0 x I=v(u)",
        f"Cx x 0 1 ic={load.start_m!r}",
        ".options reltol=1e-5 trtol=7 method=trap abstol=1e-6 vntol=1e-6",
        f".tran 1u {end_s!r} 0 1u uic",
        ".control",
        "set wr_singlescale",
        "set numdgt=15",
        "run",
        f"wrdata {out} i(Vi) " + " ".join(f"v(c{k})" for k in range(p.modules)) + " v(u)",
        "quit",
        ".endc",
        ".end",
    ]
    return "\n".join(lines) + "\n"


def run_ngspice(tool: str, p: PulseParameters, voltage_v, fire_s, end_s: float, folder: Path) -> np.ndarray:
    """Rows of (t, load current, capacitor voltages ..., speed). Raises AssertionError when the run stopped early."""
    netlist, out = folder / "pulse.cir", folder / "pulse.txt"
    netlist.write_text(write_netlist(p, voltage_v, fire_s, end_s, out), encoding="ascii")
    done = subprocess.run([tool, "-b", str(netlist)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert out.exists(), done.stdout + done.stderr
    rows = np.loadtxt(out)
    assert abs(rows[-1, 0] - end_s) < 1e-9, f"ngspice stopped at {rows[-1, 0]} s: {done.stderr[-500:]}"
    return rows
