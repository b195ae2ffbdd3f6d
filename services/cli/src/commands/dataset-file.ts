import { readFile } from 'node:fs/promises';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { parse } from 'yaml';

/** Flags of `datasets create`; each replaces the member of the file. */
export type CreateFlags = {
  topic?: string;
  mode?: string;
  startFrom?: string;
  pk?: string[];
  partitionBy?: string[];
};

/** A dataset as it is posted: the metastore checks it, every error with its pointer. */
export type NewDataset = { name: string; kafkaTopic: string } & Record<string, unknown>;

/**
 * The dataset a person describes by name, flags and file. Pure.
 * @param file text of a YAML or JSON file, which YAML contains; undefined for none
 * @throws kind `invalid`, code `bad_dataset_file` or `dataset_incomplete`
 */
export function describedDataset(
  name: string | undefined,
  flags: CreateFlags,
  file: { text: string; path: string } | undefined,
): NewDataset {
  const given = {
    ...(file === undefined ? {} : parsed(file)),
    ...(name === undefined ? {} : { name }),
    ...(flags.topic === undefined ? {} : { kafkaTopic: flags.topic }),
    ...(flags.mode === undefined ? {} : { mode: flags.mode }),
    ...(flags.startFrom === undefined ? {} : { startFrom: flags.startFrom }),
    ...(flags.pk === undefined ? {} : { pkFields: flags.pk }),
    ...(flags.partitionBy === undefined ? {} : { partitionKeys: flags.partitionBy }),
  } as Record<string, unknown>;
  for (const member of ['name', 'kafkaTopic'])
    if (!['string', 'undefined'].includes(typeof given[member]))
      throw new MillraceError(
        'invalid',
        'bad_dataset_file',
        `${member} must be a text, and ${JSON.stringify(given[member])} is none: write it in quotes`,
      );
  const missing = [...(given.name === undefined ? ['a name'] : []), ...(given.kafkaTopic === undefined ? ['a topic (--topic)'] : [])];
  if (missing.length > 0)
    throw new MillraceError(
      'invalid',
      'dataset_incomplete',
      `a dataset needs ${missing.join(' and ')}, from the command line or from -f FILE`,
    );
  return given as NewDataset;
}

function parsed({ text, path }: { text: string; path: string }): object {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new MillraceError('invalid', 'bad_dataset_file', `${path} is neither YAML nor JSON`, {}, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new MillraceError('invalid', 'bad_dataset_file', `${path} holds no dataset: an object with name and kafkaTopic`);
  return value;
}

/** Text of a file, or of standard input for `-`. @throws kind `invalid`, code `file_unreadable` */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path === '-' ? '/dev/stdin' : path, 'utf8');
  } catch (cause) {
    throw new MillraceError('invalid', 'file_unreadable', `${path} cannot be read`, {}, cause);
  }
}
