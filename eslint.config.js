// Lint rules: type-aware TypeScript checks, and the one-way import directions of docs/decisions/0001-layout.md.
import tseslint from 'typescript-eslint';

/** For each folder of src/, the other folders of src/ that it may import. `main.ts` may import all. */
const MAY_IMPORT = {
  cli: [
    ...['api', 'authz', 'config', 'envoy', 'gen', 'identity', 'keys', 'net', 'ops'],
    ...['sealing', 'server', 'session', 'token'],
  ],
  server: [
    ...['api', 'authz', 'config', 'envoy', 'identity', 'keys', 'lifecycle', 'login', 'net', 'ops'],
    ...['kubernetes', 'sealing', 'session', 'token', 'forward-auth', 'breaker', 'tracing', 'steps'],
  ],
  envoy: ['authz', 'gen', 'net', 'ops'],
  'forward-auth': ['authz', 'net'],
  api: ['config', 'gen', 'identity', 'lifecycle', 'net', 'ops', 'session', 'token'],
  login: ['config', 'identity', 'lifecycle', 'net', 'ops', 'sealing', 'session', 'token'],
  kubernetes: ['authz', 'config', 'session', 'steps'],
  authz: ['config', 'session', 'token', 'steps'],
  lifecycle: ['identity', 'session', 'token'],
  identity: ['config', 'breaker'],
  token: ['keys', 'session'],
  session: ['sealing', 'breaker'],
  sealing: ['keys'],
  keys: [],
  breaker: [],
  config: [],
  net: [],
  ops: ['net'],
  tracing: [],
  steps: [],
  gen: [],
};

/** For each third-party package that belongs to few rooms, the folders of src/ that may import it. */
const HOMES = {
  ioredis: ['session'],
  cockatiel: ['breaker'],
  jose: ['token', 'identity'],
  ajv: ['api'],
  'openid-client': ['identity'],
  '@grpc/grpc-js': ['cli'],
  protobufjs: ['envoy', 'gen'],
  '@connectrpc/*': ['api', 'cli'],
  '@bufbuild/*': ['api', 'cli', 'gen'],
  'find-my-way': ['authz'],
  yaml: ['config'],
  zod: ['config', 'session', 'login', 'kubernetes'],
  '@kubernetes/*': ['kubernetes'],
  pino: ['ops'],
  'prom-client': ['ops'],
  commander: ['cli'],
  '@opentelemetry/*': ['tracing'],
};

const folders = Object.keys(MAY_IMPORT);
const escaped = (name) => name.replaceAll('/', '\\/').replaceAll('.', '\\.').replaceAll('*', '.*');

/** The `no-restricted-imports` patterns that keep one folder to what the two tables allow it. */
function restrictions(folder) {
  const foreign = folders.filter((other) => other !== folder && !MAY_IMPORT[folder].includes(other));
  const away = Object.entries(HOMES).filter(([, homes]) => !homes.includes(folder));
  return [
    ...foreign.map((other) => ({
      regex: `^(\\.\\.\\/)+${other}(\\/|\\.ts$)`,
      message: `src/${folder} must not import src/${other}: imports go one way (docs/decisions/0001-layout.md).`,
    })),
    ...away.map(([name, homes]) => ({
      regex: `^${escaped(name)}($|\\/)`,
      message: `${name} is imported in src/{${homes.join(',')}} alone.`,
    })),
  ];
}

export default tseslint.config(
  { ignores: ['node_modules/', 'src/gen/', 'clients/typescript/lib/', '.cache/', '.run/', 'coverage/'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js', 'scripts/*.mjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
      ],
    },
  },
  ...folders.map((folder) => ({
    files: [`src/${folder}/**/*.ts`, `src/${folder}.ts`],
    rules: { 'no-restricted-imports': ['error', { patterns: restrictions(folder) }] },
  })),
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only src/main.ts reads the environment.' },
        { object: 'process', property: 'exit', message: 'Only src/main.ts ends the process.' },
      ],
      'no-console': 'error',
    },
  },
  { files: ['*.config.ts', '*.config.js'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['**/*.js', '**/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
);
