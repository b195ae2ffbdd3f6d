import type { Clock } from '../ports/clock.ts';

/** An abort signal that fires after `ms` or with `parent`. `release` must be called: it frees the timer and the listener on a long-lived parent. */
export type DeadlineSignal = {
  signal: AbortSignal;
  release(): void;
  timedOut(): boolean;
  /** Begins the time anew: so many ms from now. */
  restart(ms: number): void;
};

/** Bounds real requests by a real timer; not `AbortSignal.any`, which keeps garbage alive on a parent that lives as long as the process. */
export function deadlineSignal(ms: number, parent?: AbortSignal): DeadlineSignal {
  const controller = new AbortController();
  let timedOut = false;
  let timer: NodeJS.Timeout;
  const restart = (fromNowMs: number) => {
    clearTimeout(timer);
    const expire = () => {
      timedOut = true;
      controller.abort(new Error(`no answer within ${fromNowMs} ms`));
    };
    timer = setTimeout(expire, Math.min(Math.max(fromNowMs, 0), 2 ** 31 - 1));
  };
  restart(ms);
  const follow = () => controller.abort(parent?.reason);
  if (parent?.aborted) follow();
  else parent?.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    timedOut: () => timedOut,
    restart,
    release: () => {
      clearTimeout(timer);
      parent?.removeEventListener('abort', follow);
    },
  };
}

/** As `deadlineSignal`, by the time of `clock`: for loops whose time is a dependency. `release` must be called. */
export function clockDeadline(clock: Clock, ms: number, parent?: AbortSignal): Pick<DeadlineSignal, 'signal' | 'release'> {
  const controller = new AbortController();
  const released = new AbortController();
  const follow = () => controller.abort(parent?.reason);
  if (parent?.aborted) follow();
  else parent?.addEventListener('abort', follow, { once: true });
  void clock.sleep(ms, released.signal).then(() => {
    if (!released.signal.aborted) controller.abort(new Error(`no answer within ${ms} ms`));
  });
  return {
    signal: controller.signal,
    release: () => {
      released.abort('released');
      parent?.removeEventListener('abort', follow);
    },
  };
}
