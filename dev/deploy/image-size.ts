import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What `node_modules` and our code may weigh unpacked, bytes. */
export const IMAGE_BYTES_MAX = 150e6;

/** Bytes of files below a folder, and of the blocks they take on this disk; links are not followed. */
export type Size = { readonly bytes: number; readonly blockBytes: number };

/** Weighs a folder. */
export function sizeOf(path: string): Size {
  const stat = lstatSync(path);
  const own = { bytes: stat.isDirectory() ? 0 : stat.size, blockBytes: (stat.blocks ?? 0) * 512 };
  if (!stat.isDirectory()) return own;
  return readdirSync(path)
    .map((name) => sizeOf(join(path, name)))
    .reduce((sum, each) => ({ bytes: sum.bytes + each.bytes, blockBytes: sum.blockBytes + each.blockBytes }), own);
}

/** The heaviest parts of an image's folder, heaviest first: packages and our own services. */
export function heaviest(app: string, count: number): { name: string; bytes: number }[] {
  const modules = join(app, 'node_modules');
  const scopes = readdirSync(modules).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => join(name, inner)) : [name],
  );
  const parts = [
    ...scopes.map((name) => join('node_modules', name)),
    ...readdirSync(join(app, 'services')).map((name) => join('services', name)),
  ];
  return parts
    .map((name) => ({ name, bytes: sizeOf(join(app, name)).bytes }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, count);
}
