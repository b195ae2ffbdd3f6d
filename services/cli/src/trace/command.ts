import { MillraceError } from '@millrace/core/domain/errors.ts';
import { readLakeSettings } from '../config.ts';
import { requireDatasetName, withLake } from '../lake/open-lake.ts';
import { withTempFolder } from '../lake/temp-folder.ts';
import type { Cli, ExitCode } from '../output/cli.ts';
import { type Printed, show } from '../output/format.ts';
import { isAccountedFor } from './outcome.ts';
import { renderFound, renderTrace } from './render.ts';
import { traceData, traceOffset } from './trace-offset.ts';
import { traceWhere } from './trace-where.ts';

/** Options of `millrace trace` as the command line gives them; one of `offset` and `where`. */
export type TraceOptions = Printed & {
  offset?: { partition: number; offset: bigint };
  where?: string;
  topic?: string;
  topicId?: string;
  limit: number;
  timeoutSeconds: number;
  showRecord?: boolean;
};

/** Looks, and prints what it finds. @returns 0 accounted for, or rows found; 1 nowhere, twice, or no row. @throws `MillraceError` when it could not look */
export async function trace(cli: Cli, dataset: string, options: TraceOptions): Promise<ExitCode> {
  requireDatasetName(dataset);
  const { offset: asked, where, limit, timeoutSeconds, output } = options;
  const withRecord = options.showRecord === true;
  const settings = readLakeSettings(cli.env);
  if (where === undefined && asked === undefined)
    throw new MillraceError('invalid', 'nothing_to_trace', 'give --offset <partition>:<offset> or --where <predicate>');
  return await withTempFolder((folder) =>
    withLake(settings, async (lake): Promise<ExitCode> => {
      if (where !== undefined) {
        const answer = await traceWhere(lake, { dataset, where, limit, timeoutSeconds, withRecord, folder });
        const { rows, more, tableVersion } = answer;
        await show(cli, output, { dataset, where, ...answer }, () =>
          rows.length === 0
            ? `no row of version ${tableVersion}`
            : `${renderFound(cli, rows, withRecord)}${more ? `\nthe first ${rows.length}; --limit says how many` : ''}`,
        );
        return rows.length > 0 ? 0 : 1;
      }
      const { partition, offset } = asked ?? { partition: 0, offset: 0n };
      const metastoreUrl = settings.MILLRACE_METASTORE_URL;
      const found = await traceOffset(lake, {
        dataset,
        topic: options.topic,
        topicId: options.topicId,
        partition,
        offset,
        metastoreUrl,
        folder,
      });
      await show(cli, output, traceData(found, withRecord), () => renderTrace(cli, found, withRecord));
      return isAccountedFor(found.outcome) ? 0 : 1;
    }),
  );
}
