/** The runtime in use: that of the configuration file, with what the cluster's SessionRoutes add. Each swap is a whole one. */
import type { Judgement } from '../kubernetes/judge.ts';
import type { Snapshot } from '../kubernetes/resources.ts';
import { createResourceSchemas } from './resource-schemas.ts';
import type { Runtime } from './runtime.ts';
import { withSessionRoutes, type ExtendingOptions } from './with-session-routes.ts';

export type HolderOptions = Omit<ExtendingOptions, 'schemas'>;

export interface RuntimeHolder {
  readonly current: () => Runtime;
  /** Another configuration. Rejects where it does not go together with the resources: what was before stays. */
  setConfiguration(base: Runtime): Promise<void>;
  /** Other resources, under the same configuration; the same holds. */
  setResources(snapshot: Snapshot): Promise<void>;
  /** `listener` is told whenever resources were judged, with the runtime in use. There is one. */
  onJudged(listener: (judgement: Judgement) => void): void;
}

interface Parts {
  readonly base: Runtime;
  /** Undefined until the cluster was asked, and where it is not. */
  readonly snapshot: Snapshot | undefined;
}

/** One change after another, so that none builds on what another is about to replace. */
export function createRuntimeHolder(first: Runtime, options: HolderOptions): RuntimeHolder {
  const extending = { ...options, schemas: createResourceSchemas() };
  let parts: Parts = { base: first, snapshot: undefined };
  let runtime = first;
  let tell: (judgement: Judgement) => void = () => undefined;
  let tail = Promise.resolve();

  async function change(changed: Partial<Parts>): Promise<void> {
    const next = { ...parts, ...changed };
    const { base, snapshot } = next;
    if (snapshot === undefined) {
      [parts, runtime] = [next, base];
      return;
    }
    // What another configuration built has keys of files that may have changed since.
    const before = base === parts.base ? runtime : base;
    const extended = await withSessionRoutes(base, snapshot, before, extending);
    [parts, runtime] = [next, extended.runtime];
    tell(extended.judgement);
  }
  function afterOthers(changed: Partial<Parts>): Promise<void> {
    const done = tail.then(() => change(changed));
    tail = done.catch(() => undefined);
    return done;
  }

  return {
    current: () => runtime,
    setConfiguration: (base) => afterOthers({ base }),
    setResources: (snapshot) => afterOthers({ snapshot }),
    onJudged: (listener) => (tell = listener),
  };
}
