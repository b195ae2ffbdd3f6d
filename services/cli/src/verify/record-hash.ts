import { createHash } from 'node:crypto';

/** A record as both sides know it. `timestamp` in ms, null for Kafka's -1. */
export type PlainRecord = {
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: readonly (readonly [string, Uint8Array | null])[];
  timestamp: number | null;
};

/**
 * SHA-256 over key, value, headers and timestamp; lengths are part of it, so that no two records look alike. Pure.
 * A null header value counts as an empty one: the landing client does not tell them apart (docs/formats/raw.md).
 */
export function recordHash({ key, value, headers, timestamp }: PlainRecord): string {
  const hash = createHash('sha256').update(`${timestamp} ${key?.length ?? -1} ${value?.length ?? -1} ${headers.length};`);
  if (key !== null) hash.update(key);
  if (value !== null) hash.update(value);
  for (const [name, content] of headers) {
    hash.update(`${Buffer.byteLength(name)} ${content?.length ?? 0};`).update(name);
    if (content !== null) hash.update(content);
  }
  return hash.digest('base64');
}
