import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSealer } from '../../../src/sealing/aes-gcm-sealer.ts';
import { createSealingJwk, importSealingKey, type SealingKey } from '../../../src/sealing/key-files.ts';
import { SEALED_MARK, unsealedText, type Sealer } from '../../../src/sealing/sealer.ts';
import { createSealingRing } from '../../../src/sealing/sealing-keys.ts';

const NOW_MS = 1_900_000_000_000;
const now = () => NOW_MS;

const keyFrom = (activeFromMs: number) => importSealingKey(createSealingJwk(activeFromMs));
const sealerOf = (...keys: readonly SealingKey[]) => createSealer(createSealingRing(keys), now);

const KEY = keyFrom(0);
const SEALER = sealerOf(KEY);
const TEXT = '{"schema":2,"identity":{"subject":"alice"}}';
const CONTEXT = 'document 3a.phgjhy3nB1hVeyzJnlVf_Q 7';

/** Unseals, and fails where that gives any text. */
function problemOf(sealer: Sealer, sealed: string, context = CONTEXT) {
  const unsealed = sealer.unseal(sealed, context);
  if (unsealed.ok) throw new Error('it unsealed');
  return unsealed;
}

/** `sealed.1.KID.PAYLOAD`, in its parts. */
function partsOf(sealed: string) {
  const [mark = '', version = '', kid = '', encoded = ''] = sealed.split('.');
  return { mark, version, kid, payload: Buffer.from(encoded, 'base64url') };
}

/** An envelope as `partsOf` takes it apart, with some parts changed. */
function rebuilt(sealed: string, change: Partial<ReturnType<typeof partsOf>>): string {
  const { mark, version, kid, payload } = { ...partsOf(sealed), ...change };
  return `${mark}.${version}.${kid}.${payload.toString('base64url')}`;
}

const anyText = fc.string({ unit: 'grapheme', maxLength: 200 });

describe('E5 sealed text', () => {
  it('is one line of printable ASCII that names its key and shows nothing of the text', () => {
    const sealed = SEALER.seal(TEXT, CONTEXT);
    expect(sealed).toMatch(/^sealed\.1\.[A-Za-z0-9_-]{12}\.[A-Za-z0-9_-]+$/);
    expect(sealed.startsWith(SEALED_MARK)).toBe(true);
    expect(partsOf(sealed).kid).toBe(KEY.kid);
    expect(partsOf(sealed).payload).toHaveLength(12 + TEXT.length + 16);
    expect(partsOf(sealed).payload.toString('latin1')).not.toMatch(/alice|schema|3a\.phg/);
  });

  it('unseals to the text that was sealed, for its context', () => {
    fc.assert(
      fc.property(anyText, anyText, (text, context) => {
        expect(SEALER.unseal(SEALER.seal(text, context), context)).toEqual({ ok: true, text });
      }),
    );
  });

  it('is different each time, nonce and all', () => {
    const sealed = Array.from({ length: 1000 }, () => SEALER.seal(TEXT, CONTEXT));
    expect(new Set(sealed).size).toBe(1000);
    const nonces = sealed.map((each) => partsOf(each).payload.subarray(0, 12).toString('hex'));
    expect(new Set(nonces).size).toBe(1000);
  });

  it('does not unseal for any other context', () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, (text, context, other) => {
        fc.pre(context !== other);
        expect(SEALER.unseal(SEALER.seal(text, context), other)).toMatchObject({
          ok: false,
          isDamaged: true,
        });
      }),
    );
  });

  it('does not unseal with any one character changed, wherever it is', () => {
    const sealed = SEALER.seal(TEXT, CONTEXT);
    const character = fc.oneof(
      fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1 }),
      fc.constantFrom('A', 'B', '-', '_', '=', '.', '\n', '\u{1F600}'),
    );
    for (let at = 0; at < sealed.length; at += 1) {
      fc.assert(
        fc.property(character, (other) => {
          fc.pre(other !== sealed[at]);
          problemOf(SEALER, sealed.slice(0, at) + other + sealed.slice(at + 1));
        }),
        { numRuns: 30 },
      );
    }
  });

  it('does not unseal with any part cut away, and with nothing put in', () => {
    const sealed = SEALER.seal(TEXT, CONTEXT);
    const place = fc.nat({ max: sealed.length });
    fc.assert(
      fc.property(place, place, fc.string(), (a, b, put) => {
        const changed = sealed.slice(0, Math.min(a, b)) + put + sealed.slice(Math.max(a, b));
        fc.pre(changed !== sealed);
        problemOf(SEALER, changed);
      }),
      { numRuns: 1000 },
    );
  });

  it('does not come from whatever else there is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `sealed.1.${KEY.kid}.${text}`),
        ),
        (text) => {
          problemOf(SEALER, text);
        },
      ),
    );
  });
});

