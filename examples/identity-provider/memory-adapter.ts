/** Where the demo identity provider keeps its sessions, grants and codes: in memory, gone when it ends. */
import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

interface Entry {
  readonly payload: AdapterPayload;
  readonly expiresAtMs: number;
}

/** One store for all of a provider's models. */
export function createMemoryAdapter(): AdapterFactory {
  const models = new Map<string, Map<string, Entry>>();
  return (model) => {
    const entries = models.get(model) ?? new Map<string, Entry>();
    models.set(model, entries);
    return modelAdapter(entries, models);
  };
}

function modelAdapter(entries: Map<string, Entry>, models: ReadonlyMap<string, Map<string, Entry>>): Adapter {
  const alive = (entry: Entry | undefined) =>
    entry && entry.expiresAtMs > Date.now() ? entry.payload : undefined;
  const findWhere = (matches: (payload: AdapterPayload) => boolean) =>
    [...entries.values()].map(alive).find((payload) => payload !== undefined && matches(payload));
  return {
    upsert: (id, payload, expiresIn) => {
      entries.set(id, { payload, expiresAtMs: Date.now() + (expiresIn ?? Infinity) * 1000 });
      return Promise.resolve();
    },
    find: (id) => Promise.resolve(alive(entries.get(id))),
    findByUid: (uid) => Promise.resolve(findWhere((payload) => payload.uid === uid)),
    findByUserCode: (code) => Promise.resolve(findWhere((payload) => payload.userCode === code)),
    consume: (id) => {
      const payload = alive(entries.get(id));
      if (payload) payload.consumed = Math.floor(Date.now() / 1000);
      return Promise.resolve();
    },
    destroy: (id) => {
      entries.delete(id);
      return Promise.resolve();
    },
    revokeByGrantId: (grantId) => {
      for (const model of models.values()) {
        for (const [id, { payload }] of model) if (payload.grantId === grantId) model.delete(id);
      }
      return Promise.resolve();
    },
  };
}
