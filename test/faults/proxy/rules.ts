import { seeded } from '@millrace/core/adapters/system/seeded.ts';
/*
 * What a fault proxy is told: which requests, and what happens to them. Plain data, the same in-process and over the control port.
 */

/** Where on the way of an exchange a fault strikes: before the target saw the request, or after it answered. */
export type Side = 'request' | 'answer';

/** What happens to a request. Times in ms, rates in bytes a second. */
export type Fault =
  /** the side's bytes begin to flow `ms`, plus up to `jitterMs`, later */
  | { do: 'latency'; ms: number; jitterMs?: number; side?: Side }
  /** the side's body flows at this rate */
  | { do: 'bandwidth'; bytesPerSecond: number; side: Side }
  /** RST: before the target saw the request, or after it carried it out (the same as `swallow`) */
  | { do: 'reset'; side?: Side }
  /** half of the body, then the connection ends: the target gets half a request, or the client half an answer */
  | { do: 'cut'; side: Side }
  /** half of the answer's body, or nothing of it while the request is not even sent on; then silence until somebody gives up */
  | { do: 'hang'; side: Side }
  /** the last byte of the answer comes `ms` late */
  | { do: 'slowClose'; ms: number }
  /** the complete request is kept until it is released, whatever becomes of its sender */
  | { do: 'hold' }
  /** the target carries the request out, the client never hears of it */
  | { do: 'swallow' }
  /** the target gets the request twice, one after the other; the client hears the first answer, or the second */
  | { do: 'duplicate'; tell?: 'first' | 'second' }
  /** this answer, without asking the target */
  | { do: 'answer'; status: number; code?: string };

export type FaultRule = {
  /** GET, PUT …; any by default */
  method?: string;
  /** begins the object key: the decoded path below the bucket */
  keyPrefix?: string;
  /** regular expression over the object key */
  keyPattern?: string;
  /** regular expression over the whole request target, e.g. of an API that is not S3 */
  pathPattern?: string;
  /** true: only puts with `If-None-Match`; false: only requests without */
  conditional?: boolean;
  /** strikes from the nth request that matches, counted from 1 */
  fromNth?: number;
  /** strikes so often at most; without end by default */
  times?: number;
  /** of the requests that match, by the proxy's seed; 1 by default */
  probability?: number;
  fault: Fault;
};

/** A request as rules see it. */
export type SeenRequest = { method: string; path: string; key: string; conditional: boolean };

/** Pure. The object key of `/bucket/some/key?query`; empty for a bucket itself and for paths that do not decode. */
export function keyOf(path: string): string {
  const [, , ...rest] = (path.split('?')[0] ?? '').split('/');
  try {
    return decodeURIComponent(rest.join('/'));
  } catch {
    return '';
  }
}

/** Pure. */
export function matches(rule: FaultRule, request: SeenRequest): boolean {
  return (
    (rule.method === undefined || rule.method === request.method) &&
    (rule.conditional === undefined || rule.conditional === request.conditional) &&
    (rule.keyPrefix === undefined || request.key.startsWith(rule.keyPrefix)) &&
    (rule.keyPattern === undefined || new RegExp(rule.keyPattern).test(request.key)) &&
    (rule.pathPattern === undefined || new RegExp(rule.pathPattern).test(request.path))
  );
}

type Known = { rule: FaultRule; seen: number; struck: number };

/** The rules in force, in the order they were added: the first that strikes decides. Counts what it let strike, by kind. */
export class Rules {
  readonly #rules = new Map<number, Known>();
  readonly #counters = new Map<string, number>();
  readonly #fraction: () => number;
  #lastId = 0;

  constructor(seed: number) {
    this.#fraction = seeded(seed);
  }

  /** @returns the rule's id */
  add(rule: FaultRule): number {
    this.#rules.set(++this.#lastId, { rule, seen: 0, struck: 0 });
    return this.#lastId;
  }

  remove(id: number): void {
    this.#rules.delete(id);
  }

  clear(): void {
    this.#rules.clear();
  }

  /** How often a rule has struck; 0 for one that is gone. */
  struck(id: number): number {
    return this.#rules.get(id)?.struck ?? 0;
  }

  /** What is to happen to this request, if anything; counted as done. */
  strike(request: SeenRequest): { id: number; fault: Fault } | undefined {
    for (const [id, known] of this.#rules) {
      const { rule } = known;
      if (!matches(rule, request)) continue;
      known.seen++;
      if (known.seen < (rule.fromNth ?? 1) || known.struck >= (rule.times ?? Number.POSITIVE_INFINITY)) continue;
      if (rule.probability !== undefined && this.#fraction() >= rule.probability) continue;
      known.struck++;
      this.count(kindOf(rule.fault));
      return { id, fault: rule.fault };
    }
    return undefined;
  }

  count(kind: string): void {
    this.#counters.set(kind, (this.#counters.get(kind) ?? 0) + 1);
  }

  /** Faults injected since the start, by kind: `cut answer`, `answer 503 SlowDown`, … */
  counters(): Record<string, number> {
    return Object.fromEntries(this.#counters);
  }

  /** In [0, 1), of the seed. */
  fraction(): number {
    return this.#fraction();
  }
}

/** A fault's name in the counters. Pure. */
export function kindOf(fault: Fault): string {
  switch (fault.do) {
    case 'answer':
      return `answer ${fault.status}${fault.code === undefined ? '' : ` ${fault.code}`}`;
    case 'latency':
    case 'reset':
      return `${fault.do} ${fault.side ?? 'request'}`;
    case 'bandwidth':
    case 'cut':
    case 'hang':
      return `${fault.do} ${fault.side}`;
    default:
      return fault.do;
  }
}
