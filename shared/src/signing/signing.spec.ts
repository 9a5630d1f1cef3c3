import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOfBytes } from '../canonical/canonical.js';
import type { PublicKey } from '../protocol/site.js';
import { fromBase64, fromBase64url, toBase64, toBase64url } from './base64.js';
import { openJws } from './compact-jws.js';
import { DsseEnvelope, openEnvelope, preAuthentication, signEnvelope } from './dsse.js';
import { keyThumbprint, signerOf, verifySignature } from './ed25519.js';
import { modelStatement, openModelSignature, signModel } from './model-statement.js';
import { openReceipt, signReceipt, type Receipt } from './receipt.js';

/** RFC 8037, appendix A. */
const rfc8037 = {
  secret: fromBase64url('nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A')!,
  publicKey: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' } as PublicKey,
  thumbprint: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  jws: 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
};
const signer = signerOf(rfc8037.secret);
const other = signerOf(new Uint8Array(32).fill(7));

describe('base64', () => {
  it('is what Node makes of the same bytes, and comes back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(toBase64url(bytes)).toBe(Buffer.from(bytes).toString('base64url'));
        expect(fromBase64(toBase64(bytes))).toEqual(bytes);
        expect(fromBase64url(toBase64url(bytes))).toEqual(bytes);
      }),
    );
    const long = new Uint8Array(100_000).fill(201);
    expect(toBase64(long)).toBe(Buffer.from(long).toString('base64'));
  });

  it.each(['YQ', 'YQ=', 'YR==', 'Y Q=', 'YQ==\n', '=', 'YQ-_', 'ÿÿÿÿ'])('takes one text only: %j', (text) => {
    expect(fromBase64(text)).toBeNull();
  });
});

describe('Ed25519', () => {
  it('is that of RFC 8037, key, thumbprint and JWS', () => {
    expect(signer.publicKey).toEqual(rfc8037.publicKey);
    expect(keyThumbprint(signer.publicKey)).toBe(rfc8037.thumbprint);
    const opened = openJws(rfc8037.jws, rfc8037.publicKey)!;
    expect(new TextDecoder().decode(opened.payload)).toBe('Example of Ed25519 signing');
    expect(opened.kid).toBeUndefined();
  });

  it('is understood by node:crypto, and understands it', () => {
    const pair = generateKeyPairSync('ed25519');
    const { x } = pair.publicKey.export({ format: 'jwk' });
    const nodes: PublicKey = { kty: 'OKP', crv: 'Ed25519', x: x! };
    const ours = createPublicKey({ key: signer.publicKey, format: 'jwk' });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), (bytes, at) => {
        const [mine, theirs] = [signer.sign(bytes), sign(null, bytes, pair.privateKey)];
        expect(verify(null, bytes, ours, mine)).toBe(true);
        expect(verifySignature(theirs, bytes, nodes)).toBe(true);
        theirs[at % 64] ^= 1;
        expect(verifySignature(theirs, bytes, nodes)).toBe(false);
      }),
      { numRuns: 20 },
    );
  });

  it('does not throw at what is no signature and no key', () => {
    const bytes = utf8ToBytes('text');
    expect(verifySignature(new Uint8Array(63), bytes, signer.publicKey)).toBe(false);
    expect(verifySignature(new Uint8Array(64).fill(255), bytes, signer.publicKey)).toBe(false);
    expect(
      verifySignature(signer.sign(bytes), bytes, { ...signer.publicKey, x: toBase64url(new Uint8Array(32).fill(255)) }),
    ).toBe(false);
    expect(verifySignature(signer.sign(bytes), bytes, { ...signer.publicKey, x: 'AAAA' })).toBe(false);
  });
});

function jws(header: object, payload = '{}'): string {
  const signed = `${toBase64url(utf8ToBytes(JSON.stringify(header)))}.${toBase64url(utf8ToBytes(payload))}`;
  return `${signed}.${toBase64url(signer.sign(utf8ToBytes(signed)))}`;
}

