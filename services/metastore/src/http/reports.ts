import { landingReport, schemaVersionRecord, tableReport } from '@millrace/core/domain/reports.ts';
import { Router } from 'express';
import { z } from 'zod';
import type { MetadataStore } from '../store/store.ts';
import { readBytes, reportBytesMax, validBody } from './body.ts';
import { ProblemError } from './problems.ts';

/** Query of `PUT /datasets/{name}/schemas/{version}`. */
export const schemaVersionQuery = z.object({
  datasetId: z
    .string()
    .optional()
    .meta({ description: 'The dataset it was made for: refused when the name belongs to another one now' })
    .catch(''),
});

/** Schema versions for people, and what workers tell. */
export function reportRoutes(store: MetadataStore): Router {
  const router = Router();
  router.put('/reports/landing', readBytes(reportBytesMax), async (request, response) => {
    await store.saveLanding(validBody(landingReport, request, 'landing-report'));
    response.status(204).end();
  });
  router.put('/reports/table', readBytes(reportBytesMax), async (request, response) => {
    await store.saveTable(validBody(tableReport, request, 'table-report'));
    response.status(204).end();
  });
  router.get('/datasets/:name/schemas', async (request, response) => {
    response.json((await store.schemaVersions(request.params.name)).map((record) => schemaVersionRecord.encode(record)));
  });
  router
    .route('/datasets/:name/schemas/:version')
    .get(async (request, response) => {
      const version = versionOf(request.params.version);
      const record = version === undefined ? undefined : await store.schemaVersion(request.params.name, version);
      if (record === undefined)
        throw new ProblemError(
          404,
          'not-found',
          'Not found',
          `dataset ${request.params.name} has no schema version ${request.params.version}`,
        );
      response.json(schemaVersionRecord.encode(record));
    })
    .put(readBytes(reportBytesMax), async (request, response) => {
      const record = validBody(schemaVersionRecord, request, 'schema-version');
      if (versionOf(String(request.params.version)) !== record.version)
        throw new ProblemError(400, 'invalid-schema-version', 'The schema version is not valid', 'version differs from the address', [
          { pointer: '#/version', detail: 'must be the version in the address' },
        ]);
      const { datasetId } = schemaVersionQuery.parse(request.query);
      await store.saveSchemaVersion(String(request.params.name), datasetId, record);
      response.status(204).end();
    });
  return router;
}

/** A version number in an address; undefined for what cannot be one. */
function versionOf(text: string): number | undefined {
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
}
