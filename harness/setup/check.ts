/** One thing that bootgate needs of its host. */
export interface Check {
  name: string;
  /** `missing` stops runs; `poor` only slows them or narrows what can be tested. */
  state: 'ok' | 'poor' | 'missing';
  /** The version, the path, the size, or what is wrong. */
  detail: string;
  /** What to do about it. */
  hint?: string;
}