describe('D4 E5 an attacker who can write to the store gets nothing accepted', () => {
  const sealed = SEALER.seal(TEXT, CONTEXT);
  const { payload, kid } = partsOf(sealed);
  const flipped = (at: number) => Buffer.from(payload.map((byte, index) => (index === at ? byte ^ 1 : byte)));

  it.each([
    ['swapped with the record of another session', sealed, 'document 3a.AAAAAAAAAAAAAAAAAAAAAA 7'],
    ['swapped with another field', sealed, 'subject 3a.phgjhy3nB1hVeyzJnlVf_Q 7'],
    ['replayed: of an earlier version', SEALER.seal(TEXT, CONTEXT.replace('7', '6')), CONTEXT],
    ['replayed: of a later version', SEALER.seal(TEXT, CONTEXT.replace('7', '70')), CONTEXT],
    ['with its context moved into its head', rebuilt(sealed, { kid: `${kid}.document` }), CONTEXT.slice(9)],
    ['truncated: without its tag', rebuilt(sealed, { payload: payload.subarray(0, -16) }), CONTEXT],
    ['truncated: with a short tag', rebuilt(sealed, { payload: payload.subarray(0, -12) }), CONTEXT],
    [
      'truncated: with a nonce and a tag alone',
      rebuilt(sealed, { payload: Buffer.concat([payload.subarray(0, 12), payload.subarray(-16)]) }),
      CONTEXT,
    ],
    ['truncated: shorter than any envelope', rebuilt(sealed, { payload: payload.subarray(0, 27) }), CONTEXT],
    ['truncated: without payload', `sealed.1.${kid}.`, CONTEXT],
    ['truncated: without the last dot', `sealed.1.${kid}`, CONTEXT],
    ['truncated: to the mark', 'sealed.', CONTEXT],
    ['truncated: to nothing', '', CONTEXT],
    ['changed: a bit of the nonce', rebuilt(sealed, { payload: flipped(0) }), CONTEXT],
    ['changed: a bit of the ciphertext', rebuilt(sealed, { payload: flipped(12) }), CONTEXT],
    ['changed: a bit of the tag', rebuilt(sealed, { payload: flipped(payload.length - 1) }), CONTEXT],
    ['changed: with more behind it', `${sealed}.x`, CONTEXT],
    ['changed: with a line break behind it', `${sealed}\n`, CONTEXT],
    ['changed: with padding', `${sealed}=`, CONTEXT],
    ['changed: in capitals', sealed.replace('sealed', 'SEALED'), CONTEXT],
    ['downgraded: to plain text', TEXT, CONTEXT],
    ['downgraded: to an older envelope', rebuilt(sealed, { version: '0' }), CONTEXT],
    ['of an envelope that is not known here', rebuilt(sealed, { version: '2' }), CONTEXT],
    ['downgraded: to an envelope without version', `sealed.${kid}.${payload.toString('base64url')}`, CONTEXT],
    ['with a kid that no key can have', rebuilt(sealed, { kid: 'a b' }), CONTEXT],
    ['without a kid', rebuilt(sealed, { kid: '' }), CONTEXT],
  ])('%s', (_attack, text, context) => {
    expect(problemOf(SEALER, text, context).isDamaged).toBe(true);
  });

  it('named by another key of ours, even if that were the same secret', () => {
    const jwk = createSealingJwk(0);
    const [first, second] = [importSealingKey(jwk), importSealingKey({ ...jwk, kid: 'second' })];
    const both = sealerOf(first, second);
    const byFirst = sealerOf(first).seal(TEXT, CONTEXT);
    expect(both.unseal(byFirst, CONTEXT)).toEqual({ ok: true, text: TEXT });
    expect(problemOf(both, rebuilt(byFirst, { kid: 'second' })).isDamaged).toBe(true);
  });

  it('no problem repeats anything of the text, the envelope or the context', () => {
    const problems = [sealed.slice(0, -1), TEXT, rebuilt(sealed, { kid: 'other' })].map(
      (text) => problemOf(SEALER, text).problem,
    );
    for (const secret of [kid, 'other', 'alice', '3a.']) expect(problems.join()).not.toContain(secret);
  });
});

