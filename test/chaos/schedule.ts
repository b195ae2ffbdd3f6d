import { seeded } from '@millrace/core/adapters/system/seeded.ts';

/*
 * What a chaos run does, and when. Faults come in lanes: within a lane one after the other, the lanes all at a time, so that kinds overlap in every
 * combination while no part is hurt twice at once.
 */

/** Every kind of fault by its lane, with the shortest and longest time (ms) for which it holds. */
export const lanes = {
  phase1: {
    'phase1-kill': [0, 2_000],
    'phase1-stop-short': [1_000, 3_000],
    'phase1-stop-long': [1_000, 4_000],
    'phase1-term': [0, 3_000],
    'phase1-double-term': [0, 1_000],
    'phase1-join-leave': [3_000, 8_000],
    'phase1-clock': [2_000, 8_000],
  },
  phase2: {
    'phase2-kill': [0, 2_000],
    'phase2-stop': [1_000, 10_000],
    'phase2-term': [0, 3_000],
    'phase2-double-term': [0, 1_000],
    'phase2-clock': [2_000, 8_000],
    'phase2-join-leave': [3_000, 8_000],
  },
  metastore: {
    'metastore-kill': [0, 4_000],
    'metastore-stop': [1_000, 6_000],
    'metastore-term': [0, 4_000],
    'metastore-double-term': [0, 1_000],
    'postgres-restart': [0, 2_000],
    'postgres-kill': [0, 2_000],
    'postgres-cut': [0, 0],
  },
  kafka: {
    'broker-kill': [0, 3_000],
    'broker-stop-short': [500, 2_500],
    'broker-stop-long': [4_000, 8_000],
    'broker-restart': [0, 2_000],
    'leader-move': [0, 0],
  },
  store: {
    'store-swallow': [1_000, 3_000],
    'store-duplicate': [1_000, 3_000],
    'store-conflict-409': [1_000, 3_000],
    'store-busy-503': [1_000, 5_000],
    'store-error-500': [1_000, 3_000],
    'store-expired-403': [1_000, 4_000],
    'store-reset': [1_000, 3_000],
    'store-cut-request': [1_000, 3_000],
    'store-cut-answer': [1_000, 3_000],
    'store-hang': [1_000, 3_000],
    'store-latency': [2_000, 5_000],
    'store-bandwidth': [2_000, 5_000],
    'store-down': [1_000, 4_000],
  },
  zombie: {
    'zombie-stopped': [500, 3_000],
    'zombie-killed': [500, 3_000],
    'late-put': [1_000, 4_000],
  },
  producers: {
    'producer-kill': [0, 0],
  },
} as const satisfies Record<string, Record<string, readonly [number, number]>>;

export type Lane = keyof typeof lanes;
export type Kind = { [L in Lane]: keyof (typeof lanes)[L] }[Lane] & string;

/** Pauses between the faults of a lane, ms, before the run's pace. */
const pauses: Record<Lane, readonly [number, number]> = {
  phase1: [3_000, 7_000],
  phase2: [2_000, 6_000],
  metastore: [2_000, 6_000],
  kafka: [6_000, 14_000],
  store: [500, 3_000],
  zombie: [1_000, 3_000],
  producers: [8_000, 16_000],
};

/** One fault to inject. `pick` and `amount` in [0, 1) choose the target and whatever else the kind leaves open. Times in ms. */
export interface Step {
  readonly kind: Kind;
  readonly pauseMs: number;
  readonly holdMs: number;
  readonly pick: number;
  readonly amount: number;
}

/** Kinds drawn more than once in a round of their deck: what a campaign wants many of. */
const copies: Partial<Record<Kind, number>> = { 'zombie-stopped': 3, 'phase1-kill': 2, 'leader-move': 2 };

/**
 * The faults of one lane, without end: rounds of its whole deck of kinds, each round shuffled anew, so that every kind comes early and often. Pure in
 * its arguments.
 * @param pace multiplies the pauses; 1 is fierce
 */
export function* steps(seed: number, lane: Lane, pace = 1): Generator<Step, never> {
  const random = seeded(seed * 31 + Object.keys(lanes).indexOf(lane));
  const between = ([low, high]: readonly [number, number]) => Math.round(low + random() * (high - low));
  const holds: Record<string, readonly [number, number]> = lanes[lane];
  const deck = (Object.keys(holds) as Kind[]).flatMap((kind) => Array.from({ length: copies[kind] ?? 1 }, () => kind));
  for (;;) {
    for (const kind of shuffled(deck, random))
      yield {
        kind,
        pauseMs: Math.round(between(pauses[lane]) * pace),
        holdMs: between(holds[kind] as readonly [number, number]),
        pick: random(),
        amount: random(),
      };
  }
}

/** Pure in its arguments. */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

/** The element that a number in [0, 1) picks. Pure. */
export function picked<T>(items: readonly T[], pick: number): T | undefined {
  return items[Math.min(items.length - 1, Math.floor(pick * items.length))];
}
