import { MillraceError } from '@millrace/core/domain/errors.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { readMetastoreSettings } from './config.ts';
import { decider } from './decider.ts';
import { textTable } from './verify/render.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Options of `gaps accept` as the command line gives them. */
export type AcceptGapOptions = { partition: string; from: string; to: string; reason: string; topicId?: string };

const client = (env: Environment) => createMetastoreClient(readMetastoreSettings(env).MILLRACE_METASTORE_URL);

/** `millrace gaps list <dataset>` */
export async function listGaps(dataset: string, env: Environment): Promise<string> {
  const { suspected, accepted } = await client(env).gaps(dataset);
  if (suspected.length === 0 && accepted.length === 0) return `${dataset}: no loss is suspected, none was accepted`;
  const rows = [
    ...suspected.map((loss) => [
      `${loss.topicId}/${loss.partition}`,
      `${loss.startOffset}`,
      `${loss.endOffset}`,
      loss.kind,
      'DATA_LOSS_SUSPECTED',
      '',
    ]),
    ...accepted.map((one) => [
      `${one.topicId}/${one.partition}`,
      one.startOffset,
      one.endOffset,
      one.loss,
      one.done ? 'accepted, behind us' : 'accepted, not landed yet',
      `${one.decidedAt} by ${one.by ?? '?'}: ${one.reason}`,
    ]),
  ];
  const commands = suspected.map(
    ({ partition, startOffset, endOffset }) =>
      `millrace gaps accept ${dataset} --partition ${partition} --from ${startOffset} --to ${endOffset} --reason TEXT`,
  );
  return [textTable(['partition', 'from', 'to', 'kind', 'state', 'decision'], rows), ...commands].join('\n');
}

/** `millrace gaps accept <dataset> …`: phase 1 writes the gap and goes on by itself. */
export async function acceptGap(dataset: string, options: AcceptGapOptions, env: Environment): Promise<string> {
  const { partition, from, to, reason, topicId } = options;
  if (!/^[0-9]{1,5}$/.test(partition))
    throw new MillraceError('invalid', 'bad_partition', `--partition ${partition} is not a partition number`);
  const accepted = await client(env).acceptGap(dataset, {
    ...(topicId === undefined ? {} : { topicId }),
    partition: Number(partition),
    startOffset: from,
    endOffset: to,
    reason,
    by: decider(),
  });
  return `accepted: ${accepted.topicId}/${accepted.partition} [${accepted.startOffset}, ${accepted.endOffset}) (${accepted.loss}), decision ${accepted.id}; landing goes on by itself`;
}
