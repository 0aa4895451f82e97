/** The one Valkey of a run, for the reference and the product alike. */
import { startValkey, type RunningValkey } from '../../quickstart/valkey.ts';
import type { Run } from './run.ts';

/** It ends with the run. */
export async function startBenchValkey(run: Run): Promise<RunningValkey> {
  const valkey = await startValkey({ directory: run.dir });
  run.atEnd(() => valkey.stop());
  return valkey;
}
