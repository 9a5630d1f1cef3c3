import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import express, { type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import type { Settings } from '../settings/settings.js';
import { VERSION } from '../settings/version.js';

/** Everything about HTTP that is not a route: headers, limits, the API's document, the dashboard's files. */
export function furnish(app: NestExpressApplication, settings: Settings): void {
  app.setGlobalPrefix('api/v1', { exclude: ['metrics'] });
  app.disable('x-powered-by');
  // Only a server that speaks TLS itself can say that it always will.
  const strictTransportSecurity = settings.tlsCertificate !== undefined;
  app.use(helmet({ ...headers, strictTransportSecurity }));
  app.useBodyParser('json', { limit: '256kb' });
  describeApi(app);
  serveDashboard(app, settings.dashboard);
}

/** The volume viewer compiles WebAssembly, starts workers and shows images from memory; everything is of this origin. */
const headers = {
  contentSecurityPolicy: {
    directives: {
      defaultSrc: ["'self'"],
      scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:', 'blob:'],
      fontSrc: ["'self'", 'data:'],
      workerSrc: ["'self'", 'blob:'],
      connectSrc: ["'self'", 'ws:', 'wss:', 'blob:', 'data:'],
      objectSrc: ["'none'"],
      frameAncestors: ["'none'"],
      // Hospitals run the server on plain HTTP behind their own proxy: a page must not ask for HTTPS by itself.
      upgradeInsecureRequests: null,
    },
  },
} as const;

function describeApi(app: NestExpressApplication): void {
  const about = new DocumentBuilder()
    .setTitle('Consilium server')
    .setDescription('Studies, sites, rounds and models of a federation.')
    .setVersion(VERSION)
    .addBearerAuth()
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, about), {
    jsonDocumentUrl: 'docs/openapi.json',
  });
}

/** Files of the built dashboard; any other path of a page load gets its index, which knows the path. */
function serveDashboard(app: NestExpressApplication, folder: string): void {
  const index = join(folder, 'index.html');
  if (!existsSync(index)) return;
  app.use(express.static(folder, { index: false, maxAge: '1h' }));
  app.use((request: Request, response: Response, next: NextFunction) => {
    const isPage = request.method === 'GET' && !/^\/(api|docs|metrics|socket\.io)(\/|$)/.test(request.path);
    if (isPage && request.accepts('html')) response.sendFile(index, { maxAge: 0 });
    else next();
  });
}
