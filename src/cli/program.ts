/** The command line as a whole: every command, and what they are given of the process. */
import { Command } from 'commander';
import type { Environment } from '../config/environment.ts';
import { createClusterSecrets } from '../keys/cluster-secrets.ts';
import { auditCommand, type AuditCommandParts } from './audit.ts';
import { checkConfigCommand } from './check-config.ts';
import { explainCommand } from './explain.ts';
import { keysCommand } from './keys.ts';
import { probeCommand } from './probe.ts';
import { serveCommand, type ServeIo } from './serve.ts';
import { sessionCommand, type SessionCommandParts } from './session.ts';

export type ProgramIo = ServeIo & SessionCommandParts & AuditCommandParts;

/** Output goes to `io.write`; a command line that is wrong, and every exit of commander's, is a `CommanderError`. */
export function createProgram(io: ProgramIo): Command {
  const program = new Command('singlestate')
    .description('session authorization for Envoy')
    .version(io.version)
    .addCommand(serveCommand(io))
    .addCommand(checkConfigCommand(io))
    .addCommand(explainCommand(io))
    .addCommand(sessionCommand(io))
    .addCommand(auditCommand(io))
    .addCommand(keysCommand({ write: io.write, nowMs: Date.now, secrets: podSecrets(io.env) }))
    .addCommand(probeCommand(io));
  return throwingOnExit(program, io);
}

function throwingOnExit(command: Command, io: ProgramIo): Command {
  command.commands.forEach((each) => throwingOnExit(each, io));
  return command.exitOverride().configureOutput({ writeOut: io.write });
}

/** Where Kubernetes tells a pod about its API server, and mounts its service account. */
function podSecrets(env: Environment) {
  return createClusterSecrets({
    host: env['KUBERNETES_SERVICE_HOST'],
    port: env['KUBERNETES_SERVICE_PORT'],
    accountDir: '/var/run/secrets/kubernetes.io/serviceaccount',
  });
}
