import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { userError } from '../errors.js';

/** The folder that `--resume` names. @throws BootgateError blame `user`, E_USAGE, for a folder without a search in it. */
export function searchFolder(folder: string | undefined): string | undefined {
  if (folder === undefined || existsSync(join(folder, 'trials.jsonl'))) return folder;
  throw userError('E_USAGE', `${folder} holds no trials.jsonl, so there is no search to go on with`, {
    hint: 'give the folder that the search named when it was stopped',
  });
}
