import { describe, expect, it } from "vitest";

import { energies, type Measure } from "./energy";
import { heightOf, rowsOf } from "./figure";
import { CELLS, lines, plan } from "./layout";
import { mimicOf, type Element, type Link } from "./model";
import type { ElementState, Pose } from "./state";

function element(id: string, symbol: string, column: number, row: number, channel = ""): Element {
  return {
    id,
    symbol,
    title: id,
    area: "bank",
    column,
    row,
    note: "",
    values: [],
    labels: [],
    commanded: null,
    proven: symbol === "switch" ? [{ word: "closed", points: ["a.B"] }] : [],
    active: "closed",
    normal: "",
    travel_s: 0,
    trips: [],
    energised_by: channel === "" ? [] : [channel],
    energised_above: channel === "" ? null : 50,
    module: 0,
  };
}

function link(source: string, target: string, more: Partial<Link> = {}): Link {
  return { source, target, kind: "power", bend: "across", label: "", ...more };
}

function state(of: Element, pose: Pose = "inactive", more: Partial<ElementState> = {}): ElementState {
  return { element: of, condition: "normal", commanded: null, proven: null, pose, trips: [], differsS: 0, ...more };
}

const PARTS = {
  charger: element("charger", "source", 0, 0, "charger_v"),
  contactor: element("contactor", "switch", 1, 0),
  bus: element("bus", "bus", 2, 0),
  one: element("one", "capacitor", 3, 0, "one_v"),
  two: element("two", "capacitor", 3, 1, "two_v"),
  earth: element("earth", "ground", 4, 0),
};
const LINKS = [
  link("charger", "contactor"),
  link("contactor", "bus"),
  link("bus", "one"),
  link("bus", "two", { bend: "down" }),
  link("one", "earth"),
];

function measure(values: Record<string, number>, stale: readonly string[] = []): Measure {
  return (channel) => ({ value: values[channel] ?? 0, stale: stale.includes(channel) });
}

function shared(contactor: Pose, by: Measure): string[] {
  const states = Object.values(PARTS).map((part) => state(part, part.id === "contactor" ? contactor : "inactive"));
  const { elements, links } = energies(states, LINKS, by);
  return [...elements].map(([id, energy]) => `${id} ${energy}`).concat(links.map((energy) => energy));
}

describe("energies", () => {
  it("ends at a contact that is proven open, on both sides of it", () => {
    expect(shared("inactive", measure({ one_v: 2000, two_v: 2000 }))).toEqual([
      "charger dead",
      "contactor dead",
      "bus live",
      "one live",
      "two live",
      "earth dead",
      ...["dead", "live", "live", "live", "live"],
    ]);
  });

  it("passes a contact that is closed or of which nothing is known, but never over a measurement", () => {
    const charged = measure({ charger_v: 2000 });
    for (const pose of ["active", "between", "unknown"] as const) {
      expect(shared(pose, charged)).toEqual([
        "charger live",
        "contactor live",
        "bus live",
        "one dead",
        "two dead",
        "earth dead",
        ...["live", "live", "live", "live", "dead"],
      ]);
    }
  });

  it("calls nothing dead that it cannot read", () => {
    const [charger, contactor, bus, one] = shared("active", measure({}, ["charger_v"]));
    expect([charger, contactor, bus, one]).toEqual(["charger unknown", "contactor unknown", "bus unknown", "one dead"]);
  });
});

describe("plan", () => {
  const parts = Object.values(PARTS);

  it("puts elements on the grid and turns the grid for a narrow page", () => {
    const wide = plan(parts, LINKS, "wide");
    const tall = plan(parts, LINKS, "tall");
    expect([wide.width, wide.height]).toEqual([5 * CELLS.wide.width, 2 * CELLS.wide.height]);
    expect([tall.width, tall.height]).toEqual([2 * CELLS.tall.width, 5 * CELLS.tall.height]);
    const [bus, two] = [tall.places.get("bus"), tall.places.get("two")];
    expect((two?.x ?? 0) - (bus?.x ?? 0)).toBe(CELLS.tall.width);
    expect((two?.y ?? 0) - (bus?.y ?? 0)).toBe(CELLS.tall.height);
  });

  it("bends once, in the direction the link asks for, turned with the drawing", () => {
    const corner = (direction: "wide" | "tall") => plan(parts, LINKS, direction).wires[3]?.corners[1];
    const { places } = plan(parts, LINKS, "wide");
    expect(corner("wide")).toEqual({ x: places.get("bus")?.x, y: places.get("two")?.y });
    const turned = plan(parts, LINKS, "tall").places;
    expect(corner("tall")).toEqual({ x: turned.get("two")?.x, y: turned.get("bus")?.y });
  });

  it("dots the places where lines join, and not where they bend or cross an element", () => {
    const far = [element("a", "bus", 0, 0), element("b", "load", 2, 1), element("c", "load", 2, 2)];
    const links = [link("a", "b", { bend: "down" }), link("a", "c", { bend: "down" })];
    expect(plan(far, links, "wide").joints).toEqual([{ x: CELLS.wide.width / 2, y: CELLS.wide.height + 32 }]);
    expect(plan(parts, LINKS, "wide").joints).toEqual([]);
  });

  it("leaves out a link to an element of another area", () => {
    expect(plan(parts, [link("bus", "elsewhere")], "wide").wires).toEqual([]);
  });
});

describe("text", () => {
  it("wraps by words", () => {
    expect(lines("Over-voltage comparator", 14)).toEqual(["Over-voltage", "comparator"]);
    expect(lines("Load", 2)).toEqual(["Load"]);
  });

  it("lists title, command, proof, notice and values, and counts their height", () => {
    const part = { ...PARTS.contactor, commanded: { point: "a.C", on: "closed", off: "open" } };
    const rows = rowsOf(
      state(part, "active", { commanded: "open", proven: "closed", condition: "mismatch" }),
      [{ text: "3 V", stale: true }],
      20,
    );
    expect(rows.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      "title contactor",
      "told open",
      "is closed",
      "notice MISMATCH",
      "stale 3 V",
    ]);
    expect(heightOf(rows) - heightOf(rows.slice(1))).toBe(15);
  });
});

describe("mimicOf", () => {
  it("is empty before the rig is known", () => {
    expect(mimicOf(null).areas).toEqual([]);
    expect(mimicOf({ name: "x", title: "x" }).elements).toEqual([]);
  });
});
