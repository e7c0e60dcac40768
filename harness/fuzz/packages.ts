import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { arm64Image, bzImage, deb, elf, kernelFiles, rpm, tar } from '../kernel/fixtures/make.js';
import type { Room } from './target.js';

const RELEASE = '6.1.0-9-tiny';

/** Real modules, the smallest first, no larger than 60 KiB. */
export function smallModules({ modulesDir }: Room, count: number): Buffer[] {
  const files = readdirSync(modulesDir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ko'))
    .map((path) => join(modulesDir, path))
    .map((path) => ({ path, size: statSync(path).size }))
    .sort((a, b) => a.size - b.size);
  return files.slice(0, count).map(({ path }) => readFileSync(path));
}

/** Packages and kernel images of some KiB, with a real module in them. */
export function packagesFor(room: Room) {
  const [module = Buffer.alloc(0)] = smallModules(room, 1);
  const image = bzImage(RELEASE, gzipSync(elf()));
  const files = [
    ...kernelFiles(RELEASE, { image }),
    { path: `./lib/modules/${RELEASE}/kernel/real.ko`, data: module },
  ];
  return {
    images: [
      image,
      bzImage(RELEASE, gzipSync(elf()), { announce: false }),
      arm64Image(RELEASE),
      gzipSync(arm64Image(RELEASE)),
    ],
    deb: deb(files),
    rpm: rpm(
      { [`boot/vmlinuz-${RELEASE}`]: image, [`lib/modules/${RELEASE}/kernel/real.ko`]: module },
      { name: 'kernel-core', requires: [['kernel-modules', '6.5']], provides: [['kernel', '6.5']] },
    ),
    tar: tar(files),
  };
}
