import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootSupport } from '../arch/index.js';
import { machineOf } from '../boot/materialise.js';
import { packageRoot } from '../paths.js';
import { cleanLine } from '../printable.js';
import { qemuArgv } from '../vm/argv.js';
import { type Capsule, PLACE } from './capsule.js';

const SCRIPTS = join(packageRoot, 'harness', 'repro');
/** Stands for run.sh's own temporary folder. */
const WORK = '/WORK';
/** No one listens here: it only marks where the far end goes. */
const FAR_END = 9;
const MIB = 1024 * 1024;

/** The file that QEMU boots, by what it is. */
export const bootedFile = ({ request }: Pick<Capsule, 'request'>): string =>
  request.kernel.boot === 'direct' ? 'vmlinux' : 'vmlinuz';

export const farEndScript = (): Buffer => readFileSync(join(SCRIPTS, 'capsule-farend.sh'));

/** run.sh of a capsule: pure, so that one from a stranger can be told from one that bootgate has written. */
export function runScript(capsule: Capsule): string {
  const engine = readFileSync(join(SCRIPTS, 'capsule-run.sh'), 'utf8');
  return engine.replace('#@GUEST@\n', () => guestBlock(capsule));
}

function guestBlock(capsule: Capsule): string {
  const { request, recorded, expectation, window } = capsule;
  const { scenario } = request;
  const limit = expectation.kind === 'hang' ? recorded.seconds + 30 : 10 * recorded.seconds + 60;
  const facts = {
    recorded: cleanLine(
      `${recorded.scenario} ended as ${recorded.verdict} in the phase ${recorded.phase}${recorded.reason ? `: ${recorded.reason}` : ''}`,
    ),
    under: recorded.accelerator,
    expect: expectation.kind,
    want: expectation.want,
    limit: String(Math.ceil(limit)),
    qemu: bootSupport(request.kernel.arch).qemu,
    disks: scenario.disks.map(({ serial, sizeMiB }) => `${serial}:${sizeMiB * MIB}`).join(' '),
    shares: (scenario.shares ?? []).map(({ tag }) => `share-${tag}`).join(' '),
    window: window ? String(window.bytes) : '',
    runs: (window?.runs ?? []).map(({ skip, seek, count }) => `${skip}:${seek}:${count}`).join(' '),
  };
  return [
    ...Object.entries(facts).map(([name, value]) => `${name}=${quoted(value)}`),
    '',
    '# start_qemu ACCELERATOR CONSOLE',
    'start_qemu() {',
    '\tcase $1 in kvm) cpu=host ;; *) cpu=max ;; esac',
    `\t"$qemu" ${onLines(shellWords(argvOf(capsule))).join(' \\\n\t\t')}`,
    '}',
    '',
  ].join('\n');
}

/** QEMU's arguments, with what the script decides as `$1`, `$2` and `$cpu`. */
function argvOf({ request, window }: Capsule): string[] {
  const { scenario } = request;
  const machine = machineOf(request, {
    kernel: `${PLACE}/${bootedFile({ request })}`,
    initramfs: `${PLACE}/initramfs.cpio`,
    window: window && `${WORK}/window.img`,
    disks: new Map(scenario.disks.map(({ serial }) => [serial, `${WORK}/${serial}.img`])),
    farEnds: new Map(scenario.nics.filter(({ farEnd }) => farEnd).map(({ mac }) => [mac, FAR_END])),
    shares: (scenario.shares ?? []).map(({ tag }) => ({ tag, folder: `${WORK}/share-${tag}` })),
  });
  const args = qemuArgv(machine, {
    accelerator: 'tcg',
    firmware: machine.boot === 'direct' ? `${PLACE}/qboot.rom` : null,
    console: { backend: 'null' },
    control: { backend: 'file', path: `${WORK}/control.log` },
    qmp: null,
    // The far end is a program that QEMU starts.
    sandbox: false,
  });
  const decided: Record<string, string> = { '-accel': '$1', '-cpu': '$cpu' };
  return [
    ...args.map((arg, at) => {
      const variable = decided[args[at - 1] ?? ''];
      return variable ?? (arg === 'null,id=console' ? '$2' : arg);
    }),
    ...['-pidfile', `${WORK}/qemu.pid`],
  ];
}

function shellWords(args: readonly string[]): string[] {
  return args.map((arg) => {
    if (arg.startsWith('$')) return `"${arg}"`;
    const here = arg.replaceAll(`tcp:127.0.0.1:${FAR_END}`, 'cmd:sh farend.sh').replaceAll(`${PLACE}/`, '');
    const parts = here.split(`${WORK}/`);
    return parts.map((part) => (part === '' ? '' : quoted(part))).join(`"$work"/`);
  });
}

/** An option and its value on one line. */
const onLines = (words: readonly string[]): string[] =>
  words.reduce<string[]>((lines, word) => {
    if (word.startsWith('-') || lines.length === 0) lines.push(word);
    else lines[lines.length - 1] += ` ${word}`;
    return lines;
  }, []);

const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
