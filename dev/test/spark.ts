import { pythonOf, sparkJars, sparkPythonDir } from '../setup/paths.mjs';
import { runTests } from './run-tests.ts';

/** `npm run test:interop:spark`: Spark reads the tables. */
const env = { MILLRACE_TEST_SPARK_PYTHON: pythonOf(sparkPythonDir()), MILLRACE_TEST_SPARK_JARS: sparkJars() };
process.exit(await runTests({ projects: ['spark'], args: process.argv.slice(2), env }));
