import { announcementsTopic } from '@millrace/core/domain/announcement.ts';
import { describe, expect, it } from 'vitest';
import { printedRights } from './kafka-acls.ts';

describe('rights in Kafka', () => {
  const rights = printedRights({ SOURCE_TOPICS: 'orders shop-*', PREFIX: 'mill' });
  const of = (user: string) =>
    rights.filter((right) => right.user === user).map(({ operation, kind, name }) => `${operation} ${kind} ${name}`);

  it('phase 1 reads its topics and announces; phase 2 never reads a source topic', () => {
    const announcements = announcementsTopic('mill', undefined);
    expect(of('millrace-phase1')).toEqual([
      'Read topic orders',
      'Read group mill-landing',
      'Read topic shop-',
      `Write topic ${announcements}`,
      `Create topic ${announcements}`,
    ]);
    expect(of('millrace-phase2')).toEqual([`Read topic ${announcements}`, 'Read group mill-table']);
  });

  it('nobody writes or deletes a source topic, or has a right on the cluster', () => {
    for (const { operation, kind, name } of rights) {
      expect(['Read', 'Write', 'Create', 'Describe', 'DescribeConfigs']).toContain(operation);
      expect(['topic', 'group']).toContain(kind);
      if (operation === 'Write' || operation === 'Create') expect(name).toBe('_mill_announcements');
    }
  });

  it('a name that ends in a star stands for all that begin so, any other for itself', () => {
    for (const { name, pattern } of rights) expect(pattern, name).toBe(name === 'shop-' ? 'prefixed' : 'literal');
  });
});
