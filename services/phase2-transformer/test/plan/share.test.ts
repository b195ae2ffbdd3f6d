import type { Announcement } from '@millrace/core/domain/announcement.ts';
import { announcementPartition } from '@millrace/core/domain/announcement.ts';
import { describe, expect, it } from 'vitest';
import { AnnouncementBacklog } from '../../src/plan/announcement-backlog.ts';
import { assigned, beforeJoining, counted, holdsTopic, lost, revoked, type Share, waitedEnough } from '../../src/plan/share.ts';

const topics = Array.from({ length: 200 }, (_, i) => `topic-${i}`);
const heldOf = (share: Share) => topics.filter((topic) => holdsTopic(share, topic));

describe('the share of a worker', () => {
  it('is nothing until the group has spoken, and everything when that takes too long or there is no topic', () => {
    expect(heldOf(beforeJoining)).toEqual([]);
    expect(heldOf(waitedEnough(beforeJoining))).toEqual(topics);
    expect(heldOf(counted(beforeJoining, 0))).toEqual(topics);
    expect(heldOf(assigned(counted(waitedEnough(beforeJoining), 8), []))).toEqual([]);
  });

  it('of members who hold all partitions between them: each topic is one’s', () => {
    const members = [
      [0, 3, 6],
      [1, 4, 7],
      [2, 5],
    ].map((held) => assigned(counted(beforeJoining, 8), held));
    for (const topic of topics) expect(members.filter((member) => holdsTopic(member, topic))).toHaveLength(1);
  });

  it('shrinks by what is taken back, and by nothing when the group is out of reach until it speaks again', () => {
    const member = assigned(counted(beforeJoining, 2), [0, 1]);
    const second = topics.filter((topic) => announcementPartition(topic, 2) === 1);
    expect(heldOf(revoked(member, [0]))).toEqual(second);
    const away = lost(member, [0, 1]);
    expect(heldOf(away)).toEqual(topics);
    expect(heldOf(assigned(away, [1]))).toEqual(second);
  });
});

describe('the offsets told to the group', () => {
  const news = (seq: bigint): Announcement => ({ format: 1, topic: 'orders', topicId: 'x', partition: 0, seq, endOffset: seq });

  it('lie before the first entry that is not in its tables, so that the lag is what waits', () => {
    const backlog = new AnnouncementBacklog();
    for (let offset = 0; offset < 5; offset++) backlog.add(3, offset, news(BigInt(offset)));
    expect(backlog.settle(({ seq }) => seq !== 2n)).toEqual([{ partition: 3, offset: 2 }]);
    expect(backlog.settle(({ seq }) => seq !== 2n)).toEqual([]);
    expect(backlog.settle(() => true)).toEqual([{ partition: 3, offset: 5 }]);
    backlog.tellAgain();
    expect(backlog.settle(() => true)).toEqual([{ partition: 3, offset: 5 }]);
    backlog.add(3, 9, undefined);
    expect(backlog.settle(() => true)).toEqual([{ partition: 3, offset: 10 }]);
  });

  it('of a partition that came back are told anew', () => {
    const backlog = new AnnouncementBacklog();
    backlog.add(0, 7, news(1n));
    backlog.forget(0);
    expect(backlog.settle(() => true)).toEqual([]);
  });

  it('keep a bounded number', () => {
    const backlog = new AnnouncementBacklog();
    for (let offset = 0; offset < 10_005; offset++) backlog.add(0, offset, news(1n));
    expect(backlog.settle(() => false)).toEqual([{ partition: 0, offset: 5 }]);
  });
});
