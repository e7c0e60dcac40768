import { EXIT } from '../errors.js';
import { readKernelConfig } from '../kernel/config.js';
import { loadModuleDetails } from '../modules/details.js';
import { checkSplit } from '../splits/check.js';
import { readClouds } from '../splits/clouds.js';
import { loadKernel, loadSplit, print, printJson, type SplitFlags } from './splitdata.js';

export async function check(source: string, flags: SplitFlags): Promise<void> {
  const loaded = await loadKernel(flags);
  const { kernel, index, cache } = loaded;
  const split = await loadSplit(source, flags, loaded);
  const facts = flags.files === false ? undefined : await loadModuleDetails(index, cache);
  const config = kernel.config ? await readKernelConfig(kernel.config) : undefined;
  const findings = checkSplit({
    split,
    index,
    clouds: await readClouds(),
    signaturesEnforced: config?.isEnabled('MODULE_SIG_FORCE') ?? false,
    ...(facts ? { facts } : {}),
  });
  const count = (severity: string) => findings.filter((one) => one.severity === severity).length;
  const counts = { error: count('error'), warning: count('warning'), note: count('note') };
  if (counts.error > 0) process.exitCode = EXIT.no;
  const ranks = ['error', 'warning', 'note'];
  const least = ranks.indexOf(flags.severity ?? (flags.json ? 'note' : 'warning'));
  const shown = findings.filter(({ severity }) => ranks.indexOf(severity) <= least);
  if (flags.json) return printJson({ split: split.name, release: index.release, counts, findings: shown });
  for (const one of shown) {
    const place = one.place ? `${one.place.file}:${one.place.line}: ` : '';
    print(`${place}${one.severity}: ${one.message} [${one.id}]`);
    if (one.mend) print(`    ${one.mend}`);
  }
  print(
    `${split.name} on ${index.release}: ${counts.error} errors, ${counts.warning} warnings, ${counts.note} notes`,
  );
}
