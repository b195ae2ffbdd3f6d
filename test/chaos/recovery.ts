import type { Injected } from './fault-log.ts';

/*
 * How long partitions stand still after their owner died or left. Pure: fed with what was seen, in ms since the run began.
 */

/** One landed entry or claim as the chain shows it. */
export interface SeenEntry {
  readonly place: string;
  readonly kind: string;
  readonly epoch: bigint;
  readonly moved: boolean;
  readonly atMs: number;
}

/** The death or departure of a worker that owned partitions. */
export interface Departure {
  readonly how: 'kill' | 'term';
  readonly worker: string;
  readonly atMs: number;
  /** by place (`topic/partition`), the epoch it owned there */
  readonly waiting: Map<string, bigint>;
  readonly partitions: number;
  /** when the last of them advanced under a newer epoch; null while one stands still */
  recoveredMs: number | null;
}

/** Every departure so far, and which of its partitions still wait for a new owner. */
export class Departures {
  readonly all: Departure[] = [];

  /** @param owned by place the epoch that the worker owned when it went; with none there is nothing to measure, and undefined is returned */
  left(how: 'kill' | 'term', worker: string, owned: ReadonlyMap<string, bigint>, atMs: number): Departure | undefined {
    if (owned.size === 0) return undefined;
    const departure: Departure = { how, worker, atMs, waiting: new Map(owned), partitions: owned.size, recoveredMs: null };
    this.all.push(departure);
    return departure;
  }

  /** A partition advances again with the first data entry under a newer epoch that moves the position. */
  saw(entry: SeenEntry): void {
    if (entry.kind === 'data' && entry.moved) this.advanced(entry.place, entry.epoch, entry.atMs);
  }

  /** The partition has a new owner of this epoch, and either landed something or has nothing to land. */
  advanced(place: string, epoch: bigint, atMs: number): void {
    for (const departure of this.all) {
      const was = departure.waiting.get(place);
      if (was === undefined || epoch <= was) continue;
      departure.waiting.delete(place);
      if (departure.waiting.size === 0) departure.recoveredMs = atMs;
    }
  }

  /** Places that somebody waits for. */
  waiting(): Set<string> {
    return new Set(this.all.flatMap(({ waiting }) => [...waiting.keys()]));
  }
}

/** Times of one kind of departure, ms. `alone`: those during which nothing else was broken that landing needs. */
export interface Times {
  readonly count: number;
  readonly unrecovered: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
  /** each of them, ms, rising */
  readonly ms: readonly number[];
}

/** Lanes whose faults keep a partition from advancing, whoever owns it. */
const disturbing = new Set(['kafka', 'store', 'zombie', 'phase1']);

/**
 * Was another fault that landing can feel in force between a departure and the recovery from it? The departure's own fault does not count. Pure.
 */
export function wasDisturbed(departure: Departure, faults: readonly Injected[]): boolean {
  const until = departure.recoveredMs ?? Number.POSITIVE_INFINITY;
  return faults.some(
    (fault) =>
      disturbing.has(fault.lane) &&
      !(fault.target === departure.worker && Math.abs(fault.startMs - departure.atMs) < 50) &&
      fault.startMs < until &&
      (fault.endMs ?? Number.POSITIVE_INFINITY) > departure.atMs,
  );
}

/** Pure. The p-th percentile by nearest rank. */
export function timesOf(departures: readonly Departure[]): Times {
  const times = departures
    .flatMap(({ atMs, recoveredMs }) => (recoveredMs === null ? [] : [recoveredMs - atMs]))
    .sort((one, other) => one - other);
  const at = (share: number) => (times.length === 0 ? null : (times[Math.ceil(share * times.length) - 1] ?? null));
  return { count: departures.length, unrecovered: departures.length - times.length, p50: at(0.5), p99: at(0.99), max: at(1), ms: times };
}
