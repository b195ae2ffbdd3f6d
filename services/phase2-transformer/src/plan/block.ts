import type { SchemaBlock } from '@millrace/core/domain/reports.ts';

/** Why a table leg waits for a person: said in the status. `nextAction` is what that person can do. */
export type Block = { code: string; reason: string; nextAction: string; schema?: SchemaBlock };

/** What a resume does for every block: nothing is reset, the cause is looked at again. */
export const evaluateAgain = (then: string, name: string) => `${then}; then PUT /v1/datasets/${name}/resume, which evaluates again`;
