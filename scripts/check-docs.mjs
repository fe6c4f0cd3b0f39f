#!/usr/bin/env node
// Checks README.md and docs/*.md against what is there: relative links and their anchors resolve, and every `--flag` of
// ser-native that is mentioned is printed by --help. Needs `npm run build` before it. Ends with 1 and names the misses.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const CLI = join(ROOT, 'dist/cli/main.js');
const FLAG = /(?<![\w-])--[a-z][a-z0-9-]*/g;
/** Programs whose flags are their own: a line or code span that starts with one is not looked at. */
const FOREIGN =
  /^(?:\$ )?(?:sudo )?(?:apt-get|brew|cmake|ctest|curl|dnf|docker|ffmpeg|git|node|npm|pip3?|python3?|sha256sum|tensorboard|xcode-select)\b/;

if (!existsSync(CLI)) {
  console.error('check-docs: dist/cli/main.js is missing; run `npm run build` first.');
  process.exit(1);
}

const help = (...args) => execFileSync(process.execPath, [CLI, ...args, '--help'], { encoding: 'utf8' });
const program = help();
const commands = [...program.slice(program.indexOf('Commands:')).matchAll(/^ {2}([a-z]+) /gm)]
  .map(([, name]) => name)
  .filter((name) => name !== 'help');
const flagsOf = new Map(commands.map((name) => [name, new Set(help(name).match(FLAG))]));
/** Programs beside the command line that have a page of their own. */
const scripts = ['scripts/gpu/check.mjs'].flatMap((script) =>
  execFileSync(process.execPath, [join(ROOT, script), '--help'], { encoding: 'utf8' }).match(FLAG),
);
const anyFlag = new Set([
  ...program.match(FLAG),
  ...[...flagsOf.values()].flatMap((flags) => [...flags]),
  ...scripts,
]);
const COMMAND = new RegExp(`(?:^|ser-native )(${commands.join('|')})(?= |$)`);

/** Flags of a piece of text: checked against its command where it names one, else against those of all commands. */
function unknownFlags(text) {
  const piece = text.trim();
  if (FOREIGN.test(piece)) return [];
  const command = COMMAND.exec(piece)?.[1];
  const known = command === undefined ? anyFlag : flagsOf.get(command);
  return (piece.match(FLAG) ?? [])
    .filter((flag) => !known.has(flag))
    .map((flag) => `${command === undefined ? 'no command' : `ser-native ${command}`} has no ${flag}`);
}

/** The anchors of a page, as GitHub makes them from its headings. */
function anchorsOf(markdown) {
  const headings = [...markdown.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)];
  return new Set(
    headings.map(([, title]) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function brokenLink(page, target) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined; // another site: not ours to check
  const [path, anchor] = target.split('#');
  const file = path === '' ? page : resolve(dirname(page), decodeURI(path));
  if (!existsSync(file)) return `link to ${target}: there is no such file`;
  if (anchor && statSync(file).isFile() && !anchorsOf(readFileSync(file, 'utf8')).has(anchor))
    return `link to ${target}: no heading has this anchor`;
  return undefined;
}

const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)]
  .filter((name) => name.endsWith('.md'))
  .map((name) => join(ROOT, name));
const misses = [];
for (const page of pages) {
  const name = relative(ROOT, page);
  if (!existsSync(page)) {
    misses.push(`${name}: is missing`);
    continue;
  }
  let fenced = false;
  for (const [index, line] of readFileSync(page, 'utf8').split('\n').entries()) {
    const miss = (what) => what !== undefined && misses.push(`${name}:${index + 1}: ${what}`);
    if (/^\s*```/.test(line)) fenced = !fenced;
    const spans = fenced ? [] : [...line.matchAll(/`([^`]+)`/g)].map(([, code]) => code);
    const prose = fenced ? line : line.replace(/`[^`]+`/g, ' ');
    for (const piece of [...spans, prose]) unknownFlags(piece).forEach(miss);
    if (fenced) continue;
    for (const [, target] of prose.matchAll(/\]\(([^()\s]+)[^)]*\)/g)) miss(brokenLink(page, target));
    for (const [, target] of prose.matchAll(/(?:src|href)="([^"]+)"/g)) miss(brokenLink(page, target));
  }
}
for (const miss of misses) console.error(miss);
console.error(
  misses.length === 0 ? `check-docs: ${pages.length} pages hold.` : `check-docs: ${misses.length} misses.`,
);
process.exitCode = misses.length === 0 ? 0 : 1;
