/** Fetches the real parts before the first test that needs one, so that a missing part is one clear failure. */
import { caddyBinary, envoyBinary, valkeyBinary } from '../quickstart/parts.ts';
import { helmBinary } from './parts/kubernetes-tools.ts';

/** Vitest's global setup: fails with one line that says what to do where a part can't be had. */
export async function setup(): Promise<void> {
  await envoyBinary();
  await valkeyBinary();
  await helmBinary();
  await caddyBinary();
}
