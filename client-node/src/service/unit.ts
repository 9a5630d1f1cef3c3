export interface Service {
  /** Of this machine, with a user of its own; or of the user who installs it. */
  scope: 'system' | 'user';
  /** Program and arguments. */
  command: readonly string[];
  home: string;
  /** Other folders that the node writes to. */
  writes: readonly string[];
  /** Who it runs as; of a system's service only. */
  user: string;
  group: string;
}

/** Where the home lies whose folder systemd makes itself, for a user of its own. */
export const STATE_HOME = '/var/lib/consilium-node';

/** The text of a systemd unit that keeps the node running. */
export function unitText(service: Service): string {
  const { scope, command, home, user, group } = service;
  const isSystem = scope === 'system';
  const identity = isSystem ? `User=${user}\nGroup=${group}\n` : '';
  const state = home === STATE_HOME ? 'StateDirectory=consilium-node\nStateDirectoryMode=0700\n' : '';
  return `[Unit]
Description=Consilium node of this hospital
Wants=network-online.target
After=network-online.target

[Service]
${identity}${state}EnvironmentFile=-${isSystem ? '/etc/consilium/node.env' : '%E/consilium/node.env'}
ExecStart=${command.map(quoted).join(' ')}
Restart=on-failure
RestartSec=10
# Wrong settings do not become right by themselves.
RestartPreventExitStatus=2
TimeoutStopSec=60
# Training gives way to whatever else this machine does.
Nice=10
NoNewPrivileges=yes
LockPersonality=yes
UMask=0077
${isSystem ? confinement(service) : ''}
[Install]
WantedBy=${isSystem ? 'multi-user' : 'default'}.target
`;
}

/** What only the system's own systemd may set. */
function confinement({ home, writes }: Service): string {
  const writable = [...(home === STATE_HOME ? [] : [home]), ...writes];
  return `ProtectSystem=strict
ProtectHome=read-only
${writable.length === 0 ? '' : `ReadWritePaths=${writable.map(quoted).join(' ')}\n`}PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
`;
}

/** A word as systemd reads it back: what it would expand is doubled. */
function quoted(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
