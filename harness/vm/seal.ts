/**
 * The seal of a record: 64 bits that only who has the boot's secret can make, so that reading the channel, or writing to
 * it, helps nobody to forge a record. The secret never leaves the recorder. recorder.sh makes the same seal in awk.
 *
 * The text is hashed with two polynomials at secret points (Carter and Wegman), and what comes out goes through
 * HalfSipHash-2-4 with the secret as its key. The primes are below 2^26: awk has the 53 bits of a double.
 */
export interface SealKey {
  words: readonly [number, number];
  points: readonly [number, number];
}

const PRIMES = [67_108_859, 67_108_837] as const;

/** The key that a secret of 16 hexadecimal digits gives; null for any other text. */
export function sealKey(secret: string): SealKey | null {
  if (!/^[0-9a-f]{16}$/.test(secret)) return null;
  const words = [parseInt(secret.slice(0, 8), 16), parseInt(secret.slice(8), 16)] as const;
  const [one, two] = halfSipHash(words, [1]);
  return { words, points: [one % PRIMES[0], two % PRIMES[1]] };
}

/** 16 hexadecimal digits for a text of printable ASCII: `SEQ TYPE KEY=VALUE ...`. */
export function sealOf(key: SealKey, text: string): string {
  const [at, also] = key.points;
  let [one, two] = [1, 1];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index) & 0xff;
    one = (one * at + code) % PRIMES[0];
    two = (two * also + code) % PRIMES[1];
  }
  const hashed = halfSipHash(key.words, [one, two, text.length]);
  return hashed.map((word) => word.toString(16).padStart(8, '0')).join('');
}

/**
 * HalfSipHash-2-4 with 64 bits of output, of whole 32-bit words: two words, as their little-endian bytes stand in the
 * reference's output. Source: Aumasson and Bernstein's halfsiphash.c.
 */
export function halfSipHash(
  [k0, k1]: readonly [number, number],
  message: readonly number[],
): [number, number] {
  let [v0, v1, v2, v3] = [k0, k1 ^ 0xee, 0x6c796765 ^ k0, 0x74656462 ^ k1];
  const rounds = (count: number) => {
    for (let round = 0; round < count; round++) {
      v0 = (v0 + v1) | 0;
      v1 = rotated(v1, 5) ^ v0;
      v0 = rotated(v0, 16);
      v2 = (v2 + v3) | 0;
      v3 = rotated(v3, 8) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = rotated(v3, 7) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = rotated(v1, 13) ^ v2;
      v2 = rotated(v2, 16);
    }
  };
  for (const word of [...message, (message.length * 4) << 24]) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  v2 ^= 0xee;
  rounds(4);
  const first = (v1 ^ v3) >>> 0;
  v1 ^= 0xdd;
  rounds(4);
  return [first, (v1 ^ v3) >>> 0];
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
