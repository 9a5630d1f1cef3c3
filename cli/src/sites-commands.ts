import { spokenFingerprint, type SiteView } from '@consilium/shared';
import { renderTable } from '@consilium/shared/terminal';
import { Option, type Command } from 'commander';
import type { Surroundings } from './commands.js';
import { CommandFailure } from './exit-codes.js';
import { findSite } from './find.js';

export function addSitesCommands(program: Command, { client, console }: Surroundings): void {
  const sites = program.command('sites').description('hospitals that take part');
  sites
    .command('list')
    .description('all sites')
    .option('--json', 'print the answer as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const all = await (await client()).sites();
      console.answer(json, all, sitesTable(all));
    });
  sites
    .command('invite')
    .description('make a code with which a hospital enrols its node, once')
    .argument('<name>', 'what the site is called from then on')
    .addOption(
      new Option('--role <role>', 'an observer measures and never trains')
        .choices(['trainer', 'observer'])
        .default('trainer'),
    )
    .option('--json', 'print the answer as JSON')
    .action(async (name: string, { role, json }: { role: 'trainer' | 'observer'; json?: boolean }) => {
      const operator = await client();
      const made = await operator.enrolmentCode(name, role);
      const command = `consilium-node enrol ${operator.url} ${made.code}`;
      console.answer(json, { ...made, command }, `Until ${made.expiresAt}, on ${name}'s machine:\n${command}`);
    });
  sites
    .command('approve')
    .description('let a site take part whose key has this fingerprint, as its people read it to you')
    .argument('<site>', 'name or id')
    .argument('<fingerprint>', 'in any case and grouping')
    .option('--json', 'print the answer as JSON')
    .action(async (text: string, fingerprint: string, { json }: { json?: boolean }) => {
      const operator = await client();
      const site = await findSite(operator, text);
      const approved = await operator.approve(site.id, fingerprint);
      console.answer(json, approved, `${site.name} takes part from now on`);
    });
  sites
    .command('revoke')
    .description("refuse a site's key from now on; what it contributed stays in the models")
    .argument('<site>', 'name or id')
    .requiredOption('--confirm <name>', "the site's name once more: this cannot be undone")
    .option('--json', 'print the answer as JSON')
    .action(async (text: string, { confirm, json }: { confirm: string; json?: boolean }) => {
      const operator = await client();
      const site = await findSite(operator, text);
      if (confirm !== site.name) throw new CommandFailure('usage', `--confirm: expected ${site.name}, got ${confirm}`);
      console.answer(json, await operator.revoke(site.id), `${site.name} is revoked`);
    });
}

function sitesTable(sites: readonly SiteView[]): string {
  const rows = sites.map(({ name, role, state, connected, lastSeen, data, keyFingerprint, exclusion }) => [
    name,
    role,
    exclusion === null ? state : `${state}, excluded`,
    connected ? 'now' : (lastSeen ?? 'never'),
    data === null ? '' : `${data.labelled} + ${data.unlabelled}`,
    spokenFingerprint(keyFingerprint),
  ]);
  return renderTable(['site', 'role', 'state', 'seen', 'volumes', "key's fingerprint"], rows);
}
