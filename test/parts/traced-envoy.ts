/** An Envoy that traces: the shipped configurations with the two parts of docs/how-to/trace-checks.md, sent to a test's collector. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseDocument, type Document } from 'yaml';
import { HCM } from '../e2e/bed.ts';

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'how-to', 'trace-checks.md');

interface TracingPart {
  readonly tracing: { readonly random_sampling: { value: number } };
}

/** Changes a configuration that was read from deploy/. The collector is on this port of 127.0.0.1, and gets every request. */
export async function traceEnvoy(port: number): Promise<(document: Document) => void> {
  const page = await readFile(PAGE, 'utf8');
  const blocks = [...page.matchAll(/```yaml envoy\n([^]*?)```/g)].map(([, text]) => text ?? '');
  const { tracing } = parse(blockWith('envoy.tracers.opentelemetry', blocks)) as TracingPart;
  const address = `address: 127.0.0.1, port_value: ${port}`;
  const cluster: unknown = parse(
    blockWith('load_assignment', blocks).replace(/address: otel-collector, port_value: \d+/, address),
  );
  tracing.random_sampling.value = 100;
  return (document) => {
    document.setIn([...HCM, 'tracing'], document.createNode(tracing));
    document.addIn(['static_resources', 'clusters'], document.createNode(cluster));
    // Envoy sends five spans at a time, or those of five seconds.
    const flush = { tracing: { opentelemetry: { flush_interval_ms: 50, min_flush_spans: 1 } } };
    document.set('layered_runtime', document.createNode({ layers: [{ name: 'test', static_layer: flush }] }));
  };
}

/** The same for the text of a file, as `envoyOverHttp` takes it. */
export async function traceEnvoyText(port: number): Promise<(text: string) => string> {
  const change = await traceEnvoy(port);
  return (text) => {
    const document = parseDocument(text);
    change(document);
    return document.toString({ lineWidth: 0 });
  };
}

function blockWith(mark: string, blocks: readonly string[]): string {
  const found = blocks.find((text) => text.includes(mark));
  if (found === undefined) throw new Error(`${PAGE} has no block with ${mark}.`);
  return found;
}
