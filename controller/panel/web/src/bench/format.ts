/** Numbers for people: engineering prefixes, fixed widths, ages. Pure. */

const PREFIXES: readonly (readonly [number, string])[] = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
  [1, ""],
  [1e-3, "m"],
  [1e-6, "µ"],
  [1e-9, "n"],
];

/** Units that take no prefix: their multiples are not written that way. */
const PLAIN = new Set(["", "%", "°C", "degC", "1", "count", "bar", "min", "h", "d", "l/min", "K"]);

/** In front of a unit with a power a prefix would be raised with it (mA² is 1e-6 A²): these stand there instead. */
const POWERS: Readonly<Record<string, string>> = {
  G: "×10⁹ ",
  M: "×10⁶ ",
  k: "×10³ ",
  m: "×10⁻³ ",
  µ: "×10⁻⁶ ",
  n: "×10⁻⁹ ",
};

/** Unit as it is printed beside a number; a plain ratio has none. */
export function printedUnit(unit: string): string {
  if (unit === "1" || unit === "count") return "";
  return unit.replace("degC", "°C").replace("Ohm", "Ω").replace("ohm", "Ω").replace(/\^2/g, "²").replace(/\*\*2/g, "²");
}

export interface Quantity {
  /** The digits, e.g. `2.50`; an em dash when the value is not valid. */
  readonly digits: string;
  /** The unit with its prefix, e.g. `kV`. */
  readonly unit: string;
}

/** Three or four figures and a prefix; `reference` (a limit, a full scale) fixes the prefix so that it does not jump. */
export function quantity(value: number | null, unit: string, reference: number | null = null, figures = 4): Quantity {
  const [scale, prefix] = scaleFor(reference ?? value ?? 0, unit);
  const printed = prefix + printedUnit(unit);
  if (value === null || !Number.isFinite(value)) return { digits: "–", unit: printed };
  if (unit === "count") return { digits: value.toFixed(0), unit: printed };
  const scaled = value / scale;
  const whole = Math.max(1, Math.floor(Math.log10(Math.max(Math.abs((reference ?? value) / scale), 1))) + 1);
  const digits = scaled.toFixed(Math.max(0, figures - whole));
  return { digits: /^-0[.0]*$/.test(digits) ? digits.slice(1) : digits, unit: printed };
}

/** What fixes a channel's prefix: its limit, or its unit as it is until the value is larger. */
export function referenceOf(value: number, { low, high }: { readonly low: number | null; readonly high: number | null }): number {
  return high ?? low ?? Math.max(1, Math.abs(Number.isFinite(value) ? value : 0));
}

/** `2.500 kV`. */
export function text(value: number | null, unit: string, reference: number | null = null, figures = 4): string {
  const { digits, unit: printed } = quantity(value, unit, reference, figures);
  return printed === "" ? digits : `${digits} ${printed}`;
}

/** Scale and prefix for a magnitude: 2500 V -> [1000, "k"]. */
export function scaleFor(magnitude: number, unit: string): readonly [number, string] {
  if (PLAIN.has(unit) || !Number.isFinite(magnitude) || magnitude === 0) return [1, ""];
  const size = Math.abs(magnitude);
  const [scale, prefix] = PREFIXES.find(([each]) => size >= each * 0.9999995) ?? [1e-9, "n"];
  return [scale, /\^|\*\*|²/.test(unit) ? (POWERS[prefix] ?? prefix) : prefix];
}

/** `0.2 s`, `12 s`, `3 min`, `2 h`: how long ago, for people. */
export function age(seconds: number): string {
  if (!Number.isFinite(seconds)) return "never";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${seconds.toFixed(0)} s`;
  if (seconds < 6000) return `${(seconds / 60).toFixed(0)} min`;
  return `${(seconds / 3600).toFixed(0)} h`;
}
