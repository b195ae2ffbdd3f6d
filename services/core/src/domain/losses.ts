import { z } from 'zod';
import { offsetText } from './offsets.ts';
import { topicId } from './source.ts';

/** Text by which people and their tools find a partition that waits for a decision about missing records. */
export const dataLossSuspected = 'DATA_LOSS_SUSPECTED';

/**
 * What made a partition stop. `retention` Kafka removed records before we read them · `truncated` Kafka ends before our next offset, or the leader epoch
 * we landed under does · `epoch_fell` another log stands under our offsets · `poison` a record that ends every process that reads it.
 */
export const lossKinds = ['retention', 'truncated', 'epoch_fell', 'poison'] as const;
export const lossKind = z.enum(lossKinds);
export type LossKind = z.infer<typeof lossKind>;

/**
 * A loss that a person has to look at. `[startOffset, endOffset)` for `retention` and `poison`: offsets from the chain's next one that cannot be landed.
 * For `truncated` and `epoch_fell`: offsets *below* the chain's next one (`endOffset`), whose landed records Kafka does not hold any more.
 */
export const suspectedLoss = z.strictObject({
  code: z.literal(dataLossSuspected),
  kind: lossKind,
  startOffset: offsetText,
  endOffset: offsetText,
});
export type SuspectedLoss = z.infer<typeof suspectedLoss>;

/** Does the range lie before the chain's next offset? Pure. Then there is nothing to land or to leave out, only a log to be trusted again. */
export const lossIsBehind = (kind: LossKind): boolean => kind === 'truncated' || kind === 'epoch_fell';

/** Offsets Kafka holds but gives to no read-committed reader, since a transaction open at `startOffset` is not decided. `producerId` null when not told. */
export const heldBack = z.strictObject({ startOffset: offsetText, endOffset: offsetText, producerId: z.string().nullable() });
export type HeldBack = z.infer<typeof heldBack>;

/** The brokers are of another cluster than the chains of the topic: nothing is landed until a person says so. */
export const clusterChange = z.strictObject({ known: z.array(z.string().min(1)), found: z.string().min(1) });
export type ClusterChange = z.infer<typeof clusterChange>;

const decided = {
  id: z.string(),
  /** the person's own words */
  reason: z.string().min(1).max(1_000),
  /** who said so, as they name themselves; null when not told */
  by: z.string().max(200).nullable(),
  decidedAt: z.string(),
};
const offsetDecimal = z.string().regex(/^(0|[1-9][0-9]{0,18})$/);

/** A person accepts a suspected loss, with its exact range in decimal text (exact rule R12). */
export const gapAcceptance = z.strictObject({
  kind: z.literal('gap'),
  ...decided,
  topicId,
  partition: z.number().int().min(0).max(99_999),
  loss: lossKind,
  startOffset: offsetDecimal,
  endOffset: offsetDecimal,
});
export type GapAcceptance = z.infer<typeof gapAcceptance>;

/** A person says that landing may go on with a cluster that the topic's chains do not know. */
export const clusterAcceptance = z.strictObject({ kind: z.literal('cluster'), ...decided, clusterId: z.string().min(1).max(200) });
export type ClusterAcceptance = z.infer<typeof clusterAcceptance>;

/** What people decided about a dataset's landing: part of the configuration that phase 1 reads and keeps for when the metastore is away. */
export const acceptance = z.discriminatedUnion('kind', [gapAcceptance, clusterAcceptance]);
export type Acceptance = z.infer<typeof acceptance>;
