import { apiPage } from './api.ts';
import { cliPage } from './cli.ts';
import { configurationPage } from './configuration.ts';
import { metricsPage } from './metrics.ts';

/** A page that is written from the code. `file` is relative to the checkout. */
export type Reference = { readonly file: string; readonly write: () => string | Promise<string> };

export const references: readonly Reference[] = [
  { file: 'docs/reference/api.md', write: apiPage },
  { file: 'docs/reference/cli.md', write: cliPage },
  { file: 'docs/reference/configuration.md', write: configurationPage },
  { file: 'docs/reference/metrics.md', write: metricsPage },
];
