#!/usr/bin/env node
/**
 * The one entry of the image: `entrypoint.mjs <command> [arguments]`. A command becomes this process: it gets the signals, its exit code is ours.
 * Plain JavaScript without dependencies; nothing is fetched or set up here.
 */
import { fileURLToPath } from 'node:url';

/** What each command runs. Services take no arguments; their settings come from the environment. */
const PROGRAMS = {
  phase1: '../services/phase1-dumper/src/main.ts',
  phase2: '../services/phase2-transformer/src/main.ts',
  metastore: '../services/metastore/src/main.ts',
  migrate: '../services/metastore/src/migrate-main.ts',
  cli: '../services/cli/src/main.ts',
  demo: '../services/cli/src/demo-main.ts',
  rows: '../services/cli/src/rows-main.ts',
};

const WITH_ARGUMENTS = new Set(['cli', 'demo', 'rows']);

/** Ports of health and metrics while MILLRACE_ADMIN_PORT says nothing else. */
const ADMIN_PORTS = { metastore: 9100, phase1: 9101, phase2: 9102 };
const ANSWER_WITHIN_MS = 4_000;

const USAGE = `usage: entrypoint.mjs COMMAND [ARGUMENTS]
  phase1 | phase2 | metastore   runs a service
  migrate                       brings the database to this version and ends
  cli ARGUMENTS                 the command line, for example: cli verify orders
  demo                          registers the dataset orders and produces for it: [--rate N] [--records N] [--dataset NAME]
  rows DATASET                  waits until the dataset's table has rows and prints some
  live [SERVICE]                exit 0 if the service in this container answers /livez, else 1
  ready [SERVICE]               the same with /readyz`;

/**
 * Asks the service that runs beside us. Without a name every usual port is asked, and one answer is enough: a container runs one service.
 * @returns exit code
 */
async function ask(path, service) {
  if (service !== undefined && !(service in ADMIN_PORTS)) return complain(`no such service: ${service}`);
  const set = process.env.MILLRACE_ADMIN_PORT;
  const ports = set ? [set] : service ? [ADMIN_PORTS[service]] : Object.values(ADMIN_PORTS);
  const answers = await Promise.all(ports.map((port) => answer(`http://127.0.0.1:${port}${path}`)));
  const words = answers.map(({ text }) => text).join('\n');
  const ok = answers.some((each) => each.ok);
  process[ok ? 'stdout' : 'stderr'].write(`${ok ? 'ok' : words}\n`);
  return ok ? 0 : 1;
}

async function answer(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    return { ok: response.ok, text: `${url}: ${response.status} ${(await response.text()).trim()}` };
  } catch (error) {
    return { ok: false, text: `${url}: ${error.cause?.code ?? error.message}` };
  }
}

function complain(words) {
  process.stderr.write(`${words}\n${USAGE}\n`);
  return 2;
}

const [command, ...args] = process.argv.slice(2);
if (command === 'live' || command === 'ready') process.exit(await ask(`/${command}z`, args[0]));
if (command === 'help' || command === '--help') {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
if (!Object.hasOwn(PROGRAMS, command ?? '')) process.exit(complain(command === undefined ? 'no command' : `no such command: ${command}`));
if (!WITH_ARGUMENTS.has(command) && args.length > 0)
  process.exit(complain(`${command} takes no arguments; settings come from the environment`));

// As process 1 of a container a signal without a handler is ignored; the services have handlers of their own.
if (process.pid === 1 && command === 'cli') {
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
}

const program = new URL(PROGRAMS[command], import.meta.url);
process.argv = [process.argv[0], fileURLToPath(program), ...args];
await import(program);
