/** The runtime in use: that of the configuration file, with what the cluster's SessionRoutes add. Each swap is a whole one. */
import type { Judgement } from '../kubernetes/judge.ts';
import type { Snapshot } from '../kubernetes/resources.ts';
import type { Runtime, RuntimeOptions } from './runtime.ts';
import { withSessionRoutes } from './with-session-routes.ts';

export interface RuntimeHolder {
  readonly current: () => Runtime;
  /** Another configuration. Rejects where it does not go together with the resources: what was before stays. */
  setConfiguration(base: Runtime): Promise<void>;
  /** Other resources, under the same configuration; the same holds. */
  setResources(snapshot: Snapshot): Promise<void>;
  /** `listener` is told whenever resources were judged, with the runtime in use. There is one. */
  onJudged(listener: (verdicts: Judgement['verdicts']) => void): void;
}

interface Parts {
  readonly base: Runtime;
  /** Undefined until the cluster was asked, and where it is not. */
  readonly snapshot: Snapshot | undefined;
}

/** One change after another, so that none builds on what another is about to replace. */
export function createRuntimeHolder(first: Runtime, options: RuntimeOptions): RuntimeHolder {
  let parts: Parts = { base: first, snapshot: undefined };
  let runtime = first;
  let tell: (verdicts: Judgement['verdicts']) => void = () => undefined;
  let tail = Promise.resolve();

  async function change(changed: Partial<Parts>): Promise<void> {
    const next = { ...parts, ...changed };
    const { base, snapshot } = next;
    if (snapshot === undefined) {
      [parts, runtime] = [next, base];
      return;
    }
    const extended = await withSessionRoutes(base, snapshot, runtime, options);
    [parts, runtime] = [next, extended.runtime];
    tell(extended.verdicts);
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
