import { Client } from 'pg';
import type { Kind } from '../schedule.ts';
import { type Episode, hold, type World } from '../world.ts';

/* PostgreSQL restarted, killed, and every connection of the metastore cut. */

const around =
  (kind: Kind, hurt: (world: World, holdMs: number) => Promise<void>): Episode =>
  async (world, { holdMs }) => {
    const fault = world.faults.begin('metastore', kind, 'postgres');
    try {
      await hurt(world, holdMs);
    } finally {
      if (world.cluster.postgres.pid === undefined) await world.cluster.postgres.start();
      world.faults.end(fault);
    }
  };

export const databaseFaults: Partial<Record<Kind, Episode>> = {
  'postgres-restart': around('postgres-restart', async (world, holdMs) => {
    await world.cluster.postgres.stop();
    await hold(world, holdMs);
  }),
  'postgres-kill': around('postgres-kill', async (world, holdMs) => {
    await world.cluster.postgres.kill();
    await hold(world, holdMs);
  }),
  'postgres-cut': async (world) => {
    const client = new Client({ connectionString: world.cluster.postgres.url, connectionTimeoutMillis: 3_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rowCount } = await client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'chaos' AND pid <> pg_backend_pid()",
      );
      if (rowCount === null || rowCount === 0) return;
      const fault = world.faults.begin('metastore', 'postgres-cut', 'postgres');
      world.faults.end(fault, `${rowCount} connections`);
    } finally {
      await client.end().catch(() => undefined);
    }
  },
};
