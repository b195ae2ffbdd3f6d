/** What `head` and `list` tell of an object. `bytes` is its size. */
export type ObjectInfo = { key: string; bytes: number; lastModifiedMs: number };

/** The two certain endings of a conditional put; the third, unknown, is thrown as kind `unavailable` with `fields.outcome = 'unknown'`. */
export type PutIfAbsentResult = 'created' | 'exists';

/**
 * The one port to durable bytes. Keys are `/`-separated UTF-8 paths below the root the store was opened with, never beginning or ending with `/`,
 * and never both `a` and `a/b`. Every call has its own deadline; every rejection is a `MillraceError`:
 * `unavailable` (network, 5xx, throttled, timeout), `invalid` (credentials, bucket missing, condition unsupported; code says which), `corrupt` (short body).
 * Contract: services/core/src/testing/object-store-contract.ts. @see design section 2, formats: object stores section 7
 */
export interface ObjectStore {
  /** For logs and messages, without secrets: `s3://bucket/prefix` or `file:///dir`. */
  readonly url: string;
  /**
   * Creates `key` when nobody has: of N racers exactly one gets `created`, and whoever reads afterwards sees the winner's bytes complete.
   * One request, not retried inside; a 409 "conflict, undecided" is repeated inside until decided or the deadline.
   * @throws kind `unavailable`, `fields.outcome` `'unknown'` when the request may have been applied or may still be; use `commitObject` to settle it
   */
  putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<PutIfAbsentResult>;
  /** Creates or replaces. Multipart for large bodies. Retried inside within the deadline: give keys nobody else writes, or bytes that are the same for all. */
  put(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Whole object, or bytes `[start, end)` of it; undefined when there is none. A range beyond the end is cut. */
  get(key: string, options?: { range?: { start: number; end: number }; signal?: AbortSignal }): Promise<Uint8Array | undefined>;
  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined>;
  /** Objects whose key begins with `prefix` (any string, not only folders), in UTF-8 byte order, strictly after `startAfter`, at most `limit` (default 1000, at most 1000). A shorter page is the last. */
  list(prefix: string, options?: { startAfter?: string; limit?: number; signal?: AbortSignal }): Promise<ObjectInfo[]>;
  /** Idempotent: deleting nothing is fine. */
  delete(key: string, signal?: AbortSignal): Promise<void>;
  /** Frees sockets. */
  close(): Promise<void>;
}
