/** Requests under way at once. */
const atOnce = 8;

/** Does the same for each, a bounded number at a time; results in order. @throws the first failure */
export async function sideBySide<T, R>(all: readonly T[], work: (one: T) => Promise<R>, signal?: AbortSignal): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < all.length && signal?.aborted !== true; at += atOnce)
    results.push(...(await Promise.all(all.slice(at, at + atOnce).map(work))));
  return results;
}
