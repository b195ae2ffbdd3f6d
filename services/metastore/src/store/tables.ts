import type { Generated } from 'kysely';

/** Rows as PostgreSQL holds them. JSON columns are text: see migrations/000001_datasets.sql. */
export interface Tables {
  datasets: {
    id: string;
    name: string;
    kafka_topic: string;
    config: string;
    version: number;
    paused: Generated<boolean>;
    resume_count: Generated<number>;
    decisions: Generated<string>;
    acceptances: Generated<string>;
    created_at: Date;
    deleted_at: Date | null;
  };
  schema_versions: { dataset_id: string; version: number; record: string; stored_at: Date };
  landing_topics: {
    topic: string;
    topic_id: string | null;
    worker: string;
    notices: string;
    cluster_change: string | null;
    reported_at: Date;
  };
  landing_partitions: {
    topic: string;
    topic_id: string;
    partition: number;
    epoch: string;
    worker: string;
    report: string;
    reported_at: Date;
  };
  table_reports: { dataset_id: string; worker: string; report: string; reported_at: Date };
  audit: {
    id: Generated<string>;
    at: Date;
    action: string;
    dataset_id: string;
    dataset: string;
    version: number;
    remote: string;
    detail: string;
  };
  idempotency_keys: { key_hash: string; request_hash: string; dataset_id: string; created_at: Date };
}
