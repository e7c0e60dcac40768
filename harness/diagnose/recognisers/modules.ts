import type { Recogniser } from './recogniser.js';

/** A module, or what it needs, cannot be had. */
export const MODULES: readonly Recogniser[] = [
  {
    kind: 'unknown-symbol',
    severity: 'warn',
    literal: 'Unknown symbol',
    pattern: /^(\w+): Unknown symbol (\S+) \(err (-?\d+)\)/,
    title: '$1 needs the symbol $2, which nobody exports',
    hint: 'err -2: the module that exports it is not loaded; err -22: it is, but was built for another kernel',
  },
  {
    kind: 'symbol-version',
    severity: 'warn',
    literal: 'disagrees about version of symbol',
    pattern: /^(\w+): disagrees about version of symbol (\S+)/,
    title: '$1 was built against another $2',
    hint: 'module and kernel come from different builds: take both from the same packages',
  },
  {
    kind: 'module-format',
    severity: 'warn',
    literal: 'version magic',
    pattern: /^(\w+): version magic '(.*?)' should be '(.*?)'/,
    title: '$1 was built for "$2", this kernel is "$3"',
    hint: 'module and kernel come from different builds: take both from the same packages',
  },
  {
    kind: 'module-format',
    severity: 'warn',
    literal: 'nvalid ELF',
    pattern: /^(?:Module has invalid ELF structures|(?:\w+: )?[Ii]nvalid ELF (?:header|section|object)\b.*)/,
    title: 'a module file is no module',
    hint: 'the file is cut short, or compressed in a way that neither this kernel nor its modprobe undoes',
  },
  {
    kind: 'unsigned',
    severity: 'warn',
    literal: 'is rejected',
    pattern: /^Loading of ((?:unsigned )?module(?: with [\w ]+?)?) is rejected/,
    title: 'the kernel refused a module: $1',
    hint: 'this kernel enforces signatures and the module has none that it knows: do not strip signed modules',
  },
  {
    kind: 'unsigned',
    severity: 'info',
    literal: 'module verification failed',
    pattern: /^(\w+): module verification failed: signature and\/or required key missing/,
    title: '$1 is not signed by a key that this kernel knows',
    hint: 'it was loaded all the same; a kernel that enforces signatures would refuse it',
  },
  {
    kind: 'duplicate-symbol',
    severity: 'warn',
    literal: 'exports duplicate symbol',
    pattern: /^(\w+): exports duplicate symbol (\S+) \(owned by (\S+)\)/,
    title: '$1 exports $2, as $3 does already',
    hint: 'two modules of the set exclude each other, or one is built in as well',
  },
  {
    kind: 'firmware-missing',
    severity: 'info',
    literal: 'irmware',
    pattern:
      /^(\S+) \S+: (?:firmware: failed to load (\S+) \(-2\)|Direct firmware load for (\S+) failed with error -2)/,
    title: '$1 lacks the firmware $2$3',
    hint: 'firmware files are not part of the module set',
  },
  {
    kind: 'crypto-missing',
    severity: 'warn',
    literal: 'Cannot load',
    pattern: /^(\S+) \((\S+)\): Cannot load (\S+) driver/,
    title: '$1 needs $3 and cannot load it',
    hint: 'a module that it asks for by name while it runs is not in the set',
  },
];
