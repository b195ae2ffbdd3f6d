import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './exec.mjs';
import { javaBinary, kafkaDir, setupDir } from './paths.mjs';
import { KAFKA_VERSION } from './pins.mjs';
import { fillOnce } from './place.mjs';

/**
 * Brings Apache Kafka's jars and a formatted `bootstrap.checkpoint`. Copying that file into a new log directory saves
 * every fresh cluster a JVM start; without it a cluster comes up with its newer features silently off.
 */
export async function ensureKafka() {
  await fillOnce({
    title: `Apache Kafka ${KAFKA_VERSION} (jars from Maven, about 70 MB)`,
    target: kafkaDir,
    fill: async (temporary) => {
      const libs = join(temporary, 'libs');
      await copyJars('kafka.xml', libs);
      await format(libs, temporary);
    },
  });
}

/** Copies the jars that a pom lists, and what they need, into `directory`. */
export async function copyJars(pom, directory) {
  const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
  await run('mvn', ['-q', '-B', '-f', join(setupDir, 'poms', pom), plugin, `-DoutputDirectory=${directory}`], {
    advice: 'Is Maven Central in reach? A proxy or mirror belongs into ~/.m2/settings.xml.',
  });
}

async function format(libs, temporary) {
  const work = join(temporary, 'format');
  mkdirSync(work);
  const properties = join(work, 'server.properties');
  writeFileSync(
    properties,
    [
      'process.roles=broker,controller',
      'node.id=1',
      'listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2',
      'controller.listener.names=CONTROLLER',
      'controller.quorum.voters=1@127.0.0.1:2',
      `log.dirs=${join(work, 'logs')}`,
    ].join('\n'),
  );
  const args = [
    '-Xshare:auto',
    '-XX:TieredStopAtLevel=1',
    '-cp',
    join(libs, '*'),
    'kafka.tools.StorageTool',
    'format',
    '-t',
    'AAAAAAAAAAAAAAAAAAAAAQ',
    '-c',
    properties,
  ];
  await run(javaBinary(), args, { advice: `Remove ${kafkaDir} if it exists and run the same command again.` });
  renameSync(join(work, 'logs', 'bootstrap.checkpoint'), join(temporary, 'bootstrap.checkpoint'));
  rmSync(work, { recursive: true });
}
