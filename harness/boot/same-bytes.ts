import { userError } from '../errors.js';
import type { BootRequest } from './request.js';

/** What a part of the archive is made from, for a person. */
const SEGMENTS: Record<string, string> = {
  userland: "the guest's tools: programs or libraries of this host have changed",
  modules: 'the module set, or how this version of bootgate writes it',
  scenario: 'the scenario and its helpers, or how this version of bootgate writes them',
};

/**
 * That a boot is an earlier one byte for byte: kernel, archive, module window, memory and secrets.
 * @throws BootgateError blame `user`, E_OTHER_BYTES: every part that differs.
 */
export function requireSameBytes(was: BootRequest, is: BootRequest): void {
  const different = differences(was, is);
  if (different.length === 0) return;
  throw userError('E_OTHER_BYTES', `${was.scenario.name} would not boot the same bytes now`, {
    problems: different.map((message) => ({ message })),
    hint: 'run the scenario again; a capsule (bootgate repro --export) of the run would have kept them',
  });
}

function differences(was: BootRequest, is: BootRequest): string[] {
  const different: string[] = [];
  if (was.kernel.digest !== is.kernel.digest || was.kernel.content !== is.kernel.content)
    different.push(`the kernel: ${was.kernel.release} then, ${is.kernel.release} now`);
  const digests = new Map(is.initramfs.segments.map(({ kind, digest }) => [kind, digest]));
  for (const { kind, digest } of was.initramfs.segments)
    if (digests.get(kind) !== digest) different.push(SEGMENTS[kind] ?? kind);
  if (was.window?.content !== is.window?.content) different.push('the module tree');
  if (was.memoryMiB !== is.memoryMiB)
    different.push(`memory: ${was.memoryMiB} MiB then, ${is.memoryMiB} MiB now`);
  return different;
}
