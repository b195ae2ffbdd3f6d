import { buildOf } from '@millrace/core/adapters/admin/build.ts';
import { createLogger } from '@millrace/core/adapters/admin/logger.ts';
import { listenHttp } from '@millrace/core/adapters/admin/server.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { metastoreApp } from '../../src/http/app.ts';
import { openApiDocument } from '../../src/http/openapi.ts';
import type { MetadataStore } from '../../src/store/store.ts';

type Operation = {
  operationId: string;
  responses: Record<string, { description: string }>;
  parameters?: { name: string; in: string; required?: boolean }[];
};
const document = JSON.parse(JSON.stringify(openApiDocument())) as {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Record<string, unknown>> };
};
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => (name === '$ref' && typeof member === 'string' ? [member] : references(member)));
}

describe('the OpenAPI document', () => {
  it('is 3.1, and all its references lead somewhere', () => {
    expect(document.openapi).toBe('3.1.0');
    const targets = references(document);
    expect(targets.length).toBeGreaterThan(10);
    for (const target of targets) {
      const name = /^#\/components\/schemas\/(.+)$/.exec(target)?.[1] ?? '';
      expect(document.components.schemas).toHaveProperty(name);
    }
  });

  it('names every operation once, its path parameters and its answers', () => {
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
    for (const { path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(
        operation.parameters?.filter((parameter) => parameter.in === 'path').map((parameter) => [parameter.name, parameter.required]) ?? [],
      ).toEqual(inPath.map((name) => [name, true]));
      expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
      for (const response of Object.values(operation.responses)) expect(response.description).not.toBe('');
    }
  });

  it('asks of a new dataset what the API asks', () => {
    expect(document.components.schemas.DatasetInput).toMatchObject({
      type: 'object',
      required: ['name', 'kafkaTopic'],
      additionalProperties: false,
      properties: { name: { pattern: '^[a-z0-9][a-z0-9._-]{0,127}$' }, startFrom: { enum: ['earliest', 'latest'], default: 'earliest' } },
    });
    expect(document.components.schemas.Dataset?.required).toEqual(
      expect.arrayContaining(['id', 'createdAt', 'version', 'state', 'format']),
    );
  });

  it('shows offsets as strings', () => {
    expect(document.components.schemas.DatasetStatus).toMatchObject({
      required: ['name', 'state', 'reason', 'partitions', 'lagSeconds', 'lastCommit', 'nextAction'],
      properties: {
        partitions: {
          items: {
            required: ['topicId', 'partition', 'landed', 'committed', 'end', 'lagRecords'],
            properties: { landed: { type: 'string' } },
          },
        },
      },
    });
  });

  it('speaks of no 64-bit number as an integer, in requests or answers', () => {
    const integers = (value: unknown): unknown[] => {
      if (typeof value !== 'object' || value === null) return [];
      const own =
        'type' in value &&
        value.type === 'integer' &&
        ('format' in value || ('maximum' in value && Number(value.maximum) > Number.MAX_SAFE_INTEGER))
          ? [value]
          : [];
      return [...own, ...Object.values(value).flatMap(integers)];
    };
    expect(integers(document)).toEqual([]);
    const reports = document.components.schemas.Reconciliation as {
      properties: { total: { properties: Record<string, { type?: string }> } };
    };
    expect(reports.properties.total.properties.covered?.type).toBe('string');
  });

  it('lists only what is served, with and without /v1', async () => {
    const away = () => Promise.reject(new MillraceError('unavailable', 'database_away', 'database x is away'));
    const store = new Proxy({}, { get: () => away }) as MetadataStore;
    const app = metastoreApp({
      registry: new Registry(),
      build: buildOf('metastore'),
      checks: () => [],
      store,
      observe: (_request, _response, next) => next(),
      log: createLogger('test', 'silent'),
    });
    const server = await listenHttp(app, { listen: '127.0.0.1', port: 0, variable: 'PORT', log: createLogger('test', 'silent') });
    try {
      for (const { path, method } of operations)
        for (const base of ['', '/v1']) {
          const address = base + path.replace(/^\/v1/, '').replace('{name}', 'orders').replace('{version}', '1');
          const { status } = await fetch(server.url + address, { method });
          expect(`${method} ${address} ${status}`).not.toMatch(/ (404|405|500)$/);
        }
    } finally {
      await server.close();
    }
  });
});
