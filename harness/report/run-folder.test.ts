import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { reportCommand } from '../cli/report.js';
import { packageRoot } from '../paths.js';
import type { GateReport } from '../results/gate-report.js';
import type { RunResult } from '../results/run-result.js';
import { REPORT_FILES, REPORTS, reportText, writeReports } from './reports.js';
import { RUN_FILES, SCENARIO_FILES } from './run-folder.js';

const RUN = JSON.parse(
  readFileSync(join(packageRoot, 'harness', 'report', 'fixtures', 'run.json'), 'utf8'),
) as RunResult;

t.test('results/README.md says what a run leaves, file by file', async (t) => {
  const path = join(packageRoot, 'results', 'README.md');
  const line = (indent: number) => (one: (typeof RUN_FILES)[number]) =>
    `${' '.repeat(indent)}${one.name.padEnd(22)}${one.gate ? 'of a gate: ' : ''}${one.what}`;
  const wanted = [...RUN_FILES.map(line(4)), '    storage/virtio-blk/', ...SCENARIO_FILES.map(line(6))].join(
    '\n',
  );
  const text = readFileSync(path, 'utf8');
  // Written anew with BOOTGATE_UPDATE=1, and then read by a person.
  if (process.env.BOOTGATE_UPDATE)
    writeFileSync(
      path,
      text.replace(/^ {4}run\.json[\s\S]*?(?=\n```)/m, () => wanted),
    );
  t.ok(
    readFileSync(path, 'utf8').includes(`${wanted}\n\`\`\``),
    `BOOTGATE_UPDATE=1 writes it anew:\n${wanted}`,
  );
});

t.test('reports: one table for run, gate, resume and `bootgate report`', async (t) => {
  const names = REPORTS.map(({ format }) => format);
  const choices = reportCommand().options.find(({ long }) => long === '--format')?.argChoices;
  t.same([...names].sort(), [...(choices ?? [])].sort(), 'the command offers them all');

  const gate: GateReport = {
    schema: 'bootgate/gate@1',
    verdict: 'pass',
    reasons: [],
    check: null,
    overBudget: [],
    comparison: null,
  };
  const page = process.env.GITHUB_STEP_SUMMARY;
  delete process.env.GITHUB_STEP_SUMMARY;
  t.teardown(() => {
    if (page !== undefined) process.env.GITHUB_STEP_SUMMARY = page;
  });
  for (const result of [RUN, { ...RUN, gate }]) {
    const folder = mkdtempSync(join(tmpdir(), 'bootgate-reports-'));
    await writeReports({ folder, result });
    const left = readdirSync(folder).sort();
    t.same(
      left,
      result.gate ? [...REPORT_FILES].sort() : ['junit.xml', 'report.html', 'results.tap', 'run.json'],
    );
    for (const { format, file } of REPORTS.map((one) => ({ file: undefined, ...one })))
      if (file && existsSync(join(folder, file.name)))
        t.equal(
          readFileSync(join(folder, file.name), 'utf8'),
          await reportText({ folder, result }, format),
          file.name,
        );
  }
});
