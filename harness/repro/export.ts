import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { directFirmware } from '../arch/index.js';
import { LocalFiles } from '../boot/local-files.js';
import { machineOf, materialise } from '../boot/materialise.js';
import { makeRequest } from '../boot/request.js';
import { requireSameBytes } from '../boot/same-bytes.js';
import type { Cache } from '../cache.js';
import type { StoredImage } from '../image/stored.js';
import { forJson } from '../printable.js';
import { resultName } from '../results/scenario-result.js';
import { CAPSULE_FILE, type Capsule, PLACE } from './capsule.js';
import { domainXml } from './domain-xml.js';
import { expectationOf } from './expectation.js';
import { capsuleReadme } from './readme.js';
import { bootedFile, farEndScript, runScript } from './runscript.js';
import type { StoredBoot } from './stored-boot.js';
import { type TarFile, writeTarZst } from './tar.js';
import { writeWindowPart } from './window-part.js';

/**
 * Writes a capsule of a recorded boot: a .tar.zst that needs QEMU and a shell. The same boot gives the same bytes, and nothing of
 * this host is in it but the guest's tools.
 * @throws BootgateError blame `user`, E_OTHER_BYTES.
 */
export async function exportCapsule(
  boot: StoredBoot,
  image: StoredImage,
  file: string,
  { cache, signal }: { cache: Cache; signal?: AbortSignal },
): Promise<Capsule> {
  const work = await mkdtemp(join(tmpdir(), 'bootgate-capsule-'));
  const undo: (() => Promise<unknown>)[] = [() => rm(work, { recursive: true, force: true })];
  try {
    const { request: recorded, result } = boot;
    const { scenario, nonce, seed } = recorded;
    const files = new LocalFiles();
    const make = (prepared: StoredImage, name: string) =>
      makeRequest({ prepared, scenario, cache, nonce, seed, files, scenarioPath: join(work, name) });
    const request = await make(image, 'scenario.cpio');
    requireSameBytes(recorded, request);
    await materialise(request, files, work, undo);
    const window = request.window ? await writeWindowPart(image.set, cache, join(work, 'modules.bin')) : null;
    const { verdict, phase, reason, seconds } = result;
    const capsule: Capsule = {
      schema: 'bootgate/capsule@1',
      // Where the scenario's file lies is this host's affair.
      request: { ...recorded, scenario: { ...scenario, file: basename(scenario.file) } },
      recorded: {
        scenario: resultName(result),
        verdict,
        phase,
        reason,
        seconds,
        accelerator: boot.run.result.accelerator.used,
      },
      expectation: expectationOf(result),
      window,
    };
    const archive = window ? await archiveForLibvirt(boot, image, make, files, work) : null;
    const firmware = directFirmware(request.kernel.arch);
    const kernel = files.path(request.kernel.content);
    const domain = await domainOf(capsule, archive);
    const at = (name: string, from: TarFile['from'], executable = false): TarFile => ({
      name: `${folderName(capsule)}/${name}`,
      from,
      executable,
    });
    const text = (name: string, data: string | Buffer, executable = false) =>
      at(name, { data: Buffer.from(data) }, executable);
    await writeTarZst(
      file,
      [
        text('README', capsuleReadme(capsule)),
        text('run.sh', runScript(capsule), true),
        text(CAPSULE_FILE, forJson(capsule)),
        text('domain.xml', domain),
        at('initramfs.cpio', { path: join(work, 'initramfs.cpio') }),
        at('vmlinuz', { path: image.kernel.vmlinuz }),
        ...(bootedFile(capsule) === 'vmlinuz' ? [] : [at(bootedFile(capsule), { path: kernel })]),
        ...(request.kernel.boot === 'direct' && firmware ? [at('qboot.rom', { path: firmware })] : []),
        ...(window ? [at('modules.bin', { path: join(work, 'modules.bin') })] : []),
        ...(archive ? [at('initramfs-libvirt.cpio', { path: archive.path })] : []),
        ...(scenario.nics.some(({ farEnd }) => farEnd) ? [text('farend.sh', farEndScript())] : []),
        ...(scenario.shares ?? []).map(({ tag }) =>
          at(`share-${tag}/from-host`, { path: join(work, `share-${tag}`, 'from-host') }),
        ),
        ...['console.log', 'control.log', 'registers.txt', 'postmortem.txt']
          .filter((name) => existsSync(join(boot.folder, name)))
          .map((name) => text(`recorded/${name}`, readFileSync(join(boot.folder, name)))),
      ],
      signal,
    );
    return capsule;
  } finally {
    for (const step of undo.reverse()) await step().catch(() => {});
  }
}

const folderName = ({ recorded, request }: Capsule): string =>
  `bootgate-${recorded.scenario.replace(/[^\w.-]+/g, '-').replace(/-+$/, '')}-${request.initramfs.digest.slice(7, 15)}`;

/** The same guest with its modules in the archive, and the memory that this takes. */
async function archiveForLibvirt(
  boot: StoredBoot,
  image: StoredImage,
  make: (prepared: StoredImage, name: string) => ReturnType<typeof makeRequest>,
  files: LocalFiles,
  work: string,
): Promise<{ path: string; memoryMiB: number }> {
  const request = await make({ ...image, delivery: 'archive' }, 'scenario-libvirt.cpio');
  const { assemble } = await import('../initramfs/build.js');
  const path = join(work, 'initramfs-libvirt.cpio');
  const segments = request.initramfs.segments.map((one) => ({ ...one, path: files.path(one.digest) }));
  await assemble(segments, path);
  return { path, memoryMiB: Math.max(request.memoryMiB, boot.request.memoryMiB) };
}

/** By the packaged kernel: libvirt boots it as everyone's guests are booted. */
function domainOf(capsule: Capsule, archive: { memoryMiB: number } | null): Promise<string> {
  const { request, recorded } = capsule;
  const { scenario } = request;
  const machine = machineOf(
    { ...request, window: null },
    {
      kernel: `${PLACE}/vmlinuz`,
      initramfs: `${PLACE}/${archive ? 'initramfs-libvirt.cpio' : 'initramfs.cpio'}`,
      window: null,
      disks: new Map(scenario.disks.map(({ serial }) => [serial, `${PLACE}/${serial}.img`])),
      farEnds: new Map(),
      shares: (scenario.shares ?? []).map(({ tag }) => ({ tag, folder: `${PLACE}/share-${tag}` })),
    },
  );
  return domainXml({
    name: folderName(capsule),
    machine: { ...machine, memoryMiB: archive?.memoryMiB ?? machine.memoryMiB, boot: 'packaged' },
    accelerator: recorded.accelerator,
    description: `bootgate: ${recorded.scenario} ended as ${recorded.verdict}`,
  });
}
