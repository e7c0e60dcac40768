#!/usr/bin/env node
/**
 * The entry is tiny: signals, streams and stray errors have their handlers before anything else is loaded. Node ends with 1
 * on an error that nobody catches, and 1 is a verdict here; so even a broken installation ends with 3.
 */
try {
  const { guardProcess } = await import('./guard.js');
  const conclude = guardProcess();
  const { runProgram } = await import('./program.js');
  await conclude(await runProgram(process.argv));
} catch (error) {
  try {
    console.error(`bootgate: cannot start: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    process.exit(3);
  }
}
