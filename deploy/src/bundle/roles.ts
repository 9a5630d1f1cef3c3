/** What each kind of machine in a consortium needs. */
export interface Role {
  readonly name: 'server' | 'node' | 'auditor';
  /** Workspaces whose programs are in it; what they depend on comes with them. */
  readonly workspaces: readonly string[];
  /** Workspaces that are read as files and depend on nothing. */
  readonly files: readonly string[];
  /** Command to the program behind it, as `workspace/path`. */
  readonly commands: Readonly<Record<string, string>>;
  /** Of the repository, put beside the programs. */
  readonly extras: readonly string[];
  /** TensorFlow and its addon, as `npm start` has set them up here. */
  readonly engine: boolean;
}

const OPERATOR = { consilium: 'cli/dist/main.js' };
const VERIFIER = { 'consilium-verify': 'verify/dist/cli/main.js' };

export const ROLES: readonly Role[] = [
  {
    name: 'server',
    workspaces: ['server', 'cli', 'verify'],
    files: ['dashboard'],
    commands: { 'consilium-server': 'server/dist/main.js', ...OPERATOR, ...VERIFIER },
    extras: ['deploy/systemd/consilium-server.service', 'deploy/grafana', 'deploy/prometheus'],
    engine: false,
  },
  {
    name: 'node',
    workspaces: ['client-node', 'verify'],
    files: ['dashboard'],
    commands: { 'consilium-node': 'client-node/dist/cli/main.js', ...VERIFIER },
    extras: ['deploy/systemd/consilium-node.service'],
    engine: true,
  },
  {
    name: 'auditor',
    workspaces: ['verify', 'cli'],
    files: [],
    commands: { ...VERIFIER, ...OPERATOR },
    extras: [],
    engine: false,
  },
];
