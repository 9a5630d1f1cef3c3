import { readFile } from 'node:fs/promises';
import { SiteKey } from '../agent/identity.js';
import { NodeFailure } from '../settings/failure.js';
import type { NodeHome } from '../settings/node-settings.js';
import type { Consents } from './consents.js';
import { EgressLog } from './egress-log.js';
import { readPolicy, type EgressPolicy, type PolicyInForce } from './egress-policy.js';
import { Gate, type Judge } from './gate.js';
import { consentObjection, judgeMessage } from './judge-message.js';
import { judgeUpdate } from './judge-update.js';

/** The gate of a node's home, with the site's policy. Throws NodeFailure where the policy is not the one that the site has set. */
export async function openGate(
  home: NodeHome,
  consents: Pick<Consents, 'of'>,
  now: () => number,
): Promise<{ gate: Gate; policy: EgressPolicy }> {
  const log = new EgressLog(home.egressLog, now);
  const inForce = await readPolicy(home, (await SiteKey.load(home.key))?.publicKey);
  await requireKeptPolicy(home, inForce, log);
  return { gate: new Gate(siteJudge(home, inForce, consents), log), policy: inForce.policy };
}

/** Without its file a site's policy would give way to the defaults, and nobody would know. */
async function requireKeptPolicy(home: NodeHome, { isOwn }: PolicyInForce, log: EgressLog): Promise<void> {
  const last = await log.lastPolicy();
  if (isOwn || last?.isOwn !== true) return;
  throw new NodeFailure(
    'usage',
    `${home.egressPolicy}: expected this site's egress policy ${last.digest.slice(0, 12)}, found none; restore it, or set one with "consilium-node egress policy --set FILE"`,
  );
}

function siteJudge(home: NodeHome, { policy, digest, isOwn }: PolicyInForce, consents: Pick<Consents, 'of'>): Judge {
  const passed = new Set<string>();
  const ownKey = async () => (await SiteKey.load(home.key))?.publicKey;
  const accepts = async (study: string) => (await consents.of(study)) === 'accepted';
  return {
    policy: { digest, isOwn },
    message: (way, text) => judgeMessage(way, text, { policy, passed, ownKey, accepts }),
    update: async (wire, { upload: { encoding, blob }, study, trained, model, base }) => {
      if (!(await accepts(study))) return { objection: consentObjection(study), facts: { study } };
      const bytes = await readFile(base.file);
      const judged = await judgeUpdate(
        { wire, encoding, blob, model, base: { digest: base.digest, bytes } },
        trained,
        policy.update,
      );
      if (judged.objection === null) passed.add(blob.digest);
      return judged;
    },
  };
}
