import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../paths.js';
import { forJson } from '../printable.js';
import type { RunResult } from '../results/run-result.js';
import type { Remark } from './remarks.js';

/** What a rule of the log is about, by its id; an id that is not here is its own description. */
const RULES: Readonly<Record<string, string>> = {
  'missing-module': 'A module that a guest needs is in the kernel and not in the set under test',
  'unbound-device': 'A device of the guest has no driver',
  'unanswered-request': 'The kernel asked for a module, and nothing answered',
  'kernel-report': 'The kernel reported trouble on its console',
  'step-failed': 'A step of a scenario failed',
  'scenario-fail': 'A step of a scenario failed',
  'scenario-crash': 'The guest crashed',
  'scenario-hang': 'The guest did not finish in time',
  budget: 'A size is over its budget',
  size: 'The image grew by more than it may',
  memory: 'The guest uses more memory after boot than it may',
  cpu: 'A boot costs more CPU time than it may',
  'known-issue': 'The ledger of known issues is not in order',
  unfinished: 'The run was interrupted',
  'nothing-passed': 'No scenario passed',
};

/**
 * The run as SARIF 2.1.0 (OASIS standard, errata 01). Places in the repository are relative to %SRCROOT%; a
 * fingerprint without line numbers keeps an alert the same one when lines move.
 */
export function sarifLog(result: RunResult, remarks: readonly Remark[], version: string) {
  const ids = [...new Set(remarks.map(({ id }) => id))];
  const severe = (id: string) => remarks.find((one) => one.id === id)?.level ?? 'warning';
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'bootgate',
            semanticVersion: version,
            rules: ids.map((id) => ({
              id,
              shortDescription: { text: RULES[id] ?? id.replaceAll('-', ' ') },
              defaultConfiguration: { level: severe(id) },
            })),
          },
        },
        automationDetails: { id: `bootgate/${result.image.name}/` },
        invocations: [
          {
            executionSuccessful: result.verdict !== 'incomplete',
            startTimeUtc: result.started,
          },
        ],
        columnKind: 'utf16CodeUnits',
        results: remarks.map(({ id, level, message, hint, fingerprint, place }) => ({
          ruleId: id,
          ruleIndex: ids.indexOf(id),
          level,
          message: { text: hint ? `${message}\n${hint}` : message },
          ...(place ? { locations: [location(place)] } : {}),
          partialFingerprints: { 'bootgate/v1': fingerprint },
        })),
        properties: {
          run: result.id,
          kernel: result.image.kernel.release,
          verdict: result.gate?.verdict ?? result.verdict,
        },
      },
    ],
  };
}

function location({ file, line }: NonNullable<Remark['place']>) {
  const artifactLocation = isAbsolute(file)
    ? { uri: pathToFileURL(file).href }
    : { uri: file.split('/').map(encodeURIComponent).join('/'), uriBaseId: '%SRCROOT%' };
  return { physicalLocation: { artifactLocation, region: { startLine: line } } };
}

export async function sarifText(result: RunResult, remarks: readonly Remark[]): Promise<string> {
  const { version } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  return forJson(sarifLog(result, remarks, version));
}
