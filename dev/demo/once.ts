import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoTopic } from '@millrace/cli/demo/topic.ts';
import { verifyCommand } from '@millrace/cli/verify/command.ts';
import type { Lake } from './lake.ts';

/** Nothing landed and nothing committed for so long while there is more: something is wrong. */
const STALL_MS = 120_000;
const LOOK_INTERVAL_MS = 250;

/** When the records of one run were there, ms since 1970. */
export type RunTimes = { begunAt: number; landedAt: number; committedAt: number };

/**
 * Produces `records` and waits until the table is past them.
 * @param state why the table leg waits, as the metastore has it, or undefined
 * @throws Error when nothing moves any more or `stop` aborts
 */
export async function produceAndWait(
  topic: DemoTopic,
  lake: Lake,
  records: number,
  stop: AbortSignal,
  state: () => Promise<string | undefined>,
): Promise<RunTimes> {
  const begunAt = Date.now();
  await topic.produce({ records, rate: undefined, stop });
  const end = (await topic.ends()).reduce((sum, offset) => sum + offset, 0n);
  let landedAt: number | undefined;
  for (let movedAt = Date.now(), before = ''; ; await sleep(LOOK_INTERVAL_MS, undefined, { signal: stop })) {
    const now = await lake.state();
    if (now.landed >= end) landedAt ??= Math.max(begunAt, Date.parse(now.landedAt ?? ''));
    if (now.committed >= end && landedAt !== undefined) return { begunAt, landedAt, committedAt: Date.now() };
    const seen = `${now.landed} ${now.committed}`;
    if (seen !== before) movedAt = Date.now();
    before = seen;
    if (Date.now() - movedAt > STALL_MS)
      throw new Error(
        `nothing has moved for ${STALL_MS / 1000} s: landed ${now.landed}, committed ${now.committed} of ${end} offsets; ${(await state()) ?? ''}`,
      );
  }
}

/** Both phases' throughput over one run. Pure. `cpuSeconds` undefined where a service does not tell. */
export function throughputLines(
  topic: { produced: number; producedBytes: number },
  times: RunTimes,
  cpuSeconds: { phase1: number | undefined; phase2: number | undefined },
): string {
  const line = (name: string, verb: string, until: number, cpu: number | undefined) => {
    const seconds = Math.max((until - times.begunAt) / 1000, 0.001);
    const rate = Math.round(topic.produced / seconds).toLocaleString('en-US');
    const megabytes = (topic.producedBytes / seconds / 1e6).toFixed(1);
    const each = cpu === undefined ? '' : `, ${((cpu * 1e6) / topic.produced).toFixed(1)} µs CPU a record`;
    return `${name}: ${topic.produced.toLocaleString('en-US')} records ${verb} ${seconds.toFixed(1)} s after the first was produced: ${rate} records/s, ${megabytes} MB/s${each}`;
  };
  return [
    line('phase 1', 'landed', times.landedAt, cpuSeconds.phase1),
    line('phase 2', 'committed', times.committedAt, cpuSeconds.phase2),
  ].join('\n');
}

/** CPU seconds a service has used since it started, from its metrics; undefined when it does not tell. */
export async function cpuSecondsOf(adminUrl: string): Promise<number | undefined> {
  try {
    const text = await (await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(5_000) })).text();
    const value = /^process_cpu_seconds_total (\S+)/m.exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  } catch {
    return undefined;
  }
}

/** Runs verify as `npx millrace verify <dataset> --against-kafka` does. @returns its exit code */
export function verifyRun(dataset: string, topic: string, environment: Record<string, string>): Promise<0 | 1 | 2> {
  const write = (text: string) => void process.stdout.write(`${text}\n`);
  return verifyCommand(dataset, { topic, againstKafka: true }, environment, write, write);
}
