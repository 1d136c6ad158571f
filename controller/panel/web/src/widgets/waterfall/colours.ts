/**
 * The colours of values, for every eye: from dark blue to pale yellow, each lighter than the one before, so that the
 * order shows without any colour at all. The report draws with the same ones (controller/shots/picture.py).
 */

const ANCHORS: readonly (readonly [number, number, number])[] = [
  [0x10, 0x1a, 0x3c],
  [0x23, 0x4f, 0x8f],
  [0x5a, 0x8a, 0x8c],
  [0xd3, 0xa6, 0x3c],
  [0xff, 0xf6, 0xb8],
];

export const LEVELS = 256;

/** Red, green and blue of each level, 0 to 255. */
export const COLOURS: readonly (readonly [number, number, number])[] = Array.from({ length: LEVELS }, (_, level) => {
  const at = (level / (LEVELS - 1)) * (ANCHORS.length - 1);
  const index = Math.min(Math.floor(at), ANCHORS.length - 2);
  const [from, to] = [ANCHORS[index], ANCHORS[index + 1]] as [(typeof ANCHORS)[0], (typeof ANCHORS)[0]];
  const mixed = (n: 0 | 1 | 2): number => Math.round(from[n] + (to[n] - from[n]) * (at - index));
  return [mixed(0), mixed(1), mixed(2)] as const;
});

/** What the colours stand for: from `low` to `high`; what is near rest (zero) is dark, also for negative pulses. */
export interface ColourScale {
  readonly low: number;
  readonly high: number;
}

export function isReversed({ low, high }: ColourScale): boolean {
  return Math.abs(low) > Math.abs(high);
}

/** The level of a value, 0 to LEVELS - 1. */
export function levelOf(value: number, scale: ColourScale): number {
  const span = scale.high - scale.low;
  const share = span > 0 ? (value - scale.low) / span : 0.5;
  const level = Math.round(Math.min(Math.max(share, 0), 1) * (LEVELS - 1));
  return isReversed(scale) ? LEVELS - 1 - level : level;
}

/** Opaque pixels of `values`, four bytes each. */
export function paint(values: ArrayLike<number>, scale: ColourScale): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(values.length * 4);
  for (let n = 0; n < values.length; n++) {
    const colour = COLOURS[levelOf(values[n] as number, scale)] as readonly [number, number, number];
    pixels[4 * n] = colour[0];
    pixels[4 * n + 1] = colour[1];
    pixels[4 * n + 2] = colour[2];
    pixels[4 * n + 3] = 255;
  }
  return pixels;
}
