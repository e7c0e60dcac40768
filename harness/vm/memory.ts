import type { BootSupport } from '../arch/index.js';
import type { Machine } from './machine.js';
import { qemuOptions as options } from './qemu-options.js';

const MIB = 1024 * 1024;

/** How files behind the guest's memory are opened: properties of memory-backend-file. */
export interface MemoryAccess {
  windowAccess?: Record<string, string>;
  /** How a clone opens its template's memory. */
  ramAccess?: Record<string, string>;
}

/** A piece of the guest's memory, from the lowest address up: a file, or nothing but memory. */
interface Piece {
  id: string;
  bytes: number;
  file?: string;
  /** Properties of memory-backend-file. */
  access?: Record<string, string>;
}

/**
 * With a window, memory is NUMA nodes: below it, the window's file (private, so that a guest that writes there changes
 * nothing), above it. Guests that map one file share its pages.
 */
export function memoryArgs(machine: Machine, support: BootSupport, launch: MemoryAccess): string[] {
  const pieces = piecesOf(machine, support, launch);
  if (pieces.length === 0) return ['-m', `${machine.memoryMiB}M`];
  const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
  return [
    ...['-m', `${bytes / MIB}M`],
    ...pieces.flatMap((piece) => ['-object', backendOf(piece)]),
    ...pieces.flatMap(({ id }, nodeid) => ['-numa', options('node', { nodeid, memdev: id })]),
  ];
}

function piecesOf({ window, memoryMiB, fork }: Machine, support: BootSupport, launch: MemoryAccess): Piece[] {
  if (!window || !support.window) return [];
  const { low, high } = support.window.layout(memoryMiB);
  const { file, bytes } = window;
  if (!fork) {
    const access = { share: 'off', ...launch.windowAccess };
    return [
      { id: 'low', bytes: low },
      { id: 'window', bytes, file, access },
      { id: 'high', bytes: high },
    ];
  }
  // Shared by a template, so that all of it is in the files; private to a clone.
  const share = fork.kind === 'template' ? 'on' : 'off';
  const own = { share, ...(fork.kind === 'clone' ? launch.ramAccess : {}) };
  return [
    { id: 'low', bytes: low, file: fork.low, access: own },
    { id: 'window', bytes, file, access: { share, ...(fork.kind === 'clone' ? launch.windowAccess : {}) } },
    { id: 'trial', bytes: fork.trial.bytes, file: fork.trial.file, access: { share } },
    { id: 'high', bytes: high, file: fork.high, access: own },
  ];
}

function backendOf({ id, bytes: size, file, access }: Piece): string {
  if (file === undefined) return options('memory-backend-ram', { id, size });
  return options('memory-backend-file', { id, size, 'mem-path': file, ...access });
}
