import { join } from 'node:path';
import t from 'tap';
import { detectFormat } from './detect.js';
import { folderOf, treeOf } from './fixtures/tree.js';
import { SPLIT_FORMATS } from './formats.js';
import { installSet, installSets } from './installsets.js';
import { readSplit } from './read.js';
import type { ReadSplitOptions, Split } from './split.js';
import { checkSplit } from './staticcheck.js';

/** Formats beyond those of readers.test.ts, on short samples written after real files. */

const tree = treeOf({
  dep: `kernel/drivers/ata/libata.ko: kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/ata/libahci.ko: kernel/drivers/ata/libata.ko kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/ata/ahci.ko: kernel/drivers/ata/libahci.ko kernel/drivers/ata/libata.ko kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/scsi/scsi_mod.ko:
kernel/drivers/md/dm-mod.ko:
kernel/drivers/md/dm-crypt.ko: kernel/drivers/md/dm-mod.ko
kernel/drivers/gpu/drm/drm.ko:
kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko: kernel/drivers/gpu/drm/drm.ko
kernel/drivers/accel/ivpu/intel_vpu.ko: kernel/drivers/gpu/drm/drm.ko
kernel/drivers/block/virtio_blk.ko:
kernel/drivers/virtio/virtio_pci.ko:
kernel/drivers/virtio/virtio_mmio.ko:
kernel/drivers/block/zram/zram.ko: kernel/mm/zsmalloc.ko
kernel/mm/zsmalloc.ko:
kernel/sound/soundcore.ko:
kernel/net/netfilter/x_tables.ko:
kernel/arch/x86/kvm/kvm.ko:`,
  builtins: ['kernel/fs/ext4/ext4.ko'],
  release: '6.6.64',
});

const homes = (split: Split) =>
  Object.fromEntries([...split.placement].map(([name, one]) => [name, one.package]).sort());
const depends = (split: Split) => Object.fromEntries(split.packages.map((one) => [one.name, one.depends]));

async function read(files: Record<string, string>, name: string, options?: ReadSplitOptions): Promise<Split> {
  const { path, remove } = folderOf(files);
  try {
    return await readSplit(join(path, name), tree, options);
  } finally {
    remove();
  }
}

t.test('every format has a row, and every row a reader', async (t) => {
  const names = SPLIT_FORMATS.map(({ name }) => name);
  t.equal(new Set(names).size, names.length);
  for (const format of SPLIT_FORMATS) t.type(await format.reader(), 'function', format.name);
});

t.test('the new formats are known by name or by text', async (t) => {
  const { path, remove } = folderOf({
    'kernel.spec': `${'# a long preamble\n'.repeat(8000)}%files\n`,
    'block.mk': 'define KernelPackage/dm\nendef\n',
    'other.mk': 'all:\n',
    'image.bb': 'IMAGE_INSTALL += "kernel-module-dm-crypt"\n',
    'nothing.bb': 'IMAGE_INSTALL += "bash"\n',
    gki_system_dlkm_modules: 'drivers/block/zram/zram.ko\n',
    'modules-arm64.txt': 'kernel/drivers/md/dm-mod.ko\n',
    'features.d/virtio.modules': 'kernel/drivers/virtio\n',
    'mk/block.mk': 'define KernelPackage/dm\nendef\n',
    'mk/rules.mk': 'all:\n',
  });
  t.teardown(remove);
  const format = (name: string) => detectFormat(join(path, name)).format.name;
  t.equal(format('kernel.spec'), 'rpm-spec', 'however far down its %files are');
  t.equal(format('block.mk'), 'openwrt');
  t.equal(format('mk'), 'openwrt');
  t.equal(format('image.bb'), 'yocto');
  t.equal(format('gki_system_dlkm_modules'), 'android-gki');
  t.equal(format('modules-arm64.txt'), 'talos');
  t.equal(format('features.d'), 'mkinitfs');
  for (const name of ['other.mk', 'nothing.bb'])
    t.throws(() => format(name), { message: /cannot tell the format/, blame: 'user' });
});

