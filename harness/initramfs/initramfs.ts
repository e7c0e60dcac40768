/** What the guest boots with: a row of cpio segments, each cached by its digest. */

export interface Segment {
  kind: 'userland' | 'modules' | 'scenario';
  /** Absolute path of the cpio archive. */
  path: string;
  bytes: number;
  /** `sha256:...` of its bytes. */
  digest: string;
}

export interface Initramfs {
  segments: Segment[];
  bytes: number;
  /** `sha256:...` over the segments' digests. */
  digest: string;
  /** Our own time from the request to the last segment's path, in milliseconds. */
  buildMs: number;
}

/** How module files reach the guest: inside the archive, or through the module window (see window.ts). */
export type ModuleDelivery = 'archive' | 'window';

/** Something to put into a segment. Paths have no leading slash; parent folders are made as needed. */
export type Entry =
  | { path: string; type: 'file'; mode?: number; data: Uint8Array }
  | { path: string; type: 'file'; mode?: number; source: string; bytes: number }
  | { path: string; type: 'directory'; mode?: number }
  | { path: string; type: 'symlink'; target: string }
  | { path: string; type: 'device'; kind: 'char' | 'block'; major: number; minor: number; mode?: number }
  | { path: string; type: 'hardlink'; target: string };
