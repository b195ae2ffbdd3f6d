import { configurationPage } from './configuration.ts';

/** A page that is written from the code. `file` is relative to the checkout. */
export type Reference = { readonly file: string; readonly write: () => string | Promise<string> };

export const references: readonly Reference[] = [{ file: 'docs/reference/configuration.md', write: configurationPage }];
