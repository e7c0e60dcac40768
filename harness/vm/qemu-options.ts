/** `name,key=value,...` as QEMU's option parser reads it: a comma inside a value is written twice. */
export function qemuOptions(name: string, values: Record<string, string | number | undefined>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined);
  return [name, ...pairs.map(([key, value]) => `${key}=${String(value).replaceAll(',', ',,')}`)].join(',');
}
