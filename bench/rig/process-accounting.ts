/**
 * What a process has used, by the operating system's own books: /proc (Linux, proc_pid_stat(5), proc_pid_status(5)).
 * A program that was started through a launcher counts with all of its children.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** User and system time of all threads, also of those that ended, in microseconds; exact to a clock tick (10 ms). */
export function cpuMicros(pid: number): number {
  const ticks = family(pid).reduce((sum, member) => sum + ticksOf(member), 0);
  return (ticks / TICKS_PER_SECOND) * 1e6;
}

/** Resident memory, in bytes. */
export function rssBytes(pid: number): number {
  return family(pid).reduce((sum, member) => sum + rssOf(member), 0);
}

function family(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(family)];
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in brackets, which may itself hold blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime, stime] = fields.slice(11, 13).map(Number);
  if (utime === undefined || stime === undefined) throw new Error(`/proc/${pid}/stat has too few fields`);
  return utime + stime;
}

function rssOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kib === undefined) throw new Error(`/proc/${pid}/status has no VmRSS`);
  return Number(kib) * 1024;
}