describe('E5 keys rotate while the server runs', () => {
  const [old, newer, waiting] = [keyFrom(NOW_MS - 2000), keyFrom(NOW_MS - 1000), keyFrom(NOW_MS + 1000)];

  it('the newest active key seals, and by the clock of each call', () => {
    let nowMs = NOW_MS;
    const sealer = createSealer(createSealingRing([old, newer, waiting]), () => nowMs);
    expect(partsOf(sealer.seal(TEXT, CONTEXT)).kid).toBe(newer.kid);
    nowMs += 1000;
    expect(partsOf(sealer.seal(TEXT, CONTEXT)).kid).toBe(waiting.kid);
  });

  it('what an old key or one that still waits has sealed is unsealed', () => {
    const sealer = sealerOf(old, newer, waiting);
    for (const key of [old, newer, waiting]) {
      expect(sealer.unseal(sealerOf(key).seal(TEXT, CONTEXT), CONTEXT)).toEqual({ ok: true, text: TEXT });
    }
  });

  it('D4 what a key sealed that this replica does not have is no damage', () => {
    expect(problemOf(sealerOf(old), sealerOf(newer).seal(TEXT, CONTEXT)).isDamaged).toBe(false);
  });
});

describe('E5 a store that moves to sealing', () => {
  const lenient = createSealer(createSealingRing([KEY]), now, { acceptUnsealed: true });

  it('has its plain text read, where that is asked for, and sealed when it is written again', () => {
    expect(lenient.unseal(TEXT, CONTEXT)).toEqual({ ok: true, text: TEXT });
    expect(lenient.seal(TEXT, CONTEXT)).toMatch(/^sealed\./);
  });

  it('still has its sealed text checked', () => {
    const sealed = lenient.seal(TEXT, CONTEXT);
    expect(lenient.unseal(sealed, CONTEXT)).toEqual({ ok: true, text: TEXT });
    expect(problemOf(lenient, sealed, 'another').isDamaged).toBe(true);
    expect(problemOf(lenient, 'sealed.').isDamaged).toBe(true);
  });

  it('without sealing reads plain text alone, and takes nothing sealed for damaged', () => {
    expect(unsealedText.unseal(unsealedText.seal(TEXT, CONTEXT), CONTEXT)).toEqual({ ok: true, text: TEXT });
    expect(problemOf(unsealedText, SEALER.seal(TEXT, CONTEXT)).isDamaged).toBe(false);
  });
});

describe('text that is not well-formed Unicode', () => {
  it.each([
    ['text', '\ud800', 'context'],
    ['context', 'text', 'a\udc00'],
  ])('is not sealed as %s, since it would come back as another', (_what, text, context) => {
    expect(() => SEALER.seal(text, context)).toThrow(TypeError);
  });

  it('as a context unseals nothing, not even what was sealed for what it would be taken for', () => {
    expect(problemOf(SEALER, SEALER.seal(TEXT, '\ufffd'), '\ud800').isDamaged).toBe(true);
  });
});
