import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signerOf } from '../signing/ed25519.js';
import {
  cosign,
  cosignedAt,
  isCheckpointSignedBy,
  parseCheckpoint,
  signCheckpoint,
  withSignature,
  witnessName,
} from './checkpoint.js';
import { leafHash } from './merkle-hash.js';
import { formatNote, formatVerifierKey, isNoteSignedBy, parseNote, parseVerifierKey, signNote } from './signed-note.js';

const origin = 'consilium.example/log';
const server = signerOf(new Uint8Array(32).fill(1));
const site = signerOf(new Uint8Array(32).fill(2));
const root = leafHash(new Uint8Array());
const note = signCheckpoint({ origin, size: 7, root }, server);
const parsed = parseCheckpoint(note)!;

/** As published with Go's golang.org/x/mod/sumdb/note. */
const PUBLISHED_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const PUBLISHED_NOTE =
  'If you think cryptography is the answer to your problem,\n' +
  "then you don't know what your problem is.\n\n" +
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';

describe('a signed note', () => {
  it('is the published one', () => {
    const { name, publicKey } = parseVerifierKey(PUBLISHED_KEY)!;
    const published = parseNote(PUBLISHED_NOTE)!;
    expect(formatVerifierKey(name, publicKey)).toBe(PUBLISHED_KEY);
    expect(isNoteSignedBy(published, name, publicKey)).toBe(true);
    expect(formatNote(published)).toBe(PUBLISHED_NOTE);
    expect(isNoteSignedBy(parseNote(PUBLISHED_NOTE.replace('cryptography', 'geometry'))!, name, publicKey)).toBe(false);
    expect(isNoteSignedBy(published, 'SomebodyElse', publicKey)).toBe(false);
  });

  it('comes back as it was written, with each of its signatures', () => {
    const line = fc.string({ minLength: 1, unit: 'grapheme', maxLength: 40 }).filter((text) => !/\p{Cc}/u.test(text));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 5 }), (lines) => {
        const text = lines.map((each) => `${each}\n`).join('');
        const signatures = [signNote(text, 'one', server), signNote(text, 'two', site)];
        const again = parseNote(formatNote({ text, signatures }))!;
        expect(again.text).toBe(text);
        expect(isNoteSignedBy(again, 'two', site.publicKey)).toBe(true);
        expect(isNoteSignedBy(again, 'two', server.publicKey)).toBe(false);
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    '',
    '\n',
    'text\n',
    'text\n\n',
    'text\n\nline\n',
    'te\txt\n\n— a AAAAAAA=\n',
    'text\n\n— a AAAA\n',
    'text\n\n— a+b AAAAAAA=\n',
  ])('is not %j', (text) => expect(parseNote(text)).toBeNull());

  it('has keys that are refused where a character is another', () => {
    for (const other of [
      PUBLISHED_KEY.replace('Peter', 'Piter'),
      PUBLISHED_KEY.replace('c74f', 'c74e'),
      PUBLISHED_KEY.slice(0, -4),
      '',
    ]) {
      expect(parseVerifierKey(other)).toBeNull();
    }
  });
});

describe('a checkpoint', () => {
  it('says origin, size and root, and who signed it', () => {
    expect(note.startsWith(`${origin}\n7\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n\n— ${origin} `)).toBe(true);
    expect(parsed).toMatchObject({ origin, size: 7, root });
    expect(isCheckpointSignedBy(parsed, server.publicKey)).toBe(true);
    expect(isCheckpointSignedBy(parsed, site.publicKey)).toBe(false);
    expect(isCheckpointSignedBy(parseCheckpoint(note.replace('\n7\n', '\n8\n'))!, server.publicKey)).toBe(false);
  });

  it.each([
    ['a size that is none', note.replace('\n7\n', '\n07\n')],
    ['a root that is too short', note.replace(/\n[^\n]+=\n\n/, '\nAAAA\n\n')],
    ['a line that nobody can check', note.replace('=\n\n', '=\nextension\n\n')],
    ['no root', note.replace(/\n[^\n]+=\n\n/, '\n\n')],
  ])('is not one with %s', (_, text) => expect(parseCheckpoint(text)).toBeNull());

  it('carries the signatures of witnesses, each with its time', () => {
    const name = witnessName(origin, 'north');
    const line = cosign(parsed, { name, signer: site, time: 1_679_315_147 });
    const cosigned = withSignature(note, line)!;
    expect(cosigned).toBe(`${note}${line}\n`);
    const both = parseCheckpoint(cosigned)!;
    expect(isCheckpointSignedBy(both, server.publicKey)).toBe(true);
    expect(cosignedAt(both, name, site.publicKey)).toBe(1_679_315_147);
    expect(cosignedAt(both, name, server.publicKey)).toBeNull();
    expect(cosignedAt(both, witnessName(origin, 'south'), site.publicKey)).toBeNull();
    expect(cosignedAt(parsed, name, site.publicKey)).toBeNull();
    expect(withSignature(note, 'no line')).toBeNull();
    const larger = signCheckpoint({ origin, size: 8, root }, server);
    expect(cosignedAt(parseCheckpoint(withSignature(larger, line)!)!, name, site.publicKey)).toBeNull();
  });
});
