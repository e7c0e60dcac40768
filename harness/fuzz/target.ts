import type { Cache } from '../cache.js';
import type { ModuleIndex } from '../modules/module.js';

/** What targets are made from: a real kernel's tree, and a folder to write in. */
export interface Room {
  folder: string;
  /** Absolute path of a real module tree, for real modules. */
  modulesDir: string;
  index: ModuleIndex;
  /** An empty one of its own. */
  cache: Cache;
}

/** One reader of the program, fed with what nobody checked before. */
export interface Target {
  name: string;
  /** Small real inputs that the reader accepts. */
  seeds: readonly Buffer[];
  /** Words of the format, so that changes come to make sense. */
  words?: readonly string[];
  /** Reads one input. Only a BootgateError that blames the user may be thrown. */
  read(bytes: Buffer): unknown;
}

/** Makes the targets of one file; each is prepared only when it is run. */
export type TargetMaker = (room: Room) => Promise<Target>;
