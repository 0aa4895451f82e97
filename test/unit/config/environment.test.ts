import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { expandEnvironment } from '../../../src/config/environment.ts';

// Properties take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const ENV = { A: 'alpha', B_2: 'beta', EMPTY: '', NESTED: '${A}', DOLLAR: "$&$1$'" };

describe('expanding variables', () => {
  it.each([
    ['${A}', 'alpha'],
    ['x${A}${B_2}y', 'xalphabetay'],
    ['[${EMPTY}]', '[]'],
    ['${NESTED}', '${A}'],
    ['${DOLLAR}', "$&$1$'"],
    ['$${A}', '${A}'],
    ['$$${A}', '$${A}'],
    ['$A $ $$ $}', '$A $ $$ $}'],
  ])('%s becomes %s', (text, expanded) => {
    expect(expandEnvironment(text, ENV)).toMatchObject({ text: expanded, faults: [] });
  });

  it.each([
    ['${}', 'has a "${" without NAME and "}" after it: write ${NAME}, or $${ for a plain "${"'],
    ['${A', 'has a "${" without NAME and "}" after it: write ${NAME}, or $${ for a plain "${"'],
    ['${A-x}', 'has a "${" without NAME and "}" after it: write ${NAME}, or $${ for a plain "${"'],
    ['${2A}', 'has a "${" without NAME and "}" after it: write ${NAME}, or $${ for a plain "${"'],
    ['${UNSET}', 'needs the environment variable UNSET, which is not set'],
    ['${constructor}', 'needs the environment variable constructor, which is not set'],
  ])('%s is a fault', (text, fault) => {
    expect(expandEnvironment(text, ENV).faults).toEqual([fault]);
  });

  it('tells texts that held a variable from those that did not', () => {
    expect(['${A}', '$${A}', 'A'].map((text) => expandEnvironment(text, ENV).expanded)).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('leaves texts without "${" as they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!text.includes('${'));
        expect(expandEnvironment(text, ENV).text).toBe(text);
      }),
    );
  });
});
