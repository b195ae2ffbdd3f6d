import { apis, type Edit, encodeText, Reader, versionsMax } from './kafka-wire.ts';

/*
 * What the proxy changes in the brokers' answers. All pure but for the names it notes.
 */

export type Address = { host: string; port: number };

const flexibleFrom: ReadonlyMap<number, number> = new Map([
  [apis.fetch, 12],
  [apis.metadata, 9],
  [apis.findCoordinator, 3],
  [apis.describeCluster, 0],
]);

/** A reader behind the response header: the correlation id, and tagged fields in flexible versions. */
export function bodyOf(frame: Buffer, api: number, version: number): Reader {
  return new Reader(frame, 4, version >= (flexibleFrom.get(api) ?? Number.POSITIVE_INFINITY)).tags();
}

/** Where addresses stand in an answer, each as host and port in a row. */
export type FoundAddress = Address & { start: number; end: number };

function address(reader: Reader): FoundAddress {
  const start = reader.at;
  const host = reader.text();
  const port = reader.int32();
  return { start, end: reader.at, host, port };
}

/** Addresses of brokers in Metadata, FindCoordinator and DescribeCluster answers. Notes the topic ids Metadata tells, id → name. */
export function findAddresses(frame: Buffer, api: number, version: number, topicNames: Map<string, string>): FoundAddress[] {
  const reader = bodyOf(frame, api, version);
  const found: FoundAddress[] = [];
  if (api === apis.metadata) {
    if (version >= 3) reader.skip(4);
    reader.array(() => {
      reader.skip(4);
      found.push(address(reader));
      if (version >= 1) reader.text();
      reader.tags();
    });
    if (version >= 10) noteTopics(reader, topicNames);
  } else if (api === apis.findCoordinator) {
    if (version >= 1) reader.skip(4);
    if (version <= 3) {
      reader.skip(2);
      if (version >= 1) reader.text();
      reader.skip(4);
      found.push(address(reader));
    } else
      reader.array(() => {
        reader.text();
        reader.skip(4);
        found.push(address(reader));
        reader.skip(2).text();
        reader.tags();
      });
  } else if (api === apis.describeCluster) {
    reader.skip(4 + 2).text();
    if (version >= 1) reader.skip(1);
    reader.text();
    reader.skip(4);
    reader.array(() => {
      reader.skip(4);
      found.push(address(reader));
      reader.text();
      reader.tags();
    });
  }
  return found;
}

function noteTopics(reader: Reader, topicNames: Map<string, string>): void {
  reader.text(); // cluster id
  reader.skip(4); // controller
  reader.array(() => {
    reader.skip(2);
    const name = reader.text();
    topicNames.set(reader.uuid(), name);
    reader.skip(1);
    reader.array(() => {
      reader.skip(2 + 4 + 4 + 4);
      for (let lists = 0; lists < 3; lists++) reader.array(() => reader.skip(4)); // replicas, in sync, offline
      reader.tags();
    });
    reader.skip(4).tags();
  });
}

/** The edit that puts another address in a found one's place. */
export function editAddress(found: FoundAddress, to: Address, flexible: boolean): Edit {
  const port = Buffer.alloc(4);
  port.writeInt32BE(to.port);
  return { start: found.start, end: found.end, with: Buffer.concat([encodeText(to.host, flexible), port]) };
}

/** Hides versions the proxy does not understand: ApiVersions answers get lower maxima, in place. */
export function capVersions(frame: Buffer, version: number): Buffer {
  const capped = Buffer.from(frame);
  // the header of this answer is never flexible
  const reader = new Reader(capped, 4 + 2, version >= 3);
  reader.array(() => {
    const max = versionsMax.get(reader.int16());
    reader.skip(2);
    if (max !== undefined && reader.int16() > max) capped.writeInt16BE(max, reader.at - 2);
    else if (max === undefined) reader.skip(2);
    reader.tags();
  });
  return capped;
}

/** Takes the records of starved partitions out of a Fetch answer. `records`: bytes of records that are left. */
export function starveFetch(
  frame: Buffer,
  version: number,
  isStarved: (topic: string, partition: number) => boolean,
  topicNames: ReadonlyMap<string, string>,
): { edits: Edit[]; records: number } {
  const reader = bodyOf(frame, apis.fetch, version);
  const edits: Edit[] = [];
  let records = 0;
  reader.skip(version >= 1 ? 4 : 0).skip(version >= 7 ? 6 : 0);
  reader.array(() => {
    const topic = version >= 13 ? (topicNames.get(reader.uuid()) ?? '') : reader.text();
    reader.array(() => {
      const partition = reader.int32();
      reader.skip(2 + 8 + (version >= 4 ? 8 : 0) + (version >= 5 ? 8 : 0));
      if (version >= 4)
        reader.array(() => {
          reader.skip(16).tags();
        });
      if (version >= 11) reader.skip(4);
      const start = reader.at;
      const length = Math.max(0, reader.length('array'));
      reader.skip(length);
      if (length > 0 && isStarved(topic, partition))
        edits.push({ start, end: reader.at, with: reader.flexible ? Buffer.from([1]) : Buffer.alloc(4) });
      else records += length;
      reader.tags();
    });
    reader.tags();
  });
  return { edits, records };
}
