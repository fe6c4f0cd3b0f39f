/**
 * Every published protocol from files to a passed audit, by the commands that a user types, on copies of the published size:
 * what `corpus` counts, `folds` plans, and `audit` finds no leak in.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AuditReport } from '../../lib/audit/index.js';
import type { CorpusDescription } from '../../lib/describe/types.js';
import { PUBLISHED } from '../../lib/folds/published.js';
import { fixtureTree } from '../corpus/fixture-tree.js';
import { removeTrees } from '../corpus/temporary-tree.js';
import { run } from './command.js';

interface Case {
  corpus: string;
  utterances: number;
  speakers: number;
  /** The default first. */
  protocols: Record<string, number>;
  /** Below the fixture's root. */
  data?: string;
}

const CASES: Case[] = [
  {
    corpus: 'iemocap',
    utterances: 5531,
    speakers: 10,
    protocols: { 'iemocap-5fold': 5, 'iemocap-10fold': 10 },
  },
  { corpus: 'msp-improv', utterances: 7798, speakers: 12, protocols: { 'msp-improv-6fold': 6 } },
  { corpus: 'savee', utterances: 480, speakers: 4, protocols: { 'savee-4fold': 4 } },
  { corpus: 'emodb', utterances: 535, speakers: 10, protocols: { 'emodb-10fold': 10 } },
  { corpus: 'cremad', utterances: 7442, speakers: 91, protocols: { 'cremad-5fold': 5 } },
  { corpus: 'emobox', utterances: 480, speakers: 4, protocols: { 'emobox-folds': 4 }, data: 'data/savee' },
];
const ravdess = fileURLToPath(new URL('../../../shared/corpora/ravdess', import.meta.url));
const there = existsSync(ravdess);
if (!there) console.warn('RAVDESS is not at ../shared/corpora/ravdess: its protocols are not audited');

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ser-protocols-'));
});
afterAll(async () => {
  await removeTrees();
  await rm(cwd, { recursive: true, force: true });
});

async function ser<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await run([...args, '--json'], {
    cwd,
    env: { SER_CACHE: join(cwd, 'cache') },
  });
  expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

/** Plans a protocol into a file and audits that file; with `audio`, recordings too. */
async function auditPlanOf(protocol: string, folds: number, corpus: string[], audio: boolean): Promise<void> {
  const plan = join(cwd, `${protocol}.json`);
  await ser('folds', '--corpus', ...corpus, '--protocol', protocol, '--out', plan);
  const report = await ser<AuditReport>(
    'audit',
    plan,
    '--corpus',
    ...corpus,
    ...(audio ? [] : ['--no-audio']),
  );
  expect(report).toMatchObject({ protocol, leaks: [], faults: [] });
  expect(report.folds).toHaveLength(folds);
  for (const { train, validation, test } of report.folds) {
    for (const part of [train, validation, test]) expect(part).toBeGreaterThan(0);
  }
  expect(report.checked.filter((sentence) => sentence.startsWith('recordings'))).toHaveLength(audio ? 2 : 0);
}

it.each(CASES)(
  '$corpus',
  async ({ corpus, utterances, speakers, protocols, data = '' }) => {
    const { root } = await fixtureTree(corpus);
    const named = [corpus, '--data', join(root, data)];
    const description = await ser<CorpusDescription>('corpus', ...named);
    expect(description.utterances).toBe(utterances);
    expect(description.audio).toMatchObject({ utterances, bad: [], duplicates: [] });
    expect(Object.keys(description.speakers)).toHaveLength(speakers);
    const [preferred] = Object.keys(protocols);
    expect(description.protocols.find((protocol) => protocol.default)?.name).toBe(preferred);
    expect(description.protocols.filter(({ problem }) => problem !== undefined)).toEqual([]);
    for (const [protocol, folds] of Object.entries(protocols)) {
      expect(description.protocols).toContainEqual(expect.objectContaining({ name: protocol, folds }));
      await auditPlanOf(protocol, folds, named, protocol === preferred);
    }
  },
  600_000,
);

it('demo', () => auditPlanOf('demo-4fold', 4, ['demo'], true), 300_000);

(there ? it : it.skip)(
  'ravdess',
  async () => {
    const protocols = { 'ravdess-6fold': 6, 'ravdess-6fold-emobox': 6, 'ravdess-5fold': 5 };
    for (const [protocol, folds] of Object.entries(protocols)) {
      await auditPlanOf(protocol, folds, ['ravdess', '--data', ravdess], protocol === 'ravdess-6fold');
    }
  },
  600_000,
);

it('leaves no published protocol out', () => {
  const tested = [
    ...CASES.flatMap(({ protocols }) => Object.keys(protocols)),
    ...['demo-4fold', 'ravdess-6fold', 'ravdess-6fold-emobox', 'ravdess-5fold'],
  ];
  for (const { name } of PUBLISHED) expect(tested).toContain(name);
});
