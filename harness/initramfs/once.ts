const underWay = new Map<string, Promise<unknown>>();

/** Shares one promise between all who ask with the same key while it is pending; the key says what is made, and where. */
export function onceAtATime<T>(key: string, make: () => Promise<T>): Promise<T> {
  const pending = underWay.get(key) as Promise<T> | undefined;
  if (pending !== undefined) return pending;
  const made = make().finally(() => underWay.delete(key));
  underWay.set(key, made);
  return made;
}
