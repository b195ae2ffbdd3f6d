import { expect, test } from 'vitest';
import { type LandedChain, numbersOf, produce, readLanded, recreateTopic, withAdmin } from '../integration/phase1-harness.ts';
import { api, createDataset, waitFor, waitUntilCommitted } from '../support/services.ts';
import { freshTopic } from '../support/stack.ts';
import type { HttpFaultProxy } from './proxy/http-proxy.ts';
import type { Fault } from './proxy/rules.ts';
import { type StoreWorld, startStoreWorld, untilLanded, verified, withinMs } from './store-world.ts';

/*
 * Unknown outcomes at every conditional write of a dataset's life (behaviour 8). Whichever write it is, and whether the server carried it out, never
 * saw it, or sees it only after it was sent again: every record is landed and in the table once.
 */

/** What is written by put-if-absent once in a dataset's life; as the key goes on behind `raw/<topic>/` or `tables/<dataset>/`. */
const writes: Readonly<Record<string, string>> = {
  start: '_chain/[^/]+/start\\.json$',
  tableStart: '_millrace/start/[^/]+\\.json$',
  ledger: '_millrace/ledger/\\d+\\.json$',
  commit: '_delta_log/\\d{20}\\.json$',
};
/** Each chain entry below this seq is struck: claims, data, the operator's gap, the close. */
const entriesMax = 30;

const faults: Readonly<Record<string, Fault>> = {
  swallow: { do: 'swallow' },
  cut: { do: 'cut', side: 'request' },
  hold: { do: 'hold' },
};

/** Lets each held request come to the server only after its sender, cut off, has surely sent it again. @returns what the server said to each */
async function releaseLate(proxy: HttpFaultProxy, until: AbortSignal): Promise<{ statuses: number[] }> {
  const late: { statuses: number[] } = { statuses: [] };
  const waiting = new Map<number, string>();
  const look = setInterval(() => {
    for (const { id, path } of proxy.held.all()) {
      if (waiting.has(id)) continue;
      waiting.set(id, path);
      proxy.held.cutSender(id);
      setTimeout(() => void proxy.held.release(id).then((status) => status !== undefined && late.statuses.push(status)), lateMs);
    }
  }, 20);
  until.addEventListener('abort', () => clearInterval(look), { once: true });
  return late;
}

/** A sender that was cut off sends the same again within a tenth of this, ms. */
const lateMs = 1_500;

const count = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);

type Loss = { startOffset: string; endOffset: string };

/** The life of one dataset under one fault at each of its conditional writes. */
class Life {
  readonly name: string;
  readonly #world: StoreWorld;
  readonly #fault: Fault;
  readonly #rules = new Map<string, number>();
  topic = '';
  #topicId = '';

  constructor(world: StoreWorld, name: string, fault: Fault) {
    this.#world = world;
    this.name = name;
    this.#fault = fault;
  }

