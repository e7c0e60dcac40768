import { exec } from '../exec.js';

const asked = new Map<string, Promise<ReadonlySet<string> | null>>();

/** The device models that a QEMU has, as `-device help` lists them; null where the program cannot be asked. Asked once. */
export function qemuModels(program: string): Promise<ReadonlySet<string> | null> {
  let answer = asked.get(program);
  if (!answer) {
    answer = exec(program, ['-device', 'help'], { timeout: 30_000 }).then(
      ({ stdout }) => parseModels(stdout),
      () => null,
    );
    asked.set(program, answer);
  }
  return answer;
}

/** Lines such as `name "lsi53c895a", bus PCI, alias "lsi"`. */
export function parseModels(help: string): ReadonlySet<string> {
  return new Set([...help.matchAll(/^name "([^"]+)"/gm)].map((match) => match[1] ?? ''));
}
