import { type Finding, failure, ok, unknown } from '../finding.ts';
import type { Role } from '../settings.ts';
import type { GroupFact, TopicFact } from './kafka-topics.ts';

/** What a role must be allowed to do. Describe comes with Read and with Write. */
type Need = { role: Role; resource: 'Topic' | 'Group'; name: string; operation: 'Read' | 'Write'; for: string };

/** Rights of both phases on the topics and groups of this deployment. Pure. */
function needsOf(
  roles: readonly Role[],
  names: { announcements: string; landingGroup: string; tableGroup: string },
  sourceTopics: readonly string[],
): Need[] {
  const { announcements, landingGroup, tableGroup } = names;
  return [
    ...(roles.includes('phase1')
      ? (
          [
            ...sourceTopics.map((name) => ({ resource: 'Topic', name, operation: 'Read', for: 'landing it' }) as const),
            { resource: 'Group', name: landingGroup, operation: 'Read', for: 'sharing the partitions' },
            { resource: 'Topic', name: announcements, operation: 'Write', for: 'announcing chain entries' },
          ] as const
        ).map((need) => ({ role: 'phase1' as const, ...need }))
      : []),
    ...(roles.includes('phase2')
      ? (
          [
            { resource: 'Group', name: tableGroup, operation: 'Read', for: 'sharing the datasets' },
            { resource: 'Topic', name: announcements, operation: 'Read', for: 'hearing of chain entries' },
          ] as const
        ).map((need) => ({ role: 'phase2' as const, ...need }))
      : []),
  ];
}

/**
 * Which rights this login lacks, each with the command that gives it. Pure.
 * @param principal `User:name` as far as it is known
 */
export function judgeRights(
  roles: readonly Role[],
  names: { announcements: string; landingGroup: string; tableGroup: string },
  topics: readonly TopicFact[],
  groups: readonly GroupFact[],
  principal: string,
): Finding[] {
  const topicOf = new Map(topics.map((fact) => [fact.topic, fact]));
  const groupOf = new Map(groups.map((fact) => [fact.group, fact]));
  const sourceTopics = topics.map(({ topic }) => topic).filter((topic) => topic !== names.announcements);
  // of a topic that is not there nobody can say who may read it
  const needs = needsOf(roles, names, sourceTopics).filter(
    ({ resource, name }) => resource === 'Group' || topicOf.get(name)?.state !== 'missing',
  );
  const missing: Finding[] = [];
  let untold = 0;
  for (const need of needs) {
    const answer = need.resource === 'Topic' ? allowedTopic(topicOf.get(need.name), need) : allowedGroup(groupOf.get(need.name), need);
    if (answer === undefined) untold++;
    if (answer === false)
      missing.push(
        failure(
          `${need.role} lacks ${need.operation} on ${need.resource.toLowerCase()} ${need.name} (${need.for})`,
          `kafka-acls.sh --add --allow-principal ${principal} --operation ${need.operation} --${need.resource.toLowerCase()} ${need.name}`,
        ),
      );
  }
  const held = needs.length - missing.length - untold;
  const findings = held === 0 ? missing : [ok(`${held} of ${needs.length} rights on topics and groups are there`), ...missing];
  if (untold > 0) findings.push(unknown(`${untold} of ${needs.length} rights were not told by the brokers`));
  return findings;
}

function allowedTopic(fact: TopicFact | undefined, { operation }: Need): boolean | undefined {
  if (fact === undefined) return undefined;
  if (fact.state === 'refused') return false;
  return fact.operations === null ? undefined : fact.operations.has(operation);
}

function allowedGroup(fact: GroupFact | undefined, { operation }: Need): boolean | undefined {
  if (fact === undefined) return undefined;
  if (fact.refused) return false;
  return fact.operations === null ? undefined : fact.operations.has(operation);
}
