/** `singlestate keys generate|rotate|list`: the keys that sign session tokens and those that seal what is stored, as files of a folder. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../config/units.ts';
import {
  generateKeyFile,
  KeyFilesError,
  listKeyFiles,
  rotateKeyFiles,
  type KeyState,
  type KeySummary,
} from '../keys/key-files.ts';
import type { KeyKind, KeyUse } from '../keys/key-kind.ts';
import { SEALING_KEYS } from '../sealing/key-files.ts';
import { SIGNING_KEYS } from '../token/key-files.ts';
import { CliError, EXIT } from './cli-error.ts';

const LONGEST_MS = parseDuration('365d');

const KINDS: Readonly<Record<KeyUse, KeyKind<unknown>>> = { sig: SIGNING_KEYS, enc: SEALING_KEYS };

const STATES: Readonly<Record<KeyUse, Readonly<Record<KeyState, string>>>> = {
  sig: { active: 'signing', superseded: 'verifying', waiting: 'waiting' },
  enc: { active: 'sealing', superseded: 'unsealing', waiting: 'waiting' },
};

/** What the command has of the process. */
export interface KeysCommandParts {
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
}

interface FolderOptions {
  readonly dir: string;
  readonly use: KeyUse;
}

interface GenerateOptions extends FolderOptions {
  readonly alg?: string;
}

interface RotateOptions extends GenerateOptions {
  readonly activateIn: number;
  readonly removeAfter?: number;
}

/** The command and its subcommands. An action rejects with `CliError`. */
export function keysCommand({ write, nowMs }: KeysCommandParts): Command {
  const keys = new Command('keys').description(
    'the keys that sign session tokens (--use sig) and those that seal what is stored (--use enc)',
  );
  subcommand(keys, 'generate', 'make the first key of a folder, active at once')
    .addOption(algOption('the algorithm; without it, EdDSA to sign and A256GCM to seal'))
    .action(async (options: GenerateOptions) => {
      const { alg = KINDS[options.use].algs[0] } = algOf(options);
      const request = { dir: options.dir, alg, nowMs: nowMs() };
      write(line('generated', await plainly(generateKeyFile(KINDS[options.use], request))));
    });
  subcommand(keys, 'rotate', 'add a key that is used after a while; until then every replica can learn it')
    .addOption(algOption('the algorithm; without it, that of the newest key'))
    .addOption(
      durationOption('--activate-in <duration>', 'when the new key is used first').default(300_000, '5m'),
    )
    .addOption(
      durationOption(
        '--remove-after <duration>',
        'remove the keys superseded for this long, which must be more than token.ttl and token.cookie.ttl for keys that sign, and more than session.absoluteTimeout for keys that seal; without it none is removed',
      ),
    )
    .action(async (options: RotateOptions) => {
      const { dir, use, activateIn, removeAfter } = options;
      const removal = removeAfter === undefined ? {} : { removeAfterMs: removeAfter };
      const request = { dir, nowMs: nowMs(), activateInMs: activateIn, ...algOf(options), ...removal };
      const { added, removed } = await plainly(rotateKeyFiles(KINDS[use], request));
      write(line('generated', added) + removed.map((key) => line('removed', key)).join(''));
    });
  subcommand(keys, 'list', 'show each key, newest first, and whether it is in use, was, or will be').action(
    async ({ dir, use }: FolderOptions) => {
      const listed = await plainly(listKeyFiles(KINDS[use], dir, nowMs()));
      write(listed.map((key) => line(STATES[use][key.state], key)).join(''));
    },
  );
  return keys;
}

function subcommand(keys: Command, name: string, description: string): Command {
  return keys
    .command(name)
    .description(description)
    .requiredOption('--dir <dir>', 'the folder of key files (token.keysDir or sealing.keysDir)')
    .addOption(new Option('--use <use>', 'what its keys are for').choices(['sig', 'enc']).default('sig'));
}

function algOption(description: string): Option {
  return new Option('--alg <alg>', description).choices(Object.values(KINDS).flatMap(({ algs }) => algs));
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

/** The algorithm that was asked for, if any. */
function algOf({ use, alg }: GenerateOptions): { readonly alg?: string } {
  if (alg === undefined) return {};
  const { algs } = KINDS[use];
  if (algs.includes(alg)) return { alg };
  throw new CliError(
    EXIT.usage,
    `--alg ${alg} does not go with --use ${use}: it must be ${algs.join(' or ')}`,
  );
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
