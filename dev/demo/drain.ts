import { setTimeout as sleep } from 'node:timers/promises';
import type { Lake } from './lake.ts';
import type { Services } from './services.ts';

/** From Ctrl-C to the end; what is not done by then is killed, and found again at the next start. */
const END_WITHIN_MS = 9_500;
/** Of that, for phase 2 to commit what phase 1 published last. */
const COMMIT_WITHIN_MS = 5_000;
const LOOK_INTERVAL_MS = 150;

/**
 * Ends in order: phase 1 publishes and leaves its group, phase 2 commits what has landed, then everything stops. The producer has stopped before.
 * @returns what is left for the next start, in words; undefined when all is in the table
 */
export async function drain(
  services: Services,
  lake: Lake,
  parts: { stop(): Promise<void>; kill(): Promise<void> },
): Promise<string | undefined> {
  services.expectEnd();
  const children = [services.phase1, services.phase2, services.metastore];
  const insist = setTimeout(() => void Promise.all([...children.map((child) => child.kill()), parts.kill()]), END_WITHIN_MS);
  try {
    await services.phase1.stop();
    const left = await waitForCommit(lake);
    await services.phase2.stop();
    await services.metastore.stop();
    await parts.stop();
    return left;
  } finally {
    clearTimeout(insist);
  }
}

async function waitForCommit(lake: Lake): Promise<string | undefined> {
  const deadline = Date.now() + COMMIT_WITHIN_MS;
  for (;;) {
    const { landed, committed } = await lake.state();
    if (committed >= landed) return undefined;
    if (Date.now() > deadline) return `${landed - committed} landed offsets are not in the table yet; the next start goes on with them`;
    await sleep(LOOK_INTERVAL_MS);
  }
}