describe('a compact JWS', () => {
  it('is taken from its signer only', () => {
    expect(openJws(jws({ alg: 'EdDSA', kid: 'one' }), signer.publicKey)?.kid).toBe('one');
    expect(openJws(jws({ alg: 'EdDSA' }), other.publicKey)).toBeNull();
  });

  it.each([
    ['no signature', jws({ alg: 'none' })],
    ['another algorithm', jws({ alg: 'HS256' })],
    ['a header that must be understood', jws({ alg: 'EdDSA', crit: ['b64'], b64: false })],
    ['a fourth part', `${jws({ alg: 'EdDSA' })}.`],
    ['another payload', jws({ alg: 'EdDSA' }).replace('.e30.', '.e31.')],
    ['nothing', ''],
  ])('is refused with %s', (_, text) => {
    expect(openJws(text, signer.publicKey)).toBeNull();
  });
});

describe('an envelope', () => {
  const payload = utf8ToBytes('hello world');

  it('signs what the DSSE protocol says', () => {
    const signed = new TextDecoder().decode(preAuthentication('http://example.com/HelloWorld', payload));
    expect(signed).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  it('opens for its signer and its type only', () => {
    const envelope = DsseEnvelope.parse(signEnvelope('text/plain', payload, signer));
    expect(openEnvelope(envelope, 'text/plain', signer.publicKey)).toEqual(payload);
    expect(openEnvelope(envelope, 'text/html', signer.publicKey)).toBeNull();
    expect(openEnvelope({ ...envelope, payloadType: 'text/html' }, 'text/html', signer.publicKey)).toBeNull();
    expect(
      openEnvelope({ ...envelope, payload: toBase64(utf8ToBytes('hello')) }, 'text/plain', signer.publicKey),
    ).toBeNull();
    expect(openEnvelope(envelope, 'text/plain', other.publicKey)).toBeNull();
    const two = {
      ...envelope,
      signatures: [...signEnvelope('text/plain', payload, other).signatures, ...envelope.signatures],
    };
    expect(openEnvelope(two, 'text/plain', signer.publicKey)).toEqual(payload);
  });
});

describe('what the server signs', () => {
  it('is a model by its files, whatever their order', () => {
    const files = ['model.safetensors', 'README.md'].map((name) => ({
      name,
      digest: digestOfBytes(utf8ToBytes(name)),
    }));
    const statement = modelStatement('left atrium, version 3', files);
    expect(statement).toEqual(modelStatement('left atrium, version 3', files.toReversed()));
    const digests = statement.predicate.resources.map(({ digest }) => Buffer.from(digest, 'hex'));
    expect(statement.subject[0].digest.sha256).toBe(digestOfBytes(Buffer.concat(digests)));
    expect(openModelSignature(signModel(statement, signer), signer.publicKey)).toEqual(statement);
    expect(openModelSignature(signModel(statement, signer), other.publicKey)).toBeNull();
    const torn = { ...statement, subject: [{ name: 'x', digest: { sha256: files[0].digest } }] } as typeof statement;
    expect(openModelSignature(signModel(torn, signer), signer.publicKey)).toBeNull();
  });

  it('is a receipt, and nothing else is taken for one', () => {
    const digest = digestOfBytes(new Uint8Array());
    const at = '2026-01-31T09:30:00.000Z';
    const receipt: Receipt = {
      origin: 'log.example',
      index: 3,
      leaf: digest,
      submission: digest,
      verdict: 'accepted',
      at,
    };
    expect(openReceipt(signReceipt(receipt, signer), signer.publicKey)).toEqual(receipt);
    expect(openReceipt(signReceipt(receipt, signer), other.publicKey)).toBeNull();
    expect(openReceipt(signReceipt({ ...receipt, index: -1 }, signer), signer.publicKey)).toBeNull();
    expect(openReceipt(signModel(modelStatement('m', [{ name: 'm', digest }]), signer), signer.publicKey)).toBeNull();
  });
});
