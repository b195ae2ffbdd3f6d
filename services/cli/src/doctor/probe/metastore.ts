import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { sideBySide } from '../../side-by-side.ts';
import type { DatasetFacts, MetastoreFacts } from '../judge/metastore.ts';

/** Asks the metastore whether it is ready, who it is, and what time it is there. Never rejects. */
export async function lookAtMetastore(url: string, signal: AbortSignal): Promise<{ facts: MetastoreFacts; clockAheadMs: number | null }> {
  const base = url.replace(/\/+$/, '');
  try {
    const sentAt = Date.now();
    const answer = await fetch(`${base}/readyz?verbose`, { signal });
    const clockAheadMs = Date.parse(answer.headers.get('date') ?? '') + 500 - (sentAt + Date.now()) / 2;
    const text = await answer.text();
    const problems = text.split('\n').flatMap((line) => (line.startsWith('[-]') ? [line.slice(3)] : []));
    const told = await fetch(`${base}/version`, { signal })
      .then((found) => (found.ok ? (found.json() as Promise<object | null>) : null))
      .catch(() => null);
    return {
      facts: { status: 'up', url: base, ready: answer.ok, problems, service: textIn(told, 'service'), version: textIn(told, 'version') },
      clockAheadMs: Number.isNaN(clockAheadMs) ? null : clockAheadMs,
    };
  } catch (error) {
    return { facts: { status: 'down', url: base, words: describeError(error) }, clockAheadMs: null };
  }
}

function textIn(told: object | null, name: string): string | null {
  const value: unknown = (told as Record<string, unknown> | null)?.[name];
  return typeof value === 'string' ? value : null;
}

/** State of every dataset. @throws kind `unavailable` when the metastore is away */
export async function lookAtDatasets(url: string, signal: AbortSignal): Promise<DatasetFacts[]> {
  const client = createMetastoreClient(url);
  const datasets = await client.datasets(signal);
  const found = await sideBySide(datasets, async ({ name }) => {
    if (signal.aborted) return [];
    try {
      const { state, reason, nextAction, landingSilentSince = null } = await client.status(name);
      return [{ name, state, reason, nextAction, landingSilentSince }];
    } catch (error) {
      // deleted since the list was read
      if (isKind(error, 'invalid') && error.code === 'not_found') return [];
      throw error;
    }
  });
  return found.flat();
}
