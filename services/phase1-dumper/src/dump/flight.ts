import type { FlightMark } from '@millrace/core/domain/flight.ts';

/** Deaths over one offset from which on it is landed alone. */
export const sharedDeathsMax = 3;
/** Deaths of readers that had nothing but this one record, after which a person decides. */
export const aloneDeathsMax = 2;
/** Epochs before ours whose marks are looked at. */
export const epochsLookedBack = 6;

/** Records read alone at a time: doubled with each success, one again after a death. */
export const aloneRecordsMax = 65_536;
/** Lines (bytes) after which a reading alone is published, however few records it holds. */
export const aloneReadBytes = 4 * 2 ** 20;

/** How the chain's next offset is to be approached. `deaths`: over it, counted by R13. */
export type FlightVerdict =
  | { approach: 'shared'; deaths: number }
  | { approach: 'alone'; deaths: number; aloneDeaths: number }
  | { approach: 'stop'; deaths: number; aloneDeaths: number };

/** Does this mark end the search? Progress was made since it was written, so it and all before it say nothing of `next`. Pure. */
export function isPast(mark: FlightMark, next: bigint): boolean {
  return mark.offset < next;
}

/**
 * Judges the marks of former owners by exact rule R13: a death counts only if the owner recorded that records at this offset were handed over, and neither
 * a clean release nor progress followed. Pure.
 * @param marks newest first, as found; those of owners that never wrote one are left out
 */
export function judgeFlight(next: bigint, marks: readonly FlightMark[]): FlightVerdict {
  const past = marks.findIndex((mark) => isPast(mark, next));
  const here = (past === -1 ? marks : marks.slice(0, past)).filter((mark) => mark.offset === next);
  const deaths = here.filter(({ state }) => state === 'flying').length;
  const alone = here.find(({ mode }) => mode === 'alone');
  if (alone === undefined) return deaths < sharedDeathsMax ? { approach: 'shared', deaths } : { approach: 'alone', deaths, aloneDeaths: 0 };
  // the newest one carries what those before it had counted; its own owner died too when it still flies
  const aloneDeaths = alone.aloneDeaths + (alone.state === 'flying' && alone.records === 1 ? 1 : 0);
  return { approach: aloneDeaths < aloneDeathsMax ? 'alone' : 'stop', deaths, aloneDeaths };
}

/** How many records are read alone next, and up to which offset one of them is known to be deadly. */
export type AloneStep = { records: number; suspectEnd: bigint };

/**
 * The next step of reading alone. Pure. Twice as many with each success; after a death an eighth, and no more than that until the records of that reading are past,
 * so that few deaths lead to one record.
 * @param next offset read from next
 */
export function nextAloneStep(step: AloneStep, ending: 'landed' | 'died', next: bigint): AloneStep {
  if (ending === 'died') return { records: Math.max(1, Math.floor(step.records / 8)), suspectEnd: next + BigInt(step.records) };
  return next < step.suspectEnd ? step : { ...step, records: Math.min(aloneRecordsMax, step.records * 2) };
}

/** Why a partition stops over one record, with what a person can do. Pure. */
export function poisonReason(topic: string, partition: number, offset: bigint, aloneDeaths: number): string {
  const range = `[${offset}, ${offset + 1n})`;
  return (
    `POISON_RECORD: the record at offset ${offset} of ${topic}/${partition} killed ${aloneDeaths} readers that held nothing else; records ${range} are not landed. ` +
    `Give the worker more memory and resume the dataset, or go on without the record: millrace gaps accept <dataset> --partition ${partition} --from ${offset} --to ${offset + 1n} --reason <why>`
  );
}
