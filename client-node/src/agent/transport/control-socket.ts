import { io, type Socket } from 'socket.io-client';
import {
  CONTROL_LINE,
  type Acknowledgement,
  type ClientEvents,
  type Progress,
  type ServerEvents,
  type SiteHello,
} from '@consilium/shared';
import { EgressRefused } from '../../egress/objection.js';
import type { SiteProofs } from '../identity.js';
import type { Log } from '../log.js';
import type { Route } from './route.js';

const ACKNOWLEDGEMENT_TIMEOUT_MS = 10_000;
const RECONNECT_MS = 2_000;
const RECONNECT_AT_MOST_MS = 15_000;

export interface ControlSocketOptions {
  route: Route;
  proofs: Pick<SiteProofs, 'of'>;
  hello: () => SiteHello;
  log: Log;
  /** Something may have changed: ask for the assignment. */
  onWake: () => void;
  /** The server does not want what this node says of itself; it is told again later. */
  onRefused: (sentence: string) => void;
}

/** The wake-up line. Nothing depends on a message of it arriving: the agent also asks by itself. */
export class ControlSocket {
  readonly #socket: Socket<ServerEvents, ClientEvents>;
  readonly #options: ControlSocketOptions;
  #reconnect: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ControlSocketOptions) {
    this.#options = options;
    this.#socket = io(options.route.server, {
      // The library takes an agent for both of its transports, though its types say otherwise.
      agent: options.route.agent as never,
      ...(options.route.ca && { ca: options.route.ca }),
      auth: (give) => {
        options.proofs.of(CONTROL_LINE).then(
          (token) => {
            give({ token });
          },
          () => {
            give({});
          },
        );
      },
      reconnectionDelay: RECONNECT_MS,
      reconnectionDelayMax: RECONNECT_AT_MOST_MS,
      autoConnect: false,
    });
    this.#socket.on('connect', () => void this.#greet());
    this.#socket.on('assignment', options.onWake);
    // A refused handshake or a connection that the server cut is not retried by the library itself.
    this.#socket.on('connect_error', (error) => {
      options.log.debug(`control line: ${error.message}`);
      if (!this.#socket.active) this.#connectLater();
    });
    this.#socket.on('disconnect', () => {
      if (!this.#socket.active) this.#connectLater();
    });
  }

  open(): void {
    this.#socket.connect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#reconnect);
    this.#socket.disconnect();
  }

  greet(): void {
    if (this.#socket.connected) void this.#greet();
  }

  /** Best effort: a lost progress message is replaced by the next. */
  progress(progress: Progress): void {
    if (!this.#socket.connected) return;
    this.#say('progress', progress).then(
      (answer) => {
        if (!answer.ok) this.#options.log.debug(`progress not taken: ${answer.sentence}`);
      },
      (error: unknown) => {
        if (error instanceof EgressRefused) this.#options.log.warn(error.message);
      },
    );
  }

  /** Rejects with EgressRefused where this site does not let it go, and where no answer comes in time. */
  async #say(event: keyof ClientEvents, message: SiteHello | Progress): Promise<Acknowledgement> {
    const permit = await this.#options.route.gate.pass({ kind: 'message', event, body: message });
    const { body } = permit.take();
    const line = this.#socket.timeout(ACKNOWLEDGEMENT_TIMEOUT_MS);
    return (await line.emitWithAck(event, body as never)) as Acknowledgement;
  }

  async #greet(): Promise<void> {
    try {
      const answer = await this.#say('hello', this.#options.hello());
      if (answer.ok) {
        this.#options.onWake();
        return;
      }
      this.#options.onRefused(answer.sentence);
    } catch (error) {
      if (error instanceof EgressRefused) this.#options.log.error(error.message);
      else this.#options.log.debug('control line: no answer to hello in time');
    }
    this.#socket.disconnect();
    this.#connectLater(RECONNECT_AT_MOST_MS);
  }

  #connectLater(delay = RECONNECT_MS): void {
    if (this.#closed) return;
    // A refusal of the token shows itself to the agent when it asks for the assignment.
    this.#options.onWake();
    clearTimeout(this.#reconnect);
    this.#reconnect = setTimeout(() => {
      this.#socket.connect();
    }, delay);
  }
}
