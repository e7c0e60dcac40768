import type { Command } from 'commander';

/** A command line without `bootgate`, and what it does. */
type Example = readonly [line: string, what: string];

/** For each command's --help and for the manual; a test runs each through the program's own parser. */
const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  run: [
    ['run', 'the default image (debian-2014) with its quick scenarios'],
    ["run 'storage/*' --image debian --modules my-modules.txt", 'a list of your own'],
    ["run --kernel 'build/*.deb' --dry-run", 'what would be booted, and with what'],
    ['run --image mine --last-failed --quiet', 'only what failed in the newest run'],
    ['run --image mine --reporter terminal --reporter junit=junit.xml', 'two reports'],
  ],
  gate: [
    ['gate --image mine --baseline results/main/run.json', 'nothing that passed there may fail here'],
    ["gate --image mine --baseline main --growth 'size=5 %' --retries 2", 'with limits of its own'],
    ['gate --image mine --resume latest', 'go on with a gate that was interrupted'],
  ],
  build: [
    ['build --image debian --modules trimmed.txt -o built', 'then: bootgate run --built built'],
    ['build --image mine --json', 'sizes and digests for a script'],
  ],
  'modules list': [
    ['modules list --kernel apt:linux-image-amd64', 'the full module tree'],
    ['modules list --image debian-2014 --json', 'what a policy keeps'],
  ],
  'modules size': [['modules size --image debian-2014', 'bytes by subsystem, of the set and of the tree']],
  'modules closure': [
    ['modules closure virtio_scsi ext4 --kernel installed', 'everything that these two need'],
    ['modules closure fs-vfat --soft --kernel apt:linux-image-amd64', 'by alias, softdeps too'],
  ],
  'modules needs': [['modules needs virtio_scsi --kernel installed', 'its edges, in both directions']],
  'split show': [
    ['split show fedora-2014', 'packages, modules, bytes'],
    ['split show fedora-2014 --module nvme xfs', 'which package has them, and which line put them there'],
  ],
  'split check': [
    ['split check fedora-2014 --severity error', 'what cannot load'],
    ["split check packages --kernel 'build/*.deb'", 'packages that are already built'],
  ],
  'split sets': [['split sets fedora-2014', 'the install sets, each once']],
  'split size': [
    ['split size fedora-2014 --against one-extras', 'two splits side by side'],
    ['split size fedora-2014 --compressed', 'as xz and zstd would make them'],
  ],
  'split rebase': [
    [
      'split rebase fedora-2014 --from apt:linux-image-6.1 --to apt:linux-image-6.12',
      'what a newer kernel means',
    ],
    ['split rebase mine.yaml --from installed --to build --write', 'and write the suggestions'],
  ],
  explain: [
    ['explain latest', 'every failure of the newest run'],
    ['explain results/20261123-024713-debian storage/nvme', 'one result'],
    ['explain latest --coverage', 'how much of the set any scenario loaded'],
  ],
  fix: [
    ['fix latest', 'the change, as a diff, and the run that proves it'],
    ['fix latest --write', 'the same, written to the list, policy or split'],
    ['fix from-ci/20261123-024713-debian filesystems/vfat', 'one failure of a run from elsewhere'],
  ],
  minimize: [
    ['minimize filesystems/vfat --image debian -o small.txt', 'the smallest set that passes'],
    ['minimize storage network --image mine --portable', 'one that works on any processor'],
  ],
  bisect: [
    ['bisect filesystems/vfat --good small.txt --bad trimmed.txt --image debian', 'two lists'],
    ['bisect storage/nvme --good all --bad split.yaml:core --image mine', 'a split against the whole tree'],
  ],
  rightsize: [
    ['rightsize --image debian-2014', 'what its machines need, and what could go'],
    [
      'rightsize --image mine --profile minimal --drop drivers/infiniband',
      'the change that takes a part out',
    ],
  ],
  'scenarios needs': [['scenarios needs storage/nvme', 'the modules that its boot loads']],
  shell: [
    ['shell --image debian --modules trimmed.txt', 'a guest with a list of your own'],
    ['shell latest storage/nvme', 'the guest of a result'],
  ],
  repro: [['repro latest storage/nvme', 'the same bytes again']],
  'scenarios list': [
    ['scenarios list', 'all of them'],
    ["scenarios list 'network/*'", 'one area'],
  ],
  'scenarios show': [['scenarios show storage/nvme', 'its machine and its steps']],
  'scenarios check': [
    ['scenarios check', "the project's and the package's"],
    ['scenarios check my-scenarios --json', 'another folder'],
  ],
  report: [
    ['report latest', 'the newest run, as it was told'],
    ['report latest --format html > report.html', 'the page'],
    ['report results/main --rejudge --format junit', 'an old run by the rules of today'],
    ['report latest --format chrome-trace > trace.json', 'for chrome://tracing or ui.perfetto.dev'],
  ],
  compare: [
    ['compare results/main latest', 'exits 1 on a new failure'],
    ['compare results/main latest --format html > compare.html', 'as a page'],
  ],
  worker: [['worker --queue redis://queue:6379 --store /mnt/bootgate', 'on each host']],
  'fleet kubernetes': [
    [
      'fleet kubernetes --shards 8 --image bootgate:runner -- gate --image mine > job.yaml',
      'eight pods, and the merge',
    ],
  ],
  'fleet slurm': [['fleet slurm --shards 8 -- gate --image mine > bootgate.sh', 'an array of eight tasks']],
  merge: [['merge shards/* --format html > report.html', 'the page of several shards']],
  serve: [
    ['serve', 'the runs under results/, at http://127.0.0.1:8377/'],
    ['serve --port 0 --results /var/tmp/results', 'any free port, another folder'],
  ],
  init: [
    ['init', 'in the working folder'],
    ["init gate --kernel '../build/*.deb'", 'in a folder of its own'],
  ],
  setup: [
    ['setup --list', 'what is missing'],
    ['setup --wide', 'also the tools of the whole library'],
    ['setup --targets arm64 s390x', 'to boot kernels of these architectures too'],
  ],
  'userland show': [
    ['userland show', 'all of them'],
    ['userland show nft --json', 'of one tool, for a script'],
  ],
  'userland update': [
    ['userland update', 'of every architecture; takes minutes'],
    ['userland update --arch arm64', 'of one'],
  ],
  'cache size': [['cache size', 'by kind']],
  'cache prune': [
    ["cache prune --days 30 --size '10 GiB'", 'what was not used for a month, then down to 10 GiB'],
  ],
  'cache verify': [['cache verify', 'takes as long as reading it all']],
  'cache clear': [['cache clear', 'costs the time to fetch and build it again']],
  doctor: [
    ['doctor', 'what this host can do'],
    ['doctor --kernel installed --json', 'with another kernel, for a script'],
  ],
  completion: [
    ['completion bash > /etc/bash_completion.d/bootgate', 'for everybody'],
    ['completion fish > ~/.config/fish/completions/bootgate.fish', 'for yourself'],
  ],
  man: [['man | man -l -', 'read it here']],
};

/** `split show`: a command's name below the program. */
export function pathOf(command: Command): string {
  const above = command.parent?.parent ? `${pathOf(command.parent)} ` : '';
  return above + command.name();
}

export function examplesOf(command: Command): readonly Example[] {
  return EXAMPLES[pathOf(command)] ?? [];
}

/** Examples below a command's --help. */
export function helpOf(command: Command): string {
  const lines = examplesOf(command).map(([line, what]) => `  $ bootgate ${line}\n      ${what}`);
  return lines.length > 0 ? `\nExamples:\n${lines.join('\n')}` : '';
}
