/** Waiting for a part of the run to be ready, and no longer than it lives. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Part } from '../../quickstart/part.ts';
import { waitUntil } from '../../quickstart/wait.ts';

const READY_WITHIN_MS = 20_000;

/** Throws when the part ends first, or after 20 seconds; it is stopped then. */
export async function whenReady(part: Part, isReady: () => Promise<boolean>): Promise<void> {
  const ended = new AbortController();
  void part.ended.then((how) => ended.abort(new Error(`${part.name} ended before it was ready (${how})`)));
  try {
    await waitUntil(isReady, { what: part.name, timeoutMs: READY_WITHIN_MS, signal: ended.signal });
  } catch (error) {
    await part.stop();
    throw error;
  }
}

/** Whether something accepts TCP connections on this port of 127.0.0.1. */
export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
