import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SeenRequest } from './rules.ts';

/** What the target answered to a request that was released. */
export type Held = { status: number; headers: IncomingHttpHeaders; body: Buffer };

/** A complete request that waits for its release. */
export type HeldRequest = SeenRequest & {
  readonly id: number;
  /** the rule that holds it */
  readonly rule: number;
  readonly body: Buffer;
  /** its sender has gone: died, gave up, or was cut off */
  readonly senderGone: boolean;
};

type Kept = { request: HeldRequest; sender: Socket; send: () => Promise<Held>; settle: (answer: Held | undefined) => void };

const lookMs = 10;

/** Requests that a proxy has taken in whole and not passed on. They outlive their senders. */
export class HeldRequests {
  readonly #kept = new Map<number, Kept>();
  #lastId = 0;

  /** Keeps a request. @returns the target's answer once it is released; undefined when it is discarded */
  keep(rule: number, seen: SeenRequest, body: Buffer, sender: Socket, send: () => Promise<Held>): Promise<Held | undefined> {
    const id = ++this.#lastId;
    const request: HeldRequest = {
      ...seen,
      id,
      rule,
      body,
      get senderGone() {
        return sender.destroyed;
      },
    };
    return new Promise((settle) => this.#kept.set(id, { request, sender, send, settle }));
  }

  /** Those that wait now, oldest first; of one rule when it is given. */
  all(rule?: number): HeldRequest[] {
    return [...this.#kept.values()].map(({ request }) => request).filter((request) => rule === undefined || request.rule === rule);
  }

  /** Waits until `count` requests (1 by default) wait, of one rule when it is given, all of their senders gone when `senderGone` is set. */
  async until(withinMs: number, options: { rule?: number; count?: number; senderGone?: boolean } = {}): Promise<HeldRequest[]> {
    const { rule, count = 1, senderGone = false } = options;
    for (const deadline = Date.now() + withinMs; ; await sleep(lookMs)) {
      const found = this.all(rule).filter((request) => !senderGone || request.senderGone);
      if (found.length >= count) return found;
      if (Date.now() > deadline) throw new Error(`${found.length} of ${count} requests are held after ${withinMs} ms`);
    }
  }

  /**
   * Sends a request on to the target, whose answer goes to the sender if there is one yet.
   * @returns the target's status, 0 when it could not be reached; undefined when no such request waits
   */
  async release(id: number): Promise<number | undefined> {
    const kept = this.#kept.get(id);
    if (kept === undefined) return undefined;
    this.#kept.delete(id);
    const answer = await kept.send().catch(() => undefined);
    kept.settle(answer);
    return answer?.status ?? 0;
  }

  /** Releases all that wait, oldest first, one after the other. @returns their statuses */
  async releaseAll(rule?: number): Promise<number[]> {
    const statuses: number[] = [];
    for (const { id } of this.all(rule)) statuses.push((await this.release(id)) ?? 0);
    return statuses;
  }

  /** Cuts the sender off, which so learns nothing of its request; the request stays. */
  cutSender(id: number): void {
    this.#kept.get(id)?.sender.resetAndDestroy();
  }

  /** Forgets all that wait: the target never sees them. */
  discard(): void {
    for (const { settle } of this.#kept.values()) settle(undefined);
    this.#kept.clear();
  }
}
