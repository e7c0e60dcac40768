import type { Recogniser } from './recogniser.js';

/** Disks and file systems that fail. */
export const STORAGE: readonly Recogniser[] = [
  {
    kind: 'filesystem-error',
    severity: 'warn',
    literal: 'error',
    pattern: /^(EXT4-fs|BTRFS|XFS|FAT-fs|F2FS-fs) (?:error|critical)\b ?\(?(?:device )?(\w*)/,
    title: '$1 error',
    hint: 'the file system found itself damaged, or its device failed: see the lines before it',
  },
  {
    kind: 'io-error',
    severity: 'warn',
    literal: 'I/O error',
    pattern: /^(?:blk_update_request: |Buffer )?(?:(?:critical \w+ |)I\/O error)(?:,| on) dev (\w+)/,
    title: 'I/O error on $1',
    hint: 'the disk did not answer as its driver expected',
  },
];
