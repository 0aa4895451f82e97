/** Generates src/gen/ from proto/. With --check it changes nothing and fails when what is there is stale. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const ENVOY_PROTOS = ['proto/envoy/ext_authz.proto', 'proto/grpc/health.proto'];
const HEAD = '// Generated from proto/ by `npm run generate`. Not to be edited.\n';

/** The codecs of the check's hot path: static code by protobufjs, messages only, types beside it. */
function generateEnvoy(into: string): void {
  mkdirSync(join(into, 'envoy'), { recursive: true });
  const code = join(into, 'envoy/messages.js');
  const types = join(into, 'envoy/messages.d.ts');
  const flags = [
    '--no-create',
    '--no-verify',
    '--no-convert',
    '--no-delimited',
    '--no-service',
    '--force-number',
  ];
  const pbjs = (more: readonly string[]) =>
    run('pbjs', [
      '-t',
      'static-module',
      '-w',
      'es6',
      '-r',
      'singlestate',
      ...flags,
      ...more,
      '-o',
      code,
      ...ENVOY_PROTOS,
    ]);
  pbjs([]);
  run('pbts', ['-o', types, code]);
  pbjs(['--no-comments']);
  for (const file of [code, types]) writeFileSync(file, HEAD + readFileSync(file, 'utf8'));
}

/** The Session API: protobuf-es by buf.gen.yaml. */
function generateSessionApi(into: string): void {
  execFileSync(process.execPath, ['scripts/export-validate-proto.ts', '.cache/proto'], { cwd: ROOT });
  run('buf', ['generate', '--output', into]);
}

function run(command: string, args: readonly string[]): void {
  execFileSync(join(ROOT, 'node_modules/.bin', command), args, {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

if (process.argv.includes('--check')) {
  const fresh = mkdtempSync(join(tmpdir(), 'singlestate-gen-'));
  generateEnvoy(join(fresh, 'src/gen'));
  generateSessionApi(fresh);
  const [now, then] = [join(ROOT, 'src/gen'), join(fresh, 'src/gen')];
  const stale = [...new Set([...filesOf(now), ...filesOf(then)])].filter((file) => {
    const read = (folder: string) =>
      filesOf(folder).includes(file) ? readFileSync(join(folder, file), 'utf8') : undefined;
    return read(now) !== read(then);
  });
  rmSync(fresh, { recursive: true });
  if (stale.length > 0) {
    console.error(`stale in src/gen: ${stale.join(', ')}: run "npm run generate" and commit the result`);
    process.exitCode = 1;
  }
} else {
  generateEnvoy(join(ROOT, 'src/gen'));
  generateSessionApi(ROOT);
}
