import { dataset, datasetInput, datasetName, datasetStates } from '@millrace/core/domain/dataset.ts';
import { clusterAcceptance, gapAcceptance } from '@millrace/core/domain/losses.ts';
import { landingReport, schemaVersionRecord, tableReport } from '@millrace/core/domain/reports.ts';
import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiOverride } from 'zod-openapi';
import { auditRow, clusterInput, clusterList, gapInput, gapList } from '../api/losses.ts';
import { problem, problemType } from '../api/problem.ts';
import { reconciliation } from '../api/reconciliation.ts';
import { datasetStatus } from '../api/status.ts';
import { listQuery, resumeBody } from './datasets.ts';
import { auditQuery } from './losses.ts';
import { schemaVersionQuery } from './reports.ts';

const name = z.object({ name: datasetName });
const ifMatch = z.object({
  'if-match': z
    .string()
    .optional()
    .meta({ description: 'Tags of GET …/{name}: the change is made only to that version (the state in the tag is not compared)' }),
});
const tagHeader = z.object({ ETag: z.string().meta({ description: 'Strong tag: dataset, version and state' }) });

const refusals: Record<number, string> = {
  400: 'The request is not valid: one entry per error, each with a JSON pointer',
  404: 'There is no such dataset or version',
  409: 'Not possible now: the name is taken, nothing is blocked, or another range or cluster waits for a decision',
  412: 'The dataset has changed since',
  413: 'The body is too large',
  415: 'The body is not JSON',
  422: 'Not yet: upsert, transforms, formats other than delta, derived partition keys on other fields; or an Idempotency-Key used with another request',
};

function answers(success: ZodOpenApiOperationObject['responses'], ...statuses: number[]): ZodOpenApiOperationObject['responses'] {
  const refused = (description: string) => ({ description, content: { [problemType]: { schema: problem } } });
  const listed = Object.fromEntries(statuses.map((status) => [`${status}`, refused(refusals[status] ?? '')]));
  return { ...success, ...listed, '503': refused('The database is away; try again later') } as ZodOpenApiOperationObject['responses'];
}

const json = (schema: z.ZodType) => ({ 'application/json': { schema } });
const ok = (description: string, schema: z.ZodType) => ({ '200': { description, content: json(schema) } });
const decisions = (what: { noun: string; name: string }, input: z.ZodType, decision: z.ZodType, list: z.ZodType) => ({
  get: {
    operationId: `list${what.name}s`,
    tags: ['datasets'],
    summary: `${what.noun} that wait for a decision, and decisions`,
    requestParams: { path: name },
    responses: answers(ok('What waits and what was accepted', list), 404),
  },
  post: {
    operationId: `accept${what.name}`,
    tags: ['datasets'],
    summary: `Accept ${what.noun.toLowerCase()}; landing goes on by itself`,
    requestParams: {
      path: name,
      header: z.object({
        'idempotency-key': z
          .string()
          .optional()
          .meta({ description: 'The same key with the same body decides once; remembered for 24 hours' }),
      }),
    },
    requestBody: { required: true, content: json(input) },
    responses: answers(
      {
        '200': { description: 'Was accepted before', content: json(decision) },
        '201': { description: 'Accepted', content: json(decision) },
      },
      400,
      404,
      409,
      413,
      415,
      422,
    ),
  },
});
const changed = (description: string) => ({ '202': { description, headers: tagHeader, content: json(dataset) } });

/** An offset is a bigint inside and a decimal string in JSON, in both directions: the document speaks of the JSON. */
const asOnTheWire: ZodOpenApiOverride = ({ zodSchema, jsonSchema }) => {
  const { def } = zodSchema._zod;
  if (def.type !== 'pipe' || def.out._zod.def.type !== 'bigint') return;
  for (const key of Object.keys(jsonSchema)) if (key !== 'description' && key !== 'example') Reflect.deleteProperty(jsonSchema, key);
  Object.assign(jsonSchema, { type: 'string', pattern: '^(0|[1-9][0-9]{0,18})$' });
};

