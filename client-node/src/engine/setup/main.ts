import { engineSettings } from '../engine-settings.js';
import { lineReporter } from './setup-reporter.js';
import { setUpEngine } from './set-up-engine.js';

/** The set-up as a program: prints sentences and ends with 0 whatever engine came of it, 130 when interrupted. */
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interruption.abort(new Error('interrupted'));
  });
}
const reporter = lineReporter((line) => process.stdout.write(`${line}\n`));
try {
  const settings = engineSettings(process.env);
  const setup = await setUpEngine({ settings, reporter, environment: process.env, signal: interruption.signal });
  if (setup.kind === 'native') {
    const device = setup.gpu ? 'GPU' : 'CPU';
    reporter.note(`native, TensorFlow ${setup.tensorflow} on the ${device}, ready in ${setup.seconds.toFixed(1)} s.`);
  } else {
    reporter.note('plain JavaScript, for tests and a tiny demo only; real training needs the native engine.');
  }
} catch (error) {
  reporter.note(error instanceof Error ? error.message : String(error));
  process.exitCode = interruption.signal.aborted ? 130 : 2;
}
