/** The flags by which every command names a corpus, and the corpus that they name. */
import { type Command, Option } from 'commander';
import { corpusReaders, readCorpus } from '../corpus/index.js';
import type { Corpus, CorpusOptions } from '../corpus/types.js';
import { UsageError } from '../errors.js';
import { collect } from './collect.js';

export interface CorpusFlags {
  corpus?: string;
  data?: string;
  choice?: string[];
  allowPartial?: boolean;
  speakerPattern?: string;
  speakers?: 'per-file';
}

export function addCorpusFlags(command: Command): Command {
  return addReadingFlags(
    command.option('--corpus <name>', `one of ${corpusReaders.map((reader) => reader.name).join(', ')}`),
  );
}

/** Where a corpus lies and how it is read, for a command that takes its name as an argument. */
export function addReadingFlags(command: Command): Command {
  return command
    .option('--data <path>', 'folder or manifest of the corpus')
    .option('--choice <name=value>', 'what the corpus leaves to choose, e.g. classes=6; repeatable', collect)
    .option('--allow-partial', 'accept a copy that lacks files of the corpus; reports say so')
    .option(
      '--speaker-pattern <regex>',
      'folder, emobox: regular expression on the path whose group names the speaker',
    )
    .addOption(
      new Option('--speakers <how>', 'folder, emobox: every file is another person').choices(['per-file']),
    );
}

/** `name=value` pairs of `--choice`. */
export function choiceMap(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new UsageError(`--choice expects name=value, got "${pair}"`, { code: 'E_USAGE' });
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

export function corpusOptions(flags: CorpusFlags): CorpusOptions {
  const { data, choice, allowPartial, speakerPattern, speakers } = flags;
  return { data, allowPartial, speakerPattern, speakers, ...(choice ? { choices: choiceMap(choice) } : {}) };
}

export function readCorpusOf(name: string, flags: CorpusFlags): Promise<Corpus> {
  return readCorpus(name, corpusOptions(flags));
}
