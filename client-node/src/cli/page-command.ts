import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { LocalVolumes } from '../page/local-volumes.js';
import { SitePage } from '../page/site-page.js';
import { siteRoutes } from '../page/site-routes.js';
import { NodeFailure } from '../settings/failure.js';
import { nodeHome, settingsFromProcess, type NodeSettings } from '../settings/node-settings.js';
import type { Log } from '../agent/log.js';
import type { Trainer } from '../trainer/trainer-process.js';
import { chooseModel, releasedModel, type ChosenModel } from './chosen-model.js';
import { startTrainer } from './compute.js';
import { createLog, StatusLine } from './console.js';
import { withEngine, withHome, withModel } from './options.js';
import type { Session } from './session.js';

/** Beside this package, in a checkout as in a bundle. */
const PAGES = join(dirname(fileURLToPath(import.meta.url)), '../../../dashboard/dist');

interface PageFlags {
  model?: string;
  study?: string;
}

export function addPageCommand(program: Command, session: Session): void {
  withModel(withEngine(withHome(program.command('page'))))
    .description("this site's own page, on this machine only: what left, studies, volumes, training, predictions")
    .option('--data <dir>', "the site's folder: images/ and labels/")
    .option('--page-port <n>', 'on 127.0.0.1 (default 8410)')
    .action(async (flags: PageFlags) => {
      const settings = settingsFromProcess({ ...flags });
      const log = createLog(settings, new StatusLine(process.stderr));
      await servePage(settings, flags, log, session);
    });
}

async function servePage(settings: NodeSettings, flags: PageFlags, log: Log, session: Session): Promise<void> {
  const home = nodeHome(settings.home);
  const choose = async (): Promise<ChosenModel> =>
    chooseModel(home, flags, () => releasedModel(settings, log).catch(() => undefined));
  // Asked for anew by each prediction: a look at the page sends nothing to the server.
  let latest: Promise<ChosenModel> | undefined;
  const folderOf = ({ path }: ChosenModel): string => join(home.predictions, path.split('/').at(-1)!);
  const made = async (): Promise<{ folder: string; model: string } | null> => {
    latest ??= choose();
    const chosen = await latest.catch(() => null);
    if (chosen === null) latest = undefined;
    return chosen && { folder: folderOf(chosen), model: chosen.name };
  };
  let trainer: Trainer | undefined;
  let busy = false;
  const predict = async (image: string): Promise<string> => {
    if (busy) throw new NodeFailure('usage', 'Another prediction is being made: try again when it is there.');
    busy = true;
    try {
      latest = choose();
      const chosen = await latest;
      trainer ??= startTrainer(settings, log, session);
      const { study, path: model } = chosen;
      const { failed } = await trainer.run(
        { kind: 'predict', study, model, images: [image], folder: folderOf(chosen) },
        { signal: session.signal },
      );
      if (failed.length > 0) throw new NodeFailure('bad-data', failed[0].sentence);
      return chosen.name;
    } finally {
      busy = false;
    }
  };
  const token = randomBytes(24).toString('base64url');
  const { data } = settings;
  const page = await SitePage.open({
    port: settings.pagePort,
    token,
    files: PAGES,
    routes: siteRoutes({
      home,
      settings,
      volumes: data === undefined ? undefined : new LocalVolumes(data, made),
      predict,
      now: () => new Date(),
    }),
    warn: (sentence) => log.warn(sentence),
  });
  session.onClose(() => page.close());
  // After the number sign: browsers keep it to themselves.
  process.stdout.write(`This site's page: http://127.0.0.1:${page.port}/#${token}\n`);
  await once(session.signal, 'abort');
  session.signal.throwIfAborted();
}
