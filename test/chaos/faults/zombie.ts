import type { Service } from '../../support/services.ts';
import { SESSION_TIMEOUT_MS } from '../cluster.ts';
import type { Kind, Step } from '../schedule.ts';
import { departs, type Episode, hold, until, type World, withService } from '../world.ts';

/*
 * Zombies: a worker's chain entry is on its way, complete and signed, when its sender is stopped or dies. Another worker claims the chain. Only then
 * does the entry reach the store, and the sender, if it lives, wakes and goes on as if nothing had been.
 */

const HELD_WITHIN_MS = 8_000;
/** The group notices after its session, and a claim needs a moment more. */
const REPLACED_WITHIN_MS = SESSION_TIMEOUT_MS + 20_000;

const chainEntry = /_chain\/[^/]+\/(\d{5})\/(\d{20})\.json$/;

/** Whose partition a held entry is for, as `topic/partition`. Pure. */
function placeOf(key: string): { place: string; seq: number } | undefined {
  const found = chainEntry.exec(key);
  const topic = key.replace(/^raw\//, '').split('/_chain/')[0];
  return found === null ? undefined : { place: `${topic}/${Number(found[1])}`, seq: Number(found[2]) };
}

async function zombie(world: World, kind: Kind, worker: Service, how: 'stop' | 'kill', { holdMs }: Step): Promise<void> {
  const proxy = world.cluster.proxy(worker.name);
  if (proxy === undefined) return;
  const rule = proxy.next({ do: 'hold' }, { method: 'PUT', keyPattern: chainEntry.source });
  try {
    if (!(await until(world, HELD_WITHIN_MS, () => proxy.held.all(rule).length > 0))) return;
    const held = proxy.held.all(rule)[0];
    const at = held === undefined ? undefined : placeOf(held.key);
    if (held === undefined || at === undefined) return;
    const fault = world.faults.begin('zombie', kind, worker.name);
    if (how === 'stop') worker.pause();
    else {
      departs(world, 'kill', worker);
      await worker.kill();
    }
    // whatever stands at this seq now was put there by somebody else
    const replaced = await until(world, REPLACED_WITHIN_MS, () => (world.chains.at(at.place)?.seq ?? 0) > at.seq);
    if (!replaced) return world.faults.withdraw(fault, `nobody claimed ${at.place} in time`);
    const status = await proxy.held.release(held.id);
    await hold(world, holdMs);
    worker.resume();
    world.faults.end(fault, `${at.place} seq ${at.seq} answered ${status}`);
  } finally {
    proxy.remove(rule);
    await proxy.held.releaseAll(rule);
    worker.resume();
  }
}

/** The entry is late, but its sender still owns the chain: it must be taken as valid. */
async function late(world: World, worker: Service, { holdMs }: Step): Promise<void> {
  const proxy = world.cluster.proxy(worker.name);
  if (proxy === undefined) return;
  const rule = proxy.next({ do: 'hold' }, { method: 'PUT', keyPattern: chainEntry.source });
  try {
    if (!(await until(world, HELD_WITHIN_MS, () => proxy.held.all(rule).length > 0))) return;
    const fault = world.faults.begin('zombie', 'late-put', worker.name);
    await hold(world, holdMs);
    const statuses = await proxy.held.releaseAll(rule);
    world.faults.end(fault, `answered ${statuses.join(', ')}`);
  } finally {
    proxy.remove(rule);
    await proxy.held.releaseAll(rule);
  }
}

const onWorker =
  (hurt: (world: World, worker: Service, step: Step) => Promise<void>): Episode =>
  (world, step) =>
    withService(world, world.cluster.services.phase1, { pick: step.pick, spare: 1 }, (worker) => hurt(world, worker, step));

export const zombieFaults: Partial<Record<Kind, Episode>> = {
  'zombie-stopped': onWorker((world, worker, step) => zombie(world, 'zombie-stopped', worker, 'stop', step)),
  'zombie-killed': onWorker((world, worker, step) => zombie(world, 'zombie-killed', worker, 'kill', step)),
  'late-put': onWorker(late),
};
