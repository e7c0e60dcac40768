/** How large a guest may be. The slots of the root bus are numbered so that as many devices fit: see slots.ts. */
export const LIMITS = {
  cpus: 64,
  memoryMiB: { least: 128, most: 1024 * 1024 },
  disks: 8,
  nics: 4,
  shares: 2,
  devices: 8,
} as const;
