/** The `grpc-timeout` request header: how long the caller will wait. */

const MS_PER_UNIT = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 } as const;
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;

/** Milliseconds, maybe a fraction; `Infinity` without the header, undefined for one that is malformed. */
export function parseGrpcTimeout(header: string | undefined): number | undefined {
  if (header === undefined) return Infinity;
  const [, count, unit] = TIMEOUT.exec(header) ?? [];
  return count === undefined ? undefined : Number(count) * MS_PER_UNIT[unit as keyof typeof MS_PER_UNIT];
}
