import type { DatasetStatus } from '@millrace/metastore/client/client.ts';
import type { RawPlace } from './locate-raw.ts';
import type { TablePlace } from './locate-table.ts';

/**
 * What became of an offset. `row` in the table · `quarantined` set aside, with a pointer · `dropped` by a named rule · `gap` never held a record for us, with a cause ·
 * `pending` landed, not in the table yet · `not_landed` not in the raw zone yet · `no_such_record` Kafka has no such partition, or ends before it, as far as is known · `before_start` before where chain or table begin ·
 * `twice` more than one row · `missing` nowhere, which must not be.
 */
export const outcomes = [
  'row',
  'quarantined',
  'dropped',
  'gap',
  'pending',
  'not_landed',
  'no_such_record',
  'before_start',
  'twice',
  'missing',
] as const;
export type Outcome = (typeof outcomes)[number];

/** What became of an offset, and why, in one sentence for people. */
export type Judgement = { outcome: Outcome; why: string };

/** Can the outcome be accounted for? Pure. */
export const isAccountedFor = (outcome: Outcome): boolean => !['no_such_record', 'twice', 'missing'].includes(outcome);

/** The rule by which tombstones are dropped in mode append. */
export const tombstoneRule = 'tombstone';

/**
 * What became of an offset. Pure.
 * @param status what the metastore says of the dataset; undefined when it is away or does not know it
 */
export function judge(
  source: { topicId: string; partition: number },
  offset: bigint,
  raw: RawPlace,
  table: TablePlace | undefined,
  status: DatasetStatus | undefined,
): Judgement {
  if (raw.kind === 'no_chain' || raw.kind === 'not_landed') return judgeNotLanded(source, offset, raw, status);
  if (raw.kind === 'before_chain')
    return {
      outcome: 'before_start',
      why: `landing began at offset ${raw.chainStart} of this partition: nothing before it is in the raw zone`,
    };
  if (raw.kind === 'gap') return { outcome: 'gap', why: gapWords[raw.gap.cause] ?? raw.gap.cause };
  if (raw.kind === 'lost')
    return { outcome: 'missing', why: `chain entry ${raw.entry.seq} covers it, but no object and no gap of the entry holds it` };
  if (table?.startOffset !== undefined && offset < table.startOffset)
    return { outcome: 'before_start', why: `the table begins at offset ${table.startOffset} of this partition: it landed for others` };
  if (raw.kind === 'unreadable') return judgeUnreadable(raw, offset, table);
  if (table?.position === undefined || offset >= table.position) return { outcome: 'pending', why: whyPending(offset, table, status) };
  const inTable = judgeTable(table);
  if (inTable !== undefined) return inTable;
  if (raw.record.value === null)
    return { outcome: 'dropped', why: `dropped by the rule "${tombstoneRule}": a Kafka null has no row in mode append` };
  return {
    outcome: 'missing',
    why: `it landed and the table's position ${table.position} is past it, but it is neither in the table nor in quarantine`,
  };
}

/** What the table alone tells; undefined when it holds neither row nor pointer. */
function judgeTable({ rows, quarantine }: TablePlace): Judgement | undefined {
  if (rows.length > 1) return { outcome: 'twice', why: `the table holds ${rows.length} rows of it` };
  if (rows.length === 1) return { outcome: 'row', why: 'in the table' };
  if (quarantine === undefined) return undefined;
  const { stage, reason } = quarantine.pointer;
  return { outcome: 'quarantined', why: `set aside at stage ${stage}: ${reason}` };
}

/** Its raw line cannot be read: what the table has of it counts; what only that line could tell is missing. */
function judgeUnreadable(raw: RawPlace & { kind: 'unreadable' }, offset: bigint, table: TablePlace | undefined): Judgement {
  if (table?.position === undefined || offset >= table.position)
    return { outcome: 'missing', why: `it landed and is not in the table yet, and its raw object cannot be read: ${raw.why}` };
  const inTable = judgeTable(table);
  if (inTable !== undefined) return { ...inTable, why: `${inTable.why}; its raw object cannot be read` };
  return {
    outcome: 'missing',
    why: `the table's position ${table.position} is past it, but it is neither in the table nor in quarantine; its raw object, which would tell whether it was a tombstone, cannot be read: ${raw.why}`,
  };
}

