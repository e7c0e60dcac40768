import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type BootgateError, hostError } from '../errors.js';
import type { Family, SystemTool } from './userland-table.js';

/** Administration programs are often outside an ordinary user's PATH. */
const ALWAYS_SEARCHED = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** The absolute path of a command, from PATH and then the system's own folders, or null. */
export async function findCommand(name: string, path = process.env.PATH ?? ''): Promise<string | null> {
  for (const folder of [...path.split(delimiter), ...ALWAYS_SEARCHED]) {
    if (!folder.startsWith('/')) continue;
    const file = join(folder, name);
    if (await isExecutable(file)) return file;
  }
  return null;
}

/** Where a line of the tool table is on this machine: the command, or the first of its paths that is there. */
export async function findTool(tool: SystemTool): Promise<string | null> {
  if (!tool.paths) return findCommand(tool.command);
  for (const path of tool.paths) if (await isFile(path)) return path;
  return null;
}

/** Which names of the table's packages hold here, by ID and ID_LIKE of os-release(5); null where none does. */
export async function distributionFamily(osRelease?: string): Promise<Family | null> {
  const text = osRelease ?? (await readFile('/etc/os-release', 'utf8').catch(() => ''));
  const value = (key: string) => new RegExp(`^${key}=["']?([^"'\n]*)`, 'm').exec(text)?.[1] ?? '';
  for (const id of `${value('ID')} ${value('ID_LIKE')}`.split(/\s+/)) {
    if (id === 'debian' || id === 'ubuntu') return 'debian';
    if (id === 'fedora' || id === 'rhel' || id === 'centos') return 'fedora';
    if (id === 'suse' || id === 'opensuse' || id === 'sles') return 'suse';
  }
  return null;
}

/** The error for programs that the userland lacks: blame `host`, E_USERLAND_MISSING, each with its package. */
export async function missingPrograms(tools: readonly SystemTool[]): Promise<BootgateError> {
  const family = await distributionFamily();
  const packageOf = (tool: SystemTool) =>
    family ? tool.packages[family] : [...new Set(Object.values(tool.packages))].join(' or ');
  const packages = [...new Set(tools.map(packageOf))];
  return hostError('E_USERLAND_MISSING', 'this machine lacks programs that are copied into the guest', {
    problems: tools.map((tool) => ({ message: `${tool.command}, from the package ${packageOf(tool)}` })),
    hint: `install ${packages.join(' ')}; \`bootgate setup\` does it, or prints the command`,
  });
}

async function isExecutable(file: string): Promise<boolean> {
  return (
    (await isFile(file)) &&
    (await access(file, constants.X_OK).then(
      () => true,
      () => false,
    ))
  );
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
