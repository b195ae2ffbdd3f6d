import type { Kind } from '../schedule.ts';
import type { Episode } from '../world.ts';

/** A producer killed wherever it is, often inside a transaction; the load starts the next one under another name. */
export const producerFaults: Partial<Record<Kind, Episode>> = {
  'producer-kill': async (world, { pick }) => {
    const producer = world.load().victim(pick);
    if (producer === undefined) return;
    const fault = world.faults.begin('producers', 'producer-kill', producer.name);
    await producer.kill();
    world.faults.end(fault);
  },
};
