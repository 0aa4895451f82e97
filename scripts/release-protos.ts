/**
 * Keeps the protos as they are now in proto/released.json, which later ones are held against (`buf breaking`). Part of
 * making a release: what is in there is what clients in the field speak.
 */
import { BUF, RELEASED_PROTOS, run } from './run.ts';

const isMade =
  run(process.execPath, ['scripts/export-validate-proto.ts', '.cache/proto']) &&
  run(BUF, ['build', 'proto', '--exclude-source-info', '--output', RELEASED_PROTOS]);
if (!isMade) process.exitCode = 1;
