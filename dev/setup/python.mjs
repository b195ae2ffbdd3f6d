import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './exec.mjs';
import { deltaExtension, pythonOf, setupDir, sparkPythonDir, testPythonDir } from './paths.mjs';
import { fillOnce } from './place.mjs';
import { findPython } from './tools.mjs';

/** DuckDB's INSTALL would write into the user's home, where anybody may remove it; a file in the environment stays. */
const COPY_EXTENSION = `
import pathlib, shutil, sys, duckdb_extension_delta
packaged, = pathlib.Path(duckdb_extension_delta.__file__).parent.rglob('delta.duckdb_extension')
shutil.copyfile(packaged, sys.argv[1])
`;

/** The virtual environment of the tests: an independent Kafka client, delta-rs and DuckDB with its Delta extension. */
export async function ensureTestPython() {
  await fillOnce({
    title: 'Python packages of the tests (about 150 MB)',
    target: testPythonDir(),
    fill: async (temporary) => {
      const python = await makeVenv(temporary, 'requirements.txt');
      const extension = deltaExtension(temporary);
      mkdirSync(dirname(extension));
      await run(python, ['-c', COPY_EXTENSION, extension]);
      await run(python, ['-c', `import deltalake, aiokafka, duckdb; duckdb.connect().execute("LOAD '${extension}'")`]);
    },
  });
}

/** The virtual environment with PySpark. */
export async function ensureSparkPython() {
  await fillOnce({
    title: 'PySpark (about 450 MB)',
    target: sparkPythonDir(),
    fill: async (temporary) => {
      await makeVenv(temporary, 'requirements-spark.txt');
    },
  });
}

/** Made under a temporary name and moved later: `bin/python` bears that, the other scripts in `bin/` do not and are not used. */
async function makeVenv(directory, requirements) {
  await run(await findPython(), ['-m', 'venv', directory], { advice: 'Debian: apt-get install python3-venv.' });
  const python = pythonOf(directory);
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', join(setupDir, requirements)], {
    advice: 'Is the Python package index in reach (pip config list)?',
  });
  return python;
}
