import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readSettings } from '@consilium/server/dist/settings/settings.js';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';

const DEPLOY = resolve(import.meta.dirname, '../../deploy');
const GENERATED = /(^|\/)(dist|node_modules|src)(\/|$)/;
const files = readdirSync(DEPLOY, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(DEPLOY.length + 1))
  .filter((file) => !GENERATED.test(file));
const textOf = (file: string): string => readFileSync(join(DEPLOY, file), 'utf8');

const Compose = z.object({
  services: z.record(z.string(), z.object({ build: z.object({ target: z.string() }).optional() })),
});

/** No Docker, Kubernetes or systemd runs where these tests run: they hold what can be held without. */
describe('files to deploy by', () => {
  it('name only settings that the programs have', () => {
    const known = readFileSync(resolve(DEPLOY, '../server/src/settings/settings.ts'), 'utf8');
    const ofNode = readFileSync(resolve(DEPLOY, '../client-node/src/settings/node-settings.ts'), 'utf8');
    const nodeVariable = (name: string): boolean => {
      const key = name
        .replace('CONSILIUM_NODE_', '')
        .toLowerCase()
        .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      return new RegExp(`^  ${key}: `, 'm').test(ofNode);
    };
    // Of the files themselves, not of the programs.
    const own = ['CONSILIUM_DOMAIN', 'CONSILIUM_DATA', 'CONSILIUM_ENGINE_SOURCE'];
    for (const file of files) {
      for (const [name] of textOf(file).matchAll(/CONSILIUM_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_])/g)) {
        const isKnown = name.startsWith('CONSILIUM_NODE') ? nodeVariable(name) : known.includes(`${name}:`);
        expect(isKnown || own.includes(name), `${file}: ${name}`).toBe(true);
      }
    }
    expect(() => readSettings({ CONSILIUM_HOME: '/x', CONSILIUM_PUBLIC_URL: 'https://a.example' }, {})).not.toThrow();
  });

  it('are well-formed, and name only targets that the Dockerfile has', () => {
    const yaml = files.filter((file) => /\.ya?ml$/.test(file) && !file.includes('/templates/'));
    expect(yaml.length).toBeGreaterThan(5);
    for (const file of yaml)
      expect(
        parseAllDocuments(textOf(file)).flatMap(({ errors }) => errors),
        file,
      ).toEqual([]);
    const stages = [...textOf('docker/Dockerfile').matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, name]) => name);
    for (const [, from] of textOf('docker/Dockerfile').matchAll(/COPY --from=(\S+)/g)) expect(stages).toContain(from);
    for (const file of ['compose/server.yaml', 'compose/site.yaml']) {
      const { services } = Compose.parse(parse(textOf(file)));
      const targets = Object.values(services).flatMap(({ build }) => build?.target ?? []);
      expect(targets).toHaveLength(1);
      expect(stages).toContain(targets[0]);
    }
  });

  it('have a value for everything that the chart asks for', () => {
    const values = parse(textOf('helm/consilium-server/values.yaml')) as Record<string, unknown>;
    const templates = files.filter((file) => file.startsWith('helm/') && file.includes('/templates/'));
    for (const file of templates) {
      for (const [, path] of textOf(file).matchAll(/\.Values\.([A-Za-z.]+)/g)) {
        const value = path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], values);
        expect(value, `${file}: .Values.${path}`).toBeDefined();
      }
    }
  });
});
