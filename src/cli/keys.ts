/** `singlestate keys generate|rotate|list`: the keys that sign session tokens, as files of a folder. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../config/units.ts';
import {
  generateKey,
  KeyFilesError,
  listKeys,
  rotateKeys,
  type KeySummary,
  type RotationRequest,
} from '../token/key-files.ts';
import { SIGNING_ALGS, type SigningAlg } from '../token/signing-jwk.ts';
import { CliError, EXIT } from './cli-error.ts';

const LONGEST_MS = parseDuration('365d');

/** What the command has of the process. */
export interface KeysCommandParts {
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
}

interface GenerateOptions {
  readonly dir: string;
  readonly alg: SigningAlg;
}

interface RotateOptions {
  readonly dir: string;
  readonly alg?: SigningAlg;
  readonly activateIn: number;
  readonly removeAfter?: number;
}

/** The command and its subcommands. An action rejects with `CliError`. */
export function keysCommand({ write, nowMs }: KeysCommandParts): Command {
  const keys = new Command('keys').description('the keys that sign session tokens');
  subcommand(keys, 'generate', 'make the first key of a folder, active at once')
    .addOption(algOption().default('EdDSA'))
    .action(async ({ dir, alg }: GenerateOptions) => {
      write(line('generated', await plainly(generateKey(dir, alg, nowMs()))));
    });
  subcommand(keys, 'rotate', 'add a key that signs after a while; until then every replica can learn it')
    .addOption(algOption('the algorithm; without it, that of the newest key'))
    .addOption(
      durationOption('--activate-in <duration>', 'when the new key begins to sign').default(300_000, '5m'),
    )
    .addOption(
      durationOption(
        '--remove-after <duration>',
        'remove the keys superseded for this long, which must be more than token.ttl; without it none is removed',
      ),
    )
    .action(async (options: RotateOptions) => {
      const { added, removed } = await plainly(rotateKeys(rotationRequest(options, nowMs())));
      write(line('generated', added) + removed.map((key) => line('removed', key)).join(''));
    });
  subcommand(keys, 'list', 'show each key, newest first: signing, verifying, or waiting to sign').action(
    async ({ dir }: { readonly dir: string }) => {
      const listed = await plainly(listKeys(dir, nowMs()));
      write(listed.map((key) => line(key.state, key)).join(''));
    },
  );
  return keys;
}

function subcommand(keys: Command, name: string, description: string): Command {
  return keys
    .command(name)
    .description(description)
    .requiredOption('--dir <dir>', 'the folder of key files (token.keysDir)');
}

function algOption(description = 'the algorithm'): Option {
  return new Option('--alg <alg>', description).choices(SIGNING_ALGS);
}

function durationOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const ms = parseDuration(text);
    if (ms <= LONGEST_MS) return ms;
    throw new InvalidArgumentError(
      'It must be a whole number with a unit, such as "10m" or "30d", up to "365d".',
    );
  });
}

function rotationRequest(
  { dir, alg, activateIn, removeAfter }: RotateOptions,
  nowMs: number,
): RotationRequest {
  return {
    dir,
    nowMs,
    activateInMs: activateIn,
    ...(alg === undefined ? {} : { alg }),
    ...(removeAfter === undefined ? {} : { removeAfterMs: removeAfter }),
  };
}

function line(what: string, { kid, alg, activeFromMs, path }: KeySummary): string {
  const active = activeFromMs === 0 ? 'always' : `from ${new Date(activeFromMs).toISOString()}`;
  return `${what.padEnd(9)}  ${kid}  ${alg}  active ${active}  ${path}\n`;
}

/** What a person got wrong is told without a stack; anything else is a fault of the program and passes. */
async function plainly<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof KeyFilesError)) throw cause;
    throw new CliError(cause.code === 'ERR_KEY_FOLDER' ? EXIT.usage : EXIT.refused, cause.message, { cause });
  }
}
