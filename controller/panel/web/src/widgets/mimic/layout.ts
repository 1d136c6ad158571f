/** From grid places to pixels: where elements stand, how links run, and where lines join. Pure. */

import type { Element, Link } from "./model";

/** `wide`: columns run to the right. `tall`: turned, so that columns run downward and a phone can show it. */
export type Direction = "wide" | "tall";

export interface Cell {
  readonly width: number;
  readonly height: number;
}

export const CELLS: Readonly<Record<Direction, Cell>> = {
  wide: { width: 106, height: 106 },
  tall: { width: 68, height: 152 },
};

export interface XY {
  readonly x: number;
  readonly y: number;
}

export interface Wire {
  readonly link: Link;
  readonly path: string;
  readonly corners: readonly XY[];
  /** The middle of its lane or of its first part, where a label may stand: above it, or to the right if it is steep. */
  readonly middle: XY;
  readonly steep: boolean;
}

export interface Plan {
  readonly width: number;
  readonly height: number;
  readonly places: ReadonlyMap<string, XY>;
  readonly wires: readonly Wire[];
  /** Dots where three or more power lines meet. */
  readonly joints: readonly XY[];
}

/** How far above an element's middle a trigger line arrives, as a share of the cell along the rows. */
const TRIGGER_LANE = 0.3;

/** From the top of a cell to the middle of its symbol, in pixels. */
const SYMBOL_TOP = 32;

export function plan(elements: readonly Element[], links: readonly Link[], direction: Direction): Plan {
  const cell = CELLS[direction];
  const spots = new Map(elements.map((e) => [e.id, direction === "wide" ? [e.column, e.row] : [e.row, e.column]]));
  const across = [...spots.values()].map(([x]) => x ?? 0);
  const down = [...spots.values()].map(([, y]) => y ?? 0);
  const [left, right] = [Math.min(...across), Math.max(...across)];
  const [top, bottom] = [Math.min(...down), Math.max(...down)];
  const places = new Map<string, XY>();
  for (const [id, [x = 0, y = 0]] of spots) {
    places.set(id, { x: (x - left + 0.5) * cell.width, y: (y - top) * cell.height + SYMBOL_TOP });
  }
  const wires = links.flatMap((link) => wire(link, places, direction));
  const size = { width: (right - left + 1) * cell.width, height: (bottom - top + 1) * cell.height };
  return { ...size, places, wires, joints: joints(wires, places) };
}

function wire(link: Link, places: ReadonlyMap<string, XY>, direction: Direction): Wire[] {
  const [from, to] = [places.get(link.source), places.get(link.target)];
  if (from === undefined || to === undefined) return [];
  const corners = link.kind === "trigger" ? signal(from, to, link, direction) : elbow(from, to, link, direction);
  const path = corners.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join("");
  const lane = corners.length > 3 ? 1 : 0;
  const [a, b] = [corners[lane] ?? from, corners[lane + 1] ?? to];
  return [{ link, path, corners, middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, steep: a.x === b.x }];
}

/** With one corner, or straight. Turned drawings turn the first direction too. */
function elbow(from: XY, to: XY, link: Link, direction: Direction): XY[] {
  if (from.x === to.x || from.y === to.y) return [from, to];
  const horizontal = (link.bend === "across") === (direction === "wide");
  return [from, horizontal ? { x: to.x, y: from.y } : { x: from.x, y: to.y }, to];
}

/** A signal that changes rows arrives beside the power line, on its own lane. */
function signal(from: XY, to: XY, link: Link, direction: Direction): XY[] {
  if (from.x === to.x || from.y === to.y) return [from, to];
  const cell = CELLS[direction];
  if (direction === "wide") {
    const y = to.y - cell.height * TRIGGER_LANE;
    return link.bend === "down" ? [from, { x: from.x, y }, { x: to.x, y }, to] : elbow(from, to, link, direction);
  }
  const x = to.x - cell.width * (TRIGGER_LANE + 0.1);
  return link.bend === "down" ? [from, { x, y: from.y }, { x, y: to.y }, to] : elbow(from, to, link, direction);
}

interface Segment {
  readonly a: XY;
  readonly b: XY;
}

/** Points that three or more directions of power line meet in, where no element stands. */
export function joints(wires: readonly Wire[], places: ReadonlyMap<string, XY>): XY[] {
  const segments = wires.filter(({ link }) => link.kind === "power").flatMap(({ corners }) => pairs(corners));
  const taken = new Set([...places.values()].map(key));
  const found = new Map<string, XY>();
  for (const { a, b } of segments) {
    for (const point of [a, b]) {
      if (!taken.has(key(point)) && arms(point, segments) >= 3) found.set(key(point), point);
    }
  }
  return [...found.values()];
}

function pairs(corners: readonly XY[]): Segment[] {
  return corners.slice(1).map((b, index) => ({ a: corners[index] as XY, b }));
}

function arms(at: XY, segments: readonly Segment[]): number {
  const directions = new Set<string>();
  for (const { a, b } of segments) {
    if (!within(at, a, b)) continue;
    for (const end of [a, b]) {
      if (end.x !== at.x || end.y !== at.y) directions.add(`${Math.sign(end.x - at.x)} ${Math.sign(end.y - at.y)}`);
    }
  }
  return directions.size;
}

function within(p: XY, a: XY, b: XY): boolean {
  if (a.x === b.x) return p.x === a.x && (p.y - a.y) * (p.y - b.y) <= 0;
  return p.y === a.y && (p.x - a.x) * (p.x - b.x) <= 0;
}

function key({ x, y }: XY): string {
  return `${x} ${y}`;
}

/** Words into lines of at most `width` characters; a longer word keeps its own line. */
export function lines(text: string, width: number): string[] {
  const found: string[] = [];
  for (const word of text.split(" ")) {
    const last = found[found.length - 1];
    if (last !== undefined && `${last} ${word}`.length <= width) found[found.length - 1] = `${last} ${word}`;
    else found.push(word);
  }
  return found;
}
