import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { s3Env, testPython } from './stack.ts';

/** The Python programs of test/checker, test/corpus and test/interop. */

const tests = fileURLToPath(new URL('../', import.meta.url));
const OUTPUT_BYTES_MAX = 64 * 2 ** 20;

/** Runs a program below `test/` and returns what it printed. Exit status 1 is an answer ("something differs"), others are errors. */
export function runPython(
  script: string,
  args: readonly string[],
  python = testPython(),
  timeoutMs = 280_000,
): Promise<{ status: number; stdout: string; stderr: string }> {
  const env = { ...process.env, ...s3Env(), PYTHONDONTWRITEBYTECODE: '1' };
  return new Promise((resolve, reject) => {
    execFile(python, [`${tests}${script}`, ...args], { env, maxBuffer: OUTPUT_BYTES_MAX, timeout: timeoutMs }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      if (status === 0 || (status === 1 && stdout.startsWith('{'))) resolve({ status, stdout, stderr });
      else reject(new Error(`${script} ${args.join(' ')}: ${error?.message}\n${stderr.slice(-3000)}`));
    });
  });
}

/** The same for programs that print one JSON object. */
export async function pythonJson<T>(script: string, ...args: readonly string[]): Promise<T> {
  return JSON.parse((await runPython(script, args)).stdout) as T;
}

/** What kafka_truth.py prints. */
export type Truth = {
  clusterId: string;
  topic: string;
  topicId: string;
  partitions: { partition: number; start: number; end: number; records: number }[];
};

/** Kafka's own records of a topic into `file`, by a client that is not librdkafka. */
export const readTruth = (brokers: string, topic: string, file: string, ...more: readonly string[]): Promise<Truth> =>
  pythonJson('checker/kafka_truth.py', '--brokers', brokers, '--topic', topic, '--out', file, ...more);

/** Ends of a truth for `waitUntilLanded`. */
export const endsOf = (truth: Truth) => ({ topicId: truth.topicId, ends: truth.partitions.map(({ end }) => BigInt(end)) });

/** What raw_reader.py prints. */
export type RawSummary = {
  topic: string;
  errors: string[];
  chains: {
    topicId: string;
    partition: number;
    start: number;
    end: number;
    records: number;
    objects: number;
    epochs: number[];
    gaps: [number, number, string][];
    closed: boolean;
  }[];
};

/** What compare_raw.py prints. */
export type RawComparison = {
  differences: number;
  partitions: { topicId: string; partition: number; records: number; truth: number; exemptHeaders: number }[];
};

/** What compare_table.py prints. */
export type TableComparison = {
  differences: number;
  expected: { rows: number; quarantined: Record<string, number>; dropped: number; pending: number };
  quarantinedByLedger: Record<string, number>;
  readers: { engine: string; rows: number; differences: number }[];
  problems: string[];
};
