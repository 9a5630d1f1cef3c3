import { completionCommand } from '@consilium/shared/terminal';
import { Command, CommanderError } from 'commander';
import { VERSION } from '../settings/software.js';
import { addDataCommand } from './data-command.js';
import { addDoctorCommand } from './doctor-command.js';
import { addEgressCommands } from './egress-command.js';
import { addEngineCommands } from './engine-command.js';
import { addEnrolCommand } from './enrol-command.js';
import { addEvaluateCommand } from './evaluate-command.js';
import { EXIT_CODES } from './exit-codes.js';
import { addExportCommand } from './export-command.js';
import { addKeyCommands } from './key-command.js';
import { addLogCommands } from './log-command.js';
import { addPageCommand } from './page-command.js';
import { addPhantomsCommand } from './phantoms-command.js';
import { addPredictCommand } from './predict-command.js';
import { addRiskCommand } from './risk-command.js';
import { addRunCommand } from './run-command.js';
import { addServiceCommands } from './service-command.js';
import { Session, verdict } from './session.js';
import { addStudiesCommands } from './studies-command.js';

function createProgram(session: Session): Command {
  const program = new Command('consilium-node')
    .description("the hospital's node of a Consilium: trains on local volumes and shares only weights and prototypes")
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(add --help for the options)')
    .addHelpText(
      'afterAll',
      `\nExit codes: ${exitCodeText()}\nEvery setting is also an environment variable, --threads as CONSILIUM_NODE_THREADS, and a line of node.json in the home.`,
    );
  addEnrolCommand(program, session);
  addRunCommand(program, session);
  addDataCommand(program);
  addLogCommands(program);
  addKeyCommands(program);
  addStudiesCommands(program);
  addEgressCommands(program);
  addPredictCommand(program, session);
  addEvaluateCommand(program, session);
  addExportCommand(program);
  addRiskCommand(program, session);
  addPageCommand(program, session);
  addDoctorCommand(program);
  addEngineCommands(program, session);
  addPhantomsCommand(program);
  addServiceCommands(program);
  program.addCommand(completionCommand(program));
  return program;
}

function exitCodeText(): string {
  return Object.entries(EXIT_CODES)
    .map(([kind, code]) => `${code} ${kind}`)
    .join(', ');
}

async function main(): Promise<number> {
  const session = new Session();
  session.listen();
  try {
    await createProgram(session).parseAsync();
    return EXIT_CODES.ok;
  } catch (error) {
    await session.close();
    // Commander has said what it wants to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    // After an interruption every other error is its consequence.
    const { code, sentence } = verdict(session.signal.aborted ? session.signal.reason : error);
    process.stderr.write(`consilium-node: ${sentence}\n`);
    return session.wasStopped ? EXIT_CODES.ok : code;
  } finally {
    await session.close();
  }
}

process.exitCode = await main();
// An IPC channel to a parent, or a library's idle socket, would keep the process alive.
process.exit();
