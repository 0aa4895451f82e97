/**
 * What a Node process holds once its garbage is gone, asked through Node's inspector, so that the program itself is the
 * one that is shipped. Nothing is opened before the first question.
 */
import { freePort } from '../../quickstart/ports.ts';
import { waitUntil } from '../../quickstart/wait.ts';
import { rssBytes } from './process-accounting.ts';

const ANSWER_WITHIN_MS = 30_000;

export interface LiveMemory {
  readonly heapBytes: number;
  readonly rssBytes: number;
}

export interface InspectorPlace {
  readonly port: number;
  /** For the environment of the process: where its inspector is, once a signal opens it. */
  readonly env: Readonly<Record<string, string>>;
}

export async function planInspector(): Promise<InspectorPlace> {
  const port = await freePort();
  return { port, env: { NODE_OPTIONS: `--inspect-port=127.0.0.1:${port}` } };
}

/** Collects all garbage of the process, then looks. Takes a moment in which the process does nothing else. */
export async function liveMemory(pid: number, { port }: InspectorPlace): Promise<LiveMemory> {
  // Node opens its inspector at SIGUSR1.
  process.kill(pid, 'SIGUSR1');
  let url: string | undefined;
  await waitUntil(async () => (url = await inspectorUrl(port)) !== undefined, {
    what: "opening Node's inspector",
    timeoutMs: ANSWER_WITHIN_MS,
  });
  const ask = await openInspector(url ?? '');
  try {
    // Twice: what the first round finalises, the second one frees.
    await ask('HeapProfiler.collectGarbage');
    await ask('HeapProfiler.collectGarbage');
    const { usedSize } = (await ask('Runtime.getHeapUsage')) as { usedSize: number };
    return { heapBytes: usedSize, rssBytes: rssBytes(pid) };
  } finally {
    ask.close();
  }
}

async function inspectorUrl(port: number): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`);
    const [target] = (await response.json()) as { webSocketDebuggerUrl: string }[];
    return target?.webSocketDebuggerUrl;
  } catch {
    return undefined;
  }
}

interface Inspector {
  /** One command of the Chrome DevTools Protocol; one at a time. */
  (method: string): Promise<unknown>;
  close(): void;
}

async function openInspector(url: string): Promise<Inspector> {
  const socket = new WebSocket(url);
  await next(socket, 'open');
  let id = 0;
  const ask = async (method: string) => {
    id += 1;
    socket.send(JSON.stringify({ id, method }));
    const { data } = (await next(socket, 'message')) as Event & { data: string };
    const { result, error } = JSON.parse(data) as { result?: unknown; error?: { message: string } };
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  return Object.assign(ask, { close: () => socket.close() });
}

function next(socket: WebSocket, event: 'open' | 'message'): Promise<Event> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("Node's inspector does not answer")), ANSWER_WITHIN_MS);
    const settle = (done: (event: Event) => void) => (arrived: Event) => {
      clearTimeout(timer);
      done(arrived);
    };
    socket.addEventListener(event, settle(resolve), { once: true });
    socket.addEventListener(
      'error',
      settle(() => reject(new Error("Node's inspector can't be reached"))),
      {
        once: true,
      },
    );
  });
}
