/** Both sides name this at the handshake; another number is refused with both values in the sentence. */
export const PROTOCOL_VERSION = 2;
