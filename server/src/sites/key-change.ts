import { canonicalJson, KeyChange, openJws, parseJson, type PublicKey, type SubmitKeyChange } from '@consilium/shared';
import { ApiError } from '../http/api-error.js';
import { sentenceOfIssues } from '../http/schema.pipe.js';
import type { SiteEntity } from './site.entity.js';

/** What a site says of its keys, if both keys say the same and it is about the one in force. Throws ApiError with a sentence. */
export function readKeyChange(site: SiteEntity, { endorsement, possession }: SubmitKeyChange): KeyChange {
  const change = signedBy(site, site.publicKey, endorsement, 'the key in force');
  if (change.siteId !== site.id) throw refusal(site, `expected its own id ${site.id}, got ${change.siteId}`);
  if (change.former !== site.keyFingerprint)
    throw refusal(site, `expected the key ${site.keyFingerprint} as the former one, got ${change.former}`);
  const held = signedBy(site, change.publicKey, possession, 'the new key');
  if (canonicalJson(held) !== canonicalJson(change)) throw refusal(site, 'expected both keys to say the same');
  return change;
}

function signedBy(site: SiteEntity, key: PublicKey, jws: string, whose: string): KeyChange {
  const opened = openJws(jws, key);
  if (opened === null || (opened.kid ?? site.id) !== site.id)
    throw refusal(site, `expected a signature by ${whose}, got another`);
  const parsed = KeyChange.safeParse(parseJson(opened.payload));
  if (parsed.success) return parsed.data;
  throw new ApiError('invalid-request', sentenceOfIssues(`The change of key of ${site.name}`, parsed.error.issues));
}

function refusal(site: SiteEntity, reason: string): ApiError {
  return new ApiError('invalid-request', `The key of ${site.name} was not changed: ${reason}.`);
}
