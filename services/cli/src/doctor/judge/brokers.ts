import { type Finding, failure, ok, unknown, warning } from '../finding.ts';

/** How a connection ended that brought no answer. */
export type Trouble = 'name' | 'refused' | 'unreachable' | 'silent' | 'closed' | 'tls' | 'certificate' | 'login' | 'mechanism' | 'other';

/** An api key of Kafka's protocol and the newest version the broker speaks. */
export type BrokerApis = ReadonlyMap<number, number>;

/** One address that was tried. `advertisedBy`: the node that sends clients there, null for an address of KAFKA_BROKERS itself. */
export type BrokerFact = {
  address: string;
  advertisedBy: number | null;
  outcome: { kind: 'up'; clusterId: string | null; metadataVersion: number | null; apis: BrokerApis } | { kind: Trouble; words: string };
};

/** Metadata in the version that tells topic ids, and ConsumerGroupHeartbeat as clients speak it. */
const metadataApi = 3;
const topicIdsVersion = 10;
const consumerHeartbeatApi = 68;

/**
 * Every address by name and port, the ones clients are sent on to as well. Pure.
 * @param groupProtocol MILLRACE_GROUP_PROTOCOL
 */
export function judgeBrokers(facts: readonly BrokerFact[], groupProtocol: string): Finding[] {
  const findings: Finding[] = [];
  for (const fact of facts)
    if (fact.outcome.kind !== 'up')
      findings.push(failure(`${nameOf(fact)} ${words[fact.outcome.kind]} (${fact.outcome.words})`, fixes(fact)));
  const up = facts.flatMap((fact) => (fact.outcome.kind === 'up' ? [{ address: fact.address, ...fact.outcome }] : []));
  if (up.length > 0) {
    const version = up.find(({ metadataVersion }) => metadataVersion !== null)?.metadataVersion;
    const cluster = up.find(({ clusterId }) => clusterId !== null)?.clusterId;
    const names = up.map(({ address }) => address).join(', ');
    findings.unshift(
      ok(`${names} reachable${cluster == null ? '' : `, cluster ${cluster}`}${version == null ? '' : `, metadata.version ${version}`}`),
    );
  }
  const clusters = [...new Set(up.flatMap(({ clusterId }) => (clusterId === null ? [] : [clusterId])))];
  if (clusters.length > 1)
    findings.push(
      failure(`KAFKA_BROKERS names brokers of ${clusters.length} clusters: ${clusters.join(', ')}`, 'name brokers of one cluster only'),
    );
  for (const { address, apis } of up) {
    if ((apis.get(metadataApi) ?? 0) < topicIdsVersion)
      findings.push(
        warning(
          `${address} knows no topic ids: a topic that is deleted and made again can only be suspected`,
          'upgrade the brokers to Kafka 2.8 or newer',
        ),
      );
    if (groupProtocol === 'consumer' && (apis.get(consumerHeartbeatApi) ?? 0) < 1)
      findings.push(
        failure(
          `${address} does not have the group protocol "consumer" (KIP-848)`,
          'set MILLRACE_GROUP_PROTOCOL=classic, or upgrade the brokers to Kafka 4.0 or newer',
        ),
      );
  }
  return findings;
}

/** When the client that looks cannot follow the security settings. Pure. */
export function cannotFollow(setting: string): Finding {
  return unknown(
    `${setting} cannot be followed by doctor's Kafka client: brokers, topics and rights are not looked at; the services follow it`,
  );
}

const nameOf = ({ address, advertisedBy }: BrokerFact) =>
  advertisedBy === null ? `broker ${address}` : `broker ${advertisedBy}, which sends clients to ${address},`;

const words: Readonly<Record<Trouble, string>> = {
  name: 'has a name that cannot be resolved',
  refused: 'refuses connections',
  unreachable: 'cannot be reached',
  silent: 'takes connections but does not answer as a Kafka broker',
  closed: 'closes the connection',
  tls: 'and this client do not agree on TLS',
  certificate: 'shows a certificate that is not trusted',
  login: 'refuses the login',
  mechanism: 'does not offer the SASL mechanism',
  other: 'cannot be used',
};

function fixes({ advertisedBy, outcome }: BrokerFact): string {
  const advertised = advertisedBy !== null;
  const where = advertised ? 'advertised.listeners of that broker' : 'KAFKA_BROKERS';
  switch (outcome.kind) {
    case 'name':
      return advertised
        ? 'make that name resolvable from here (DNS, /etc/hosts), or correct advertised.listeners of that broker: clients are sent there'
        : 'correct the host in KAFKA_BROKERS, or make it resolvable from here';
    case 'refused':
      return `start the broker, or correct the port in ${where}`;
    case 'unreachable':
      return `open the way from here to that host and port (firewall, network policy, security group), or correct ${where}`;
    case 'silent':
      return `correct the port in ${where}: another service may listen there, or the listener expects TLS (security.protocol=SSL in KAFKA_PROPERTIES); or the broker may hang: look at it or restart it`;
    case 'closed':
      return `if the listener expects TLS or a login, set security.protocol in KAFKA_PROPERTIES; else correct the port in ${where}: it may belong to another service`;
    case 'tls':
      return 'set security.protocol in KAFKA_PROPERTIES to what that listener speaks (SSL or SASL_SSL with TLS, PLAINTEXT or SASL_PLAINTEXT without)';
    case 'certificate':
      return 'set ssl.ca.location in KAFKA_PROPERTIES to the authority that signed it, and connect by a name the certificate holds';
    case 'login':
      return 'correct sasl.username and sasl.password in KAFKA_PROPERTIES, and that the user exists on the brokers';
    case 'mechanism':
      return 'set sasl.mechanism in KAFKA_PROPERTIES to one the listener offers';
    default:
      return 'look at the log of that broker; KAFKA_BROKERS and KAFKA_PROPERTIES say how it is reached';
  }
}
