import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchConfig, type ConfigWatch } from '../../../src/config/watch.ts';

const INTERVAL_MS = 5;

/** For a busy machine; nothing waits this long for what is as it should be. */
const PATIENCE = { timeout: 20_000, interval: 1 };
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let folder: string;
let file: string;
let watch: ConfigWatch;
/** How often the files were looked at, counted by their names being asked for. */
let looks: number;
let changes: number;
let faults: unknown[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-watch-'));
  file = join(folder, 'config.yaml');
  await writeFile(file, 'one');
  [looks, changes, faults] = [0, 0, []];
});
afterEach(async () => {
  watch.stop();
  await rm(folder, { recursive: true });
});

function start(
  files: () => readonly string[] = () => [file],
  onChange: () => void | Promise<void> = () => undefined,
) {
  watch = watchConfig({
    files: () => {
      looks += 1;
      return files();
    },
    intervalMs: INTERVAL_MS,
    onChange: () => {
      changes += 1;
      return onChange();
    },
    onFault: (cause) => faults.push(cause),
  });
}

/** Until the files, as they are now, were looked at often enough for a change to settle and for a wrong second call to come. */
async function settled(): Promise<void> {
  const enough = looks + 4;
  await vi.waitFor(() => expect(looks).toBeGreaterThanOrEqual(enough), PATIENCE);
}

async function becomes(count: number): Promise<void> {
  await vi.waitFor(() => expect(changes).toBe(count), PATIENCE);
  await settled();
  expect(changes).toBe(count);
}

describe('a change is reported once', () => {
  it('when the file is written in place', async () => {
    start();
    await settled();
    expect(changes).toBe(0);
    await writeFile(file, 'two');
    await becomes(1);
  });

  it('when an editor saves by rename', async () => {
    start();
    await settled();
    await writeFile(`${file}.swp`, 'two');
    await rename(`${file}.swp`, file);
    await becomes(1);
  });

  it('when the file is touched to the same content by rename, not at all', async () => {
    start();
    await settled();
    await writeFile(`${file}.swp`, 'one');
    await rename(`${file}.swp`, file);
    await settled();
    expect(changes).toBe(0);
  });

  it('when Kubernetes swaps the ..data of a volume', async () => {
    const version = async (name: string, content: string) => {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'app.yaml'), content);
      await symlink(name, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    await version('..2026_01', 'one');
    await symlink('..data/app.yaml', join(folder, 'app.yaml'));
    start(() => [join(folder, 'app.yaml')]);
    await settled();
    await version('..2026_02', 'two');
    await rm(join(folder, '..2026_01'), { recursive: true });
    await becomes(1);
  });

  it('when the file is deleted, and again when it comes back', async () => {
    start();
    await settled();
    await unlink(file);
    await becomes(1);
    await writeFile(file, 'one');
    await becomes(2);
  });

  it('when several files change together', async () => {
    const other = join(folder, 'other');
    await writeFile(other, 'one');
    start(() => [file, other]);
    await settled();
    await Promise.all([writeFile(file, 'two'), writeFile(other, 'two')]);
    await becomes(1);
  });
});

describe('a folder', () => {
  let keys: string;
  beforeEach(async () => {
    keys = join(folder, 'keys');
    await mkdir(keys);
    await writeFile(join(keys, 'a.json'), 'one');
    start(() => [file, keys]);
    await settled();
  });

  it.each([
    ['is added', () => writeFile(join(keys, 'b.json'), 'one')],
    ['is changed', () => writeFile(join(keys, 'a.json'), 'two')],
    ['is removed', () => unlink(join(keys, 'a.json'))],
    ['is renamed', () => rename(join(keys, 'a.json'), join(keys, 'b.json'))],
    [
      'becomes a dangling link',
      () => unlink(join(keys, 'a.json')).then(() => symlink('none', join(keys, 'a.json'))),
    ],
  ])('has changed when a file in it %s', async (_how, change) => {
    await change();
    await becomes(1);
  });

  it('has not changed when a folder in it has', async () => {
    await mkdir(join(keys, 'old'));
    await writeFile(join(keys, 'old', 'a.json'), 'one');
    await settled();
    expect(changes).toBe(0);
  });

  it('has changed when it is gone', async () => {
    await rm(keys, { recursive: true });
    await becomes(1);
  });
});

describe('a change in steps', () => {
  it('waits for two looks that agree', async () => {
    let content = 0;
    start(
      () => {
        // Writes between two looks, ten times in a row: each look sees something else.
        if (looks > 2 && content < 10) writeFileSync(file, String(content++));
        return [file];
      },
      () => expect(content).toBe(10),
    );
    await becomes(1);
    expect(faults).toEqual([]);
  });
});

describe('files that are named later', () => {
  it('are watched from then on, and are no change by themselves', async () => {
    const later = join(folder, 'later');
    await writeFile(later, 'one');
    const names = [file];
    start(() => names);
    await settled();
    names.push(later);
    await settled();
    expect(changes).toBe(0);
    await writeFile(later, 'two');
    await becomes(1);
  });
});

describe('now', () => {
  it('reports at once, changed or not, and what it reported is not reported again', async () => {
    start();
    await watch.now();
    expect(changes).toBe(1);
    await writeFile(file, 'two');
    await watch.now();
    await settled();
    expect(changes).toBe(2);
  });

  it('waits for the call that is under way: calls never overlap', async () => {
    let running = 0;
    let most = 0;
    const gate = Promise.withResolvers<undefined>();
    start(undefined, async () => {
      most = Math.max(most, ++running);
      await gate.promise;
      running -= 1;
    });
    const calls = [watch.now(), watch.now(), watch.now()];
    await vi.waitFor(() => expect(running).toBe(1), PATIENCE);
    gate.resolve(undefined);
    await Promise.all(calls);
    expect([changes, most]).toEqual([3, 1]);
  });

  it('finds a change that came while the call before was running', async () => {
    start(undefined, () => {
      if (changes === 1) writeFileSync(file, 'two');
    });
    await watch.now();
    await becomes(2);
  });
});

describe('a watch', () => {
  it('goes on after onChange or files threw, and passes on what they threw', async () => {
    let broken = true;
    start(
      () => {
        if (broken && looks === 2) throw new Error('files');
        return [file];
      },
      () => {
        if (broken) throw new Error('onChange');
      },
    );
    await settled();
    await writeFile(file, 'two');
    await becomes(1);
    broken = false;
    await writeFile(file, 'three');
    await becomes(2);
    expect(faults).toEqual([new Error('files'), new Error('onChange')]);
  });

  it('reports nothing once it was stopped, not even what it was told to', async () => {
    start();
    await settled();
    watch.stop();
    const before = looks;
    await writeFile(file, 'two');
    // The looks that must not come have no end to wait for.
    await delay(INTERVAL_MS * 10);
    expect(looks).toBe(before);
    await watch.now();
    expect(changes).toBe(0);
  });

  it('leaves no timer once it was stopped', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      start();
      await watch.now();
      expect(vi.getTimerCount()).toBe(1);
      watch.stop();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('does not keep the process alive', () => {
    const module = new URL('../../../src/config/watch.ts', import.meta.url).href;
    const script = `import { watchConfig } from ${JSON.stringify(module)};
      watchConfig({ files: () => [${JSON.stringify(file)}], intervalMs: 60_000, onChange() {}, onFault() {} });`;
    const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { timeout: 60_000 });
    expect([ended.status, ended.stderr.toString()]).toEqual([0, '']);
  });
});
