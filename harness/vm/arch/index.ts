import { existsSync } from 'node:fs';
import { userError } from '../../errors.js';
import type { Architecture, Vmlinux } from '../../kernel/kernel.js';
import type { ArchitectureTable } from './table.js';
import { x86_64 } from './x86_64.js';

export type { ArchitectureTable, WindowLayout, WindowSupport } from './table.js';

const TABLES: Partial<Record<Architecture, ArchitectureTable>> = { x86_64 };

/** The table of an architecture. @throws user error E_ARCH where bootgate has none. */
export function architectureOf(arch: Architecture): ArchitectureTable {
  const table = TABLES[arch];
  if (!table)
    throw userError('E_ARCH', `${arch} kernels cannot be booted yet`, {
      hint: `use a kernel for ${Object.keys(TABLES).join(' or ')}`,
    });
  return table;
}

/** The first firmware for a direct boot that this host has, or null: the machine's own firmware does it then. */
export function directFirmware(arch: Architecture): string | null {
  return architectureOf(arch).directFirmware.find((path) => existsSync(path)) ?? null;
}

/** Whether the extracted kernel can be booted directly, and the plain reason where it cannot. */
export function canBootDirectly(arch: Architecture, vmlinux: Vmlinux): { ok: boolean; reason: string } {
  if (arch === 'x86_64' && vmlinux.pvhEntry === null)
    return { ok: false, reason: 'the kernel has no PVH entry (CONFIG_PVH), so it is booted as packaged' };
  return { ok: true, reason: '' };
}
