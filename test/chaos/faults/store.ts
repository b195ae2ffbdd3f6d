import type { HttpFaultProxy } from '../../faults/proxy/http-proxy.ts';
import type { Fault } from '../../faults/proxy/rules.ts';
import { type Kind, picked, type Step } from '../schedule.ts';
import { type Episode, hold, type World } from '../world.ts';

/*
 * Between one worker and the store: for a while some of its requests meet a fault. Counted only when a request met it; `note` says how many.
 */

/** Share of the requests that are met, lowest and highest. */
const PROBABILITY = [0.2, 0.9] as const;

interface StoreFault {
  readonly fault: (amount: number) => Fault;
  /** puts only; all requests by default */
  readonly puts?: true;
  readonly conditional?: true;
}

const onStore: Partial<Record<Kind, StoreFault>> = {
  'store-swallow': { fault: () => ({ do: 'swallow' }), puts: true },
  'store-duplicate': { fault: (amount) => ({ do: 'duplicate', tell: amount < 0.5 ? 'first' : 'second' }), puts: true },
  'store-conflict-409': { fault: () => ({ do: 'answer', status: 409, code: 'ConditionalRequestConflict' }), puts: true, conditional: true },
  'store-busy-503': { fault: () => ({ do: 'answer', status: 503, code: 'SlowDown' }) },
  'store-error-500': { fault: () => ({ do: 'answer', status: 500, code: 'InternalError' }) },
  'store-expired-403': { fault: () => ({ do: 'answer', status: 403, code: 'ExpiredToken' }) },
  'store-reset': { fault: () => ({ do: 'reset' }) },
  'store-cut-request': { fault: () => ({ do: 'cut', side: 'request' }), puts: true },
  'store-cut-answer': { fault: () => ({ do: 'cut', side: 'answer' }) },
  'store-hang': { fault: (amount) => ({ do: 'hang', side: amount < 0.5 ? 'request' : 'answer' }) },
  'store-latency': { fault: (amount) => ({ do: 'latency', ms: 50 + Math.round(amount * 400), jitterMs: 500 }) },
  'store-bandwidth': {
    fault: (amount) => ({ do: 'bandwidth', bytesPerSecond: 20_000 + Math.round(amount * 200_000), side: 'request' }),
    puts: true,
  },
};

const WAIT_FOR_STRIKE_MS = 5_000;
const LOOK_INTERVAL_MS = 100;

/** The proxy of some running worker, and its name. */
function target(world: World, pick: number): { name: string; proxy: HttpFaultProxy } | undefined {
  const workers = [...world.cluster.phase1, ...world.cluster.phase2].filter(({ pid }) => pid !== undefined);
  const name = picked(workers, pick)?.name;
  const proxy = name === undefined ? undefined : world.cluster.proxy(name);
  return name === undefined || proxy === undefined ? undefined : { name, proxy };
}

const striking =
  (kind: Kind, { fault, puts, conditional }: StoreFault): Episode =>
  async (world, { pick, amount, holdMs }) => {
    const found = target(world, pick);
    if (found === undefined) return;
    const { name, proxy } = found;
    const [low, high] = PROBABILITY;
    const rule = proxy.add({
      fault: fault(amount),
      probability: low + amount * (high - low),
      ...(puts && { method: 'PUT' }),
      ...(conditional && { conditional: true }),
    });
    try {
      for (const deadline = Date.now() + WAIT_FOR_STRIKE_MS; proxy.struck(rule) === 0; await hold(world, LOOK_INTERVAL_MS))
        if (Date.now() > deadline || world.ending.aborted) return;
      const injected = world.faults.begin('store', kind, name);
      await hold(world, holdMs);
      world.faults.end(injected, `${proxy.struck(rule)} requests`);
    } finally {
      proxy.remove(rule);
    }
  };

/** The store cannot be reached at all by one worker. */
const down: Episode = async (world: World, { pick, holdMs }: Step) => {
  const found = target(world, pick);
  if (found === undefined) return;
  const injected = world.faults.begin('store', 'store-down', found.name);
  found.proxy.down(true);
  await hold(world, holdMs);
  found.proxy.down(false);
  world.faults.end(injected);
};

export const storeFaults: Partial<Record<Kind, Episode>> = {
  ...Object.fromEntries(Object.entries(onStore).map(([kind, what]) => [kind, striking(kind as Kind, what)])),
  'store-down': down,
};
