import { type Compose, type ComposeService, isOurs, published } from './compose.ts';

/** What the image's entry runs, as its first word. */
export type Surroundings = { readonly commands: readonly string[]; readonly exists: (path: string) => boolean };

/** Everything that is wrong with a Compose file beyond its schema, one line each. Pure. */
export function composeProblems(compose: Compose, around: Surroundings): string[] {
  const services = Object.entries(compose.services);
  const each = (rule: (name: string, service: ComposeService) => (string | false)[]) =>
    services.flatMap(([name, service]) =>
      rule(name, service)
        .filter((problem) => problem !== false)
        .map((problem) => `${name}: ${problem}`),
    );
  return [
    ...each((_, service) => hardened(service)),
    ...each((_, service) => pinned(service)),
    ...each((name, service) => dependencies(name, service, compose)),
    ...each((_, service) => mounts(service, compose, around)),
    ...each((_, service) => addresses(service, compose)),
    ...each((_, service) => [
      isOurs(service) &&
        service.entrypoint === undefined &&
        !around.commands.includes(service.command?.[0] ?? '') &&
        `the image has no command ${service.command?.[0]}`,
    ]),
    ...doubled(services.flatMap(([, { ports = [] }]) => ports.map((port) => published(port)?.host ?? ''))).map(
      (port) => `port ${port} is published twice`,
    ),
    ...Object.keys(compose.volumes)
      .filter((volume) => !services.some(([, { volumes = [] }]) => volumes.some((mount) => mount.startsWith(`${volume}:`))))
      .map((volume) => `volume ${volume} is not used`),
  ];
}

function hardened(service: ComposeService): (string | false)[] {
  const limits = service.deploy?.resources?.limits;
  return [
    (service.profiles ?? []).length === 0 && 'is in no profile',
    service.read_only !== true && 'its root file system is not read-only',
    !service.cap_drop?.includes('ALL') && 'it keeps capabilities',
    !service.security_opt?.includes('no-new-privileges:true') && 'it may get new privileges',
    (limits?.memory === undefined || limits.cpus === undefined || limits.pids === undefined) && 'memory, CPU or processes are not limited',
    service.healthcheck === undefined && 'it has no health check, and does not say that it needs none',
    ...(service.ports ?? []).map((port) => published(port)?.address !== '127.0.0.1' && `port ${port} is open beyond this machine`),
    ...Object.entries(service.environment ?? {}).map(([key, value]) => typeof value !== 'string' && `${key} is no text`),
  ];
}

const pinned = ({ image }: ComposeService): (string | false)[] => [
  !/:v?\d+\.\d+(\.\d+)?(-[a-z0-9]+)?$/.test(image) && `image ${image} is not pinned`,
];

function dependencies(name: string, { depends_on = {}, profiles = [] }: ComposeService, { services }: Compose): (string | false)[] {
  return Object.entries(depends_on).flatMap(([target, { condition }]) => {
    const other = services[target];
    if (other === undefined) return [`depends on ${target}, which is not there`];
    return [
      target === name && 'depends on itself',
      profiles.some((profile) => !other.profiles?.includes(profile)) && `${target} is not in all of its profiles`,
      condition === 'service_healthy' && other.healthcheck?.test === undefined && `${target} has no health check to wait for`,
      condition === 'service_completed_successfully' && other.restart !== 'no' && `${target} never completes`,
    ];
  });
}

function mounts({ volumes = [] }: ComposeService, compose: Compose, { exists }: Surroundings): (string | false)[] {
  return volumes.flatMap((mount) => {
    const [source = '', , mode] = mount.split(':');
    if (!source.startsWith('.')) return [!(source in compose.volumes) && `volume ${source} is not declared`];
    return [!exists(source) && `${source} is not there`, mode !== 'ro' && `${source} is mounted for writing`];
  });
}

/** Addresses of other containers, in environment and command: `name:port` and URLs. */
function addresses({ environment = {} }: ComposeService, { services }: Compose): (string | false)[] {
  return Object.entries(environment).flatMap(([key, value]) =>
    [...`${value}`.matchAll(/(?:^|[/@,])([a-z][a-z0-9-]*):(\d{4,5})(?=$|[/,])/g)].map(
      ([, host = '']) => !(host in services) && `${key} names ${host}, which is no service`,
    ),
  );
}

const doubled = (values: readonly string[]): string[] => [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
