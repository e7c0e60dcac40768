import { z } from 'zod';
import { readDocument } from '../document.js';
import { library } from '../library.js';
import type { ModuleIndex } from '../modules/module.js';
import type { CheckFinding, CheckInput, CloudDevice } from './finding.js';
import { Homes } from './homes.js';
import { installSets } from './installsets.js';
import { listed } from './settle.js';
import { modulesByPackage, type Split } from './split.js';

/** clouds.yaml. */
export const cloudsSchema = z.strictObject({
  version: z.literal(1),
  devices: z.array(
    z.strictObject({
      cloud: z.string().min(1).describe('whose virtual machines have it'),
      device: z.string().min(1).describe('what it is'),
      alias: z.string().min(1).describe('as its bus reports it, in /sys/**/modalias'),
    }),
  ),
});

/** The devices of common clouds, from the project's clouds.yaml or the package's. @throws BootgateError blame `user` when the file is wrong. */
export async function readClouds(
  file = library().files('clouds')[0] ?? 'clouds.yaml',
): Promise<CloudDevice[]> {
  return (await readDocument(file, cloudsSchema)).value.devices;
}

interface Unserved {
  device: string;
  drivers: string[];
}

/** Devices of common clouds that only a package outside a smallest install set can serve: one finding for each cloud. */
export function cloudDevices({ split, index, clouds }: CheckInput): CheckFinding[] {
  if (split.partial) return [];
  const homes = new Homes(split, index);
  const findings: CheckFinding[] = [];
  for (const { home, modules } of smallestSets(split, index)) {
    const byCloud = new Map<string, Unserved[]>();
    for (const { cloud, device, alias } of clouds ?? []) {
      const served = index.resolve(alias);
      if (served.kind !== 'modules' || served.names.some((name) => modules.has(name))) continue;
      byCloud.set(cloud, [...(byCloud.get(cloud) ?? []), { device, drivers: served.names }]);
    }
    for (const [cloud, devices] of byCloud) {
      const firsts = [...new Set(devices.map(({ drivers }) => drivers[0] as string))];
      const place = split.placement.get(firsts[0] as string)?.rule;
      const down = new Set(firsts.flatMap((name) => homes.comingDown(name, (one) => modules.has(one))));
      const each = devices.map(
        ({ device, drivers }) => `${device} (${listed(drivers, (one) => `${one} ${homes.where(one)}`)})`,
      );
      findings.push({
        id: 'cloud-device',
        key: `cloud-device:${home}:${cloud}`,
        severity: 'warning',
        message: `${cloud}: with ${home} alone ${devices.length === 1 ? 'one device has' : `${devices.length} devices have`} no driver: ${each.join(', ')}`,
        module: firsts[0] as string,
        mend: homes.sayMove([...down], home),
        package: home,
        ...(place ? { place } : {}),
      });
    }
  }
  return findings;
}

/**
 * The install sets with modules that hold no smaller one with modules: what everything starts from. A package above
 * only adds. The lowest package may be a metapackage, or some in a circle: the set is named by one that has modules.
 */
function smallestSets(split: Split, index: ModuleIndex): { home: string; modules: ReadonlySet<string> }[] {
  const contents = modulesByPackage(split, index);
  const filled = installSets(split, index).filter(({ modules, sameAs }) => modules.length > 0 && !sameAs);
  const parts = new Set(split.packages.flatMap(({ name, part }) => (part ? [name] : [])));
  const within = (a: readonly string[], b: readonly string[]) =>
    a.length < b.length && a.every((name) => b.includes(name));
  return filled
    .filter(({ packages }) => !filled.some((other) => within(other.packages, packages)))
    .map(({ name, packages, modules }) => ({
      home:
        [name, ...packages].find((one) => !parts.has(one) && (contents.get(one)?.length ?? 0) > 0) ?? name,
      modules: new Set(modules),
    }));
}
