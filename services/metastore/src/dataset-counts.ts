import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import type { DatasetState } from '@millrace/core/domain/dataset.ts';
import type { MetadataStore } from './store/store.ts';
import { shownState } from './view/state.ts';

/** Between two counts, ms: no more often than metrics are commonly asked for. */
const intervalMs = 10_000;
/** Datasets asked for at a time. */
const pageSize = 1_000;

type Options = { show(counts: ReadonlyMap<DatasetState, number>): void; signal: AbortSignal; log: Logger };

/** Counts live datasets by the state the API shows, again and again until the signal. While the database is away the last count stands. Never rejects. */
export async function keepCounting(store: Pick<MetadataStore, 'list'>, { show, signal, log }: Options): Promise<void> {
  while (!signal.aborted) {
    await countByState(store)
      .then(show)
      .catch((error: unknown) => log.debug({ err: error }, 'datasets were not counted'));
    await sleep(intervalMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

async function countByState(store: Pick<MetadataStore, 'list'>): Promise<Map<DatasetState, number>> {
  const counts = new Map<DatasetState, number>();
  for (let after = ''; ; ) {
    const page = await store.list(after, pageSize);
    for (const facts of page) {
      const { state } = shownState(facts, Date.now());
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return counts;
    after = last.dataset.name;
  }
}
