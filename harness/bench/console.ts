import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConsoleScanner, scanConsole } from '../diagnose/console.js';
import { packageRoot } from '../paths.js';
import { atMost, type Bench, figure, milliseconds } from './figure.js';

const MEGABYTES = 10;

export const consoleBench: Bench = {
  name: 'console',
  about: 'kernel reports found on a long console',
  async measure() {
    const folder = join(packageRoot, 'harness', 'diagnose', 'fixtures');
    const names = readdirSync(folder).filter((name) => name.endsWith('.log'));
    const logs = names.map((name) => readFileSync(join(folder, name), 'utf8'));
    const boot = readFileSync(join(folder, 'benign-whole-boot.log'), 'utf8');
    const quiet = filled([boot]);
    const loud = filled(logs);
    const whole = await milliseconds(() => scanConsole(quiet), 3);
    const reports = await milliseconds(() => scanConsole(loud), 3);
    const pieces = await milliseconds(() => {
      const scanner = new ConsoleScanner();
      for (let at = 0; at < quiet.length; at += 4096) scanner.push(quiet.subarray(at, at + 4096));
      scanner.end();
    }, 3);
    return [
      atMost(`${MEGABYTES} MB of boot messages`, whole, 'ms', 1000),
      figure(`${MEGABYTES} MB of nothing but trouble`, reports, 'ms', `${names.length} golden logs`),
      figure(`${MEGABYTES} MB in pieces of 4 KiB`, pieces, 'ms'),
    ];
  },
};

/** Ten megabytes made of these texts, over and over. */
function filled(texts: readonly string[]): Buffer {
  const once = Buffer.from(texts.join('\n'));
  const times = Math.ceil((MEGABYTES * 1e6) / once.length);
  return Buffer.concat(Array.from({ length: times }, () => once)).subarray(0, MEGABYTES * 1e6);
}
