/** Durations and sizes as configuration writes them: a number and its unit, `250ms`, `12h`, `16KiB`. */
import { z } from 'zod';

const MS_PER_UNIT = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES_PER_UNIT = { B: 1, KiB: 1024, MiB: 1024 * 1024 } as const;

const DURATION = /^(\d+)(ms|s|m|h|d)$/;
const SIZE = /^(\d+)(B|KiB|MiB)$/;

const NO_DURATION =
  'must be a duration: one whole number and its unit (ms, s, m, h or d), such as "250ms" or "12h"';
const NO_SIZE = 'must be a size: one whole number and its unit (B, KiB or MiB), such as "16KiB"';

interface Bounds {
  readonly min: string;
  readonly max: string;
}

/** A duration within bounds, both included; milliseconds once parsed. A bare number is refused: its unit would be a guess. */
export function duration(bounds: Bounds) {
  const [min, max] = [parseDuration(bounds.min), parseDuration(bounds.max)];
  return z
    .string({ error: NO_DURATION })
    .regex(DURATION, NO_DURATION)
    .meta({ title: `duration, ${bounds.min} to ${bounds.max}` })
    .transform(parseDuration)
    .refine((ms) => ms >= min && ms <= max, `must be from ${bounds.min} to ${bounds.max}`);
}

/** A size within bounds, both included; bytes once parsed. */
export function size(bounds: Bounds) {
  const [min, max] = [parseSize(bounds.min), parseSize(bounds.max)];
  return z
    .string({ error: NO_SIZE })
    .regex(SIZE, NO_SIZE)
    .meta({ title: `size, ${bounds.min} to ${bounds.max}` })
    .transform(parseSize)
    .refine((bytes) => bytes >= min && bytes <= max, `must be from ${bounds.min} to ${bounds.max}`);
}

/** Milliseconds; NaN for text that is no duration. */
export function parseDuration(text: string): number {
  const [, count, unit] = DURATION.exec(text) ?? [];
  return Number(count) * MS_PER_UNIT[unit as keyof typeof MS_PER_UNIT];
}

/** The shortest way to write it: the largest unit that leaves a whole number. */
export function formatDuration(ms: number): string {
  const units = Object.entries(MS_PER_UNIT).reverse();
  const [unit, factor] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1];
  return `${ms / factor}${unit}`;
}

function parseSize(text: string): number {
  const [, count, unit] = SIZE.exec(text) ?? [];
  return Number(count) * BYTES_PER_UNIT[unit as keyof typeof BYTES_PER_UNIT];
}
