import { type DatasetInput, datasetInput } from '@millrace/core/domain/dataset.ts';
import { type BodyError, pointer } from './problems.ts';

/** What `POST /v1/datasets` takes: a dataset whose lists name nothing twice. */
export const newDataset = datasetInput.superRefine((input, context) => {
  for (const member of ['pkFields', 'partitionKeys'] as const)
    input[member].forEach((path, index) => {
      if (input[member].indexOf(path) < index) context.addIssue({ code: 'custom', path: [member, index], message: 'is named twice' });
    });
});

/** A partition key written like a call: `day(x)`, `hour(x)`, or one we do not know. */
const call = /^([A-Za-z_]\w*)\((.*)\)$/;

/**
 * What a valid dataset asks for that is not built yet: one entry each. Such a dataset is refused (422), never treated as something else. Pure.
 */
export function notYet(input: DatasetInput): BodyError[] {
  const errors: BodyError[] = [];
  const add = (path: (string | number)[], what: string) => errors.push({ pointer: pointer(path), detail: `${what} not yet supported` });
  if (input.mode === 'upsert') add(['mode'], 'mode "upsert" is');
  if (input.format !== 'delta') add(['format'], `format ${JSON.stringify(input.format.slice(0, 100))} is`);
  if (input.transforms.length > 0) add(['transforms'], 'transforms are');
  if (input.transformJars.length > 0) add(['transformJars'], 'transforms are');
  input.partitionKeys.forEach((key, index) => {
    const [, unit, argument] = call.exec(key) ?? [];
    if (unit === undefined) return;
    if (unit !== 'day' && unit !== 'hour') add(['partitionKeys', index], `the partition function ${unit}() is`);
    else if (argument !== '_source_timestamp') add(['partitionKeys', index], `${unit}() of anything but _source_timestamp is`);
  });
  return errors;
}
