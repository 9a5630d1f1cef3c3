import { DrawnPassword, OperatorRole, OperatorView, type OperatorClient } from '@consilium/shared';
import { renderTable } from '@consilium/shared/terminal';
import { Argument, Option, type Command } from 'commander';
import { z } from 'zod';
import type { Surroundings } from './commands.js';
import { CommandFailure } from './exit-codes.js';
import { only } from './find.js';

export function addOperatorsCommands(program: Command, { client, console }: Surroundings): void {
  const operators = program.command('operators').description('people who may log in, and what they may do');
  const roles = new Argument('<role>', 'what they may do').choices(OperatorRole.options);
  operators
    .command('list')
    .description('all of them')
    .option('--json', 'print the answer as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const all = await everybody(await client());
      const rows = all.map(({ name, role, secondFactor }) => [name, role, secondFactor ? 'yes' : 'no']);
      console.answer(json, all, renderTable(['operator', 'role', 'second factor'], rows));
    });
  operators
    .command('add')
    .description('make an account; its password is drawn and shown once')
    .argument('<name>', 'by which they log in')
    .addOption(new Option('--role <role>', 'what they may do').choices(OperatorRole.options).default('viewer'))
    .option('--provider', "they log in at the house's identity provider, which calls them by this name")
    .option('--json', 'print the answer as JSON')
    .action(async (name: string, { role, provider, json }: { role: OperatorRole; provider?: true; json?: boolean }) => {
      const logsInBy = provider === true ? 'provider' : 'password';
      const made = await (await client()).post('/operators', DrawnPassword, { name, role, logsInBy });
      console.answer(json, made, `${made.name} (${role}) ${waysIn(made)}`);
    });
  operators
    .command('role')
    .description('let somebody do more or less, from their next request on')
    .argument('<name>', 'of the operator')
    .addArgument(roles)
    .option('--json', 'print the answer as JSON')
    .action(async (text: string, role: OperatorRole, { json }: { json?: boolean }) => {
      const operator = await client();
      const { id, name } = await findOperator(operator, text);
      const changed = await operator.post(`/operators/${id}/role`, OperatorView, { role });
      console.answer(json, changed, `${name} is ${role} from now on`);
    });
  operators
    .command('reset')
    .description('a new password and no second factor, for whoever has lost one of them')
    .argument('<name>', 'of the operator')
    .option('--json', 'print the answer as JSON')
    .action(async (text: string, { json }: { json?: boolean }) => {
      const operator = await client();
      const { id, name } = await findOperator(operator, text);
      const drawn = await operator.post(`/operators/${id}/reset`, DrawnPassword, {});
      console.answer(json, drawn, `${name} ${waysIn(drawn)}`);
    });
  operators
    .command('remove')
    .description('let somebody in no more; what they did stays in the log')
    .argument('<name>', 'of the operator')
    .requiredOption('--confirm <name>', "the operator's name once more")
    .option('--json', 'print the answer as JSON')
    .action(async (text: string, { confirm, json }: { confirm: string; json?: boolean }) => {
      const operator = await client();
      const removed = await findOperator(operator, text);
      if (confirm !== removed.name)
        throw new CommandFailure('usage', `--confirm: expected ${removed.name}, got ${confirm}`);
      await operator.post(`/operators/${removed.id}/remove`, z.unknown(), {});
      console.answer(json, removed, `${removed.name} is removed`);
    });
}

function waysIn({ password }: DrawnPassword): string {
  return password === null
    ? 'logs in at the identity provider, which shows who that is the next time'
    : `has the password ${password} and no second factor`;
}

function everybody(client: OperatorClient): Promise<OperatorView[]> {
  return client.get('/operators', OperatorView.array());
}

async function findOperator(client: OperatorClient, text: string): Promise<OperatorView> {
  return only('operator', text, await everybody(client), ({ id, name }) => [id, name]);
}
