import * as binaries from './binaries.js';
import * as documents from './documents.js';
import { splits } from './splits.js';
import type { TargetMaker } from './target.js';
import * as texts from './texts.js';

/** Every reader of what others wrote, by the name that the command line takes. */
export const TARGETS: Readonly<Record<string, TargetMaker>> = {
  elf: binaries.elf,
  module: binaries.module,
  cpio: binaries.cpio,
  compressed: binaries.compressed,
  vmlinuz: binaries.vmlinuz,
  vmlinux: binaries.vmlinux,
  'deb-members': binaries.debMembers,
  deb: binaries.deb,
  'rpm-header': binaries.rpmHeader,
  rpm: binaries.rpm,
  tar: binaries.archive,
  modules: texts.moduleTexts,
  list: texts.list,
  control: texts.control,
  config: texts.config,
  scenario: documents.scenarioFile,
  scenarios: documents.scenarioFolder,
  image: documents.imageFile,
  policy: documents.policy,
  userland: documents.userland,
  ...splits,
  records: texts.records,
  console: texts.console,
};
