import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { GapAcceptance } from '@millrace/core/domain/losses.ts';
import type { GapList } from '@millrace/metastore/client/client.ts';
import { Command } from 'commander';
import { decider } from '../decider.ts';
import { metastoreOf } from '../metastore.ts';
import { type Cli, type Environment, run } from '../output/cli.ts';
import { outputOption, type Printed, show } from '../output/format.ts';
import { tablePaint } from '../output/paint.ts';
import { textTable } from '../output/text-table.ts';

/** Options of `gaps accept` as the command line gives them. */
type AcceptGapOptions = { partition: string; from: string; to: string; reason: string; topicId?: string };

/** `millrace gaps …` */
export function gapsCommands(cli: Cli): Command {
  const gaps = new Command('gaps').description('losses that wait for a decision (DATA_LOSS_SUSPECTED)');
  gaps
    .command('list')
    .argument('<dataset>')
    .description('what is suspected, with the exact range, and what was accepted')
    .addOption(outputOption())
    .action((dataset: string, { output }: Printed) =>
      run(cli, async () => {
        const found = await metastoreOf(cli.env).gaps(dataset);
        await show(cli, output, found, () => gapsText(cli, dataset, found));
        return 0;
      }),
    );
  gaps
    .command('accept')
    .argument('<dataset>')
    .description('accept a loss: phase 1 goes on behind it by itself')
    .requiredOption('--partition <P>', 'partition number')
    .requiredOption('--from <A>', 'first offset of the suspected range')
    .requiredOption('--to <B>', 'offset behind its last one')
    .requiredOption('--reason <TEXT>', 'your words, kept in chain and audit')
    .option('--topic-id <ID>', 'incarnation of the topic; by default the one that exists now')
    .addOption(outputOption())
    .action((dataset: string, { output, ...options }: AcceptGapOptions & Printed) =>
      run(cli, async () => {
        const accepted = await acceptGap(dataset, options, cli.env);
        await show(
          cli,
          output,
          accepted,
          () =>
            `accepted: ${accepted.topicId}/${accepted.partition} [${accepted.startOffset}, ${accepted.endOffset}) (${accepted.loss}), decision ${accepted.id}; landing goes on by itself`,
        );
        return 0;
      }),
    );
  return gaps;
}

/** Suspected and accepted losses, with the command that accepts each. */
function gapsText(cli: Cli, dataset: string, { suspected, accepted }: GapList): string {
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
  return [textTable(['partition', 'from', 'to', 'kind', 'state', 'decision'], rows, tablePaint(cli)), ...commands].join('\n');
}

/** Accepts a loss: phase 1 writes the gap and goes on by itself. @throws as `MetastoreClient.acceptGap` */
export async function acceptGap(dataset: string, options: AcceptGapOptions, env: Environment): Promise<GapAcceptance> {
  const { partition, from, to, reason, topicId } = options;
  if (!/^[0-9]{1,5}$/.test(partition))
    throw new MillraceError('invalid', 'bad_partition', `--partition ${partition} is not a partition number`);
  return metastoreOf(env).acceptGap(dataset, {
    ...(topicId === undefined ? {} : { topicId }),
    partition: Number(partition),
    startOffset: from,
    endOffset: to,
    reason,
    by: decider(),
  });
}
