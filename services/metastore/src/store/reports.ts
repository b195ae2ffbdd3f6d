import {
  type LandingReport,
  landingReport,
  type SchemaVersionRecord,
  schemaVersionRecord,
  tableReport,
} from '@millrace/core/domain/reports.ts';
import { type Kysely, sql } from 'kysely';
import { z } from 'zod';
import { notFound } from '../view/facts.ts';
import { freshMs } from '../view/state.ts';
import { audit } from './audit.ts';
import type { Database } from './database.ts';
import { readColumn } from './rows.ts';
import type { MetadataStore } from './store.ts';
import type { Tables } from './tables.ts';

const partitionReport = landingReport.shape.partitions.element;

/** What workers tell, on PostgreSQL. */
export function reportStore(
  database: Database,
): Pick<MetadataStore, 'saveLanding' | 'saveTable' | 'saveSchemaVersion' | 'schemaVersions' | 'schemaVersion'> {
  return {
    saveLanding: (report) =>
      database.transaction(async (db) => {
        const at = new Date();
        const clusterChange = report.clusterChange === undefined ? null : JSON.stringify(report.clusterChange);
        await auditNews(db, report, clusterChange);
        const head = {
          topic_id: report.topicId,
          worker: report.worker,
          notices: JSON.stringify(report.notices),
          cluster_change: clusterChange,
          reported_at: at,
        };
        await db
          .insertInto('landing_topics')
          .values({ topic: report.topic, ...head })
          .onConflict((conflict) => conflict.column('topic').doUpdateSet(head))
          .execute();
        await savePartitions(db, report, at);
      }),

    saveTable: (report) =>
      database.transaction(async (db) => {
        if (!z.uuid().safeParse(report.datasetId).success) throw notFound(report.datasetId);
        const live = await db
          .selectFrom('datasets')
          .select('id')
          .where('id', '=', report.datasetId)
          .where('deleted_at', 'is', null)
          .forShare()
          .executeTakeFirst();
        if (live === undefined) throw notFound(report.datasetId);
        const values = { worker: report.worker, report: JSON.stringify(tableReport.encode(report)), reported_at: new Date() };
        await db
          .insertInto('table_reports')
          .values({ dataset_id: report.datasetId, ...values })
          .onConflict((conflict) => conflict.column('dataset_id').doUpdateSet(values))
          .execute();
      }),

    saveSchemaVersion: (name, datasetId, record) =>
      database.transaction(async (db) => {
        const id = await liveId(db, name);
        if (datasetId !== undefined && datasetId !== id) throw notFound(`${name} with the id ${datasetId}`);
        const values = { record: JSON.stringify(schemaVersionRecord.encode(record)), stored_at: new Date() };
        await db
          .insertInto('schema_versions')
          .values({ dataset_id: id, version: record.version, ...values })
          .onConflict((conflict) => conflict.columns(['dataset_id', 'version']).doUpdateSet(values))
          .execute();
      }),

    schemaVersions: (name) =>
      database.run(async (db) => {
        const rows = await db
          .selectFrom('schema_versions')
          .select('record')
          .where('dataset_id', '=', await liveId(db, name))
          .orderBy('version')
          .execute();
        return rows.map((row) => readRecord(row.record));
      }),

    schemaVersion: (name, version) =>
      database.run(async (db) => {
        const row = await db
          .selectFrom('schema_versions')
          .select('record')
          .where('dataset_id', '=', await liveId(db, name))
          .where('version', '=', version)
          .executeTakeFirst();
        return row === undefined ? undefined : readRecord(row.record);
      }),
  };
}

const readRecord = (text: string): SchemaVersionRecord => readColumn(schemaVersionRecord, text, 'schema version');

async function liveId(db: Kysely<Tables>, name: string): Promise<string> {
  const row = await db.selectFrom('datasets').select('id').where('name', '=', name).where('deleted_at', 'is', null).executeTakeFirst();
  if (row === undefined) throw notFound(name);
  return row.id;
}

/** Tells the audit of every dataset of the topic what a person has to decide about and was not known before. */
async function auditNews(db: Kysely<Tables>, report: LandingReport, clusterChange: string | null): Promise<void> {
  const news: { action: string; detail: unknown }[] = [];
  const lost = report.partitions.flatMap(({ topicId, partition, loss }) => (loss === undefined ? [] : [{ topicId, partition, loss }]));
  if (lost.length > 0) {
    const rows = await db
      .selectFrom('landing_partitions')
      .select(['topic_id', 'partition', 'report'])
      .where('topic', '=', report.topic)
      .execute();
    const known = new Map(
      rows.map((row) => [`${row.topic_id}/${row.partition}`, readColumn(partitionReport, row.report, 'landing report').loss]),
    );
    for (const { topicId, partition, loss } of lost) {
      const before = known.get(`${topicId}/${partition}`);
      // a range that grows while it waits is the same news
      if (before?.kind === loss.kind && before.startOffset === loss.startOffset) continue;
      const { startOffset, endOffset } = loss;
      const detail = { topicId, partition, kind: loss.kind, startOffset: startOffset.toString(), endOffset: endOffset.toString() };
      news.push({ action: 'data_loss_suspected', detail });
    }
  }
  if (clusterChange !== null) {
    const topic = await db.selectFrom('landing_topics').select('cluster_change').where('topic', '=', report.topic).executeTakeFirst();
    if (topic?.cluster_change !== clusterChange) news.push({ action: 'cluster_changed', detail: report.clusterChange });
  }
  if (news.length === 0) return;
  const datasets = await db
    .selectFrom('datasets')
    .select(['id', 'name', 'version'])
    .where('kafka_topic', '=', report.topic)
    .where('deleted_at', 'is', null)
    .execute();
  for (const { action, detail } of news) for (const dataset of datasets) await audit(db, action, dataset, report.worker, detail);
}

async function savePartitions(db: Kysely<Tables>, { topic, worker, partitions }: LandingReport, at: Date): Promise<void> {
  await sql`
    insert into landing_partitions (topic, topic_id, partition, epoch, worker, report, reported_at)
    select ${topic}::text, told.topic_id, told.partition, told.epoch, ${worker}::text, told.report, ${at}::timestamptz
    from unnest(
      ${partitions.map(({ topicId }) => topicId)}::text[],
      ${partitions.map(({ partition }) => partition)}::integer[],
      ${partitions.map(({ epoch }) => epoch.toString())}::numeric[],
      ${partitions.map((partition) => JSON.stringify(partitionReport.encode(partition)))}::text[]
    ) as told (topic_id, partition, epoch, report)
    on conflict (topic, topic_id, partition) do update
    set epoch = excluded.epoch, worker = excluded.worker, report = excluded.report, reported_at = excluded.reported_at
    -- a woken zombie reports under its old epoch; but a raw zone begun anew counts from the start again
    where landing_partitions.epoch <= excluded.epoch
      or landing_partitions.reported_at < excluded.reported_at - make_interval(secs => ${freshMs / 1000})
  `.execute(db);
}
