import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ExitCode, StartRefused } from './start-refused.js';

/** Everything that a person may decide about this process; parsed once, from the environment and the flags. */
export const Settings = z
  .strictObject({
    home: z.string().min(1).describe('folder of keys, blobs and the embedded database'),
    host: z.string().min(1).default('127.0.0.1'),
    port: z.coerce.number().int().min(0).max(65_535).default(8400).describe('0 takes any free port'),
    nextFreePort: z.boolean().default(false).describe('take the next free port where the wanted one is taken'),
    databaseUrl: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'expected postgres://… or postgresql://…')
      .optional()
      .describe('a Postgres; without it the embedded database in the home folder'),
    blobs: z
      .string()
      .min(1)
      .optional()
      .describe('folder of models and updates, or s3://BUCKET/PREFIX; without it blobs/ of the home folder'),
    s3Endpoint: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('of a store that is not Amazon S3'),
    s3Region: z.string().min(1).default('us-east-1'),
    s3AccessKey: z.string().min(1).optional().describe('else what the AWS SDK finds by itself'),
    s3SecretKey: z.string().min(1).optional(),
    s3CopiesMegabytes: z.coerce
      .number()
      .int()
      .min(0)
      .default(20_000)
      .describe('local copies of what lies in the bucket'),
    operatorName: z.string().min(1).max(100).default('operator'),
    operatorPassword: z.string().min(8, 'expected at least 8 characters').max(200).optional(),
    tlsCertificate: z.string().min(1).optional().describe('PEM file: with it and its key the server speaks TLS itself'),
    tlsKey: z.string().min(1).optional().describe('PEM file'),
    tlsClientCa: z.string().min(1).optional().describe('PEM file: only who has a certificate of this CA may connect'),
    publicUrl: z
      .url({ protocol: /^https?$/ })
      .transform((url) => url.replace(/\/+$/, ''))
      .optional()
      .describe('of this server, as browsers reach it'),
    oidcIssuer: z
      .url()
      .refine(isSafeIssuer, 'expected https, or a provider on this machine')
      .optional()
      .describe('an OpenID Connect provider at which people log in'),
    oidcClientId: z.string().min(1).optional(),
    oidcClientSecret: z.string().min(1).optional(),
    oidcScope: z.string().min(1).default('openid email'),
    oidcClaim: z.string().min(1).default('email').describe("of the provider's id token: the account's name"),
    oidcLabel: z.string().min(1).max(60).default("your house's log-in"),
    logLevel: z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
    metricsToken: z.string().min(16).optional().describe('with it /metrics answers Prometheus; without it nobody'),
    tracesEndpoint: z
      .url({ protocol: /^https?$/ })
      .refine(
        (url) => !/^[^/]*\/\/[^/]*@/.test(url),
        'expected no password in the address; OTEL_EXPORTER_OTLP_HEADERS has one',
      )
      .optional()
      .describe('of a collector for OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; without it no traces'),
    dashboard: z.string().default(join(dirname(fileURLToPath(import.meta.url)), '../../../dashboard/dist')),
    /** Logins and enrolments that one address may try in a minute. */
    attemptsPerMinute: z.coerce.number().int().min(1).max(10_000).default(20),
    enrolmentCodeHours: z.coerce
      .number()
      .positive()
      .max(24 * 365)
      .default(72),
    /** Milliseconds between two looks at deadlines and sockets. */
    tick: z.coerce.number().int().min(10).max(60_000).default(500),
  })
  .refine(({ tlsCertificate, tlsKey }) => (tlsCertificate === undefined) === (tlsKey === undefined), {
    path: ['tlsKey'],
    message: 'expected a certificate and its key together',
  })
  .refine(({ tlsCertificate, tlsClientCa }) => tlsClientCa === undefined || tlsCertificate !== undefined, {
    path: ['tlsClientCa'],
    message: 'expected tlsCertificate and tlsKey with it',
  })
  .refine(({ oidcIssuer, oidcClientId, publicUrl }) => oidcIssuer === undefined || (oidcClientId && publicUrl), {
    path: ['oidcIssuer'],
    message: 'expected oidcClientId and publicUrl with it',
  });
export type Settings = z.infer<typeof Settings>;

/** Tokens of a provider without TLS can be read and changed on their way. */
function isSafeIssuer(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

const variables: Record<string, keyof Settings> = {
  CONSILIUM_HOME: 'home',
  CONSILIUM_HOST: 'host',
  CONSILIUM_PORT: 'port',
  DATABASE_URL: 'databaseUrl',
  CONSILIUM_DATABASE_URL: 'databaseUrl',
  CONSILIUM_BLOBS: 'blobs',
  CONSILIUM_S3_ENDPOINT: 's3Endpoint',
  CONSILIUM_S3_REGION: 's3Region',
  CONSILIUM_S3_ACCESS_KEY: 's3AccessKey',
  CONSILIUM_S3_SECRET_KEY: 's3SecretKey',
  CONSILIUM_S3_COPIES_MEGABYTES: 's3CopiesMegabytes',
  CONSILIUM_OPERATOR_NAME: 'operatorName',
  CONSILIUM_OPERATOR_PASSWORD: 'operatorPassword',
  CONSILIUM_TLS_CERTIFICATE: 'tlsCertificate',
  CONSILIUM_TLS_KEY: 'tlsKey',
  CONSILIUM_TLS_CLIENT_CA: 'tlsClientCa',
  CONSILIUM_PUBLIC_URL: 'publicUrl',
  CONSILIUM_OIDC_ISSUER: 'oidcIssuer',
  CONSILIUM_OIDC_CLIENT_ID: 'oidcClientId',
  CONSILIUM_OIDC_CLIENT_SECRET: 'oidcClientSecret',
  CONSILIUM_OIDC_SCOPE: 'oidcScope',
  CONSILIUM_OIDC_CLAIM: 'oidcClaim',
  CONSILIUM_OIDC_LABEL: 'oidcLabel',
  CONSILIUM_LOG_LEVEL: 'logLevel',
  CONSILIUM_METRICS_TOKEN: 'metricsToken',
  CONSILIUM_TRACES_ENDPOINT: 'tracesEndpoint',
  CONSILIUM_ATTEMPTS_PER_MINUTE: 'attemptsPerMinute',
  CONSILIUM_ENROLMENT_CODE_HOURS: 'enrolmentCodeHours',
};

/** Flags win over the environment. Throws StartRefused (usage) with one sentence per wrong setting. */
export function readSettings(environment: NodeJS.ProcessEnv, flags: Record<string, unknown>): Settings {
  const given: Record<string, unknown> = {};
  for (const [variable, name] of Object.entries(variables)) {
    if (environment[variable]) given[name] = environment[variable];
  }
  for (const [name, value] of Object.entries(flags)) if (value !== undefined) given[name] = value;
  const parsed = Settings.safeParse(given);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'settings'}: ${issue.message}`);
  throw new StartRefused(ExitCode.usage, `The server's settings are not usable: ${issues.join('; ')}.`);
}
