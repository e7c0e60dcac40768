import { Command, InvalidArgumentError, Option } from 'commander';
import { type SharedFlags, share } from './options.js';
import { print } from './output.js';

interface ServeFlags extends SharedFlags {
  port?: number;
}

const PORT = 8377;

export function serveCommand(): Command {
  const command = new Command('serve')
    .description('show the runs of the results folder, and the one under way, to a browser on this machine')
    .addOption(
      new Option('--port <n>', `on 127.0.0.1; 0 for any that is free (default: ${PORT})`).argParser(
        portNumber,
      ),
    );
  return share(command, 'results').action(serve);
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('expected a port: 0 to 65535');
  return port;
}

async function serve(flags: ServeFlags): Promise<void> {
  const { serveRuns } = await import('../report/serve/server.js');
  const { resultsOf, withSession } = await import('./session.js');
  await withSession(flags, async ({ signal }) => {
    const serving = await serveRuns(resultsOf(flags), flags.port ?? PORT);
    print(serving.url);
    await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
    await serving.close();
  });
}