t.test('OpenWrt: packages out of make blocks', async (t) => {
  const mk = `BLOCK_MENU:=Block Devices
NF_FILES ?= \\
	$(LINUX_DIR)/net/netfilter/x_tables.$(LINUX_KMOD_SUFFIX)

define KernelPackage/ata-core
  SUBMENU:=$(BLOCK_MENU)
  DEPENDS:=@PCI_SUPPORT||TARGET_sunxi +kmod-scsi-core
  FILES:=$(LINUX_DIR)/drivers/ata/libata.ko
ifneq ($(wildcard $(LINUX_DIR)/drivers/ata/libahci.ko),)
  FILES+=$(LINUX_DIR)/drivers/ata/libahci.ko
endif
endef

define KernelPackage/ata-core/description
 FILES:=nonsense
endef

define AddDepends/ata
  SUBMENU:=$(BLOCK_MENU)
  DEPENDS+=+kmod-ata-core $(1)
endef

define KernelPackage/ata-ahci
  FILES:= \\
    $(LINUX_DIR)/drivers/ata/ahci.ko
  AUTOLOAD:=$(call AutoLoad,41,libahci ahci,1)
  $(call AddDepends/ata,+LINUX_6_12:kmod-dm +!LINUX_6_12:kmod-x +kmod-elsewhere)
endef

$(eval $(call KernelPackage,ata-ahci))

define KernelPackage/scsi-core
  FILES:=$(LINUX_DIR)/drivers/scsi/scsi_mod.ko@lt7.0 $(LINUX_DIR)/drivers/scsi/old.ko@lt5.0 \\
    $(LINUX_DIR)/fs/ext4/ext4.ko $(LINUX_DIR)/drivers/scsi/scsi_mud.ko
endef

define KernelPackage/dm
  DEPENDS:=+kmod-dm2 +kmod-dm-crypt
endef

define KernelPackage/dm2
  FILES:=$(LINUX_DIR)/drivers/md/dm-mod.ko
endef

define KernelPackage/dm-crypt
  FILES:=$(LINUX_DIR)/drivers/md/dm-crypt.ko
endef

define KernelPackage/kvm-x86
  FILES:= $(LINUX_DIR)/arch/$(LINUX_KARCH)/kvm/kvm.ko
endef

define KernelPackage/x
  FILES:=$(NF_FILES)
  $(call AddDepends/nls)
endef

define KernelPackage/ipt-core
  FILES:=$(foreach mod,$(IPT_CORE-m),$(LINUX_DIR)/net/$(mod).ko)
endef
`;
  const split = await read({ 'modules/block.mk': mk, 'modules/README': '' }, 'modules');
  t.strictSame(homes(split), {
    ahci: 'kmod-ata-ahci',
    dm_crypt: 'kmod-dm-crypt',
    dm_mod: 'kmod-dm2',
    kvm: 'kmod-kvm-x86',
    libahci: 'kmod-ata-core',
    libata: 'kmod-ata-core',
    scsi_mod: 'kmod-scsi-core',
    x_tables: 'kmod-x',
  });
  t.match(depends(split), {
    'kmod-ata-ahci': ['kmod-ata-core', 'kmod-x'],
    'kmod-ata-core': ['kmod-scsi-core'],
  });
  t.equal(split.packages.find(({ name }) => name === 'kmod-dm')?.meta, true);
  t.match(split.placement.get('scsi_mod')?.rule, { line: 33 });
  t.match(
    split.notes.map(({ id, message }) => `${id}: ${message}`),
    [
      /^module-missing: kmod-scsi-core: there is no drivers\/scsi\/scsi_mud.ko in this kernel \(did you mean drivers\/scsi\/scsi.mod/,
      /^package-skipped: kmod-ipt-core is left out: make computes /,
      /^block-missing: AddDepends\/nls is defined in none of the files given/,
    ],
  );
  t.strictSame(installSet(split, ['ata-ahci'], tree).modules, [
    'libata',
    'libahci',
    'ahci',
    'scsi_mod',
    'x_tables',
  ]);
  const torn = checkSplit({ split, index: tree }).filter(({ severity }) => severity === 'error');
  t.match(
    torn,
    [{ id: 'symbol-edge', module: 'dm_mod', package: 'kmod-dm-crypt' }],
    'a DEPENDS that is missing',
  );
  t.equal(torn.length, 1);
});

t.test('a spec that splits by folder: Azure Linux', async (t) => {
  const spec = `%define uname_r %{version}-%{release}
Name:           kernel
Version:        6.6.64.2
Release:        7%{?dist}
Requires:       filesystem
%description
The kernel package.
%package devel
Requires:       %{name} = %{version}-%{release}
%package drivers-gpu
Requires:       %{name} = %{version}-%{release}
%package drivers-intree-amdgpu
Requires:       %{name} = %{version}-%{release}, %{name}-drivers-gpu = %{version}-%{release}
%package -n     linux-sound
Requires:       %{name}%{?_isa} = %{version}-%{release}
%install
%files
this is shell, not a section
%files
%defattr(-,root,root)
%license COPYING
%exclude %dir /usr/lib/debug
/boot/vmlinuz-%{uname_r}
%defattr(0644,root,root)
/lib/modules/%{uname_r}/*
%exclude /lib/modules/%{uname_r}/build
%exclude /lib/modules/%{uname_r}/kernel/drivers/gpu
%exclude /lib/modules/%{uname_r}/kernel/drivers/accel
%exclude /lib/modules/%{uname_r}/kernel/sound
%exclude /lib/modules/%{uname_r}/kernel/nowhere
%files devel
/lib/modules/%{uname_r}/build
%files drivers-gpu
%defattr(-,root,root)
/lib/modules/%{uname_r}/kernel/drivers/gpu
%ifarch x86_64
/lib/modules/%{uname_r}/kernel/drivers/accel
%else
/lib/modules/%{uname_r}/kernel/drivers/other
%endif
%exclude /lib/modules/%{uname_r}/kernel/drivers/gpu/drm/amd
%files drivers-intree-amdgpu
/lib/modules/%{uname_r}/kernel/drivers/gpu/drm/amd
%files -n linux-sound -f sound.list
%attr(0644,root,root) /lib/modules/%{uname_r}/kernel/sound
%changelog
* Fri Jan 31 2025 Somebody <a@example.org>
- %files of old
`.replace('%install\n%files\nthis is shell, not a section\n', '%install\nthis is shell, not a section\n');
  const split = await read({ 'kernel.spec': spec }, 'kernel.spec', { arch: 'x86_64' });
  t.match(homes(split), {
    ahci: 'kernel',
    x_tables: 'kernel',
    drm: 'kernel-drivers-gpu',
    intel_vpu: 'kernel-drivers-gpu',
    amdgpu: 'kernel-drivers-intree-amdgpu',
    soundcore: 'linux-sound',
  });
  t.equal(split.placement.size, tree.modules.size);
  t.equal(split.twice.size, 0);
  t.strictSame(depends(split), {
    kernel: [],
    'kernel-drivers-gpu': ['kernel'],
    'kernel-drivers-intree-amdgpu': ['kernel', 'kernel-drivers-gpu'],
    'linux-sound': ['kernel'],
  });
  t.match(
    split.unused.map(({ text }) => text),
    [/kernel\/nowhere$/],
  );
  t.match(split.notes, [{ id: 'list-unread', package: 'linux-sound' }]);
  const arm = await read({ 'kernel.spec': spec }, 'kernel.spec', { arch: 'aarch64' });
  t.equal(homes(arm).intel_vpu, undefined, 'excluded from kernel, and its line is for x86_64');
  t.ok(
    checkSplit({ split: arm, index: tree }).some(
      ({ id, severity }) => id === 'module-nowhere' && severity === 'error',
    ),
    'which rpm calls an unpackaged file',
  );
  await t.rejects(read({ 'x.spec': 'Name: x\n%files\n/usr/bin/x\n' }, 'x.spec'), {
    blame: 'user',
    code: 'E_SPLIT',
  });
});

t.test('Photon: macros for the folder, and the same file twice', async (t) => {
  const spec = `Name: linux
Version: 6.1.10
Release: 1%{?kat_build:.kat}%{?dist}
%global uname_r %{version}-%{release}
%define _modulesdir /lib/modules/%{uname_r}
%package drivers-sound
Requires: %{name} = %{version}
%files
%{_modulesdir}/*
%exclude %{_modulesdir}/kernel/drivers/gpu
%files drivers-sound
%{_modulesdir}/kernel/sound
`;
  const split = await read({ 'linux.spec': spec }, 'linux.spec');
  t.strictSame([...split.twice], [['soundcore', ['linux', 'linux-drivers-sound']]]);
  t.match(depends(split), { 'linux-drivers-sound': ['linux'] });
});

t.test('Yocto: what a packagegroup and an image install', async (t) => {
  const recipe = `SUMMARY = "Disks"
# kernel-module-drm is not wanted
RDEPENDS:\${PN} = "\\
    kernel-module-ahci \\
    kernel-module-dm-crypt-\${KERNEL_VERSION} \\
    kernel-module-ext4 \\
"
RRECOMMENDS:\${PN}-more:append = " kernel-module-soundcore kernel-module-sound-core"
IMAGE_INSTALL += "bash kernel-module-virtio-blk"
MACHINE_EXTRA_RRECOMMENDS = "kernel-module-virtio-pci"
`;
  const split = await read({ 'packagegroup-disks_1.0.bb': recipe }, 'packagegroup-disks_1.0.bb');
  t.strictSame(depends(split)['packagegroup-disks'], ['kernel-module-ahci', 'kernel-module-dm-crypt']);
  t.strictSame(depends(split).image, ['kernel-module-virtio-blk', 'kernel-module-virtio-pci']);
  t.equal(homes(split).amdgpu, 'kernel-modules');
  t.equal(homes(split).dm_mod, 'kernel-module-dm-mod');
  t.match(split.placement.get('libata'), { why: /needed by/, rule: { line: 4 } });
  t.strictSame(
    installSets(split, tree).map(({ name, modules }) => [name, modules.length]),
    [
      ['packagegroup-disks-more', 1],
      ['image', 2],
      ['packagegroup-disks', 6],
      ['kernel-modules', tree.modules.size],
    ],
    'a module package makes no install set of its own',
  );
  t.match(split.notes, [
    { id: 'module-missing', message: /kernel-module-sound-core.*soundcore/, place: { line: 8 } },
  ]);
  t.strictSame(
    checkSplit({ split, index: tree }).filter(({ severity }) => severity === 'error'),
    [],
  );
  const clouds = [{ cloud: 'test', device: 'disk', alias: 'virtio_blk' }];
  const bases = checkSplit({ split, index: tree, clouds }).filter(({ id }) => id === 'cloud-device');
  t.strictSame(
    bases.map((one) => one.package).sort(),
    ['packagegroup-disks', 'packagegroup-disks-more'],
    'what is booted is named, not one of its modules',
  );
});

t.test('lists: Android, Talos, Alpine', async (t) => {
  const gki = await read(
    {
      gki_system_dlkm_modules:
        'drivers/block/zram/zram.ko\nvirtio_blk.ko\nfs/ext4/ext4.ko\nnet/absent.ko\n\n',
    },
    'gki_system_dlkm_modules',
  );
  const of = (split: Split, name: string) =>
    Object.entries(homes(split)).flatMap(([module, home]) => (home === name ? [module] : []));
  t.strictSame(of(gki, 'gki_system_dlkm_modules'), ['virtio_blk', 'zram']);
  t.strictSame(
    gki.unused.map(({ line }) => line),
    [4],
    'a built-in is no mistake',
  );
  t.match(
    checkSplit({ split: gki, index: tree }).filter(({ severity }) => severity === 'error'),
    [{ module: 'zsmalloc', package: 'gki_system_dlkm_modules' }],
    'the list is copied as it is',
  );
  const talos = await read(
    {
      'modules-amd64.txt':
        'kernel/drivers/md/dm-mod.ko\nkernel/drivers/virtio/virtio_pci.ko\nmodules.order\nmodules.builtin\n',
    },
    'modules-amd64.txt',
  );
  t.strictSame(of(talos, 'modules-amd64'), ['dm_mod', 'virtio_pci']);
  t.strictSame(talos.unused, []);
  const features = {
    'features.d/virtio.modules': '# buses\nkernel/drivers/block/virtio*\nkernel/drivers/virtio\n',
    'features.d/ata.modules': 'kernel/drivers/ata/a*\nkernel/nowhere/*\n',
  };
  const one = await read(features, 'features.d/virtio.modules');
  t.strictSame(of(one, 'initramfs-virtio'), ['virtio_blk', 'virtio_mmio', 'virtio_pci']);
  const both = await read(features, 'features.d');
  t.strictSame(of(both, 'initramfs'), [
    'ahci',
    'libahci',
    'libata',
    'scsi_mod',
    'virtio_blk',
    'virtio_mmio',
    'virtio_pci',
  ]);
  t.strictSame(
    both.unused.map(({ text }) => text),
    ['kernel/nowhere/*'],
  );
});
