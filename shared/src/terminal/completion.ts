import { Argument, Command } from 'commander';

/** The command `completion`, for a program that has all its other commands. */
export function completionCommand(program: Command): Command {
  return new Command('completion')
    .description(`a script that completes these commands: source <(${program.name()} completion bash)`)
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .action((shell: 'bash' | 'zsh') => void process.stdout.write(completionScript(program, shell)));
}

/** A command with its options and subcommands, as commander describes it. */
export interface CommandShape {
  name(): string;
  readonly commands: readonly CommandShape[];
  readonly options: readonly { readonly long?: string | undefined; readonly hidden?: boolean }[];
}

/**
 * A script that completes commands and options by Tab; elsewhere file names. For bash; zsh runs it by its own bashcompinit.
 * It asks no program: pressing Tab is as fast as the shell.
 */
export function completionScript(program: CommandShape, shell: 'bash' | 'zsh'): string {
  const name = program.name();
  const handler = `_${name.replaceAll('-', '_')}`;
  const cases = pathsOf(program, []).map(({ path, words }) => `    '${path}') words='${words.join(' ')}' ;;`);
  return [
    ...(shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    `${handler}() {`,
    '  local place="" word words candidate',
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    `    candidate="\${place:+$place }$word"`,
    `    case "$candidate" in`,
    `      ${commandPaths(program).join('|')}) place="$candidate" ;;`,
    '    esac',
    '  done',
    '  case "$place" in',
    ...cases,
    '  esac',
    `  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))`,
    '}',
    `complete -o default -F ${handler} ${name}`,
    '',
  ].join('\n');
}

function commandPaths(program: CommandShape): string[] {
  return pathsOf(program, [])
    .filter(({ path }) => path !== '')
    .map(({ path }) => `'${path}'`);
}

function pathsOf(command: CommandShape, path: readonly string[]): { path: string; words: string[] }[] {
  const options = command.options.flatMap(({ long, hidden }) => (long === undefined || hidden === true ? [] : [long]));
  const words = [...command.commands.map((child) => child.name()), ...options, '--help'];
  return [
    { path: path.join(' '), words },
    ...command.commands.flatMap((child) => pathsOf(child, [...path, child.name()])),
  ];
}
