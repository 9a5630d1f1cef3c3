import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { Server } from 'node:https';
import type { Server as HttpServer } from 'node:http';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import type { Settings } from '../settings/settings.js';
import { ExitCode, StartRefused, systemCode } from '../settings/start-refused.js';

/** Milliseconds between two looks at whether a certificate has been renewed. */
const LOOK_EVERY = 2_000;

export interface Tls {
  cert: Buffer;
  key: Buffer;
  ca?: Buffer;
  requestCert?: boolean;
  rejectUnauthorized?: boolean;
}

/** For a server that speaks TLS itself; undefined where it does not. Throws StartRefused where the files are none. */
export function readTls(settings: Settings): Tls | undefined {
  const { tlsCertificate, tlsKey, tlsClientCa } = settings;
  if (tlsCertificate === undefined || tlsKey === undefined) return undefined;
  const options = {
    cert: pem('tlsCertificate', tlsCertificate),
    key: pem('tlsKey', tlsKey),
    // Whoever has no certificate of this CA does not even get to speak.
    ...(tlsClientCa !== undefined && {
      ca: pem('tlsClientCa', tlsClientCa),
      requestCert: true,
      rejectUnauthorized: true,
    }),
  };
  try {
    createSecureContext(options);
    return options;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartRefused(ExitCode.usage, `The certificate ${tlsCertificate} does not go with its key: ${reason}.`);
  }
}

/** Takes up renewed files until the server ends. What cannot be used is left, with a warning. */
export function renewTls(server: HttpServer, settings: Settings, log: Logger): void {
  if (!(server instanceof Server)) return;
  const files = [settings.tlsCertificate, settings.tlsKey].filter((file) => file !== undefined);
  const renew = (): void => {
    try {
      server.setSecureContext(readTls(settings) ?? {});
      log.info('the renewed certificate is in use');
    } catch (error) {
      log.warn({ err: error }, 'the renewed certificate cannot be used; the former one stays');
    }
  };
  for (const file of files) watchFile(file, { interval: LOOK_EVERY, persistent: false }, renew);
  server.once('close', () => files.forEach((file) => unwatchFile(file, renew)));
}

function pem(setting: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new StartRefused(ExitCode.usage, `${setting}: ${path} cannot be read (${systemCode(error) ?? 'unknown'}).`);
  }
}
