import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { Command, Option } from 'commander';
import { type Cli, type ExitCode, run } from '../../output/cli.ts';
import { type Format, outputOption, show } from '../../output/format.ts';
import { textTable } from '../../output/text-table.ts';
import { type DoctorSettings, readDoctorSettings } from '../settings.ts';
import { ownCluster } from './kubernetes.ts';
import { type DatasetLag, isOver, type JudgedLeg, judgeLegs, type LegLag, legsOf, legsToRestart } from './legs.ts';
import { lagsFromMetastore, lagsFromStores, withTableAges } from './look.ts';
import { type Restarted, readRestartWish, restartLegs } from './restart.ts';

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
  await show(cli, options.output, { maxSeconds, legs: judged, restarted }, () => lagText(cli, judged, restarted, maxSeconds));
  if (judged.some(({ verdict }) => verdict === 'over' || verdict === 'stuck')) return 1;
  return judged.some(({ verdict }) => verdict === 'unknown') ? 2 : 0;
}

/** All legs of all datasets, from whoever can be asked. @throws kind `unavailable` when nobody can */
async function look(settings: DoctorSettings, cli: Cli): Promise<LegLag[]> {
  // clients of stores and brokers are loaded only when they are asked
  const [{ openObjectStore }, { KafkaConnections, readKafkaAccess }, { withKafkaEnds }] = await Promise.all([
    import('@millrace/core/adapters/open-store.ts'),
    import('../probe/kafka-connection.ts'),
    import('./kafka-ends.ts'),
  ]);
  const { MILLRACE_RAW_URL: rawUrl, MILLRACE_TABLES_URL: tablesUrl, KAFKA_BROKERS: brokers } = settings;
  const s3 = { forcePathStyle: settings.MILLRACE_S3_FORCE_PATH_STYLE };
  const raw = rawUrl === undefined ? undefined : openObjectStore(rawUrl, s3);
  const tables = tablesUrl === undefined ? undefined : openObjectStore(tablesUrl, s3);
  const kafka = brokers === undefined ? undefined : readKafkaAccess(brokers, settings.KAFKA_PROPERTIES);
  const connections = kafka === undefined || kafka.unsupported !== null ? undefined : new KafkaConnections(kafka);
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
    const now = Date.now();
    const legs: LegLag[] = [];
    for (const lag of lags) {
      const ends = connections === undefined ? lag : await withKafkaEnds(connections, lag).catch(() => lag);
      legs.push(...legsOf(raw === undefined ? ends : await withTableAges(raw, ends), now));
    }
    return legs;
  } finally {
    await Promise.all([raw?.close(), tables?.close(), connections?.close()]);
  }
}

function wholeSeconds(option: string, text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new MillraceError('invalid', 'bad_seconds', `${option} ${text} is not a whole number of seconds`);
  return Number(text);
}

/** The table for people, and what was done. Pure but for colours. */
function lagText(cli: Cli, legs: readonly JudgedLeg[], restarted: readonly Restarted[], maxSeconds: number): string {
  if (legs.length === 0) return 'no datasets';
  const rows = legs.map(({ dataset, topic, leg, records, seconds, verdict, waitsFor }) => [
    dataset,
    topic,
    leg,
    records === null ? '?' : String(records),
    seconds === null ? '?' : seconds.toFixed(1),
    verdict,
    waitsFor === null || verdict === 'ok' ? '' : `waits for: ${waitsFor}`,
  ]);
  const styles = { ok: 'green', over: 'red', stuck: 'red', paused: 'yellow', unknown: 'yellow' } as const;
  const table = textTable(['DATASET', 'TOPIC', 'LEG', 'LAG', 'SECONDS', 'VERDICT', ''], rows, {
    head: (cell) => cli.paint('bold', cell),
    cell: (cell, column) => (column === 5 ? cli.paint(styles[cell as keyof typeof styles], cell) : cell),
  });
  const late = legs.filter(({ verdict }) => verdict === 'over' || verdict === 'stuck').length;
  const sum = late === 0 ? `every leg is within ${maxSeconds} s` : `${late} of ${legs.length} legs are later than ${maxSeconds} s`;
  const stuck = legsToRestart(legs);
  const hint =
    stuck.length > 0 && restarted.length === 0
      ? [`stuck: ${stuck.join(' and ')}; look at the workers' logs, or restart them (--restart in Kubernetes)`]
      : [];
  return [table, '', sum, ...hint, ...restarted.map(({ says }) => says)].join('\n');
}
