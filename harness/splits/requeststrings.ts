import { join } from 'node:path';
import type { Cache } from '../cache.js';
import { readManyMaybeCompressed } from '../decompress.js';
import { bufferSource, parseElf } from '../elf.js';
import { BootgateError } from '../errors.js';
import type { ModuleDetails } from '../modules/details.js';
import type { Module, ModuleIndex } from '../modules/module.js';
import { normaliseName } from '../modules/names.js';
import { parseAlias } from '../modules/texts.js';
import type { RequestEdge } from './finding.js';

/** The functions with which a module asks for another one, and what its strings then mean. */
const ASKS = {
  hash: /^crypto_(alloc_(shash|ahash|base|tfm_node)|has_ahash)$/,
  cipher: /^crypto_(alloc_(aead|skcipher|sync_skcipher|cipher|akcipher|kpp)|has_skcipher)/,
  compressor: /^crypto_(alloc_(comp|acomp|base)|has_alg|has_comp)$/,
  nls: /^load_nls$/,
  module: /^__request_module$/,
} as const;
type Ask = keyof typeof ASKS;

/** Names that are options of file systems as well: they are requests only from one who asks for compressors. */
const COMPRESSORS = new Set(['842', 'deflate', 'lz4', 'lz4hc', 'lzo', 'lzo-rle', 'zlib-deflate', 'zstd']);

/** Modules that implement ciphers have the names of what they offer in their strings, not of what they ask for. */
const IMPLEMENTS = /^kernel\/(crypto|arch\/[^/]+\/crypto|drivers\/crypto)\//;

/** Names of the crypto API's own modules, which are words of everyday use too. */
const NO_ALGORITHMS = new Set(['user']);

/** A table of what userland may choose, most of which no machine uses: all its names are notes. */
const CATALOGUES = new Set(['xfrm_algo']);

const SECTIONS = ['.rodata.str1.1', '.rodata.str1.8', '.rodata', '.data'];

/**
 * Requests that the modules' own strings show: the names of hashes, ciphers and character sets beside a call that loads
 * them, and aliases and formats (`nvme-%s`) beside a call of request_module. Reads some 500 files once for each tree.
 * @throws BootgateError blame `host` where a decompressor is missing.
 */
export async function requestsInStrings(
  index: ModuleIndex,
  details: ModuleDetails,
  cache: Cache,
): Promise<RequestEdge[]> {
  const text = await cache.text('request-strings', `1 ${index.digest}`, async () => {
    await cache.settle([index.dir]);
    return cache.scratch(async (scratch) => JSON.stringify(await readAll(index, details, scratch)));
  });
  const found = JSON.parse(text) as [name: string, asks: Ask[], strings: string[]][];
  const families = aliasFamilies(index);
  return found.flatMap(([name, asks, strings]) => edgesOf(name, new Set(asks), strings, index, families));
}

async function readAll(
  index: ModuleIndex,
  details: ModuleDetails,
  scratch: string,
): Promise<[string, Ask[], string[]][]> {
  const asking: { module: Module; asks: Ask[] }[] = [];
  for (const module of index.modules.values()) {
    if (IMPLEMENTS.test(module.path)) continue;
    const needs = details.get(module.name)?.needs ?? [];
    const asks = (Object.keys(ASKS) as Ask[]).filter((ask) =>
      needs.some(({ symbol }) => ASKS[ask].test(symbol)),
    );
    if (asks.length > 0) asking.push({ module, asks });
  }
  const found: [string, Ask[], string[]][] = [];
  let at = 0;
  for await (const { bytes } of readManyMaybeCompressed(
    asking.map(({ module }) => join(index.dir, module.path)),
    { scratch },
  )) {
    const { module, asks } = asking[at++] as (typeof asking)[number];
    const strings = stringsOf(bytes, module.name);
    if (strings.length > 0) found.push([module.name, asks, strings]);
  }
  return found;
}

/** Short words in the module's constants; a damaged file has none, and the rest of the check tells of it. */
function stringsOf(bytes: Uint8Array, name: string): string[] {
  try {
    const elf = parseElf(bufferSource(bytes, name));
    const words = new Set<string>();
    for (const section of SECTIONS)
      for (const word of Buffer.from(elf.section(section) ?? [])
        .toString('latin1')
        .split('\0'))
        if (/^[a-z0-9][\w%(),-]{1,63}$/i.test(word)) words.add(word);
    return [...words];
  } catch (error) {
    if (error instanceof BootgateError) return [];
    throw error;
  }
}

/** @param families Answers format strings: see aliasFamilies. */
export function edgesOf(
  from: string,
  asks: ReadonlySet<Ask>,
  strings: readonly string[],
  index: ModuleIndex,
  families: (format: string) => string[],
): RequestEdge[] {
  const edges = new Map<string, RequestEdge>();
  const add = (to: readonly string[], evidence: string, severity: 'warning' | 'note' = 'note') => {
    const others = to.filter((one) => normaliseName(one) !== from);
    const edge: RequestEdge = { from, to: others, evidence, ...(severity === 'note' ? { severity } : {}) };
    if (others.length > 0) edges.set(others.join(' '), edge);
  };
  const known = (request: string) => index.resolve(request).kind === 'modules';
  const named = CATALOGUES.has(from) ? 'note' : 'warning';
  for (const text of strings) {
    if (asks.has('hash') || asks.has('cipher') || asks.has('compressor'))
      for (const word of cipherWords(text)) {
        const compressor = COMPRESSORS.has(word);
        if (compressor ? !asks.has('compressor') : !asks.has('hash') && !asks.has('cipher')) continue;
        if (known(`crypto-${word}`)) add([`crypto-${word}`], `it names the algorithm ${text}`, named);
      }
    if (asks.has('nls') && known(`nls_${text}`))
      add([`nls_${text}`], `it names the character set ${text}`, 'warning');
    if (!asks.has('module')) continue;
    // Which one of a family is wanted, and whether a name is a request at all, the string does not tell: notes.
    if (/^[\w-]{3,}%[a-z]{1,2}$/.test(text)) add(families(text), `it asks for ${text}`);
    else if (/[-_]/.test(text) && known(text)) add([text], 'it has the name in its strings');
  }
  return [...edges.values()];
}

/** `authenc(hmac(sha256),cbc(aes))` -> its words, each of which the crypto API asks for; a text that is no algorithm: none. */
function cipherWords(text: string): string[] {
  if (!/^[a-z0-9][a-z0-9_-]*(\([a-z0-9_(),-]+\))?$/.test(text)) return [];
  return text.split(/[(),]+/).filter((word) => word.length > 2 && !NO_ALGORITHMS.has(word));
}

/** Requests of a tree that a format can make: `nvme-%s` -> `nvme-tcp`, `nvme-fc`, by their aliases and by module names. */
export function aliasFamilies(index: ModuleIndex): (format: string) => string[] {
  const aliases = [
    ...new Set(parseAlias(index.texts.alias).flatMap(([alias]) => (/[*?[]/.test(alias) ? [] : [alias]))),
  ];
  const names = [...index.modules.keys()];
  return (format) => {
    const source = format
      .split(/(%[a-z]{1,2})/)
      .map((part) =>
        part.startsWith('%') ? (/[sc]$/.test(part) ? '[\\w-]+' : '[0-9a-f]+') : part.replace(/[-_]/g, '[-_]'),
      )
      .join('');
    const pattern = new RegExp(`^${source}$`);
    return [...aliases, ...names].filter((one) => pattern.test(one));
  };
}
