/** A point in time on the command line: by the calendar, or as how long ago. */
import { InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../config/units.ts';

/** RFC 3339, or its date alone. */
const CALENDAR = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))?$/;

/** An option whose value is Unix milliseconds. */
export function instantOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => parseInstant(text, Date.now()));
}

/** Unix milliseconds. Throws `InvalidArgumentError`. */
export function parseInstant(text: string, nowMs: number): number {
  const agoMs = parseDuration(text);
  const ms = CALENDAR.test(text) ? Date.parse(text) : nowMs - agoMs;
  if (!Number.isNaN(ms)) return Math.max(ms, 0);
  throw new InvalidArgumentError(
    'It must be a time, such as "2026-03-01T08:00:00Z" or "2026-03-01", or how long ago, such as "15m" or "7d".',
  );
}