const gapWords: Readonly<Record<string, string>> = {
  compacted: 'Kafka had compacted it away before it was read',
  aborted: 'it belonged to a transaction that was aborted',
  control: 'a control record of Kafka, never data',
  expired: "Kafka's retention had removed it, and a person accepted the loss",
  accepted_by_operator: 'a person accepted to go on without it',
  not_delivered:
    'Kafka did not deliver it: a compacted or aborted record or a control record; verify --against-kafka proves such offsets empty',
};

function judgeNotLanded(
  source: { topicId: string; partition: number },
  offset: bigint,
  raw: RawPlace & { kind: 'no_chain' | 'not_landed' },
  status: DatasetStatus | undefined,
): Judgement {
  const here =
    raw.kind === 'no_chain'
      ? 'nothing of this partition has landed'
      : `landing stands at offset ${raw.tail.endOffset} (entry ${raw.tail.seq}, ${raw.tail.createdAt})`;
  const told = status?.partitions.filter(({ topicId }) => topicId === source.topicId) ?? [];
  const partition = told.find((one) => one.partition === source.partition);
  const known = [...new Set([...told.map((one) => one.partition), ...(raw.kind === 'no_chain' ? raw.partitions : [])])].sort(
    (a, b) => a - b,
  );
  if (raw.kind === 'no_chain' && partition === undefined && known.length > 0)
    return {
      outcome: 'no_such_record',
      why: sentence([`the topic has no partition ${source.partition}, as far as is known: there ${are(known)}`]),
    };
  const { loss, heldBack, end = null } = partition ?? {};
  if (loss !== undefined && loss.startOffset <= offset && offset < loss.endOffset)
    return waits(`${loss.code}: Kafka does not hold [${loss.startOffset}, ${loss.endOffset}) any more (${loss.kind})`);
  if (heldBack !== undefined && heldBack.startOffset <= offset && offset < heldBack.endOffset)
    return waits(`a transaction open since offset ${heldBack.startOffset} holds it back`);
  const kafkaEnd = heldBack?.endOffset ?? end;
  if (kafkaEnd === null || offset < kafkaEnd) return waits();
  const since = status?.landingSilentSince;
  return {
    outcome: 'no_such_record',
    why: sentence([
      here,
      since === undefined
        ? `Kafka ends at ${kafkaEnd}: no such record yet`
        : `when a worker last told, at ${since}, Kafka ended at ${kafkaEnd}: there was no such record then; is phase 1 running?`,
    ]),
  };

  function waits(...why: string[]): Judgement {
    return { outcome: 'not_landed', why: sentence([here, ...why]) };
  }

  function sentence(words: string[]): string {
    return [...words, ...stateWords(status)].join('; ');
  }
}

/** Partitions named in one sentence at most. */
const namedMax = 10;

function are(partitions: readonly number[]): string {
  const named = partitions.slice(0, namedMax).join(', ');
  return partitions.length === 1
    ? `is only partition ${named}`
    : `are ${partitions.length} (${named}${partitions.length > namedMax ? ', …' : ''})`;
}

function whyPending(offset: bigint, table: TablePlace | undefined, status: DatasetStatus | undefined): string {
  const here =
    table?.position === undefined
      ? 'landed; the table has not begun with this partition'
      : `landed; the table stands at offset ${table.position}${offset === table.position ? ': it is next' : `, ${offset - table.position} offsets before it`}`;
  const waits = status?.state === 'RUNNING' ? ['it comes with one of the next batches'] : [];
  return [here, ...waits, ...stateWords(status)].join('; ');
}

/** Dataset's state where it explains a wait. */
function stateWords(status: DatasetStatus | undefined): string[] {
  if (status === undefined) return ['the metastore does not tell why'];
  if (status.state === 'RUNNING' && status.reason === null) return [];
  return [`the dataset is ${status.state}${status.reason === null ? '' : `: ${status.reason}`}`];
}
