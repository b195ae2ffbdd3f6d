import { blockDecision, datasetInput } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { acceptance, clusterChange } from '@millrace/core/domain/losses.ts';
import { landingReport, tableReport } from '@millrace/core/domain/reports.ts';
import type { Kysely, Selectable } from 'kysely';
import { z } from 'zod';
import type { Facts, LandingFacts, TableFacts } from '../view/facts.ts';
import type { Tables } from './tables.ts';

const partitionReport = landingReport.shape.partitions.element;
const decisions = z.array(blockDecision);
const acceptances = z.array(acceptance);
const notices = z.array(z.string());

/** JSON text of a column by its schema. @throws kind `corrupt` when the row is not what we wrote */
export function readColumn<S extends z.ZodType>(schema: S, text: string, what: string): z.output<S> {
  try {
    return schema.decode(JSON.parse(text));
  } catch (cause) {
    throw new MillraceError('corrupt', 'unreadable_row', `${what} in the database is not what was written`, { what }, cause);
  }
}

/** Adds to dataset rows what workers reported, in two queries for the landing and one for the tables, however many rows there are. */
export async function withReports(db: Kysely<Tables>, rows: Selectable<Tables['datasets']>[]): Promise<Facts[]> {
  if (rows.length === 0) return [];
  const topics = [...new Set(rows.map((row) => row.kafka_topic))];
  const landings = await landingFacts(db, topics);
  const reports = await db
    .selectFrom('table_reports')
    .selectAll()
    .where(
      'dataset_id',
      'in',
      rows.map((row) => row.id),
    )
    .execute();
  const tables = new Map<string, TableFacts>(
    reports.map((row) => [
      row.dataset_id,
      { report: readColumn(tableReport, row.report, 'table report'), reportedAt: row.reported_at.getTime() },
    ]),
  );
  return rows.map((row) => ({
    dataset: {
      ...readColumn(datasetInput, row.config, 'dataset'),
      id: row.id,
      createdAt: row.created_at.toISOString(),
      version: row.version,
      paused: row.paused,
      resumeCount: row.resume_count,
      decisions: readColumn(decisions, row.decisions, 'decisions'),
      ...(row.acceptances === '[]' ? {} : { acceptances: readColumn(acceptances, row.acceptances, 'acceptances') }),
    },
    landing: landings.get(row.kafka_topic),
    table: tables.get(row.id),
  }));
}

async function landingFacts(db: Kysely<Tables>, topics: string[]): Promise<Map<string, LandingFacts>> {
  const heads = await db.selectFrom('landing_topics').selectAll().where('topic', 'in', topics).execute();
  const rows = await db
    .selectFrom('landing_partitions')
    .selectAll()
    .where('topic', 'in', topics)
    .orderBy('topic_id')
    .orderBy('partition')
    .execute();
  const facts = new Map<string, LandingFacts>();
  for (const head of heads)
    facts.set(head.topic, {
      topicId: head.topic_id,
      notices: readColumn(notices, head.notices, 'landing notices'),
      clusterChange: head.cluster_change === null ? null : readColumn(clusterChange, head.cluster_change, 'cluster change'),
      reportedAt: head.reported_at.getTime(),
      partitions: [],
    });
  for (const row of rows)
    facts
      .get(row.topic)
      ?.partitions.push({ ...readColumn(partitionReport, row.report, 'landing report'), reportedAt: row.reported_at.getTime() });
  return facts;
}
