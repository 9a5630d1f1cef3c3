import { fileURLToPath } from 'node:url';

/** The compiled program `name` of this folder; when the caller runs from the sources, the one that was built from them. */
export function childEntry(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url)).replace(
    /([\\/]client-node[\\/])src([\\/]engine[\\/])/,
    '$1dist$2',
  );
}
