import type { AddFile } from '@millrace/core/delta/actions.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import { z } from 'zod';

/** `[topicId, partition, lowest offset, highest offset, rows]`. @see docs/formats/table.md section 6 */
const sourcesTag = z.array(z.tuple([z.string(), z.number(), z.string().regex(/^\d+$/), z.string().regex(/^\d+$/), z.number()]));

/** May a data file hold a row of this offset? Pure. True for a file that does not say, as one that another engine wrote. */
export function mayHold(file: Pick<AddFile, 'tags'>, source: SourcePartition, offset: bigint): boolean {
  const said = file.tags?.['millrace.sources'];
  if (said === undefined) return true;
  let json: unknown;
  try {
    json = JSON.parse(said);
  } catch {
    return true;
  }
  const parsed = sourcesTag.safeParse(json);
  if (!parsed.success) return true;
  return parsed.data.some(
    ([topicId, partition, lowest, highest]) =>
      topicId === source.topicId && partition === source.partition && BigInt(lowest) <= offset && offset <= BigInt(highest),
  );
}
