import type { PlainRecord } from './record-hash.ts';

type Content = string | null | { base64: string };
type Head = { timestamp: number | null; key?: string | null; keyBase64?: string; headers?: [string, Content][]; valueBase64?: string };

const valueMember = Buffer.from('"value":');
const offsetStart = '{"offset":'.length;

/**
 * Records of a raw object's lines, key, headers and value as the bytes Kafka had. Pure. Written from the format's description alone and used by nothing that writes
 * or transforms, so that a mistake there is not repeated here.
 * @param lines whole lines, as `readLines` gives them
 * @see docs/formats/raw.md
 */
export function* recordsOf(lines: Uint8Array): Generator<PlainRecord & { offset: bigint }> {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(10, start);
    if (end < 0) return;
    yield recordOf(bytes.subarray(start, end));
    start = end + 1;
  }
}

function recordOf(line: Buffer): PlainRecord & { offset: bigint } {
  const offset = BigInt(line.toString('latin1', offsetStart, line.indexOf(',', offsetStart)));
  // nothing before our own value member can hold its text: quotes inside strings are escaped
  const member = line.indexOf(valueMember);
  const head = JSON.parse(member < 0 ? line.toString('utf8') : `${line.toString('utf8', 0, member)}"value":null}`) as Head;
  return {
    offset,
    timestamp: head.timestamp,
    key: head.keyBase64 === undefined ? contentOf(head.key ?? null) : Buffer.from(head.keyBase64, 'base64'),
    headers: (head.headers ?? []).map(([name, content]) => [name, contentOf(content)] as const),
    value:
      member >= 0
        ? line.subarray(member + valueMember.length, line.length - 1)
        : head.valueBase64 === undefined
          ? null
          : Buffer.from(head.valueBase64, 'base64'),
  };
}

function contentOf(content: Content): Buffer | null {
  if (content === null) return null;
  return typeof content === 'string' ? Buffer.from(content, 'utf8') : Buffer.from(content.base64, 'base64');
}
