/** An abort signal that fires after `ms` or with `parent`. `release` must be called: it frees the timer and the listener on a long-lived parent. */
export type DeadlineSignal = {
  signal: AbortSignal;
  release(): void;
  timedOut(): boolean;
};

/** Bounds real requests by a real timer; not `AbortSignal.any`, which keeps garbage alive on a parent that lives as long as the process. */
export function deadlineSignal(ms: number, parent?: AbortSignal): DeadlineSignal {
  const controller = new AbortController();
  let timedOut = false;
  const timer = setTimeout(
    () => {
      timedOut = true;
      controller.abort(new Error(`no answer within ${ms} ms`));
    },
    Math.min(Math.max(ms, 0), 2 ** 31 - 1),
  );
  const follow = () => controller.abort(parent?.reason);
  if (parent?.aborted) follow();
  else parent?.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    timedOut: () => timedOut,
    release: () => {
      clearTimeout(timer);
      parent?.removeEventListener('abort', follow);
    },
  };
}
