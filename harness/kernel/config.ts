import { readMaybeCompressed } from '../decompress.js';
import { userError } from '../errors.js';

/** A kernel's .config. Names go without the CONFIG_ prefix. */
export interface KernelConfig {
  /** `y`, `m`, a number as it stands, a string without its quotes; null when not set. */
  value(name: string): string | null;
  /** Built in: `y`. */
  isEnabled(name: string): boolean;
  isModule(name: string): boolean;
}

/**
 * Reads /boot/config-RELEASE or /proc/config.gz. An option that the file does not name is off, as Kconfig has it.
 * @throws BootgateError blame `user`, E_KERNEL_CONFIG, when not one line is an option.
 */
export async function readKernelConfig(path: string): Promise<KernelConfig> {
  const text = Buffer.from(await readMaybeCompressed(path)).toString('utf8');
  const config = parseKernelConfig(text);
  if (config === null)
    throw userError('E_KERNEL_CONFIG', `${path} is not a kernel configuration: it has no CONFIG_ line`);
  return config;
}

/** Null when the text has no option at all. */
export function parseKernelConfig(text: string): KernelConfig | null {
  const values = new Map<string, string>();
  let isConfig = false;
  for (const line of text.split('\n')) {
    const match = /^(?:CONFIG_(\w+)=(.*?)\r?|# CONFIG_\w+ is not set\r?)$/.exec(line);
    if (!match) continue;
    isConfig = true;
    if (match[1]) values.set(match[1], unquote(match[2] ?? ''));
  }
  if (!isConfig) return null;
  return {
    value: (name) => values.get(name) ?? null,
    isEnabled: (name) => values.get(name) === 'y',
    isModule: (name) => values.get(name) === 'm',
  };
}

function unquote(value: string): string {
  return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
}
