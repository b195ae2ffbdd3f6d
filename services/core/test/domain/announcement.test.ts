import { crc32 } from 'node:zlib';
import {
  type Announcement,
  announcementPartition,
  announcementsTopic,
  encodeAnnouncement,
  parseAnnouncement,
} from '@millrace/core/domain/announcement.ts';
import { expect, it } from 'vitest';

const news: Announcement = { format: 1, topic: 'orders', topicId: 'Mh5vQ2xKRc6dJ0sW8yTb_A', partition: 3, seq: 12n, endOffset: 2n ** 60n };

it('comes back as it was, offsets as decimal strings', () => {
  const text = encodeAnnouncement(news);
  expect(JSON.parse(text)).toMatchObject({ seq: '12', endOffset: '1152921504606846976' });
  expect(parseAnnouncement(text)).toEqual(news);
});

it('ignores members it does not know, and skips what is no announcement or a newer format', () => {
  const told = JSON.parse(encodeAnnouncement(news)) as object;
  expect(parseAnnouncement(JSON.stringify({ ...told, more: 1 }))).toEqual(news);
  for (const text of ['', 'x', 'null', '{}', JSON.stringify({ ...told, format: 2 }), JSON.stringify({ ...told, seq: 12 })])
    expect(parseAnnouncement(text)).toBeUndefined();
});

it('a topic lies in partition crc32(topic) mod n, by zlib’s CRC', () => {
  for (const topic of ['orders', 'a', '_x.y-Z', 'payments'.repeat(20)])
    for (const n of [1, 3, 16, 50]) expect(announcementPartition(topic, n)).toBe(crc32(topic) % n);
});

it('each group prefix has a topic of its own', () => {
  expect(announcementsTopic('millrace', undefined)).toBe('_millrace_announcements');
  expect(announcementsTopic('blue', undefined)).toBe('_blue_announcements');
  expect(announcementsTopic('blue', 'news')).toBe('news');
});
