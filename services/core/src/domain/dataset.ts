import { z } from 'zod';
import { acceptance } from './losses.ts';

/** Names of datasets, which are also the names of their tables' folders. */
export const datasetName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,127}$/, 'must match ^[a-z0-9][a-z0-9._-]{0,127}$');

const kafkaTopic = z
  .string()
  .regex(/^[a-zA-Z0-9._-]{1,249}$/, "must be a Kafka topic name: 1 to 249 of letters, digits, '.', '_' and '-'")
  .refine((name) => name !== '.' && name !== '..', "must not be '.' or '..'");

const fieldPath = z.string().min(1).max(500);

/** What a user posts. Defaults are filled in; unknown members are refused. */
export const datasetInput = z
  .strictObject({
    name: datasetName.meta({ description: 'Name of the dataset; the table lies at <MILLRACE_TABLES_URL>/<name>' }),
    kafkaTopic,
    mode: z.enum(['append', 'upsert']).default('append'),
    format: z.string().default('delta'),
    pkFields: z.array(fieldPath).max(32).default([]),
    partitionKeys: z.array(fieldPath).max(16).default([]),
    startFrom: z.enum(['earliest', 'latest']).default('earliest'),
    transforms: z.array(z.unknown()).default([]),
    transformJars: z.array(z.unknown()).default([]),
  })
  .meta({ id: 'DatasetInput' });
export type DatasetInput = z.infer<typeof datasetInput>;

/**
 * States of a dataset's table leg. `WAITING_FOR_TOPIC` the topic does not exist yet · `RUNNING` · `PAUSED` by a person ·
 * `BLOCKED` waits for a person's decision, with a reason · `FAILED` cannot work now (store away, corrupt object), retried by itself.
 */
export const datasetStates = ['WAITING_FOR_TOPIC', 'RUNNING', 'PAUSED', 'BLOCKED', 'FAILED'] as const;
export const datasetState = z.enum(datasetStates);
export type DatasetState = z.infer<typeof datasetState>;

/** One decision of a person on a block (exact rule R7). Offsets are per `<topicId>/<partition>`. */
export const blockDecision = z.strictObject({
  id: z.string(),
  breaking: z.literal('quarantine'),
  /** (path, observed types) of the block it answers */
  changes: z.array(z.strictObject({ path: z.string(), types: z.array(z.string()) })),
  /** per `<topicId>/<partition>` `[startOffset, endOffset)` = [first offending offset, landed end at the decision), decimal text */
  ranges: z.record(z.string(), z.strictObject({ startOffset: z.string(), endOffset: z.string() })),
  decidedAt: z.string(),
});
export type BlockDecision = z.infer<typeof blockDecision>;

/** A stored dataset as the API returns it and as workers keep it on disk. */
export const dataset = datasetInput
  .extend({
    id: z.uuid(),
    createdAt: z.string(),
    /** counts changes of configuration, pauses and decisions; starts at 1 */
    version: z.number().int().min(1),
    state: datasetState,
    paused: z.boolean(),
    /** counts resumes: a worker that blocked at an older count evaluates again */
    resumeCount: z.number().int().min(0),
    decisions: z.array(blockDecision),
    /** losses and clusters a person accepted; phase 1 acts on them */
    acceptances: z.array(acceptance).optional(),
  })
  .meta({ id: 'Dataset' });
export type Dataset = z.infer<typeof dataset>;
