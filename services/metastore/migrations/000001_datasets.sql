-- Datasets, their schema versions, what workers report, and who changed what.
-- JSON lies in text columns as written by JSON.stringify: NUL and lone surrogates stay escaped there, which jsonb would refuse.

create table datasets (
  id uuid primary key,
  name text not null,
  kafka_topic text not null,
  config text not null,
  version integer not null check (version >= 1),
  paused boolean not null default false,
  resume_count integer not null default 0 check (resume_count >= 0),
  decisions text not null default '[]',
  created_at timestamptz not null,
  deleted_at timestamptz
);
comment on column datasets.config is 'DatasetInput as JSON';
comment on column datasets.decisions is 'BlockDecision[] as JSON';
comment on column datasets.deleted_at is 'The row stays; the name may be used again';
create unique index datasets_live_name on datasets (name) where deleted_at is null;

create table schema_versions (
  dataset_id uuid not null references datasets (id),
  version integer not null check (version >= 1),
  record text not null,
  stored_at timestamptz not null,
  primary key (dataset_id, version)
);
comment on column schema_versions.record is 'SchemaVersionRecord as JSON';

create table landing_topics (
  topic text primary key,
  topic_id text,
  worker text not null,
  notices text not null,
  reported_at timestamptz not null
);
comment on column landing_topics.topic_id is 'Newest incarnation; null: the topic does not exist';

create table landing_partitions (
  topic text not null references landing_topics (topic),
  topic_id text not null,
  partition integer not null,
  epoch numeric(20) not null,
  worker text not null,
  report text not null,
  reported_at timestamptz not null,
  primary key (topic, topic_id, partition)
);

create table table_reports (
  dataset_id uuid primary key references datasets (id),
  worker text not null,
  report text not null,
  reported_at timestamptz not null
);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  action text not null,
  dataset_id uuid not null,
  dataset text not null,
  version integer not null,
  remote text not null,
  detail text not null
);
create index audit_dataset on audit (dataset, id);

create table idempotency_keys (
  key_hash text primary key,
  request_hash text not null,
  dataset_id uuid not null references datasets (id),
  created_at timestamptz not null
);
create index idempotency_keys_age on idempotency_keys (created_at);
