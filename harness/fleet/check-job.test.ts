import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { packageRoot } from '../paths.js';
import { loadScenarios } from '../scenarios/load.js';
import { packageVersion } from '../version.js';
import { fakeRequest } from './fixtures/guests.js';
import { openBundle } from './queue/bundle.js';
import { checkJob, jobId } from './queue/check-job.js';
import { httpStore } from './queue/http-store.js';
import { JOB_SCHEMA, memoryStep } from './queue/protocol.js';
import { digestOfBytes, fetchBlob, openStore, readBlob } from './queue/store.js';

const { request: REQUEST } = fakeRequest('a/b');
const folder = () => mkdtempSync(join(tmpdir(), 'bootgate-store-'));
const jobOf = (request: unknown, more = {}) => ({
  schema: JOB_SCHEMA,
  version: packageVersion(),
  accelerator: 'tcg',
  request,
  blobs: [],
  ...more,
});
const refused = (value: unknown, id: string | undefined) => {
  try {
    checkJob(value, id);
  } catch (error) {
    return error as { code: string; blame: string; message: string };
  }
  return undefined;
};

t.test('a worker takes every scenario of the library', async (t) => {
  const library = await loadScenarios(join(packageRoot, 'scenarios'));
  const odd = library.filter((scenario) => {
    const request = { ...REQUEST, scenario: { ...scenario, file: 'scenarios/x.yaml' } };
    return (
      refused(jobOf(JSON.parse(JSON.stringify(request))), jobId(JSON.parse(JSON.stringify(request)))) !==
      undefined
    );
  });
  t.same(
    odd.map(({ name }) => name),
    [],
  );
  t.ok(library.length > 100);
});

t.test('a worker refuses what could be a path, a program or an option of QEMU', async (t) => {
  const { scenario, kernel } = REQUEST;
  const withScenario = (more: object) => ({ ...REQUEST, scenario: { ...scenario, ...more } });
  const disk = { serial: 'data', bus: 'virtio-blk', sizeMiB: 64, verifyPattern: false };
  const nic = { model: 'virtio-net', mac: '52:54:00:62:67:01', farEnd: true };
  t.equal(refused(jobOf(REQUEST), jobId(REQUEST)), undefined, 'the request itself is taken');
  const fine = withScenario({ disks: [disk], nics: [nic], shares: [{ tag: 'host' }] });
  t.equal(refused(jobOf(fine), jobId(fine as never)), undefined, 'with disk, card and share too');
  for (const [what, request] of Object.entries({
    'a disk outside': withScenario({ disks: [{ ...disk, serial: '../../etc/cron.d/x' }] }),
    'a disk with options': withScenario({ disks: [{ ...disk, serial: 'x,file.filename=/etc/shadow' }] }),
    'a disk with a file': withScenario({ disks: [{ ...disk, file: '/etc/shadow' }] }),
    'an unknown bus': withScenario({ disks: [{ ...disk, bus: 'vfio' }] }),
    'a huge disk': withScenario({ disks: [{ ...disk, sizeMiB: 1e9 }] }),
    'a share outside': withScenario({ shares: [{ tag: '../..' }] }),
    'a share with a folder': withScenario({ shares: [{ tag: 'x', folder: '/' }] }),
    'a card with options': withScenario({ nics: [{ ...nic, mac: '52:54:00:62:67:01,netdev=x' }] }),
    'an unknown card': withScenario({ nics: [{ ...nic, model: 'vfio-pci,host=0' }] }),
    'an unknown device': withScenario({ devices: ['vfio-pci,host=01:00.0'] }),
    'a command line with a line break': withScenario({ cmdline: 'a\nb' }),
    'a name outside': withScenario({ name: '../../x' }),
    'an absolute name': withScenario({ name: '/etc/x' }),
    'a board with options': withScenario({ machine: 'q35,dumpdtb=/etc/x' }),
    'a program': withScenario({ qemu: '/bin/sh' }),
    'a field at the top': { ...REQUEST, argv: ['-drive', 'file=/etc/shadow'] },
    'a kernel by path': { ...REQUEST, kernel: { ...kernel, content: '/boot/vmlinuz' } },
    'a kernel with a path': { ...REQUEST, kernel: { ...kernel, path: '/boot/vmlinuz' } },
    'an unknown architecture': { ...REQUEST, kernel: { ...kernel, arch: '../x' } },
    'a window by path': { ...REQUEST, window: { content: '/dev/mem', bytes: 4096 } },
    'a segment by path': {
      ...REQUEST,
      initramfs: { ...REQUEST.initramfs, segments: [{ kind: 'userland', digest: '/etc/shadow', bytes: 1 }] },
    },
    'a segment with a path': {
      ...REQUEST,
      initramfs: {
        ...REQUEST.initramfs,
        segments: [{ ...REQUEST.initramfs.segments[0], path: '/etc/shadow' }],
      },
    },
    'a secret that is none': { ...REQUEST, nonce: '$(reboot)' },
    'more memory than there is': { ...REQUEST, memoryMiB: 1e9 },
  }))
    t.match(
      refused(jobOf(request), jobId(request as never)),
      { code: 'E_JOB', blame: 'user', message: /refuses the request/ },
      what,
    );
  for (const [what, blob] of Object.entries({
    'a blob by path': { content: kernel.content, digest: 'sha256:../../x', bytes: 1 },
    'a blob with a path': { content: kernel.content, digest: kernel.digest, bytes: 1, path: '/x' },
  }))
    t.match(refused(jobOf(REQUEST, { blobs: [blob] }), jobId(REQUEST)), { code: 'E_JOB' }, what);
  t.match(refused(jobOf(REQUEST), 'f'.repeat(64)), { message: /not the one that its id names/ });
});

