import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BUF, RELEASED_PROTOS, ROOT } from '../../scripts/run.ts';

const run = promisify(execFile);
const SESSION_PROTO = 'proto/singlestate/session/v1/session.proto';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'singlestate-protos-'));
  await cp(join(ROOT, 'proto'), join(folder, 'proto'), { recursive: true });
  await cp(join(ROOT, 'buf.yaml'), join(folder, 'buf.yaml'));
  const rules = join(folder, '.cache/proto');
  await run(process.execPath, [join(ROOT, 'scripts/export-validate-proto.ts'), rules], { cwd: ROOT });
});
afterEach(() => rm(folder, { recursive: true }));

/** What `npm run check` runs, in a copy of the protos: the problems that it names, or nothing. */
async function problemsAfter(edit: (proto: string) => string): Promise<string> {
  const path = join(folder, SESSION_PROTO);
  const proto = await readFile(path, 'utf8');
  const edited = edit(proto);
  expect(edited).not.toBe(proto);
  await writeFile(path, edited);
  const command = ['breaking', 'proto', '--against', RELEASED_PROTOS];
  return run(BUF, command, { cwd: folder }).then(
    () => '',
    (error: unknown) => {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      return stdout + stderr;
    },
  );
}

test.each<[string, (proto: string) => string, RegExp]>([
  [
    'a field that is removed',
    (proto) => proto.replace('  bool already_revoked = 1;\n', ''),
    /field "1" with name "already_revoked" on message "RevokeSessionResponse" was deleted/,
  ],
  [
    'a field with another number',
    (proto) => proto.replace('bool already_revoked = 1;', 'bool already_revoked = 2;'),
    /already_revoked/,
  ],
  [
    'a field of another type',
    (proto) => proto.replace('bool already_revoked = 1;', 'string already_revoked = 1;'),
    /Field "1" with name "already_revoked" on message "RevokeSessionResponse" changed type/,
  ],
  [
    'a call with another name',
    (proto) => proto.replace('rpc RefreshSession(', 'rpc RenewSession('),
    /RPC "RefreshSession" on service "SessionService" was deleted/,
  ],
])('%s is caught as a break with the last release', async (_what, edit, problem) => {
  expect(await problemsAfter(edit)).toMatch(problem);
});

test('a field that is added breaks nobody', async () => {
  const added = (proto: string) =>
    proto.replace('  bool already_revoked = 1;\n', '  bool already_revoked = 1;\n  bool is_new = 99;\n');
  expect(await problemsAfter(added)).toBe('');
});
