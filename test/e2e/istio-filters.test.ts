/** What the EnvoyFilters of deploy/istio put into Istio's configuration, put into a real Envoy by the same rule: a deep merge. */
import type { Document } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { replaced, shippedObjects, type ShippedObject } from '../parts/shipped-objects.ts';
import { createBed, HCM, unguarded, type Bed } from './bed.ts';

interface Patch {
  readonly applyTo: string;
  readonly patch: { readonly operation: string; readonly value: Readonly<Record<string, unknown>> };
}

/** Where a patch of this kind goes in deploy/envoy/envoy.yaml; for a route, the third one, `/reports`. */
const PLACES: Readonly<Record<string, readonly unknown[]>> = {
  NETWORK_FILTER: HCM.slice(0, -1),
  HTTP_ROUTE: [...HCM, 'route_config', 'virtual_hosts', 0, 'routes', 2],
};

function applyTo(document: Document, objects: readonly ShippedObject[]): void {
  const filters = objects.filter(({ kind }) => kind === 'EnvoyFilter');
  for (const { spec } of filters) {
    for (const { applyTo, patch } of (spec as { readonly configPatches: readonly Patch[] }).configPatches) {
      expect(patch.operation).toBe('MERGE');
      merge(document, PLACES[applyTo] ?? [], patch.value);
    }
  }
}

function merge(document: Document, path: readonly unknown[], value: unknown): void {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap || !document.hasIn(path)) {
    document.setIn(path, document.createNode(value));
    return;
  }
  for (const [key, inner] of Object.entries(value)) merge(document, [...path, key], inner);
}

async function startWith(change: (objects: ShippedObject[]) => readonly ShippedObject[]): Promise<Bed> {
  const objects = change(await shippedObjects('istio/gateway.yaml'));
  return createBed({
    envoy: (document) => {
      unguarded(document);
      document.deleteIn([...(PLACES['HTTP_ROUTE'] ?? []), 'typed_per_filter_config']);
      applyTo(document, objects);
    },
  });
}

const SPELLINGS = ['x-session-subject', 'X-Session-Attr-Email', 'x_session_subject', 'x.session.subject'];

describe('an Envoy with what the EnvoyFilters say, and nothing else against forged headers', () => {
  let bed: Bed;
  beforeAll(async () => (bed = await startWith((objects) => objects)));
  afterAll(() => bed[Symbol.asyncDispose]());

  test.each(SPELLINGS)('E8 takes out %s where nothing is checked', async (name) => {
    const answer = await bed.ask('/healthz', { headers: { [name]: 'forged' } });
    expect(answer.status).toBe(200);
    expect(answer.body).not.toContain('forged');
  });

  test('E3 refuses a slash in disguise', async () => {
    expect((await bed.ask('/healthz%2f..')).status).toBe(400);
  });

  test('H2 sends the context extensions of the route', async () => {
    const { token } = await bed.open({ scopes: ['reports:read'] });
    expect((await bed.ask('/reports/7', { token })).status).toBe(200);
    const others = { 'singlestate.app': 'billing' };
    await using misnamed = await startWith((objects) =>
      replaced(objects, (key, value) => (key === 'context_extensions' ? others : value)),
    );
    const session = await misnamed.open({ scopes: ['reports:read'] });
    const answer = await misnamed.ask('/reports/7', { token: session.token });
    expect(JSON.parse(answer.body)).toMatchObject({ status: 403, reason: 'no_route' });
  });
});
