import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const source = new URL('../../src/lines/json-validator.as', import.meta.url);
const built = new URL('../../src/lines/json-validator.wasm', import.meta.url);

/** Compiles the validator's source; the same bytes every time for the pinned compiler. */
export async function buildValidator(): Promise<Uint8Array> {
  const text = await readFile(source, 'utf8');
  let wasm: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      'json-validator.ts',
      '--outFile',
      'json-validator.wasm',
      '-O3',
      '--noAssert',
      '--runtime',
      'stub',
      '--enable',
      'simd',
      '--use',
      'abort=',
      '--initialMemory',
      '2',
    ],
    {
      readFile: (name) => (name.endsWith('json-validator.ts') ? text : null),
      writeFile: (name, contents) => {
        if (name.endsWith('.wasm')) wasm = contents as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || wasm === undefined) throw new Error(`the validator does not compile: ${stderr.toString()}`, { cause: error });
  return wasm;
}

/** `node services/phase1-dumper/test/lines/build-validator.ts` writes the committed file. */
if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(built, await buildValidator());
