import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '../support/services.ts';
import type { ChainWatch } from './chain-watch.ts';
import type { Cluster } from './cluster.ts';
import type { FaultLog } from './fault-log.ts';
import type { Load } from './load.ts';
import type { Departure, Departures } from './recovery.ts';
import { picked, type Step } from './schedule.ts';

/** What faults reach for. */
export interface World {
  readonly cluster: Cluster;
  readonly faults: FaultLog;
  readonly chains: ChainWatch;
  readonly departures: Departures;
  /** producers of the round that runs */
  readonly load: () => Load;
  /** topics of the round that runs */
  readonly topics: () => readonly string[];
  /** parts that a fault has in its hands, by name */
  readonly busy: Set<string>;
  /** ms since the run began */
  readonly now: () => number;
  /** the time of faults is over: heal now */
  readonly ending: AbortSignal;
}

/** One kind of fault, from injection to healing. Returns without having begun one when it finds no target. */
export type Episode = (world: World, step: Step) => Promise<void>;

/** Waits, or less when the time of faults is over. */
export const hold = (world: World, ms: number): Promise<void> => sleep(ms, undefined, { signal: world.ending }).catch(() => undefined);

/** Waits until a condition holds. @returns false when it did not within the time, or the time of faults is over */
export async function until(world: World, withinMs: number, holds: () => boolean, lookMs = 50): Promise<boolean> {
  for (const deadline = Date.now() + withinMs; !holds(); await sleep(lookMs))
    if (Date.now() > deadline || world.ending.aborted) return false;
  return true;
}

/**
 * Takes one running service into a fault's hands, leaving at least `spare` of its like untouched, and starts it again afterwards if it is not running.
 */
export async function withService(
  world: World,
  among: readonly Service[],
  { pick, spare }: { pick: number; spare: number },
  hurt: (service: Service) => Promise<void>,
): Promise<void> {
  const free = among.filter((service) => !world.busy.has(service.name) && service.pid !== undefined);
  const service = free.length > spare ? picked(free, pick) : undefined;
  if (service === undefined) return;
  world.busy.add(service.name);
  try {
    await hurt(service);
    if (service.pid === undefined) await service.start();
  } finally {
    world.busy.delete(service.name);
  }
}

/** Notes who owned what when a worker of phase 1 goes; undefined when it owned nothing. */
export function departs(world: World, how: 'kill' | 'term', service: Service): Departure | undefined {
  if (service.pid === undefined) return undefined;
  world.chains.poll();
  return world.departures.left(how, service.name, world.chains.ownedBy(service.pid), world.now());
}
