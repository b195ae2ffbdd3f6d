import { setTimeout as sleep } from 'node:timers/promises';
import type { Lake } from './lake.ts';
import type { Parts } from './parts.ts';
import type { Services } from './services.ts';

/** From Ctrl-C to the end; what is not done by then is killed, and found again at the next start. */
const END_WITHIN_MS = 9_500;
/** By then phase 2 should have committed what phase 1 published last; the rest is for ending. */
const COMMITTED_WITHIN_MS = 7_500;
const LOOK_INTERVAL_MS = 150;

/**
 * Ends in order: phase 1 publishes and leaves its group, phase 2 commits what has landed, then everything stops. The producer has stopped before.
 * @returns what is left for the next start, in words; undefined when all is in the table
 */
export async function drain(services: Services, lake: Lake, parts: Parts): Promise<string | undefined> {
  services.expectEnd();
  const children = [services.phase1, services.phase2, services.metastore];
  const insist = setTimeout(() => void Promise.all([...children.map((child) => child.kill()), parts.kill()]), END_WITHIN_MS);
  try {
    const deadline = Date.now() + COMMITTED_WITHIN_MS;
    await services.phase1.stop();
    // nobody reads Kafka any more: it may take its time to end while phase 2 works
    const kafkaEnded = parts.stopKafka();
    const left = await waitForCommit(lake, deadline);
    await services.phase2.stop();
    await services.metastore.stop();
    await kafkaEnded;
    await parts.stop();
    return left;
  } finally {
    clearTimeout(insist);
  }
}

async function waitForCommit(lake: Lake, deadline: number): Promise<string | undefined> {
  for (;;) {
    const { landed, committed } = await lake.state();
    if (committed >= landed) return undefined;
    if (Date.now() > deadline) return `${landed - committed} landed offsets are not in the table yet; the next start goes on with them`;
    await sleep(LOOK_INTERVAL_MS);
  }
}
