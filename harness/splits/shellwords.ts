import { PatternError } from '../patterns/nfa.js';

/** The command is more than is understood here; `offset` counts from the command's first character. */
export class ShellBeyond extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = 'ShellBeyond';
    this.offset = offset;
  }
}

/** A word of a command, quotes taken off. */
export interface Word {
  text: string;
  /** Whether a wildcard in it is the shell's to expand. */
  bare: boolean;
  offset: number;
}

/** The commands of a pipe, as words. @throws ShellBeyond for all that a shell would expand or redirect. */
export function pipeline(command: string): Word[][] {
  const commands: Word[][] = [[]];
  let word: Word | null = null;
  const end = () => {
    if (word) commands.at(-1)?.push(word);
    word = null;
  };
  for (let at = 0; at < command.length; at++) {
    const char = command[at] as string;
    if (/\s/.test(char)) {
      end();
      continue;
    }
    if (char === '|' && command[at + 1] !== '|') {
      end();
      commands.push([]);
      continue;
    }
    if (/[$`;&|<>()#~]/.test(char)) throw new ShellBeyond(`"${char}" is the shell's`, at);
    word ??= { text: '', bare: false, offset: at };
    if (char === "'" || char === '"') {
      const close = command.indexOf(char, at + 1);
      if (close < 0) throw new ShellBeyond(`${char} is not closed`, at);
      const inside = command.slice(at + 1, close);
      if (char === '"' && /[$`\\]/.test(inside))
        throw new ShellBeyond('the text in quotes would be expanded', at);
      word.text += inside;
      at = close;
    } else if (char === '\\') word.text += command[++at] ?? '';
    else {
      if (/[*?[{]/.test(char)) word.bare = true;
      word.text += char;
    }
  }
  end();
  return commands;
}

/** Compiles a pattern out of a word. @throws ShellBeyond where it is no pattern. */
export function compiled<T>(compile: () => T, word: Word): T {
  try {
    return compile();
  } catch (error) {
    if (error instanceof PatternError) throw new ShellBeyond(error.message, word.offset);
    throw error;
  }
}
