import type { DatasetState } from '@millrace/core/domain/dataset.ts';
import type { Facts } from './facts.ts';
import { acceptClusterCommand, acceptCommand, currentPartitions, lostPartitions } from './losses.ts';

/** A report older than this says how things were, ms. */
export const freshMs = 60_000;

/** Phase 1 reports each 2 s. After so long without one, what it told of Kafka's ends is no news any more, ms: seven reports in a row were missed. */
export const landingSilentMs = 15_000;

/** A dataset's state as people see it. */
export type ShownState = { state: DatasetState; reason: string | null; nextAction: string | null };

/** Commands shown at most; the list of losses has them all. */
const commandsMax = 5;

const iso = (ms: number) => new Date(ms).toISOString();

/**
 * Merges people's intents and workers' reports into one state. Pure.
 * `PAUSED` while a person wants it so · `BLOCKED` when a partition's landing stopped, the brokers are of a cluster nobody accepted, or the table leg is blocked · `FAILED` as the table leg says ·
 * `WAITING_FOR_TOPIC` while no worker has seen the topic, a new dataset included · else `RUNNING`.
 * Every sentence that explains something is in `reason`, the stale reports' too.
 * @param now ms since 1970
 */
export function shownState(facts: Facts, now: number): ShownState {
  const { dataset, landing, table } = facts;
  const stopped = currentPartitions(facts).filter((partition) => partition.state === 'STOPPED');
  const lost = lostPartitions(facts);
  const changed = landing?.clusterChange;
  const reported = table?.report.state;
  const troubled = reported === 'BLOCKED' || reported === 'FAILED';
  const resume = `PUT /v1/datasets/${dataset.name}/resume`;

  const reasons = [
    ...(dataset.paused ? ['paused by a person; landing goes on'] : []),
    ...(table !== undefined && (troubled || reported === 'RUNNING') && table.report.reason !== null ? [table.report.reason] : []),
    ...landingReasons(facts),
    ...staleReasons(facts, now),
  ];
  const actions = [
    ...(troubled && table?.report.nextAction != null ? [table.report.nextAction] : []),
    ...lost.slice(0, commandsMax).map((one) => acceptCommand(dataset.name, one)),
    ...(lost.length > commandsMax ? [`millrace gaps list ${dataset.name}`] : []),
    ...(stopped.length > lost.length ? [`look at the missing range; ${resume} evaluates again`] : []),
    ...(changed == null ? [] : [acceptClusterCommand(dataset.name, changed.found)]),
    ...(dataset.paused ? [`${resume} to go on`] : []),
    ...(!troubled && landing?.topicId === null ? [`create the topic ${dataset.kafkaTopic}, or delete the dataset`] : []),
  ];
  return { state: merged(), reason: joined(reasons), nextAction: joined(actions) };

  function merged(): DatasetState {
    if (dataset.paused) return 'PAUSED';
    if (stopped.length > 0 || changed != null) return 'BLOCKED';
    if (reported === 'BLOCKED' || reported === 'FAILED') return reported;
    if (landing === undefined) return reported === 'RUNNING' ? 'RUNNING' : 'WAITING_FOR_TOPIC';
    return landing.topicId === null ? 'WAITING_FOR_TOPIC' : 'RUNNING';
  }
}

function landingReasons(facts: Facts): string[] {
  const { dataset, landing } = facts;
  if (landing === undefined) return facts.table === undefined ? [`no worker has reported on topic ${dataset.kafkaTopic} yet`] : [];
  const missing = landing.topicId === null ? [`topic ${dataset.kafkaTopic} does not exist`] : [];
  const partitions = currentPartitions(facts)
    .filter((partition) => partition.state !== 'RUNNING' && partition.reason !== null)
    .map(
      (partition) =>
        `partition ${partition.partition} ${partition.state === 'STOPPED' ? 'stopped' : 'waits'}: ${partition.loss === undefined ? '' : `${partition.loss.code} [${partition.loss.startOffset}, ${partition.loss.endOffset}): `}${partition.reason}`,
    );
  return [...missing, ...partitions, ...landing.notices.filter((notice) => missing.length === 0 || !/does not exist/.test(notice))];
}

function staleReasons(facts: Facts, now: number): string[] {
  const { dataset, landing, table } = facts;
  const reasons: string[] = [];
  if (landing !== undefined) {
    if (now - landing.reportedAt > freshMs)
      reasons.push(`no phase-1 worker has reported on topic ${dataset.kafkaTopic} since ${iso(landing.reportedAt)}`);
    else {
      const silent = currentPartitions(facts).filter((partition) => now - partition.reportedAt > freshMs);
      if (silent.length > 0)
        reasons.push(
          `no phase-1 worker has reported on partition ${silent.map((partition) => partition.partition).join(', ')} since ${iso(Math.min(...silent.map((partition) => partition.reportedAt)))}`,
        );
    }
  }
  if (table === undefined && landing !== undefined && landing.topicId !== null) reasons.push('no phase-2 worker has reported yet');
  if (table !== undefined && now - table.reportedAt > freshMs)
    reasons.push(`no phase-2 worker has reported since ${iso(table.reportedAt)}`);
  return reasons;
}

function joined(sentences: string[]): string | null {
  return sentences.length === 0 ? null : [...new Set(sentences)].join('; ');
}
