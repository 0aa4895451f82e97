/**
 * Generates src/gen/ and clients/typescript/lib/ from proto/ and from the client's source. With --check it changes nothing
 * and fails when what is there is stale.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { BUF, ROOT } from './run.ts';

const ENVOY_PROTOS = ['proto/envoy/ext_authz.proto', 'proto/grpc/health.proto'];
const HEAD = '// Generated from proto/ by `npm run generate`. Not to be edited.\n';

const SERVER_CODE = 'src/gen';
const CLIENT = 'clients/typescript';
const CLIENT_CODE = `${CLIENT}/lib`;

/** The codecs of the check's hot path: static code by protobufjs, messages only, types beside it. */
function generateEnvoy(root: string): void {
  const into = join(root, SERVER_CODE, 'envoy');
  mkdirSync(into, { recursive: true });
  const code = join(into, 'messages.js');
  const types = join(into, 'messages.d.ts');
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

/** The Session API and the audit trail: protobuf-es by buf.gen.yaml. */
function generateServices(root: string): void {
  quietly(process.execPath, ['scripts/export-validate-proto.ts', '.cache/proto']);
  quietly(BUF, ['generate', '--output', root]);
}

/** The client's package, as JavaScript with types: Node runs no TypeScript out of node_modules. */
function generateClient(root: string): void {
  const template = `${CLIENT}/buf.gen.yaml`;
  quietly(BUF, ['generate', '--template', template, '--output', join(root, CLIENT)]);
  tool('tsc', ['-p', CLIENT, '--outDir', join(root, CLIENT_CODE)]);
}

function generate(root: string): void {
  generateEnvoy(root);
  generateServices(root);
  generateClient(root);
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

/** The files of a generated folder that are missing, changed or too many. */
function staleFiles(folder: string, freshRoot: string): string[] {
  const [now, then] = [join(ROOT, folder), join(freshRoot, folder)];
  const read = (inside: string, file: string) =>
    filesOf(inside).includes(file) ? readFileSync(join(inside, file), 'utf8') : undefined;
  return [...new Set([...filesOf(now), ...filesOf(then)])]
    .filter((file) => read(now, file) !== read(then, file))
    .map((file) => `${folder}/${file}`);
}

if (process.argv.includes('--check')) {
  const fresh = mkdtempSync(join(tmpdir(), 'singlestate-gen-'));
  generate(fresh);
  const stale = [SERVER_CODE, CLIENT_CODE].flatMap((folder) => staleFiles(folder, fresh));
  rmSync(fresh, { recursive: true });
  if (stale.length > 0) {
    console.error(`stale: ${stale.join(', ')}: run "npm run generate" and commit the result`);
    process.exitCode = 1;
  }
} else {
  generate(ROOT);
}
