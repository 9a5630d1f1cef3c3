// A node's upload in a process of its own, so that it can be killed. argv: the site's folder, the file, its digest, the URL.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  nodeHome,
  requireEnrolment,
  RestClient,
  Route,
  SiteProofs,
  systemClock,
  uploadBlob,
} from '@consilium/client-node';
import { lenientGate } from '@consilium/client-node/dist/egress/gate.fixture.js';

const [folder, file, digest, url] = process.argv.slice(2);
const { enrolment, key } = await requireEnrolment(nodeHome(folder));
const route = new Route(url, lenientGate());
const rest = new RestClient(route, systemClock, new SiteProofs(() => Promise.resolve(key), enrolment, systemClock));
const bytes = statSync(file).size;
const upload = { file, encoding: 'float32', base: null, blob: { digest, bytes } };
const permit = await route.gate.pass({ kind: 'update', upload, base: { digest, file } });
await uploadBlob(rest, { permit, placeFile: join(folder, 'upload.json') });
route.close();