t.test('a worker that is older or newer than the controller refuses by schema and version', async (t) => {
  for (const more of [{ schema: 'bootgate/job@2' }, { version: '99.0.0' }])
    t.match(refused(jobOf(REQUEST, more), jobId(REQUEST)), {
      code: 'E_JOB',
      message: /this worker takes bootgate\/job@1 of bootgate/,
    });
  for (const nothing of [null, 'text', [], {}]) t.match(refused(nothing, 'x'), { code: 'E_JOB' });
});

t.test('memory goes up in steps', async (t) => {
  t.same([1, 256, 1024, 1025, 5000, 70_000].map(memoryStep), [1024, 1024, 1024, 2048, 8192, 70_000]);
});

/** A server over a folder; what it does with each request is the test's to say. */
async function served(answer: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url?.slice(0, 10)}`);
    void answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { url: `http://user:secret@127.0.0.1:${port}/base/`, seen, close };
}

t.test('stores: a folder, an object store, a static server', async (t) => {
  const bytes = Buffer.from('a kernel');
  const digest = digestOfBytes(bytes);
  const blob = { digest, bytes: bytes.length };
  const objects = new Map<string, Buffer>();
  const object = await served(async (request, response) => {
    if (request.headers.authorization !== `Basic ${Buffer.from('user:secret').toString('base64')}`)
      return response.writeHead(401).end();
    if (request.method === 'PUT') {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      objects.set(request.url ?? '', Buffer.concat(parts));
      t.equal(request.headers['content-length'], String(bytes.length));
      return response.writeHead(200).end();
    }
    const found = objects.get(request.url ?? '');
    return response.writeHead(found ? 200 : 404).end(found);
  });
  for (const store of [openStore(folder()), openStore(object.url)]) {
    t.notMatch(store.name, /secret/);
    t.equal(await store.has(digest), false);
    await t.rejects(readBlob(store, blob), { code: 'E_STORE', blame: 'host' });
    const path = join(folder(), 'file');
    await store.put(digest, { bytes });
    const source = join(folder(), 'source');
    writeFileSync(source, bytes);
    await store.put(digest, { path: source });
    t.equal(await store.has(digest), true);
    await fetchBlob(store, blob, path);
    t.same(readFileSync(path), bytes);
    t.same(await readBlob(store, blob), bytes);
    for (const wrong of [
      { digest, bytes: 3 },
      { digest, bytes: 99 },
    ])
      await t.rejects(readBlob(store, wrong), { code: 'E_BLOB' });
    await t.rejects(store.has('../../etc/passwd'), { code: 'E_DIGEST' });
    await store.put(digestOfBytes(Buffer.from('x')), { bytes });
    await t.rejects(
      fetchBlob(store, { digest: digestOfBytes(Buffer.from('x')), bytes: bytes.length }, join(folder(), 'f')),
      {
        code: 'E_BLOB',
        message: /other bytes than sha256:/,
      },
    );
  }
  await object.close();
  const still = await served((request, response) =>
    response.writeHead(request.method === 'PUT' ? 405 : 200).end(bytes),
  );
  const readOnly = openStore(still.url);
  await t.rejects(readOnly.put(digest, { bytes }), { code: 'E_STORE_READ_ONLY' });
  t.same(await readBlob(readOnly, blob), bytes);
  await still.close();
  t.throws(() => openStore('s3://bucket'), { code: 'E_USAGE' });
});

t.test('a slow store is waited for as long as bytes arrive, a silent one is given up', async (t) => {
  const bytes = Buffer.from('slowly, byte by byte');
  const blob = { digest: digestOfBytes(bytes), bytes: bytes.length };
  const slow = await served(async (_request, response) => {
    response.writeHead(200);
    for (const byte of bytes) {
      response.write(Buffer.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    response.end();
  });
  t.same(await readBlob(httpStore(slow.url, 5000), blob), bytes);
  await slow.close();
  const silent = await served((_request, response) => response.writeHead(200).write('s'));
  await t.rejects(readBlob(httpStore(silent.url, 100), blob), {
    code: 'E_STORE',
    blame: 'host',
    message: /nothing for 0\.1 s/,
  });
  await silent.close();
  await t.rejects(readBlob(httpStore(silent.url, 5000), blob), { code: 'E_STORE', message: /ECONNREFUSED/ });
});

t.test('only the logs of a boot come out of a bundle', async (t) => {
  const target = folder();
  const pack = (value: unknown) => gzipSync(JSON.stringify(value));
  const text = (words: string) => Buffer.from(words).toString('base64');
  const files = {
    'console.log': text('c'),
    'control.log': text('d'),
    'recording.json': text('{"nonce":"x"}'),
    '../../evil': text('e'),
    'run.json': text('{}'),
  };
  await openBundle(pack({ schema: 'bootgate/bundle@1', files, outside: { checks: [] } }), target);
  t.same(readdirSync(target).sort(), ['console.log', 'control.log', 'recording.json']);
  for (const bad of [
    Buffer.from('x'),
    pack([]),
    pack({ schema: 'x', files, outside: { checks: [] } }),
    pack({ schema: 'bootgate/bundle@1', files }),
  ])
    await t.rejects(openBundle(bad, target), { code: 'E_BUNDLE', blame: 'host' });
});
