import { cleanLine, cleanText } from '../printable.js';
import { cut, type Style, wrap } from '../report/screen.js';
import { formatBytes, formatSeconds } from '../units.js';
import type { Asked, Story } from './story.js';

const LABEL = 12;
const MOST_ASKED = 6;
const MOST_MISSING = 4;
const MOST_OTHERS = 2;
const MOST_OUTPUT = 3;
const MOST_CONSOLE = 4;

/** A story on one screen: what was tried, how far it got, what it requested, what is missing, what to add, from where. */
export function storyText(story: Story, run: string, width: number, style: Style): string {
  const colour = story.verdict === 'pass' ? style.green : style.red;
  const lines = [`${style.bold(colour(cleanLine(story.result)))}  ${story.verdict}`];
  const say = (label: string, texts: readonly string[]) => {
    for (const [at, text] of texts.flatMap((one) => wrap(cleanLine(one), width - LABEL)).entries())
      lines.push(`${style.dim((at === 0 ? label : '').padEnd(LABEL))}${text}`);
  };
  say('because', [story.reason || 'all steps are ok']);
  say('tried', triedLines(story));
  say('got', gotLines(story));
  const failed = story.got.steps.find((step) => !step.ok);
  for (const line of lastWords(story))
    lines.push(style.dim(`${' '.repeat(LABEL)}| ${cut(line, width - LABEL - 2)}`));
  say('requested', askedLines(story.asked, failed?.name));
  if (story.kernelsOwn) {
    const reason = story.reference?.reason ?? '';
    const how = reason === story.reason ? 'just so' : reason;
    say('blame', [`not the module set's fault: this kernel also fails with the full module tree (${how})`]);
  } else if (story.reference?.verdict === 'pass')
    say('reference', ['the same scenario passes with the full module tree']);
  say(
    'missing',
    story.missing.slice(0, MOST_MISSING).map(({ chain }) => chain),
  );
  say('add', story.missing.slice(0, MOST_MISSING).map(addLine));
  for (const { kind, evidence, hint } of story.others.slice(0, MOST_OTHERS))
    say(labelOf(kind), [evidence.split('\n')[0] ?? '', hint]);
  if (
    story.verdict !== 'pass' &&
    story.verdict !== 'infra' &&
    !story.kernelsOwn &&
    (story.missing.length > 0 || story.reference?.lacking.length)
  )
    say('next', [`bootgate fix ${run} '${story.result}'`]);
  say('logs', [story.folder]);
  return `${lines.join('\n')}\n`;
}

/** `not-built` fits the column, of `kernel-warning` the last word does. */
function labelOf(kind: string): string {
  return kind.length < LABEL ? kind.replaceAll('-', ' ') : (kind.split('-').at(-1) ?? kind);
}

/** What the failing step printed; of a guest that no step speaks for, the end of its console. */
function lastWords({ got }: Story): string[] {
  const failed = got.steps.find((step) => !step.ok);
  if (failed?.ran === undefined && failed?.message)
    return cleanText(failed.message)
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-MOST_OUTPUT);
  return got.consoleTail.slice(-MOST_CONSOLE).map(cleanLine);
}

function triedLines({ tried }: Story): string[] {
  const { machine, modules, release } = tried;
  const parts = machine
    ? [
        `${machine.cpus} CPU, ${machine.memoryMiB} MiB`,
        ...machine.disks.map((bus) => `${bus} disk`),
        ...machine.nics,
      ]
    : [];
  const set = `${modules.count} of ${modules.ofCount} modules (${modules.source})`;
  return [
    tried.description,
    `Linux ${release} with ${set}${parts.length > 0 ? `; ${parts.join(', ')}` : ''}`,
  ].filter((line) => line !== '');
}

function gotLines({ got }: Story): string[] {
  const done = got.steps.filter((step) => step.ok).length;
  const failed = got.steps.find((step) => !step.ok);
  const where = `to the phase ${got.phase} in ${formatSeconds(got.seconds)}`;
  if (got.steps.length === 0) return [where];
  const at = failed ? `; then "${failed.name}"${failed.ran === false ? ' was not reached' : ''}` : '';
  return [`${where}; ${done} of ${got.steps.length} steps ok${at}`];
}

/** What the failing step requested, then what else went unanswered; unanswered requests first. */
function askedLines(asked: readonly Asked[], step: string | undefined): string[] {
  const near = asked.filter((one) => one.step !== '' && one.step === step);
  const far = asked.filter((one) => !near.includes(one) && !one.answered);
  const sorted = [...near].sort((a, b) => Number(a.answered) - Number(b.answered));
  const rows = [...sorted, ...far];
  const lines = rows
    .slice(0, MOST_ASKED)
    .map(
      ({ request, answered, times }) =>
        `${answered ? 'answered' : 'NO ANSWER'}  ${request}${times > 1 ? ` (${times} times)` : ''}`,
    );
  if (rows.length > MOST_ASKED) lines.push(`and ${rows.length - MOST_ASKED} more, see --json`);
  return lines;
}

function addLine({ module, bytes = 0, package: owner, alternatives = [] }: Story['missing'][number]): string {
  const from = owner ? ` from ${owner}` : '';
  const others = alternatives.length > 0 ? `; ${alternatives.slice(0, 3).join(', ')} would also work` : '';
  return `${module} (+${formatBytes(bytes)} with its dependencies)${from}${others}`;
}
