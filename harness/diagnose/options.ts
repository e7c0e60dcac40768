import type { KernelConfig } from '../kernel/config.js';
import { configFor } from '../vm/devices/index.js';

/**
 * Which kernel option answers a request, for the file systems and protocols that virtual machines and their scenarios use, and
 * for devices beyond those of the device table. `$1` is the pattern's group in capitals. From the Kconfig and Makefile beside each driver.
 */
const OPTIONS: readonly [RegExp, string][] = [
  [/^pci:v00001AF4/, 'VIRTIO_PCI'],
  [/^virtio:d00000003v/, 'VIRTIO_CONSOLE'],
  [/^virtio:d00000009v/, 'NET_9P_VIRTIO'],
  [/^virtio:d00000010v/, 'DRM_VIRTIO_GPU'],
  [/^virtio:d00000012v/, 'VIRTIO_INPUT'],
  [/^virtio:d00000013v/, 'VIRTIO_VSOCKETS'],
  [/^virtio:d00000018v/, 'VIRTIO_MEM'],
  [/^virtio:d0000001Av/, 'VIRTIO_FS'],
  [/^virtio:d0000001Bv/, 'VIRTIO_PMEM'],
  [/^pci:.*bc01sc08/, 'BLK_DEV_NVME'],
  [/^pci:.*bc01sc06/, 'SATA_AHCI'],
  [/^pci:v00008086d0000100[0-9A-F]/, 'E1000'],
  [/^pci:.*bc0Csc03i30/, 'USB_XHCI_PCI'],
  [/^sd_mod$/, 'BLK_DEV_SD'],
  [/^scsi:t-0x05/, 'BLK_DEV_SR'],
  [/^usb:.*ic08/, 'USB_STORAGE'],
  [
    /^fs-(vfat|msdos|iso9660|ext4|xfs|btrfs|f2fs|jfs|minix|romfs|nfs|udf|gfs2|ocfs2|exfat|ntfs3|9p|overlay|erofs|ubifs|hfsplus|hfs|zonefs)$/,
    '$1_FS',
  ],
  [/^fs-(squashfs|cifs|cramfs)$/, '$1'],
  [/^fs-efivarfs$/, 'EFIVAR_FS'],
  [/^fs-ext[23]$/, 'EXT4_USE_FOR_EXT2'],
  [/^fs-nfs4$/, 'NFS_V4'],
  [/^fs-virtiofs$/, 'VIRTIO_FS'],
  [/^fs-fuse/, 'FUSE_FS'],
  [/^fs-ceph$/, 'CEPH_FS'],
  [/^fs-nfsd$/, 'NFSD'],
  [/^9p-virtio$/, 'NET_9P_VIRTIO'],
  [/^nls_cp(\d+)$/, 'NLS_CODEPAGE_$1'],
  [/^nls_iso8859[_-](\d+)$/, 'NLS_ISO8859_$1'],
  [/^nls_(\w+)$/, 'NLS_$1'],
  [
    /^crypto-(crc32c|sha256|sha512|aes|xts|cbc|gcm|ccm|ctr|hmac|cmac|ghash|md5|lz4|lzo|zstd|deflate|chacha20|blake2b|ecb|essiv)\b/,
    'CRYPTO_$1',
  ],
  [/^nfnetlink-subsys-(?:1|2)$/, 'NF_CT_NETLINK'],
  [/^nfnetlink-subsys-6$/, 'IP_SET'],
  [/^nfnetlink-subsys-10$/, 'NF_TABLES'],
  [/^nft-chain-\d+-nat$/, 'NFT_NAT'],
  [/^nft-(?:\d+-)?expr-(?:match|target)$|^nft-expr-\d+-(?:match|target)$/, 'NFT_COMPAT'],
  [
    /^nft-(?:\d+-)?(?:expr-)?(ct|log|limit|masq|redir|nat|reject|tproxy|quota|queue|socket|hash|numgen|osf|synproxy|tunnel|xfrm|connlimit)$/,
    'NFT_$1',
  ],
  [/^(?:ip|ip6)t_(?:MASQUERADE)$|^xt_MASQUERADE$/i, 'NETFILTER_XT_TARGET_MASQUERADE'],
  [/^(?:ipt|ip6t|xt)_([a-z]\w*)$/, 'NETFILTER_XT_MATCH_$1'],
  [/^(?:ipt|ip6t|xt)_([A-Z]\w*)$/, 'NETFILTER_XT_TARGET_$1'],
  [/^ip_tables$/, 'IP_NF_IPTABLES'],
  [/^ip6_tables$/, 'IP6_NF_IPTABLES'],
  [/^iptable_(\w+)$/, 'IP_NF_$1'],
  [/^nf_conntrack$/, 'NF_CONNTRACK'],
  [/^net-pf-1$/, 'UNIX'],
  [/^net-pf-10$/, 'IPV6'],
  [/^net-pf-17$/, 'PACKET'],
  [/^net-pf-38$/, 'CRYPTO_USER_API'],
  [/^net-pf-40$/, 'VSOCKETS'],
  [/^net-pf-2-proto-132/, 'IP_SCTP'],
  [/^rtnl-link-(vxlan|veth|dummy|bonding|macvlan|macvtap|ipvlan|geneve|ifb|wireguard|tun)$/, '$1'],
  [/^rtnl-link-(vlan)$/, 'VLAN_8021Q'],
  [/^rtnl-link-(bridge)$/, 'BRIDGE'],
  [/^rtnl-link-vrf$/, 'NET_VRF'],
  [/^(?:net-)?sch[-_](\w+)$/, 'NET_SCH_$1'],
  [/^tcp_(\w+)$/, 'TCP_CONG_$1'],
  [/^md-(?:level-|raid)(\d+)$/, 'MD_RAID$1'],
  [/^dm-(crypt|thin-pool|verity|integrity|raid|snapshot|mirror|zero|multipath|cache)$/, 'DM_$1'],
  [/^(?:dm_mod|block-major-253)$/, 'BLK_DEV_DM'],
  [/^(?:loop|block-major-7)$/, 'BLK_DEV_LOOP'],
  [/^(?:nbd|block-major-43)$/, 'BLK_DEV_NBD'],
];

