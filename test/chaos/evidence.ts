import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from '../support/run-cli.ts';
import type { Cluster } from './cluster.ts';
import { abortedOf, type Batch, batchesOf } from './kafka-segment.ts';

/*
 * What to look at when a run finds a difference, gathered while the brokers' disks are still there: how each replica holds the batches around the
 * offset, which transactions it calls aborted, and what Millrace traces of the record.
 */

/** Differences looked at of each dataset. */
const OFFSETS_MAX = 3;
/** Batches are told on both sides of the offset up to this distance; those of the same producer up to a larger one. */
const NEAR = 8n;
const NEAR_SAME_PRODUCER = 100n;
const TRACE_CHARS_MAX = 2_000;

/** A difference as `verify` prints it. */
export interface Place {
  readonly partition: number;
  readonly offset: bigint;
}

/** The first offsets that a report of `verify` names. Pure. */
export function placesOf(report: string): Place[] {
  const found = [...report.matchAll(/^ {2}\w+ \S+\/(\d+) \[(\d+), \d+\)/gm)];
  return found.slice(0, OFFSETS_MAX).map(([, partition, offset]) => ({ partition: Number(partition), offset: BigInt(offset as string) }));
}

/** Lines about each place; never throws, since it only adds to a verdict. */
export async function evidence(cluster: Cluster, topic: string, dataset: string, places: readonly Place[]): Promise<string> {
  const told: string[] = [];
  for (const { partition, offset } of places) {
    told.push(`${topic}/${partition} around offset ${offset}:`);
    for (const [index, logDir] of cluster.kafka.logDirs.entries())
      told.push(`  ${cluster.kafka.nodes[index]?.name}: ${replica(join(logDir, `${topic}-${partition}`), offset)}`);
    const traced = await runCli(['trace', dataset, '--show-record', '--offset', `${partition}:${offset}`], cluster.services.env);
    told.push(traced.output.slice(0, TRACE_CHARS_MAX));
  }
  return told.join('\n');
}

function replica(dir: string, offset: bigint): string {
  try {
    const files = readdirSync(dir).sort();
    const batches = files.filter((file) => file.endsWith('.log')).flatMap((file) => batchesOf(readFileSync(join(dir, file))));
    const own = batches.find(({ first, last }) => first <= offset && offset <= last)?.producerId;
    const near = (batch: Batch, reach: bigint) => batch.first <= offset + reach && batch.last >= offset - reach;
    const shown = batches.filter((batch) => near(batch, NEAR) || (batch.producerId === own && near(batch, NEAR_SAME_PRODUCER)));
    const aborted = files.filter((file) => file.endsWith('.txnindex')).flatMap((file) => abortedOf(readFileSync(join(dir, file)), own));
    return `${shown.map(({ text }) => text).join(', ')}; aborted of this producer: ${aborted.join(', ') || 'none'}`;
  } catch (error) {
    return String(error);
  }
}
