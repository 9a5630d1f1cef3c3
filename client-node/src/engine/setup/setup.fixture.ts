import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { readPackage, type TfjsPackage, type TfjsPackageName } from './tfjs-package.js';
import type { SetupReporter } from './setup-reporter.js';

/** A folder that disappears with the test. */
export async function temporaryFolder(): Promise<string> {
  return fs.mkdtemp(path.join(os.tmpdir(), 'consilium-setup-'));
}

/** A zip archive in memory; entries longer than 20 bytes are deflated. Checksums are zero, as nothing reads them. */
export function archiveOf(files: Readonly<Record<string, string>>): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const stored = content.length > 20 ? deflateRawSync(content) : content;
    const method = stored === content ? 0 : 8;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    writeSizes(local, 8, method, stored, content, name);
    bodies.push(local, Buffer.from(name), stored);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    writeSizes(central, 10, method, stored, content, name);
    central.writeUInt32LE(offset, 42);
    directory.push(central, Buffer.from(name));
    offset += local.length + Buffer.byteLength(name) + stored.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(index.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, index, end]);
}

/** Method, two sizes and the name's length lie in the same order in both kinds of header. */
function writeSizes(header: Buffer, at: number, method: number, stored: Buffer, content: Buffer, name: string): void {
  header.writeUInt16LE(method, at);
  header.writeUInt32LE(stored.length, at + 10);
  header.writeUInt32LE(content.length, at + 14);
  header.writeUInt16LE(Buffer.byteLength(name), at + 18);
}

/** A folder with programs, to be the whole PATH of a test; each is a shell script. */
export async function programs(folder: string, scripts: Readonly<Record<string, string>>): Promise<string> {
  await fs.mkdir(folder, { recursive: true });
  for (const [name, script] of Object.entries(scripts)) {
    await fs.writeFile(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return folder;
}

/** A package as installed with scripts off: manifest and C++ sources, no addon. */
export async function bareTfjsPackage(folder: string, name: TfjsPackageName, source = 'int a;'): Promise<TfjsPackage> {
  const directory = path.join(folder, 'node_modules', name);
  await fs.mkdir(path.join(directory, 'binding'), { recursive: true });
  await fs.mkdir(path.join(directory, 'scripts'), { recursive: true });
  await fs.writeFile(path.join(directory, 'binding', 'tfjs_backend.cc'), source);
  await fs.writeFile(path.join(directory, 'binding.gyp'), '{}');
  const manifest = {
    version: '4.22.0',
    binary: {
      module_name: 'tfjs_binding',
      module_path: './lib/napi-v{napi_build_version}',
      host: 'http://127.0.0.1:9',
      napi_versions: [3, 8],
    },
  };
  await fs.writeFile(path.join(directory, 'package.json'), JSON.stringify(manifest));
  return readPackage(name, directory);
}

export interface RecordedReport extends SetupReporter {
  readonly notes: string[];
}

export function recordingReporter(): RecordedReport {
  const notes: string[] = [];
  return { notes, note: (sentence) => notes.push(sentence), progress: () => undefined };
}
