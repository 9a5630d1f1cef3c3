import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { faultOf, readFaultScript } from './fault-script.js';

const folder = mkdtempSync(join(tmpdir(), 'consilium-faults-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string): ReturnType<typeof readFaultScript> {
  const file = join(folder, 'faults.yaml');
  writeFileSync(file, text);
  return readFaultScript(file);
}

describe('a fault script', () => {
  it('names sites, or draws a share of them: the same ones each time', () => {
    const script = read(`
seed: 7
faults:
  # A tenth of the sites hangs.
  - { round: 2, sites: 0.1, fault: stall }
  - round: 2
    sites: [light-1]
    fault: slow
    seconds: 20
`);
    const sites = Array.from({ length: 1000 }, (_, i) => `light-${i + 2}`);
    const stalled = sites.filter((site) => faultOf(script, site, 2)?.kind === 'stall');
    expect(stalled.length).toBeGreaterThan(60);
    expect(stalled.length).toBeLessThan(140);
    expect(sites.filter((site) => faultOf(script, site, 2)?.kind === 'stall')).toEqual(stalled);
    expect(faultOf({ ...script, faults: script.faults.slice(1) }, 'light-1', 2)).toEqual({ kind: 'slow', seconds: 20 });
    expect(faultOf(script, 'light-1', 1)).toBeNull();
  });

  it('may be JSON, which is YAML, or empty', () => {
    expect(read('{"faults": [{"round": 1, "sites": ["a"], "fault": "nan"}]}').faults).toHaveLength(1);
    expect(read('')).toEqual({ seed: 0, faults: [] });
  });

  it.each([
    ['an unknown fault', 'faults: [{ round: 1, sites: 0.5, fault: explode }]', /faults\.0\.fault: .*"stall"/],
    ['an unknown field', 'faults: []\nfault: x', /"fault"/],
    ['what is no mapping', '- 1', /expected object/],
    ['broken YAML', 'faults: [', /at line 1/],
  ])('with %s is refused in one sentence', (_, text, sentence) => {
    expect(() => read(text)).toThrow(sentence);
    expect(() => read(text)).toThrow(/^The fault script [^\n]+\.$/);
  });

  it('that is not there is refused with the reason', () => {
    expect(() => readFaultScript(join(folder, 'none.yaml'))).toThrow(/ENOENT/);
  });
});
