/** The machine and the versions that a run's figures hold for. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { goVersion } from './go-programs.ts';

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  /** Program to version. */
  readonly versions: Readonly<Record<string, string>>;
}

/** @param binaries - programs that answer `--version`, by the name to show */
export function describeMachine(binaries: Readonly<Record<string, string>>): Machine {
  const versions = Object.entries(binaries).map(([name, binary]) => [name, versionOf(binary)]);
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    versions: {
      Node: process.version.slice(1),
      Go: goVersion().slice(2),
      ...(Object.fromEntries(versions) as Record<string, string>),
    },
  };
}

function versionOf(binary: string): string {
  const text = execFileSync(binary, ['--version'], { encoding: 'utf8' });
  return /\d+\.\d+\.\d+/.exec(text)?.[0] ?? 'unknown';
}
