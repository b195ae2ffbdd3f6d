#!/usr/bin/env node
/**
 * `node dev/setup/run.mjs --for <purpose> <script> [args]`: brings what the purpose needs, then runs the script under
 * the project's Node. Plain JavaScript without dependencies, because it is what a fresh clone on Node 20 starts with.
 */
import { resolve } from 'node:path';
import { ensureAddon } from './addon.mjs';
import { endRunning } from './exec.mjs';
import { ensureHelm, ensureKubernetesSchemas } from './helm.mjs';
import { ensureKafka } from './kafka.mjs';
import { ensureNode } from './node.mjs';
import { ensureDependencies } from './npm.mjs';
import { ensurePostgres } from './postgres.mjs';
import { ensurePrometheus } from './prometheus.mjs';
import { ensureSparkPython, ensureTestPython } from './python.mjs';
import { runUnder } from './relay.mjs';
import { ensureS3Server } from './s3.mjs';
import { SetupError } from './say.mjs';
import { ensureSparkJars } from './spark.mjs';
import { checkTools } from './tools.mjs';

const KAFKA_AND_POSTGRES = [ensureKafka, ensurePostgres];
const ALL_PARTS = [...KAFKA_AND_POSTGRES, ensureS3Server];

/** What each purpose brings besides Node and the dependencies. `addon` is the Kafka client's. */
const PURPOSES = {
  demo: { addon: true, steps: KAFKA_AND_POSTGRES },
  stack: { addon: false, steps: KAFKA_AND_POSTGRES },
  test: { addon: true, steps: [...ALL_PARTS, ensureTestPython] },
  spark: { addon: true, steps: [...ALL_PARTS, ensureTestPython, ensureSparkPython, ensureSparkJars] },
  alerts: { addon: true, steps: [...ALL_PARTS, ensureTestPython, ensurePrometheus] },
  deploy: { addon: true, steps: [...ALL_PARTS, ensureTestPython, ensureHelm, ensureKubernetesSchemas] },
  docs: { addon: true, steps: [...ALL_PARTS, ensureTestPython, ensurePrometheus] },
  chart: { addon: false, steps: [ensureHelm] },
  check: { addon: false, steps: [] },
  service: { addon: true, steps: [] },
  cli: { addon: true, steps: [] },
};

/** What flags of `npm run stack` bring besides; `tools` is a purpose of tools.mjs. */
const STACK_OPTIONS = [
  { flag: '--s3', tools: 's3', step: ensureS3Server },
  { flag: '--prometheus', tools: 'prometheus', step: ensurePrometheus },
];

const USAGE = `usage: node dev/setup/run.mjs --for <${Object.keys(PURPOSES).join('|')}> <script.ts> [args]`;

/** The services refuse settings they do not know, and this one is the set-up's. */
const OWN_SETTINGS = ['MILLRACE_CACHE'];

async function main([flag, name, script, ...args]) {
  const purpose = PURPOSES[name];
  if (flag !== '--for' || !purpose || !script) throw new SetupError('wrong arguments', USAGE);
  const options = name === 'stack' && !args.includes('--stop') ? STACK_OPTIONS.filter((option) => args.includes(option.flag)) : [];
  await checkTools([name, ...options.map(({ tools }) => tools)]);

  const client = async () => {
    const node = await ensureNode();
    await ensureDependencies(node);
    if (purpose.addon) await ensureAddon(node);
    return node;
  };
  const steps = [...purpose.steps, ...options.map(({ step }) => step)];
  const [node] = await Promise.all([client(), ...steps.map((step) => step())]);

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(signal);
  runUnder(node, resolve(script), args, { without: name === 'service' || name === 'cli' ? OWN_SETTINGS : [] });
}

const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
for (const [signal, code] of Object.entries(EXIT_CODES)) {
  process.on(signal, () => {
    endRunning('SIGTERM');
    process.exit(code);
  });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  endRunning('SIGTERM');
  if (!(error instanceof SetupError)) throw error;
  const detail = error.detail ? `${error.detail.trimEnd()}\n` : '';
  process.stderr.write(`${detail}\nsetup: ${error.message}\n${error.advice}\n`);
  process.exit(1);
}
