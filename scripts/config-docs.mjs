#!/usr/bin/env node
/**
 * Writes docs/configuration.md from the configuration's schema, so that the page cannot fall behind it.
 *   node scripts/config-docs.mjs          write the page (after npm run build)
 *   node scripts/config-docs.mjs --check  exit 1 where the page differs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { PRESETS } from '../dist/config/presets.js';
import { trainConfigSchema } from '../dist/config/schema.js';

const PAGE = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));

/** An object of fields of its own, and not of names that the user gives. */
const isObject = ({ type, properties }) => type === 'object' && properties !== undefined;

/** Variants of an object that a field tells apart, such as encoders by their kind. */
const variants = (property) => (property.oneOf ?? property.anyOf ?? []).filter(isObject);

/** Rows of the table, depth first; objects give a prefix, each variant of one its own rows, everything else a row. */
function rows(schema, prefix = '') {
  return Object.entries(schema.properties).flatMap(([name, property]) =>
    isObject(property) || variants(property).length > 0
      ? (isObject(property) ? [property] : variants(property)).flatMap((object) =>
          rows(object, `${prefix}${name}.`),
        )
      : [
          {
            name: `${prefix}${name}`,
            values: values(property),
            initial: initial(property),
            what: property.description ?? '',
          },
        ],
  );
}

function values(property) {
  if (property.const !== undefined) return `\`${property.const}\``;
  if (property.enum) return property.enum.map((value) => `\`${value}\``).join(', ');
  if (property.anyOf) return property.anyOf.map(values).join(' or ');
  if (property.additionalProperties) return 'names and values';
  if (property.type === 'array') return property.prefixItems ? '[low, high]' : 'list of whole numbers';
  if (property.type === 'integer' || property.type === 'number') return bounds(property);
  return property.type === 'boolean' ? '`true`, `false`' : 'text';
}

function bounds({ type, minimum, exclusiveMinimum, maximum }) {
  const kind = type === 'integer' ? 'whole number' : 'number';
  const low =
    exclusiveMinimum !== undefined
      ? `> ${exclusiveMinimum}`
      : minimum !== undefined && minimum > -1e15
        ? `>= ${minimum}`
        : '';
  const high = maximum !== undefined && maximum < 1e15 ? `<= ${maximum}` : '';
  return [kind, [low, high].filter(Boolean).join(', ')].filter(Boolean).join(' ');
}

const initial = ({ default: value }) =>
  value === undefined ? '' : `\`${JSON.stringify(value).replaceAll('"', '')}\``;

const schema = z.toJSONSchema(trainConfigSchema, { io: 'input', unrepresentable: 'any' });
const table = rows(schema).map(
  ({ name, values, initial, what }) => `| \`${name}\` | ${values} | ${initial} | ${what} |`,
);
const presets = Object.entries(PRESETS).map(
  ([name, { summary, config }]) =>
    `- \`${name}\`: ${summary}.${Object.keys(config).length > 0 ? ` Sets \`${JSON.stringify(config)}\`.` : ''}`,
);

const page = `# Configuration

Preset < config file (\`--config\`, JSON or YAML) < \`--set key=value\` < flag: each overrides the one before, field by field.
\`ser-native train --print-config\` prints the result; a run keeps it in \`run.json\`, which \`--config\` accepts in turn. An unknown
key or a value out of range is refused by name. (This page is written by \`scripts/config-docs.mjs\`.)

| key | values | default | what |
|---|---|---|---|
${table.join('\n')}

## Presets

${presets.join('\n')}
`;

if (process.argv.includes('--check')) {
  const same = readFileSync(PAGE, 'utf8') === page;
  process.stderr.write(
    same
      ? 'docs/configuration.md is up to date\n'
      : 'docs/configuration.md is out of date: run node scripts/config-docs.mjs\n',
  );
  process.exitCode = same ? 0 : 1;
} else {
  writeFileSync(PAGE, page);
}
