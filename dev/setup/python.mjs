import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './exec.mjs';
import { duckdbExtensions, pythonOf, setupDir, sparkPythonDir, testPythonDir } from './paths.mjs';
import { fillOnce } from './place.mjs';
import { findPython } from './tools.mjs';

/** DuckDB's INSTALL would write into the user's home, where anybody may remove it; a file in the environment stays. */
const COPY_EXTENSIONS = `
import pathlib, shutil, sys, duckdb, duckdb_extension_delta, duckdb_extension_httpfs
connection = duckdb.connect()
for module in duckdb_extension_delta, duckdb_extension_httpfs:
    packaged, = pathlib.Path(module.__file__).parent.rglob('*.duckdb_extension')
    copy = pathlib.Path(sys.argv[1]) / packaged.name
    shutil.copyfile(packaged, copy)
    connection.execute(f"LOAD '{copy}'")
`;

/** The virtual environment of the tests: an independent Kafka client, delta-rs and DuckDB with its extensions for Delta and S3. */
export async function ensureTestPython() {
  await fillOnce({
    title: 'Python packages of the tests (about 150 MB)',
    target: testPythonDir(),
    fill: async (temporary) => {
      const python = await makeVenv(temporary, 'requirements.txt');
      const extensions = duckdbExtensions(temporary);
      mkdirSync(extensions);
      await run(python, ['-c', COPY_EXTENSIONS, extensions]);
      await run(python, ['-c', 'import deltalake, aiokafka']);
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