  #strike(write: string, keyPattern: string): void {
    this.#rules.set(write, this.#world.proxy.next(this.#fault, { method: 'PUT', conditional: true, keyPattern }));
  }

  #committed(topicId: string, end: bigint) {
    return waitUntilCommitted(this.#world.services.metastoreUrl, this.topic, { topicId, ends: [end] }, withinMs);
  }

  /** Landing and table begin. */
  async begin(): Promise<void> {
    const { services, rawUrl } = this.#world;
    this.topic = await freshTopic({ prefix: this.name, partitions: 1 });
    for (const [write, pattern] of Object.entries(writes))
      this.#strike(write, `${pattern.startsWith('_chain') ? '^raw' : '^tables'}/${this.topic}/${pattern}`);
    for (let seq = 0; seq < entriesMax; seq++)
      this.#strike(`entry ${seq}`, `^raw/${this.topic}/_chain/.+/${String(seq).padStart(20, '0')}\\.json$`);
    await createDataset(services.metastoreUrl, { name: this.topic, kafkaTopic: this.topic });
    await produce(this.topic, 1, 0, 10);
    const [first] = await untilLanded(rawUrl, this.topic, 10);
    this.#topicId = first?.topicId ?? '';
    await this.#committed(this.#topicId, 10n);
  }

  /** Kafka loses records that have not landed. */
  async lose(): Promise<void> {
    await produce(this.topic, 1, 10, 10);
    const topics = [{ name: this.topic, partitions: [{ partition: 0, offset: 15n }] }];
    await withAdmin((admin) => admin.deleteRecords({ topics }));
  }

  /** A person accepts the gap; then the topic is made again, so that the old chain is closed. */
  async accept(): Promise<void> {
    const { services, rawUrl } = this.#world;
    const status = await waitFor(
      'the loss is suspected',
      () => api<{ partitions: { loss?: Loss }[] }>(services.metastoreUrl, 'GET', `/v1/datasets/${this.topic}/status`),
      ({ partitions }) => partitions[0]?.loss !== undefined,
      withinMs,
    );
    const loss = status.partitions[0]?.loss;
    const range = { startOffset: loss?.startOffset, endOffset: loss?.endOffset };
    await api(services.metastoreUrl, 'POST', `/v1/datasets/${this.topic}/gaps`, { partition: 0, ...range, reason: 'test' });
    await this.#committed(this.#topicId, 20n);
    const [whole] = await readLanded(rawUrl, this.topic);
    expect(whole && numbersOf(whole)).toEqual([...count(0, 10), ...count(15, 20)]);
    expect(await verified(this.#world, this.topic)).toEqual([15n]);

    await recreateTopic(this.topic, 1);
    await produce(this.topic, 1, 20, 5);
    const chains = await waitFor(
      'the old chain is closed and the new one has landed',
      () => readLanded(rawUrl, this.topic),
      (all) => all.length === 2 && all.every((chain) => this.#isOld(chain) === (chain.entries.at(-1)?.kind === 'close') && chain.end > 0n),
      withinMs,
    );
    const [old, anew] = [chains.find((chain) => this.#isOld(chain)), chains.find((chain) => !this.#isOld(chain))];
    await this.#committed(anew?.topicId ?? '', 5n);
    expect((await verified(this.#world, this.topic)).sort()).toEqual([15n, 5n]);
    expect(new Set(old?.entries.map(({ kind }) => kind))).toEqual(new Set(['claim', 'data', 'gap', 'close']));
    const entries = old?.entries.map(({ seq }) => `entry ${seq}`) ?? [];
    for (const write of [...Object.keys(writes), ...entries])
      expect([this.name, write, this.#world.proxy.struck(this.#rules.get(write) ?? 0)]).toEqual([this.name, write, 1]);
  }

  #isOld({ topicId }: LandedChain): boolean {
    return topicId === this.#topicId;
  }
}

test('an answer is lost, half a request arrives, or a request arrives after it was sent again, at every conditional write: the law holds', {
  timeout: 6 * withinMs,
}, async () => {
  const world = await startStoreWorld({ env: { MILLRACE_BATCH_INTERVAL_MS: '300' } });
  const done = new AbortController();
  const late = await releaseLate(world.proxy, done.signal);
  // half of what is read breaks off in the middle, wherever it comes from
  world.proxy.add({ method: 'GET', keyPattern: '\\.(zst|json)$', probability: 0.2, fault: { do: 'cut', side: 'answer' } });
  try {
    const lives = Object.entries(faults).map(([name, fault]) => new Life(world, name, fault));
    const all = (step: (life: Life) => Promise<void>) => Promise.all(lives.map(step));
    await all((life) => life.begin());
    const [phase1] = world.services.phase1;
    await phase1?.stop();
    await all((life) => life.lose());
    await phase1?.start();
    await all((life) => life.accept());
  } finally {
    done.abort();
  }
  const { swallow, 'cut request': cut, hold, 'cut answer': cutReads } = world.proxy.counters();
  process.stdout.write(`conditional writes struck: ${swallow} swallowed, ${cut} cut, ${hold} late; ${cutReads} reads cut\n`);
  expect(cutReads).toBeGreaterThan(10);
  // what came late bounced: its sender had settled it before
  await expect.poll(() => late.statuses, { timeout: withinMs }).toEqual(Array.from({ length: hold ?? 0 }, () => 412));
});
