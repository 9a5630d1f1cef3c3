import { keyThumbprint, type PublicKey } from '@consilium/shared';

interface NamedKey {
  publicKey: PublicKey;
  thumbprint: string;
  /** The entry that names the key, and the one from which on it counts no more. */
  from: number;
  until: number;
}

/** The keys of one signer, as the log names them one after the other. */
export class KeyHistory {
  readonly #keys: NamedKey[] = [];

  /** Takes the place of the former key. */
  name(publicKey: PublicKey, index: number): void {
    this.end(index);
    this.#keys.push({ publicKey, thumbprint: keyThumbprint(publicKey), from: index, until: Infinity });
  }

  end(index: number): void {
    const last = this.#keys.at(-1);
    if (last?.until === Infinity) last.until = index;
  }

  /** Null once the last key has been ended. */
  get current(): NamedKey | null {
    const last = this.#keys.at(-1);
    return last?.until === Infinity ? last : null;
  }

  /** The key in force when the log had `size` entries. */
  at(size: number): PublicKey | null {
    return this.#keys.find(({ from, until }) => from < size && size <= until)?.publicKey ?? null;
  }

  /** Those that may sign for entry `index` or later ones: all that had not ended by then. */
  since(index: number): PublicKey[] {
    return this.#keys.filter(({ until }) => until > index).map(({ publicKey }) => publicKey);
  }

  all(): readonly NamedKey[] {
    return this.#keys;
  }
}
