/** `singlestate keys generate|rotate|list`: the keys that sign session tokens and those that seal what is stored, in a folder or a Secret. */
import { basename } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../config/units.ts';
import { ClusterSecretsError, type ClusterSecrets } from '../keys/cluster-secrets.ts';
import {
  generateKeyFile,
  KeyFilesError,
  listKeyFiles,
  rotateKeyFiles,
  type KeyState,
  type KeySummary,
} from '../keys/key-files.ts';
import type { KeyKind, KeyUse } from '../keys/key-kind.ts';
import { inNewSecret, inSecret } from '../keys/secret-folder.ts';
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
  /** For `--secret`. */
  readonly secrets: ClusterSecrets;
}

/** Exactly one of the first two. */
interface PlaceOptions {
  readonly dir?: string;
  readonly secret?: string;
  readonly use: KeyUse;
}

interface AlgOptions extends PlaceOptions {
  readonly alg?: string;
}

interface GenerateOptions extends AlgOptions {
  readonly ifAbsent?: true;
}

interface RotateOptions extends AlgOptions {
  readonly activateIn: number;
  readonly removeAfter?: number;
}

/** The command and its subcommands. An action rejects with `CliError`. */
export function keysCommand({ write, nowMs, secrets }: KeysCommandParts): Command {
  const keys = new Command('keys').description(
    'the keys that sign session tokens (--use sig) and those that seal what is stored (--use enc)',
  );
  subcommand(keys, 'generate', 'make the first key of a folder, active at once')
    .addOption(algOption('the algorithm; without it, EdDSA to sign and A256GCM to seal'))
    .option('--if-absent', 'where there are keys, or the Secret, leave them as they are and succeed')
    .action(async (options: GenerateOptions) => {
      const { alg = KINDS[options.use].algs[0] } = algOf(options);
      const work = (dir: string) => generateKeyFile(KINDS[options.use], { dir, alg, nowMs: nowMs() });
      const { dir, secret } = placeOf(options);
      const making = secret === undefined ? work(dir) : inNewSecret(secrets, secret, work);
      try {
        write(line('generated', await making, secret));
      } catch (cause) {
        if (!options.ifAbsent || !isThereAlready(cause)) throw plainError(cause);
        write(`kept  ${secret ?? dir}\n`);
      }
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
      const { use, activateIn, removeAfter } = options;
      const removal = removeAfter === undefined ? {} : { removeAfterMs: removeAfter };
      const request = { nowMs: nowMs(), activateInMs: activateIn, ...algOf(options), ...removal };
      const { added, removed } = await inPlace(secrets, options, (dir) =>
        rotateKeyFiles(KINDS[use], { dir, ...request }),
      );
      const { secret } = options;
      write(line('generated', added, secret) + removed.map((key) => line('removed', key, secret)).join(''));
    });
  subcommand(keys, 'list', 'show each key, newest first, and whether it is in use, was, or will be').action(
    async (options: PlaceOptions) => {
      const { use, secret } = options;
      const listed = await inPlace(secrets, options, (dir) => listKeyFiles(KINDS[use], dir, nowMs()));
      write(listed.map((key) => line(STATES[use][key.state], key, secret)).join(''));
    },
  );
  return keys;
}

function subcommand(keys: Command, name: string, description: string): Command {
  return keys
    .command(name)
    .description(description)
    .option('--dir <dir>', 'the folder of key files (token.keysDir or sealing.keysDir)')
    .addOption(
      new Option(
        '--secret <name>',
        'in place of --dir: a Secret of the Kubernetes namespace that this runs in, in a pod',
      ).conflicts('dir'),
    )
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
function algOf({ use, alg }: AlgOptions): { readonly alg?: string } {
  if (alg === undefined) return {};
  const { algs } = KINDS[use];
  if (algs.includes(alg)) return { alg };
  throw new CliError(
    EXIT.usage,
    `--alg ${alg} does not go with --use ${use}: it must be ${algs.join(' or ')}`,
  );
}

function line(what: string, { kid, alg, activeFromMs, path }: KeySummary, secret?: string): string {
  const place = secret === undefined ? path : `${secret}/${basename(path)}`;
  const active = activeFromMs === 0 ? 'always' : `from ${new Date(activeFromMs).toISOString()}`;
  return `${what.padEnd(9)}  ${kid}  ${alg}  active ${active}  ${place}\n`;
}

type Place =
  { readonly secret: string; readonly dir: undefined } | { readonly secret: undefined; readonly dir: string };

function placeOf({ dir, secret }: PlaceOptions): Place {
  if (secret !== undefined) return { secret, dir: undefined };
  if (dir !== undefined) return { secret: undefined, dir };
  throw new CliError(EXIT.usage, 'name where the keys are by --dir, or by --secret');
}

/** Works on the folder, or on what the Secret holds. */
async function inPlace<T>(
  secrets: ClusterSecrets,
  options: PlaceOptions,
  work: (dir: string) => Promise<T>,
): Promise<T> {
  const { dir, secret } = placeOf(options);
  try {
    return await (secret === undefined ? work(dir) : inSecret(secrets, secret, work));
  } catch (cause) {
    throw plainError(cause);
  }
}

function isThereAlready(cause: unknown): boolean {
  return (
    (cause instanceof KeyFilesError && cause.code === 'ERR_KEYS_EXIST') ||
    (cause instanceof ClusterSecretsError && cause.code === 'ERR_SECRET_EXISTS')
  );
}

/** What a person got wrong is told without a stack; anything else is a fault of the program and stays as it is. */
function plainError(cause: unknown): unknown {
  if (cause instanceof KeyFilesError)
    return new CliError(cause.code === 'ERR_KEY_FOLDER' ? EXIT.usage : EXIT.refused, cause.message, {
      cause,
    });
  if (cause instanceof ClusterSecretsError)
    return new CliError(EXIT_CODES[cause.code], cause.message, { cause });
  return cause;
}

const EXIT_CODES = {
  ERR_CLUSTER_ABSENT: EXIT.usage,
  ERR_CLUSTER_REFUSED: EXIT.unavailable,
  ERR_SECRET_EXISTS: EXIT.refused,
  ERR_SECRET_ABSENT: EXIT.usage,
  ERR_SECRET_CHANGED: EXIT.unavailable,
} as const;
