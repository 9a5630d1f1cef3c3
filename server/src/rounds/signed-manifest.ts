import { UpdateManifest, PROTOCOL_VERSION, type PublicKey, type Refusal } from '@consilium/shared';
import { compactVerify, decodeProtectedHeader, errors, importJWK } from 'jose';
import { sentenceOfIssues } from '../http/schema.pipe.js';
import type { SiteCaller } from '../identity/caller.js';

/** What a site signed, if it signed it with its own key and speaks of itself. */
export async function readSignedManifest(
  jws: string,
  site: SiteCaller,
  publicKey: PublicKey,
): Promise<UpdateManifest | Refusal> {
  const payload = await verify(jws, site, publicKey);
  if (payload === null) {
    return {
      reason: 'bad-signature',
      sentence: `Update of ${site.name}: expected a signature by the site's enrolled key, got another.`,
    };
  }
  const parsed = UpdateManifest.safeParse(parseJson(payload));
  if (!parsed.success) return malformed(site, parsed.error.issues);
  if (parsed.data.siteId !== site.id) {
    return {
      reason: 'bad-signature',
      sentence: `Update of ${site.name}: expected its own id ${site.id} as the signer's, got ${parsed.data.siteId}.`,
    };
  }
  return parsed.data;
}

async function verify(jws: string, site: SiteCaller, publicKey: PublicKey): Promise<Uint8Array | null> {
  try {
    const { kid } = decodeProtectedHeader(jws);
    if (kid !== undefined && kid !== site.id) return null;
    const key = await importJWK(publicKey, 'EdDSA');
    return (await compactVerify(jws, key, { algorithms: ['EdDSA'] })).payload;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return null;
    throw error;
  }
}

type Issues = Parameters<typeof sentenceOfIssues>[1];

/** An absurd count is a count beyond what was enrolled; any other deviation means that the two speak different protocols. */
function malformed(site: SiteCaller, issues: Issues): Refusal {
  const counts = issues.some((issue) => issue.path?.[0] === 'labelled' || issue.path?.[0] === 'unlabelled');
  const what = counts
    ? `The manifest of ${site.name}`
    : `The manifest of ${site.name} (protocol version ${PROTOCOL_VERSION})`;
  return { reason: counts ? 'counts-beyond-enrolled' : 'protocol-version', sentence: sentenceOfIssues(what, issues) };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
