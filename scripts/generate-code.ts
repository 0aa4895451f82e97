/** Generates src/gen/ from proto/. With --check it changes nothing and fails when what is there is stale. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { BUF, ROOT } from './run.ts';

const ENVOY_PROTOS = ['proto/envoy/ext_authz.proto', 'proto/grpc/health.proto'];
const HEAD = '// Generated from proto/ by `npm run generate`. Not to be edited.\n';

/** The codecs of the check's hot path: static code by protobufjs, messages only, types beside it. */
function generateEnvoy(into: string): void {
  mkdirSync(join(into, 'envoy'), { recursive: true });
  const code = join(into, 'envoy/messages.js');
  const types = join(into, 'envoy/messages.d.ts');
  const leftOut = ['create', 'verify', 'convert', 'delimited', 'service'].map((name) => `--no-${name}`);
  const target = ['--target', 'static-module', '--wrap', 'es6', '--root', 'singlestate', '--force-number'];
  const pbjs = (...more: string[]) =>
    tool('pbjs', [...target, ...leftOut, ...more, '-o', code, ...ENVOY_PROTOS]);
  // The types are read from the comments.
  pbjs();
  tool('pbts', ['-o', types, code]);
  pbjs('--no-comments');
  for (const file of [code, types]) writeFileSync(file, HEAD + readFileSync(file, 'utf8'));
}

/** The Session API: protobuf-es by buf.gen.yaml. */
function generateSessionApi(into: string): void {
  quietly(process.execPath, ['scripts/export-validate-proto.ts', '.cache/proto']);
  quietly(BUF, ['generate', '--output', into]);
}

function tool(name: string, args: readonly string[]): void {
  quietly(join(ROOT, 'node_modules/.bin', name), args);
}

function quietly(command: string, args: readonly string[]): void {
  execFileSync(command, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
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
