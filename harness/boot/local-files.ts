import { hostError } from '../errors.js';

/** Where on this host the files of requests lie: a request knows them by their content only. */
export class LocalFiles {
  readonly #paths = new Map<string, string>();

  add(content: string, path: string): void {
    this.#paths.set(content, path);
  }

  has(content: string): boolean {
    return this.#paths.has(content);
  }

  /** Every path that was added. */
  all(): string[] {
    return [...this.#paths.values()];
  }

  /** @throws BootgateError blame `host`, E_CONTENT. */
  path(content: string): string {
    const path = this.#paths.get(content);
    if (path === undefined)
      throw hostError('E_CONTENT', `no local file has the digest ${content}`, {
        hint: 'run the scenario from its image, which rebuilds the file',
      });
    return path;
  }
}
