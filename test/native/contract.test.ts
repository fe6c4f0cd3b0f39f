import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ADDON_API } from '../../lib/runtime/load.js';
import { rawAddon } from './addon.js';

/** Names of the methods of `interface Addon`, read as text: types are gone at run time. */
function declaredMembers(): string[] {
  const text = readFileSync(new URL('../../bindings.d.ts', import.meta.url), 'utf8');
  const body = /export interface Addon \{\n([\s\S]*?)\n\}/.exec(text)![1]!;
  return [...body.matchAll(/^ {2}(\w+)\(/gm)].map((match) => match[1]!);
}

describe('bindings.d.ts', () => {
  test('declares exactly what the addon registers', async () => {
    const addon = await rawAddon();
    const declared = declaredMembers();
    expect(declared.length).toBeGreaterThan(15);
    expect(Object.keys(addon).sort()).toEqual([...declared].sort());
    for (const name of declared) expect(typeof addon[name as keyof typeof addon]).toBe('function');
  });

  test('has the version that TypeScript speaks, and buildInfo all its fields', async () => {
    const info = (await rawAddon()).buildInfo();
    expect({ ...info }).toEqual({
      api: ADDON_API,
      libtorch: expect.stringMatching(/^\d+\.\d+\.\d+/),
      capability: expect.stringMatching(/./),
      compiler: expect.stringMatching(/./),
      cuda: expect.any(Boolean),
    });
  });
});
