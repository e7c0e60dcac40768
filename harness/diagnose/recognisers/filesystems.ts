import type { Recogniser } from './recogniser.js';

const DAMAGED = 'the file system found itself damaged, or its device failed: see the lines before it';
const REFUSED = 'it is damaged, cut short, of another kind, or has features that this kernel does not know';

/** File systems that fail, or that will not be mounted. What each prints: fs/NAME/super.c. */
export const FILESYSTEMS: readonly Recogniser[] = [
  {
    kind: 'filesystem-error',
    severity: 'warn',
    literal: 'EXT',
    pattern: /^(EXT[234]-fs) error \(device (\S+?)\)(?: in (\w+):\d+)?:? ?(?:(\w+):\d+: )?/,
    title: '$1 error on $2 ($3$4)',
    hint: DAMAGED,
  },
  {
    kind: 'filesystem-error',
    severity: 'warn',
    literal: 'Aborting journal',
    pattern: /^Aborting journal on device (\S+?)(?:-\d+)?\./,
    title: 'the journal of $1 was aborted',
    hint: DAMAGED,
  },
  {
    kind: 'filesystem-error',
    severity: 'warn',
    literal: 'Remounting filesystem read-only',
    pattern: /^(EXT4-fs) \((\S+?)\): Remounting filesystem read-only/,
    title: '$1 on $2 became read-only',
    hint: DAMAGED,
  },
  {
    kind: 'filesystem-refused',
    severity: 'warn',
    literal: 'EXT',
    pattern:
      /^(EXT[234]-fs) \((\S+?)\): (?:\w+: )?(VFS: Can't find ext\d filesystem|VFS: Found ext4 filesystem with invalid superblock checksum|[Cc]ouldn't mount.*?(?:features|errors)|bad geometry|group descriptors corrupted|error loading journal|no journal found|unable to read superblock|[Uu]nsupported (?:blocksize|inode size)[\w ]*|Block bitmap for group \d+ not in group|Checksum for group \d+ failed|failed to initialize[\w ]*)/,
    title: '$1 would not mount $2: $3',
    hint: REFUSED,
  },
  {
    kind: 'filesystem-error',
    severity: 'warn',
    literal: 'JBD2: ',
    pattern:
      /^JBD2: (no valid journal superblock found|I\/O error when updating journal superblock|.*?(?:[Ee]rror|corrupt|not match|failed)[\w ]*)/,
    title: 'journal: $1',
    hint: DAMAGED,
  },
  {
    kind: 'filesystem-error',
    severity: 'warn',
    literal: 'XFS ',
    pattern:
      /^(XFS) \((\S+?)\): (Metadata (?:corruption|CRC error) detected at \w+|metadata I\/O error(?= in)|Internal error \w+|[Cc]orruption (?:detected|of in-memory data|warning)|log I\/O error|Failed to read root inode|Filesystem has been shut down|User initiated shutdown|writeback error)/,
    title: '$1 error on $2: $3',
    hint: DAMAGED,
  },
  {
    kind: 'filesystem-refused',
    severity: 'warn',
    literal: 'XFS ',
    pattern:
      /^(XFS) \((\S+?)\): (Invalid superblock magic number|SB validate failed|bad magic number|log (?:mount\/recovery|mount) failed|Superblock has unknown [\w-]+ features|file system too large|last sector read failed|[\w ]+ requires [\w ]+)/,
    title: '$1 would not mount $2: $3',
    hint: REFUSED,
  },
  {
    kind: 'filesystem-refused',
    severity: 'warn',
    literal: 'is missing',
    pattern:
      /^(BTRFS) (?:error|warning) \(device ([^\s:)]+)(?::? state \w+)?\): (devid \d+) uuid \S+ is missing/,
    title: '$1 on $2 lacks a device ($3)',
    hint: 'a file system on several devices needs all of them, or the mount option degraded',
  },
  {
    kind: 'filesystem-error',
    severity: 'warn',
    literal: 'BTRFS error',
    pattern: /^(BTRFS) error \(device ([^\s:)]+)(?::? state \w+)?\): bdev (\S+) errs: /,
    title: '$1 on $2 counts errors of $3',
    hint: DAMAGED,
  },
  {
    kind: 'filesystem-refused',
    severity: 'warn',
    literal: 'BTRFS',
    pattern:
      /^(BTRFS) (?:error|critical|warning) \(device ([^\s:)]+)(?::? state \w+)?\): (open_ctree failed|superblock checksum mismatch|couldn't read (?:tree|chunk) root|failed to read (?:the system array|chunk (?:root|tree)|block groups)|cannot mount because of unknown [\w ]+|no valid FS found)/,
    title: '$1 would not mount $2: $3',
    hint: `${REFUSED}; a device of a file system on several may be missing`,
  },
  {
    kind: 'filesystem-error',
    severity: 'warn',
    literal: 'BTRFS',
    pattern:
      /^(BTRFS)(?::? (?:error|critical))? ?\(device ([^\s:)]+)(?::? state \w+)?\)(?: in (\w+):\d+)?: (errno=-?\d+|[\w ]{0,40})/,
    title: '$1 error on $2: $3 $4',
    benign: /^BTRFS (?:info|warning)/,
    hint: DAMAGED,
  },
  {
    kind: 'filesystem-error',
    severity: 'warn',
    literal: 'BTRFS warning',
    pattern:
      /^(BTRFS) warning \(device ([^\s:)]+)(?::? state \w+)?\): (checksum verify failed|csum failed|lost page write|[\w ]*I\/O error)/,
    title: '$1 error on $2: $3',
    hint: DAMAGED,
  },
  {
    kind: 'filesystem-error',
    severity: 'warn',
    literal: 'FAT-fs',
    pattern: /^(FAT-fs) \((\S+?)\): (?:error,? (.*?)(?: \(|$)|(unable to read boot sector) to mark fs)/,
    title: '$1 error on $2: $3$4',
    hint: DAMAGED,
  },
  {
    kind: 'filesystem-refused',
    severity: 'warn',
    literal: 'FAT-fs',
    pattern: /^(FAT-fs) \((\S+?)\): (bogus [\w ]+|Can't find a valid FAT filesystem|invalid media value)/,
    title: '$1 would not mount $2: $3',
    hint: REFUSED,
  },
  {
    kind: 'filesystem-unclean',
    severity: 'info',
    literal: 'not properly unmounted',
    pattern: /^(FAT-fs) \((\S+?)\): Volume was not properly unmounted/,
    title: '$1 on $2 was not cleanly unmounted last time',
    hint: 'the last writes may be lost',
  },
  {
    kind: 'filesystem-refused',
    severity: 'warn',
    literal: 'F2FS-fs',
    pattern: /^(F2FS-fs) \((\S+?)\): (Magic Mismatch|Can't find valid F2FS filesystem|Failed to [\w ]+)/,
    title: '$1 would not mount $2: $3',
    hint: REFUSED,
  },
  {
    kind: 'filesystem-refused',
    severity: 'warn',
    literal: 'SQUASHFS',
    pattern:
      /^(?:SQUASHFS error: )?(Can't find a SQUASHFS superblock|[Uu]nable to read[\w ]+|Filesystem uses [\w" ]+)(?: on (\S+)|[.:]|$)/,
    title: 'squashfs would not mount ($2): $1',
    hint: `${REFUSED}; its compression may not be configured (CONFIG_SQUASHFS_*)`,
  },
  {
    kind: 'filesystem-refused',
    severity: 'warn',
    literal: 'UDF-fs: ',
    pattern:
      /^UDF-fs: (?:warning|error) \(device (\S+?)\): \w+: (No partition found|Scanning with blocksize \d+ failed|[\w ]+)/,
    title: 'UDF would not mount $1: $2',
    hint: REFUSED,
  },
  {
    kind: 'filesystem-refused',
    severity: 'warn',
    literal: 'ISOFS',
    pattern: /^ISOFS: (Unable to identify CD-ROM format|[\w ]*unsupported[\w ]*)/,
    title: 'isofs: $1',
    hint: REFUSED,
  },
  {
    kind: 'filesystem-refused',
    severity: 'warn',
    literal: 'overlayfs: ',
    pattern:
      /^overlayfs: (filesystem on '.*?' not supported.*|missing '?\w+'?.*|failed to .*|upper fs .*(?:not support|missing).*)/,
    title: 'overlayfs: $1',
    hint: 'the file system below it cannot be used for this, or lacks extended attributes or d_type',
  },
  {
    kind: 'network-filesystem',
    severity: 'warn',
    literal: 'not responding',
    pattern: /^nfs: server (\S+) not responding, (timed out|still trying)/,
    title: 'the NFS server $1 does not answer ($2)',
    hint: 'the network of the guest is down, or nothing answers at its far end',
  },
  {
    kind: 'network-filesystem',
    severity: 'warn',
    literal: 'cifs_mount failed',
    pattern: /^CIFS: VFS: cifs_mount failed w\/return code = (-\d+)/,
    title: 'CIFS could not mount ($1)',
    hint: '-2: the server has no such share; -111 and -113: nothing answers; -79: a crypto or nls module is not in the set',
  },
];
