import type { Service } from '../../support/services.ts';
import { SESSION_TIMEOUT_MS } from '../cluster.ts';
import type { Departure } from '../recovery.ts';
import type { Kind, Lane, Step } from '../schedule.ts';
import { departs, type Episode, hold, until, type World, withService } from '../world.ts';

/*
 * Workers and the metastore: killed, stopped for shorter and longer than the session, asked to end once and twice, joined by a guest, and with a
 * clock that is wrong.
 */

/** An orderly end takes at most this long, ms. */
const END_WITHIN_MS = 15_000;
/** Between the two TERMs of a double one, ms. */
const SECOND_TERM_AFTER_MS = 100;
/** The next fault of the lane waits no longer than this for a recovery, ms. */
const RECOVERED_WITHIN_MS = SESSION_TIMEOUT_MS + 15_000;
/** Clocks go wrong by up to this much, s, either way. */
const CLOCK_SHIFT_MAX_S = 600;

type Hurt = (world: World, service: Service, step: Step) => Promise<void>;

/** Comes back, and the lane waits until all that it owned advances again, so that recovery is measured on its own as far as the lane can help it. */
async function comesBack(world: World, service: Service, { holdMs }: Step, departure: Departure | undefined): Promise<void> {
  await hold(world, holdMs);
  await service.start();
  if (departure !== undefined) await until(world, RECOVERED_WITHIN_MS, () => departure.recoveredMs !== null);
}

const kill: Hurt = async (world, service, step) => {
  const departure = departs(world, 'kill', service);
  await service.kill();
  await comesBack(world, service, step, departure);
};

const stopFor =
  (extraMs: number): Hurt =>
  async (world, service, { holdMs }) => {
    service.pause();
    await hold(world, extraMs + holdMs);
    service.resume();
  };

const term: Hurt = async (world, service, step) => {
  const departure = departs(world, 'term', service);
  await service.stop();
  await comesBack(world, service, step, departure);
};

const doubleTerm: Hurt = async (world, service, { holdMs }) => {
  const { pid } = service;
  if (pid === undefined) return;
  process.kill(pid, 'SIGTERM');
  await hold(world, SECOND_TERM_AFTER_MS);
  if (service.pid === pid) process.kill(pid, 'SIGTERM');
  await until(world, END_WITHIN_MS, () => service.pid === undefined);
  await service.stop();
  await hold(world, holdMs);
};

const wrongClock: Hurt = async (world, service, { holdMs, amount }) => {
  const clock = world.cluster.clock(service.name);
  clock?.shift(Math.round((2 * amount - 1) * CLOCK_SHIFT_MAX_S));
  await hold(world, holdMs);
  clock?.shift(0);
};

/** One fault on a service of the lane, counted from the moment it is in the fault's hands. */
const on =
  (lane: Lane & ('phase1' | 'phase2' | 'metastore'), kind: Kind, hurt: Hurt): Episode =>
  (world, step) => {
    const among = lane === 'metastore' ? [world.cluster.services.metastore] : world.cluster[lane];
    return withService(world, among, { pick: step.pick, spare: lane === 'phase1' ? 1 : 0 }, async (service) => {
      const fault = world.faults.begin(lane, kind, service.name);
      try {
        await hurt(world, service, step);
        if (service.pid === undefined) await service.start();
      } finally {
        world.faults.end(fault);
      }
    });
  };

const needsClock =
  (lane: 'phase1' | 'phase2', episode: Episode): Episode =>
  async (world, step) => {
    if (world.cluster.clock(`${lane}-1`) !== undefined) await episode(world, step);
  };

/** A further worker joins, works for a while, and leaves in good order. */
const guest =
  (phase: 'phase1' | 'phase2', kind: Kind): Episode =>
  async (world, { holdMs }) => {
    const regular = world.cluster.services[phase].length;
    const worker = world.cluster[phase][regular] ?? (await world.cluster.services.add(phase));
    if (world.cluster[phase].length === regular) world.cluster[phase].push(worker);
    world.busy.add(worker.name);
    const fault = world.faults.begin(phase, kind, worker.name);
    try {
      await worker.start();
      await hold(world, holdMs);
      await worker.stop();
    } finally {
      world.faults.end(fault);
      // stays in no fault's hands, and not running: the keeper of services starts only regular ones
      world.busy.delete(worker.name);
    }
  };

export const processFaults: Partial<Record<Kind, Episode>> = {
  'phase1-kill': on('phase1', 'phase1-kill', kill),
  'phase1-stop-short': on('phase1', 'phase1-stop-short', stopFor(0)),
  'phase1-stop-long': on('phase1', 'phase1-stop-long', stopFor(SESSION_TIMEOUT_MS)),
  'phase1-term': on('phase1', 'phase1-term', term),
  'phase1-double-term': on('phase1', 'phase1-double-term', doubleTerm),
  'phase1-join-leave': guest('phase1', 'phase1-join-leave'),
  'phase1-clock': needsClock('phase1', on('phase1', 'phase1-clock', wrongClock)),
  'phase2-kill': on('phase2', 'phase2-kill', kill),
  'phase2-stop': on('phase2', 'phase2-stop', stopFor(0)),
  'phase2-term': on('phase2', 'phase2-term', term),
  'phase2-double-term': on('phase2', 'phase2-double-term', doubleTerm),
  'phase2-clock': needsClock('phase2', on('phase2', 'phase2-clock', wrongClock)),
  'phase2-join-leave': guest('phase2', 'phase2-join-leave'),
  'metastore-kill': on('metastore', 'metastore-kill', kill),
  'metastore-stop': on('metastore', 'metastore-stop', stopFor(0)),
  'metastore-term': on('metastore', 'metastore-term', term),
  'metastore-double-term': on('metastore', 'metastore-double-term', doubleTerm),
};
