import { z } from 'zod';
import { offsetText } from './offsets.ts';

/** Format number of flight marks. A mark that is newer, or cannot be read, counts as none: marks are never truth. */
export const flightFormat = 1;

/**
 * What the owner of a chain's epoch recorded before records at `offset` were handed to it (exact rule R13); `_flight/<epoch,20>.json` beside the chain's entries.
 * Only the owner of the epoch writes it, again and again: the last one stands.
 */
export const flightMark = z.strictObject({
  format: z.literal(flightFormat),
  /** the owner's writer epoch */
  epoch: offsetText,
  /** the chain's next offset at that time: progress beyond it takes back what the mark says */
  offset: offsetText,
  /** `shared`: read with all other partitions; `alone`: in a process of its own, `records` at a time */
  mode: z.enum(['shared', 'alone']),
  /** records that were to be read at once; null when nobody counted */
  records: z.number().int().min(1).nullable(),
  /** readers that died over exactly this offset while it was read alone and single */
  aloneDeaths: z.number().int().min(0),
  /** `released`: the owner gave the records back alive */
  state: z.enum(['flying', 'released']),
  writer: z.string(),
  /** ISO 8601 UTC, by the writer's clock, for people */
  writtenAt: z.string(),
});
export type FlightMark = z.infer<typeof flightMark>;
