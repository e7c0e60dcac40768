import { type Declared, diskRow, rowsOf } from './index.js';

/** A declared device that a guest cannot have; `name` as in the table. */
export interface Misfit {
  name: string;
  message: string;
}

/** Devices that a board does not have, or not so many of. @param board by name; undefined: the architecture's first. */
export function misfitsOf(declared: Declared, board: string | undefined): Misfit[] {
  const names = [
    ...declared.disks.map(({ bus }) => bus),
    ...declared.nics.map(({ model }) => model),
    ...(declared.devices ?? []),
  ];
  return rowsOf(declared).flatMap(({ name, boards, most }): Misfit[] => {
    const count = names.filter((one) => one === name).length;
    const found: Misfit[] = [];
    if (boards && !(board !== undefined && boards.includes(board)))
      found.push({ name, message: `${name} needs machine: ${boards.join(' or ')}` });
    if (most !== undefined && count > most)
      found.push({ name, message: `${count} of ${name}: a guest can have ${most}` });
    return found;
  });
}

/** Why a disk on this bus cannot have this size; undefined when it can. */
export function sizeProblem(bus: string, sizeMiB: number): string | undefined {
  if (!diskRow(bus)?.powerOfTwo || Number.isInteger(Math.log2(sizeMiB))) return undefined;
  return `${bus} takes only sizes that are powers of two, not ${sizeMiB}MiB`;
}
