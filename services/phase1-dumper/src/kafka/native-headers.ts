import type { MessageHeader } from '@confluentinc/kafka-javascript';
import type { Header } from '../lines/line-encoder.ts';

/**
 * The native client's headers, one object `{name: bytes}` each, as pairs in Kafka's order. Pure.
 * A header named `__proto__` does not arrive as a member but as its object's prototype.
 */
export function headerPairs(headers: readonly MessageHeader[] | undefined): Header[] | null {
  if (headers === undefined || headers.length === 0) return null;
  return headers.map((header): Header => {
    const name = Object.keys(header)[0];
    return name === undefined ? ['__proto__', Object.getPrototypeOf(header) as Uint8Array] : [name, header[name] as Uint8Array | string];
  });
}