/** The OpenAPI 3.1 document of this API, made from the schemas that validate. Pure. */
export function openApiDocument(): { paths: Record<string, object> } & object {
  const initial = 'A new dataset is WAITING_FOR_TOPIC until a worker has seen its topic, and RUNNING from then on.';
  const document = createDocument(
    {
      openapi: '3.1.0',
      info: {
        title: 'Millrace metastore',
        version: '1.0.0',
        description: `Datasets, their states and schema versions. Every path is also served without /v1. ${initial} States: ${datasetStates.join(', ')}. Offsets are decimal strings.`,
      },
      servers: [{ url: '/' }],
      tags: [
        { name: 'datasets', description: 'What people register and steer' },
        { name: 'workers', description: 'What workers report; a mirror for people, never the truth of data' },
        { name: 'service', description: 'Health and metrics, also on the admin port' },
      ],
      paths: {
        '/v1/datasets': {
          get: {
            operationId: 'listDatasets',
            tags: ['datasets'],
            summary: 'All datasets by name',
            requestParams: { query: listQuery },
            responses: answers(
              { '200': { description: 'A page; a Link header names the next one', content: json(z.array(dataset)) } },
              400,
            ),
          },
          post: {
            operationId: 'createDataset',
            tags: ['datasets'],
            summary: 'Register a dataset',
            description: `Work begins within 5 seconds, with data that is in the topic already. ${initial}`,
            requestParams: {
              header: z.object({
                'idempotency-key': z
                  .string()
                  .optional()
                  .meta({ description: 'The same key with the same body makes one dataset; remembered for 24 hours' }),
              }),
            },
            requestBody: { required: true, content: json(datasetInput) },
            responses: answers(
              { '201': { description: 'Registered', headers: tagHeader.extend({ Location: z.string() }), content: json(dataset) } },
              400,
              409,
              413,
              415,
              422,
            ),
          },
        },
        '/v1/datasets/{name}': {
          get: {
            operationId: 'getDataset',
            tags: ['datasets'],
            summary: 'One dataset',
            requestParams: { path: name },
            responses: answers({ '200': { description: 'The dataset', headers: tagHeader, content: json(dataset) } }, 404),
          },
          delete: {
            operationId: 'deleteDataset',
            tags: ['datasets'],
            summary: 'Stop its work; raw and table stay',
            requestParams: { path: name, header: ifMatch },
            responses: answers({ '204': { description: 'Deleted' } }, 404, 412),
          },
        },
        '/v1/datasets/{name}/pause': {
          put: {
            operationId: 'pauseDataset',
            tags: ['datasets'],
            summary: 'Stop the table leg; landing goes on',
            requestParams: { path: name, header: ifMatch },
            responses: answers(changed('Will pause'), 404, 412),
          },
        },
        '/v1/datasets/{name}/resume': {
          put: {
            operationId: 'resumeDataset',
            tags: ['datasets'],
            summary: 'Go on; what was blocked is evaluated again',
            description:
              'With {"breaking":"quarantine"} the records that caused the present schema block, up to what has landed now, are quarantined.',
            requestParams: { path: name, header: ifMatch },
            requestBody: { required: false, content: json(resumeBody) },
            responses: answers(changed('Will go on'), 400, 404, 409, 412, 415),
          },
        },
        '/v1/datasets/{name}/status': {
          get: {
            operationId: 'getStatus',
            tags: ['datasets'],
            summary: 'State, positions and lag',
            requestParams: { path: name },
            responses: answers(ok('The status', datasetStatus), 404),
          },
        },
        '/v1/datasets/{name}/reconciliation': {
          get: {
            operationId: 'getReconciliation',
            tags: ['datasets'],
            summary: 'Landed = committed + quarantined + dropped + gaps',
            requestParams: { path: name },
            responses: answers(ok('The equation of the newest report', reconciliation), 404),
          },
        },
        '/v1/datasets/{name}/gaps': decisions({ noun: 'Losses', name: 'Gap' }, gapInput, gapAcceptance, gapList),
        '/v1/datasets/{name}/clusters': decisions({ noun: 'Clusters', name: 'Cluster' }, clusterInput, clusterAcceptance, clusterList),
        '/v1/audit': {
          get: {
            operationId: 'listAudit',
            tags: ['datasets'],
            summary: 'Who changed what, and when; rows are never changed',
            requestParams: { query: auditQuery },
            responses: answers(
              { '200': { description: 'A page; a Link header names the next one', content: json(z.array(auditRow)) } },
              400,
            ),
          },
        },
        '/v1/datasets/{name}/schemas': {
          get: {
            operationId: 'listSchemaVersions',
            tags: ['datasets'],
            summary: 'Schema versions, rising',
            requestParams: { path: name },
            responses: answers(ok('All versions', z.array(schemaVersionRecord)), 404),
          },
        },
        '/v1/datasets/{name}/schemas/{version}': {
          get: {
            operationId: 'getSchemaVersion',
            tags: ['datasets'],
            summary: 'One schema version',
            requestParams: { path: name.extend({ version: z.int().min(1) }) },
            responses: answers(ok('The version', schemaVersionRecord), 404),
          },
          put: {
            operationId: 'putSchemaVersion',
            tags: ['workers'],
            summary: 'Store or replace a schema version',
            requestParams: { path: name.extend({ version: z.int().min(1) }), query: schemaVersionQuery },
            requestBody: { required: true, content: json(schemaVersionRecord) },
            responses: answers({ '204': { description: 'Stored' } }, 400, 404, 413, 415),
          },
        },
        '/v1/reports/landing': {
          put: {
            operationId: 'reportLanding',
            tags: ['workers'],
            summary: 'Phase 1 about one topic',
            requestBody: { required: true, content: json(landingReport) },
            responses: answers({ '204': { description: 'Stored' } }, 400, 413, 415),
          },
        },
        '/v1/reports/table': {
          put: {
            operationId: 'reportTable',
            tags: ['workers'],
            summary: 'Phase 2 about one dataset',
            requestBody: { required: true, content: json(tableReport) },
            responses: answers({ '204': { description: 'Stored' } }, 400, 404, 413, 415),
          },
        },
        '/livez': {
          get: {
            operationId: 'livez',
            tags: ['service'],
            summary: 'The process runs',
            responses: { '200': { description: 'ok', content: { 'text/plain': { schema: z.string() } } } },
          },
        },
        '/readyz': {
          get: {
            operationId: 'readyz',
            tags: ['service'],
            summary: 'The service can work',
            requestParams: {
              query: z.object({ verbose: z.string().optional().meta({ description: 'Lists every check with its cause' }) }),
            },
            responses: {
              '200': { description: 'Ready', content: { 'text/plain': { schema: z.string() } } },
              '503': { description: 'Not ready, with the cause', content: { 'text/plain': { schema: z.string() } } },
            },
          },
        },
        '/health': {
          get: {
            operationId: 'health',
            tags: ['service'],
            summary: 'The checks as JSON',
            responses: { '200': { description: 'All met' }, '503': { description: 'Some not met' } },
          },
        },
        '/version': {
          get: {
            operationId: 'version',
            tags: ['service'],
            summary: 'What runs',
            responses: { '200': { description: 'Service, version and Node’s version', content: json(z.record(z.string(), z.string())) } },
          },
        },
        '/metrics': {
          get: {
            operationId: 'metrics',
            tags: ['service'],
            summary: 'Prometheus text, or OpenMetrics when asked for',
            responses: { '200': { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } } },
          },
        },
      },
    },
    { override: asOnTheWire },
  );
  return { ...document, paths: document.paths ?? {} };
}
