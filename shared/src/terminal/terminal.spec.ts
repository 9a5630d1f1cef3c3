import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { completionScript, renderTable, StatusLine, type CommandShape } from './index.js';

test('a table lines its numbers up', () => {
  const rows = [
    ['a', '0.9'],
    ['bcd', '0.8712'],
  ];
  expect(renderTable(['volume', 'Dice'], rows)).toBe(
    ['volume    Dice', '------  ------', 'a          0.9', 'bcd     0.8712'].join('\n'),
  );
});

test('status lines overwrite themselves on a terminal only', () => {
  const written: string[] = [];
  const write = (text: string): void => void written.push(text);
  const status = new StatusLine({ isTTY: true, columns: 6, write });
  status.show('one\ntwo and more');
  status.show('one\ntwo and more');
  status.clear();
  expect(written).toEqual(['\r\u001b[2Kone\ntwo a', '\r\u001b[2K\u001b[1A\r\u001b[2K']);
  new StatusLine({ write: () => expect.unreachable() }).show('nobody looks');
});

test('bash completes commands, subcommands and options', () => {
  const command = (name: string, commands: CommandShape[], ...long: string[]): CommandShape => ({
    name: () => name,
    commands,
    options: long.map((option) => ({ long: option })),
  });
  const program = command('consilium-test', [
    command('study', [command('create', [], '--dry-run', '--json'), command('start', [])]),
    command('sites', []),
  ]);
  const complete = (...words: string[]): string[] => {
    const line = words.map((word) => `'${word}'`).join(' ');
    const script = `${completionScript(program, 'bash')}
COMP_WORDS=(consilium-test ${line}); COMP_CWORD=${words.length}; _consilium_test; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
  };
  expect(complete('s')).toEqual(['study', 'sites']);
  expect(complete('study', '')).toEqual(['create', 'start', '--help']);
  expect(complete('study', 'create', 'FILE', '--')).toEqual(['--dry-run', '--json', '--help']);
  expect(complete('study', 'start', 'x')).toEqual(['']);
});
