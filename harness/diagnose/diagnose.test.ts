import fc from 'fast-check';
import t from 'tap';
import type { Ending } from '../vm/machine.js';
import { emptyReport } from '../vm/records.js';
import {
  BOOTED,
  badStep,
  type Case,
  EXIT,
  evidence,
  OUTSIDE_OK,
  okStep,
  PANIC,
} from './fixtures/evidence.js';
import { judge } from './judge.js';
import { RULES } from './verdicts.js';

const ROWS: [string, Case, { verdict: string; phase?: string; reason: RegExp }][] = [
  ['everything reported and ended', {}, { verdict: 'pass', phase: 'shutdown', reason: /^$/ }],
  [
    'a panic although every step was ok',
    { console: PANIC },
    { verdict: 'crash', reason: /^kernel panic: sysrq triggered crash$/ },
  ],
  [
    'a report that a step echoed, and everything went well',
    {
      console: `${BOOTED}step| [    1.000000] BUG: kernel NULL pointer dereference, address: 0\r\n`,
    },
    { verdict: 'pass', reason: /^$/ },
  ],
  [
    'a panic that a program printed, without a timestamp where the kernel has them',
    { console: `${BOOTED}Kernel panic - not syncing: a program says so\r\n` },
    { verdict: 'pass', reason: /^$/ },
  ],
  [
    'a panic of a kernel without timestamps (printk.time=0)',
    { console: `${BOOTED}${PANIC}`.replaceAll(/^\[.*?\] /gm, '') },
    { verdict: 'crash', reason: /^kernel panic: sysrq triggered crash$/ },
  ],
  [
    'an empty console (console=tty0): nobody would have seen an oops',
    { console: '' },
    { verdict: 'infra', reason: /the kernel printed nothing .* remove console=, quiet and loglevel=/ },
  ],
  [
    'a console with lines of programs only',
    { console: 'bootgate: power off\r\nstep| [    1.000000] Linux version 6.1.0\r\n' },
    { verdict: 'infra', reason: /the kernel printed nothing/ },
  ],
  [
    'a failed step on an empty console is a failed step',
    { console: '', report: { steps: [okStep('find'), badStep('mount', 'no such device')] } },
    { verdict: 'fail', reason: /no such device/ },
  ],
  [
    'a failed step and a panic: the panic is said first',
    { console: PANIC, report: { ended: false, steps: [okStep('find'), badStep('mount', 'mount failed')] } },
    { verdict: 'crash', reason: /^kernel panic: .*; the step "mount" had failed$/ },
  ],
  [
    'a panic in a step that was running',
    {
      console: PANIC,
      phase: 'steps',
      report: { ended: false, steps: [okStep('find')], unfinishedStep: 'mount' },
    },
    { verdict: 'crash', phase: 'steps', reason: /; the step "mount" was running$/ },
  ],
  [
    'a kernel report outranks a lost QEMU',
    { console: PANIC, ending: { kind: 'infra', message: 'QEMU died' } },
    { verdict: 'crash', reason: /^kernel panic/ },
  ],
  [
    'a kernel report outranks a deadline',
    { console: PANIC, ending: { kind: 'deadline', phase: 'init', limitSeconds: 60 } },
    { verdict: 'crash', reason: /^kernel panic/ },
  ],
  [
    'a report that only the monitor saw',
    { ending: { kind: 'fatal', title: 'Kernel panic' }, report: { ended: false } },
    { verdict: 'crash', reason: /^Kernel panic$/ },
  ],
  [
    'an oops that only the taint flags tell of',
    { report: { taint: (1 << 7) | (1 << 9) } },
    { verdict: 'crash', reason: /^the kernel had an oops \(its taint flags say so\)/ },
  ],
  [
    'a warning and a soft lockup are no end of a kernel',
    { report: { taint: (1 << 9) | (1 << 14) } },
    { verdict: 'pass', reason: /^$/ },
  ],
  [
    'QEMU would not start',
    {
      ending: { kind: 'infra', message: 'qemu: cannot set up guest memory' },
      report: emptyReport(),
      phase: 'firmware',
    },
    { verdict: 'infra', phase: 'firmware', reason: /cannot set up guest memory/ },
  ],
  [
    'the host killed QEMU after a step had failed',
    {
      ending: { kind: 'infra', message: 'disk full' },
      report: { steps: [badStep('find', 'I/O error')], ended: false },
    },
    { verdict: 'infra', reason: /disk full/ },
  ],
  [
    'QEMU ended by a signal, everything reported',
    { ending: { kind: 'exit', status: null, signal: 'SIGKILL' } },
    { verdict: 'infra', reason: /SIGKILL/ },
  ],
  [
    'QEMU ended with a status',
    { ending: { kind: 'exit', status: 1, signal: null }, report: emptyReport() },
    { verdict: 'infra', reason: /status 1/ },
  ],
  [
    'a step failed',
    { report: { steps: [okStep('find'), badStep('mount', 'first\nmount: No such device\n')] } },
    { verdict: 'fail', phase: 'steps', reason: /^the step "mount" failed: mount: No such device$/ },
  ],
  [
    'a step failed on a host that had stopped QEMU',
    { stoodStill: 3, report: { steps: [okStep('find'), badStep('mount', 'no answer within 10 s')] } },
    { verdict: 'infra', reason: /stopped for 3.0 s/ },
  ],
  [
    'a deadline passed while QEMU was stopped',
    { stoodStill: 90, ending: { kind: 'deadline', phase: 'devices', limitSeconds: 60 } },
    { verdict: 'infra', reason: /stopped for 90 s|stopped for 1 min 30 s/ },
  ],
  ['what passes although QEMU was stopped has passed', { stoodStill: 90 }, { verdict: 'pass', reason: /^$/ }],
  [
    'a step failed without output',
    { report: { steps: [{ ...badStep('find', ''), status: 3 }], notRun: ['mount'] } },
    { verdict: 'fail', reason: /exit status 3/ },
  ],
  [
    'a step failed, and then the guest hung',
    {
      report: { steps: [badStep('find', 'no disk')], ended: false },
      ending: { kind: 'deadline', phase: 'shutdown', limitSeconds: 60 },
    },
    { verdict: 'fail', reason: /no disk/ },
  ],
  [
    'a step ran out of guest time',
    { report: { steps: [okStep('find'), { ...badStep('mount', ''), timedOut: true, status: 124 }] } },
    { verdict: 'hang', phase: 'steps', reason: /"mount" did not end within its 20 s of guest time/ },
  ],
  [
    'no kernel line in time',
    {
      report: emptyReport(),
      phase: 'firmware',
      ending: { kind: 'deadline', phase: 'firmware', limitSeconds: 40 },
    },
    { verdict: 'hang', phase: 'firmware', reason: /printed nothing within 40 s/ },
  ],
  [
    'init never spoke (init=/bin/sleep)',
    { report: emptyReport(), phase: 'init', ending: { kind: 'deadline', phase: 'init', limitSeconds: 80 } },
    { verdict: 'hang', phase: 'init', reason: /init did not/ },
  ],
  [
    'a step never ended',
    {
      report: { ended: false, steps: [okStep('find')], unfinishedStep: 'mount' },
      ending: { kind: 'deadline', phase: 'steps', limitSeconds: 160 },
    },
    { verdict: 'hang', phase: 'steps', reason: /the step "mount" was running/ },
  ],
  [
    'everything reported, and no power-off',
    { ending: { kind: 'deadline', phase: 'shutdown', limitSeconds: 60 } },
    { verdict: 'hang', phase: 'shutdown', reason: /did not power off/ },
  ],
  [
    'a console that floods',
    { report: { ended: false, steps: [] }, ending: { kind: 'flood', bytes: 9 << 20, phase: 'devices' } },
    { verdict: 'hang', phase: 'devices', reason: /flooded \(9.0 MiB\) in the phase devices/ },
  ],
  [
    'ended before the agent reported anything',
    { report: emptyReport(), phase: 'kernel' },
    { verdict: 'crash', phase: 'kernel', reason: /before its agent reported anything/ },
  ],
  [
    'no end record, every step ok',
    { report: { ended: false }, phase: 'steps' },
    { verdict: 'crash', reason: /without an end record/ },
  ],
  [
    'powered off in a step',
    { report: { ended: false, steps: [okStep('find')], unfinishedStep: 'mount' }, phase: 'steps' },
    { verdict: 'crash', reason: /in the step "mount"/ },
  ],
  ['records were lost', { report: { missing: 2 } }, { verdict: 'crash', reason: /2 of the agent's records/ }],
  [
    'a declared step was never reported',
    { report: { steps: [okStep('find')] } },
    { verdict: 'crash', phase: 'steps', reason: /never reported the step "mount"/ },
  ],
  [
    'iptables without one of its extensions',
    {
      report: {
        steps: [
          badStep(
            'find',
            "iptables v1.8.9 (nf_tables): Couldn't load match `set':No such file or directory\n\nTry `iptables -h'",
          ),
        ],
      },
    },
    { verdict: 'infra', phase: 'steps', reason: /libxt_set\.so, which this machine does not have/ },
  ],
  [
    'a program without one of its libraries',
    {
      report: {
        steps: [
          badStep(
            'find',
            'nft: error while loading shared libraries: libjansson.so.4: cannot open shared object file: No such file or directory',
          ),
        ],
      },
    },
    { verdict: 'infra', phase: 'steps', reason: /libjansson\.so\.4/ },
  ],
  [
    'iptables with its extension and a kernel without',
    {
      report: {
        steps: [badStep('find', 'Warning: Extension set revision 0 not supported, missing kernel module?')],
      },
    },
    { verdict: 'fail', phase: 'steps', reason: /missing kernel module/ },
  ],
  [
    'a step that ended without a beginning',
    { report: { steps: [okStep('find'), { ...okStep('mount'), startedAt: null }] } },
    { verdict: 'crash', phase: 'steps', reason: /the end of the step "mount" but not its start/ },
  ],
  [
    'steps in another order than declared',
    { report: { steps: [okStep('mount'), okStep('find')] } },
    { verdict: 'crash', phase: 'steps', reason: /the step "mount" where "find" was due/ },
  ],
  [
    'a step that nobody declared',
    { report: { steps: [okStep('find'), okStep('mount'), okStep('mount')] } },
    { verdict: 'crash', phase: 'steps', reason: /the step "mount" where no step was due/ },
  ],
  [
    'a step that began before the one before it had ended',
    { report: { steps: [okStep('find'), { ...okStep('mount'), startedAt: 1.5 }] } },
    { verdict: 'crash', phase: 'steps', reason: /impossible times for the step "mount"/ },
  ],
  [
    'the check from outside fails',
    { outside: [{ ...OUTSIDE_OK, ok: false, message: 'block 3 is empty' }] },
    { verdict: 'fail', phase: 'shutdown', reason: /^pattern: block 3 is empty$/ },
  ],
];

t.test('verdicts, row by row', async (t) => {
  const used = new Set<string>();
  for (const [name, given, expected] of ROWS) {
    const one = judge(evidence(given));
    t.equal(one.verdict, expected.verdict, name);
    t.match(one.reason, expected.reason, `${name}: reason`);
    if (expected.phase) t.equal(one.phase, expected.phase, `${name}: phase`);
    t.equal(one.verdict === 'pass', one.reason === '', `${name}: only a pass has no reason`);
    used.add(`${one.verdict} ${one.reason}`);
  }
  t.ok(used.size >= RULES.length, 'every rule has a row');
});

t.test('nothing passes by default: whatever is taken from a pass, it is none', async () => {
  const anything = fc.record({
    hello: fc.boolean(),
    ended: fc.boolean(),
    missing: fc.nat(2),
    steps: fc.subarray([okStep('find'), okStep('mount'), badStep('find', 'x'), badStep('mount', 'y')]),
  });
  const ending = fc.constantFrom<Ending>(
    EXIT,
    { kind: 'exit', status: 1, signal: null },
    { kind: 'fatal', title: 'x' },
  );
  fc.assert(
    fc.property(anything, ending, fc.boolean(), (report, end, held) => {
      const { verdict } = judge(evidence({ report, ending: end, outside: [{ ...OUTSIDE_OK, ok: held }] }));
      const steps = report.steps.map((step) => `${step.name} ${step.ok}`).join();
      const right = report.hello && report.ended && report.missing === 0 && steps === 'find true,mount true';
      return (verdict === 'pass') === (right && end === EXIT && held);
    }),
  );
});

t.test('steps that were recorded without a clock are in order all the same', async (t) => {
  const steps = ['find', 'mount'].map((name) => ({ ...okStep(name), startedAt: 0 }));
  t.equal(judge(evidence({ report: { steps } })).verdict, 'pass', 'records of older versions');
  const [find, mount] = steps as [(typeof steps)[0], (typeof steps)[0]];
  const early = [
    { ...find, startedAt: 2, seconds: 1 },
    { ...mount, startedAt: 2.5 },
  ];
  t.match(judge(evidence({ report: { steps: early } })), { verdict: 'crash', reason: /impossible times/ });
});

t.test('the judgement as a whole', async (t) => {
  const failed = judge(
    evidence({
      console: '\x1b[31mlast\x1b[0m words\r\n@bg1 abc 1 2 hello\r\n@bg2 3 0123456789abcdef note\r\n',
      report: {
        steps: [badStep('find', 'no disk')],
        notRun: ['mount'],
        modulesLoaded: [{ name: 'ext4', bytes: 5 }],
        memory: { modulesBytes: 5, usedAfterBootBytes: 6, totalBytes: 7 },
      },
    }),
  );
  t.same(failed.consoleTail, ['last words'], 'without colours and without records');
  t.same(
    failed.steps.map((step) => [step.name, step.ok, step.where, step.ran, step.message]),
    [
      ['find', false, 'guest', undefined, 'no disk'],
      ['mount', false, 'guest', false, 'not run'],
    ],
    'a disk that nobody wrote to is not looked at',
  );
  t.same(judge(evidence({})).steps.at(-1), OUTSIDE_OK);
  t.same(failed.modulesLoaded, ['ext4']);
  t.same(failed.memory, { modulesBytes: 5, usedAfterBootBytes: 6 });
  t.same(judge(evidence({})).consoleTail, [], 'a pass has no tail');
});
