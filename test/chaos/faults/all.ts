import type { Kind } from '../schedule.ts';
import type { Episode } from '../world.ts';
import { brokerFaults } from './brokers.ts';
import { databaseFaults } from './database.ts';
import { processFaults } from './processes.ts';
import { producerFaults } from './producers.ts';
import { storeFaults } from './store.ts';
import { zombieFaults } from './zombie.ts';

/** Every kind of the schedule. */
export const episodes = {
  ...processFaults,
  ...brokerFaults,
  ...databaseFaults,
  ...storeFaults,
  ...zombieFaults,
  ...producerFaults,
} as Readonly<Record<Kind, Episode>>;
