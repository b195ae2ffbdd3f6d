import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cluster } from './cluster.ts';

const main = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url));
const OUTPUT_BYTES_MAX = 64 * 2 ** 20;

/** Runs a command of the command line with the cluster's settings and no others of Millrace. `output` is all it printed. */
export function millrace(cluster: Cluster, ...args: string[]): Promise<{ exitCode: number; output: string }> {
  const settings = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_')));
  const env = { ...settings, ...cluster.services.env };
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env, maxBuffer: OUTPUT_BYTES_MAX }, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), output: `${stdout}\n${stderr}` }),
    );
  });
}
