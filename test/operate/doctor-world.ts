import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Command } from 'commander';
import { expect } from 'vitest';
import { doctorCommand } from '../../services/cli/src/doctor/command.ts';
import type { CheckResult } from '../../services/cli/src/doctor/finding.ts';
import { type Machine, thisMachine } from '../../services/cli/src/doctor/probe/machine.ts';
import type { Cli, Environment } from '../../services/cli/src/output/cli.ts';
import { freshDirectory } from '../support/stack.ts';

/** What one run of `millrace doctor` ended with. */
export type Diagnosis = { code: number | undefined; text: string; said: string; checks: CheckResult[] };

/** Runs a command in this process, as a person would: arguments, environment; exit code and what is printed come back. */
export async function runHere(
  env: Environment,
  args: readonly string[],
  make: (cli: Cli) => Command,
): Promise<{ code: number | undefined; text: string; said: string }> {
  let text = '';
  let said = '';
  let code: number | undefined;
  const cli: Cli = {
    env,
    write: async (chunk) => {
      text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    },
    complain: (line) => {
      said += `${line}\n`;
    },
    paint: (_style, plain) => plain,
    end: (ending) => {
      code = ending;
    },
  };
  await make(cli)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .parseAsync([...args], { from: 'user' });
  return { code, text, said };
}

/** `millrace doctor`. */
export async function diagnose(env: Environment, args: readonly string[] = [], machine: Partial<Machine> = {}): Promise<Diagnosis> {
  const ended = await runHere(env, [...args, '-o', 'json'], (cli) => doctorCommand(cli, () => ({ ...thisMachine(), ...machine })));
  return { ...ended, checks: ended.text.startsWith('{') ? (JSON.parse(ended.text) as { checks: CheckResult[] }).checks : [] };
}

/** The named check fails, says what it saw and how to mend it, and the exit code is 1. */
export function expectFailure({ code, checks, text }: Diagnosis, check: string, says: RegExp, fix: RegExp): void {
  const failures = checks
    .filter(({ name }) => name === check)
    .flatMap(({ findings }) => findings.filter(({ level }) => level === 'failure'));
  const told = failures.find((finding) => says.test(finding.says));
  expect(told, `${check} tells ${says}; it told ${JSON.stringify(failures)} in ${text.slice(0, 2000)}`).toBeDefined();
  expect(told?.fix).toMatch(fix);
  expect(code).toBe(1);
}

/** Checks that failed, by name. */
export const failed = ({ checks }: Diagnosis): string[] =>
  checks.filter(({ findings }) => findings.some(({ level }) => level === 'failure')).map(({ name }) => name);

/** Nobody listens there, and no other test's metastore is met by the default address. */
const nobody = 'http://127.0.0.1:4';

/** Settings under which everything on this machine is well but the metastore away: two empty folders and a state folder. */
export function folders(): Record<string, string> {
  const dir = freshDirectory('doctor');
  const at = (name: string) => `file://${dir}/${name}`;
  return {
    MILLRACE_RAW_URL: at('raw'),
    MILLRACE_TABLES_URL: at('tables'),
    MILLRACE_STATE_DIR: `${dir}/state`,
    MILLRACE_METASTORE_URL: nobody,
  };
}

/** What the middleman does to an exchange: a changed request, an answer of its own, or changed headers of the real answer. */
export type Meddling = {
  /** headers of the request, changed in place before it goes on */
  request?: (method: string, path: string, headers: Record<string, string | string[] | undefined>) => void;
  answer?: (method: string, path: string) => { status: number; body: string } | undefined;
  headers?: (headers: Record<string, string | string[] | undefined>) => void;
};

/** An HTTP server on loopback between a client and an S3 server. */
export async function meddler(target: string, meddling: Meddling): Promise<{ url: string; close(): void }> {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url: path = '/' } = incoming;
    const own = meddling.answer?.(method, path);
    if (own !== undefined) {
      incoming.resume();
      incoming.on('end', () => outgoing.writeHead(own.status, { 'content-type': 'application/xml' }).end(own.body));
      return;
    }
    const headers = { ...incoming.headers };
    meddling.request?.(method, path, headers);
    const sent = request({ hostname, port, method, path, headers, setHost: false }, (answer) => {
      const back = { ...answer.headers };
      meddling.headers?.(back);
      outgoing.writeHead(answer.statusCode ?? 502, back);
      answer.pipe(outgoing);
    });
    sent.on('error', () => incoming.socket.destroy());
    incoming.pipe(sent);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