/** The names by which Kconfig and the kernel's own requests differ. */
const OTHER_NAMES: Record<string, string> = {
  MD_RAID4: 'MD_RAID456',
  MD_RAID5: 'MD_RAID456',
  MD_RAID6: 'MD_RAID456',
  'DM_THIN-POOL': 'DM_THIN_PROVISIONING',
};

/** The option that would bring what answers a request: `XFS_FS`; undefined where that is not known. */
export function optionFor(request: string): string | undefined {
  const device = configFor(request);
  if (device !== undefined) return device;
  for (const [pattern, name] of OPTIONS) {
    const match = pattern.exec(request);
    if (!match) continue;
    const option = name.replace('$1', (match[1] ?? '').toUpperCase());
    return OTHER_NAMES[option] ?? option.replaceAll('-', '_');
  }
  return undefined;
}

/**
 * Why nothing in a kernel's tree answers a request, as far as its configuration says: `CONFIG_XFS_FS is not set`. An
 * option that is `m` means that the module was built and is in none of the packages given.
 */
export function explainNotBuilt(
  request: string,
  config: KernelConfig | undefined,
): { option: string; state: 'off' | 'module' | 'built-in' | 'unknown'; sentence: string } | undefined {
  const option = optionFor(request);
  if (!option) return undefined;
  const name = `CONFIG_${option}`;
  if (!config) return { option: name, state: 'unknown', sentence: `it needs ${name}` };
  if (config.isEnabled(option))
    return { option: name, state: 'built-in', sentence: `${name}=y: it is built in, but did not answer` };
  if (config.isModule(option))
    return {
      option: name,
      state: 'module',
      sentence: `${name}=m: it was built, but no package given for this kernel has it`,
    };
  return { option: name, state: 'off', sentence: `${name} is not set` };
}
