import { z } from 'zod';
import { offsetText } from './offsets.ts';
import { topicId } from './source.ts';

/**
 * What phase 1 tells phase 2 of one chain entry. It carries no truth: whoever hears it looks at the chain itself, a lost one costs latency, a doubled one nothing.
 * Unknown members are ignored: a newer phase 1 may say more. @see docs/formats/announcements.md
 */
export const announcement = z.object({
  format: z.literal(1),
  topic: z.string().min(1),
  topicId,
  partition: z.number().int().min(0),
  /** of the entry announced */
  seq: offsetText,
  /** the entry's end: the next offset to land */
  endOffset: offsetText,
});
export type Announcement = z.infer<typeof announcement>;

/** The internal topic of a deployment when no setting names another: deployments on one cluster do not meet. Pure. */
export function announcementsTopic(groupPrefix: string, setting: string | undefined): string {
  return setting ?? `_${groupPrefix}_announcements`;
}

/** Text of an announcement. Pure. */
export function encodeAnnouncement(value: Announcement): string {
  return JSON.stringify(announcement.encode(value));
}

/** Reads a message of the internal topic; undefined for what is none of ours, which is skipped. Pure. */
export function parseAnnouncement(text: string): Announcement | undefined {
  try {
    const parsed = announcement.safeDecode(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** CRC-32 as in zlib, unsigned, of the text's UTF-8 bytes. Pure. */
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The partition of the internal topic that a source topic belongs to: crc32(topic) mod n. Pure. @param partitions n, at least 1 */
export function announcementPartition(topic: string, partitions: number): number {
  return crc32(topic) % partitions;
}
