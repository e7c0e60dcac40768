import { EXIT } from '../errors.js';
import { gatherCheckInput } from '../splits/checkinput.js';
import { checkSplit } from '../splits/staticcheck.js';
import { loadKernel, loadSplit, print, printJson, type SplitFlags } from './splitdata.js';

export async function check(source: string, flags: SplitFlags): Promise<void> {
  const loaded = await loadKernel(flags);
  const { index } = loaded;
  const split = await loadSplit(source, flags, loaded);
  const findings = checkSplit(await gatherCheckInput(split, loaded, { files: flags.files !== false }));
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
    `${split.name} on ${index.release}: ${(['error', 'warning', 'note'] as const).map((one) => `${counts[one]} ${one}${counts[one] === 1 ? '' : 's'}`).join(', ')}`,
  );
}
