import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { Command, Option } from 'commander';
import { type Cli, type ExitCode, run } from '../../output/cli.ts';
import { type Format, outputOption, show } from '../../output/format.ts';
import type { KafkaConnections } from '../probe/kafka-connection.ts';
import { type DoctorSettings, readDoctorSettings } from '../settings.ts';
import { ownCluster } from './kubernetes.ts';
import { type DatasetLag, isOver, judgeLegs, type LegLag, legsOf, legsToRestart } from './legs.ts';
import { lagsFromMetastore, lagsFromStores, withTableAges } from './look.ts';
import { readRestartWish, restartLegs } from './restart.ts';
import { lagText } from './text.ts';

/** Between two looks, where a second one is needed, seconds: longer than a seal, a batch and a report together take by default. */
const settleSeconds = 30;

type LagOptions = { maxSeconds: string; restart?: true | string[]; settleSeconds?: string; output: Format };

/** `millrace doctor lag`. @param accountFolder of the pod's credentials; a test gives another */
export function doctorLagCommand(cli: Cli, accountFolder?: string): Command {
  return new Command('lag')
    .description('is every dataset in time? Both legs: from Kafka into the raw zone (landing), and from there into the table')
    .requiredOption('--max-seconds <N>', 'the oldest record that waits may be so old, seconds')
    .addOption(
      new Option(
        '--restart [leg=deployment...]',
        'in Kubernetes: restart the Deployment of a leg that is late and stands still (landing=NAME, table=NAME; without names those labelled app.kubernetes.io/component=phase1 and =phase2)',
      ),
    )
    .option(
      '--settle-seconds <N>',
      `what is late is looked at again after so long, and what moved meanwhile is not stuck; without it only before a restart, and where an age is estimated, after ${settleSeconds}`,
    )
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nReads MILLRACE_METASTORE_URL; with KAFKA_BROKERS it asks Kafka itself where it ends, with MILLRACE_RAW_URL the chains how old the waiting records are. While the metastore is away it reads tables and chains (MILLRACE_RAW_URL, MILLRACE_TABLES_URL).\nExit codes: 0 in time, 1 later than allowed, 2 could not ask.',
    )
    .action((options: LagOptions) => run(cli, () => doctorLag(cli, options, accountFolder)));
}

async function doctorLag(cli: Cli, options: LagOptions, accountFolder: string | undefined): Promise<ExitCode> {
  const maxSeconds = wholeSeconds('--max-seconds', options.maxSeconds);
  const settle = options.settleSeconds === undefined ? undefined : wholeSeconds('--settle-seconds', options.settleSeconds);
  const wish = options.restart === undefined ? undefined : readRestartWish(options.restart === true ? [] : options.restart);
  const { settings, findings } = readDoctorSettings(cli.env, ['phase2']);
  for (const { says } of findings.filter(({ says }) => /is not a setting/.test(says)))
    throw new MillraceError('invalid', 'bad_settings', says);

  const first = await look(settings, cli);
  let judged = judgeLegs(first, undefined, maxSeconds);
  const late = first.filter((leg) => isOver(leg, maxSeconds));
  if (late.length > 0 && (settle !== undefined || wish !== undefined || late.some(({ estimated }) => estimated))) {
    await sleep((settle ?? settleSeconds) * 1000);
    judged = judgeLegs(await look(settings, cli), first, maxSeconds);
  }
  const restarted =
    wish === undefined
      ? []
      : await restartLegs(await ownCluster(cli.env, accountFolder), legsToRestart(judged), wish, Date.now(), maxSeconds);
  await show(cli, options.output, { maxSeconds, legs: judged, restarted }, () => lagText(cli.paint, judged, restarted, maxSeconds));
  if (judged.some(({ verdict }) => verdict === 'over' || verdict === 'stuck')) return 1;
  return judged.some(({ verdict }) => verdict === 'unknown') ? 2 : 0;
}

/** All legs of all datasets, from whoever can be asked. @throws kind `unavailable` when nobody can */
async function look(settings: DoctorSettings, cli: Cli): Promise<LegLag[]> {
  // clients of stores and brokers are loaded only when they are asked
  const [{ openObjectStore }, { KafkaConnections, readKafkaAccess }] = await Promise.all([
    import('@millrace/core/adapters/open-store.ts'),
    import('../probe/kafka-connection.ts'),
  ]);
  const { MILLRACE_RAW_URL: rawUrl, MILLRACE_TABLES_URL: tablesUrl, KAFKA_BROKERS: brokers } = settings;
  const s3 = { forcePathStyle: settings.MILLRACE_S3_FORCE_PATH_STYLE };
  const raw = rawUrl === undefined ? undefined : openObjectStore(rawUrl, s3);
  const tables = tablesUrl === undefined ? undefined : openObjectStore(tablesUrl, s3);
  const kafka = brokers === undefined ? undefined : readKafkaAccess(brokers, settings.KAFKA_PROPERTIES);
  const connections = kafka === undefined || kafka.unsupported !== null ? undefined : new KafkaConnections(kafka);
  if (kafka != null && kafka.unsupported !== null)
    cli.complain(`${kafka.unsupported} cannot be followed by doctor's Kafka client: Kafka is not asked, phase 1's last report counts`);
  try {
    let lags: DatasetLag[];
    try {
      lags = await lagsFromMetastore(createMetastoreClient(settings.MILLRACE_METASTORE_URL));
    } catch (error) {
      if (!isKind(error, 'unavailable') || raw === undefined || tables === undefined) throw error;
      cli.complain(`${describeError(error)}; reading tables and chains instead`);
      lags = await lagsFromStores(raw, tables);
      // a dataset without a table is not seen that way, so nothing seen is no answer
      if (lags.length === 0) throw error;
    }
    const asked = connections === undefined ? lags : await kafkaEnds(connections, lags, cli);
    const now = Date.now();
    const legs: LegLag[] = [];
    for (const lag of asked) legs.push(...legsOf(raw === undefined ? lag : await tableAges(raw, lag, cli), now));
    return legs;
  } finally {
    await Promise.all([raw?.close(), tables?.close(), connections?.close()]);
  }
}

/** With Kafka's own ends; what it did not answer is said once, however many datasets it concerns. */
async function kafkaEnds(connections: KafkaConnections, lags: readonly DatasetLag[], cli: Cli): Promise<DatasetLag[]> {
  const { withKafkaEnds } = await import('./kafka-ends.ts');
  const broker = lags.length === 0 ? undefined : await connections.any();
  const asked: Awaited<ReturnType<typeof withKafkaEnds>>[] = [];
  for (const lag of lags) asked.push(await withKafkaEnds(connections, broker, lag));
  for (const unanswered of new Set(asked.flatMap((one) => one.unanswered ?? [])))
    cli.complain(`Kafka did not answer where its topics end (${unanswered}); what waits there is not known`);
  return asked.map(({ lag }) => lag);
}

/** With the ages of what waits for the table; a store that does not answer leaves the estimate. */
async function tableAges(raw: ObjectStore, lag: DatasetLag, cli: Cli): Promise<DatasetLag> {
  try {
    return await withTableAges(raw, lag);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    cli.complain(`how old the records are that wait for the table of ${lag.dataset} is not looked up: ${describeError(error)}`);
    return lag;
  }
}

function wholeSeconds(option: string, text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new MillraceError('invalid', 'bad_seconds', `${option} ${text} is not a whole number of seconds`);
  return Number(text);
}
