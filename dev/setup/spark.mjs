import { copyJars } from './kafka.mjs';
import { sparkJars } from './paths.mjs';
import { fillOnce } from './place.mjs';

/** Delta's jars for Spark; Spark's own come with PySpark. */
export async function ensureSparkJars() {
  await fillOnce({
    title: 'Delta for Spark (jars from Maven)',
    target: sparkJars(),
    fill: (temporary) => copyJars('spark.xml', temporary),
  });
}
