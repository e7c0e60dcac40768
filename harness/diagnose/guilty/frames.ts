/** A function that a kernel report names. */
export interface Frame {
  /** Without what the compiler appended (`.isra.0`, `.cold`, `.constprop.0`). */
  name: string;
  /** `[virtio_blk]`; '' for what is built in. */
  module: string;
}

/** `virtblk_probe+0x12f/0x9d0 [virtio_blk]`, as %pS prints it; a Rust or C++ name may hold `$`. */
const SYMBOL = /([A-Za-z_$][\w$.]*)\+0x[0-9a-f]+\/0x[0-9a-f]+(?: (\[\w+)[\w ]*(\]))?/;
/**
 * Where the CPU was: `RIP: 0010:`, `EIP:`, `IP:` (x86), `pc :` and `PC is at` (arm64, arm), `NIP` (powerpc), `epc :` (riscv,
 * mips), `ERA:` (loongarch), `Krnl PSW :` (s390). Each architecture's show_regs().
 */
const POINTER = /^(?:[ER]?IP(?: is at)?\b|pc ?:|PC is at |NIP\b|epc\s*:|ERA\s*:|Krnl PSW\s*:)/;
/** One frame of a stack (kmemleak puts its name before each), its address before it in whatever brackets the architecture and the age of the kernel put it. */
const TRACE =
  /^(?:kmemleak:)? *(?:\w{3} )?(?:<[#\w]+> *)*(?:\(?\[?<?(?:0x)?[0-9a-f]{8,16}>?\]?\)? *)*(\? )?(?=[A-Za-z_$][\w$.]*\+0x[0-9a-f]+\/0x[0-9a-f]+)/;
/** arm: `[<c0123456>] (kfree) from [<c0234567>] (f+0x1/0x2)`, newer ` kfree from f+0x1/0x2`. */
const ARM =
  /^ *(?:\[<[0-9a-f]+>\] )?\(?([A-Za-z_]\w*)(?:\+0x[0-9a-f]+\/0x[0-9a-f]+)?(?: (\[\w+\]))?\)? from /;

/** Whether a line says where the CPU was, and the function if it has a name: a jump to nowhere has none. */
export function pointerOf(line: string): { frame: Frame | null } | null {
  if (!POINTER.test(line)) return null;
  return { frame: symbolOf(line) };
}

/** The first `function+0x1/0x2` of a line, wherever it stands. */
export function symbolOf(line: string): Frame | null {
  const match = SYMBOL.exec(line);
  return match ? frame(match[1], match[2] ? `${match[2]}${match[3]}` : '') : null;
}

/** The frames that a line of a stack stands for, the innermost first. One with a `?` may be left over: it is none. */
export function framesOf(line: string): Frame[] {
  const arm = ARM.exec(line);
  if (arm) {
    const caller = symbolOf(line.slice(arm[0].length));
    return [frame(arm[1], arm[2] ?? ''), ...(caller ? [caller] : [])];
  }
  const trace = TRACE.exec(line);
  // powerpc marks a doubtful frame behind it; x86 puts the first one after an interrupt on the line of <EOI>.
  if (!trace || (trace[1] && !line.includes('<EOI>')) || line.endsWith('(unreliable)')) return [];
  const symbol = symbolOf(line);
  return symbol ? [symbol] : [];
}

function frame(name: string | undefined, module: string): Frame {
  return { name: (name ?? '').split('.')[0] ?? '', module };
}
