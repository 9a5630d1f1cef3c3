/** What other packages may use of the node: everything else is its own business. */
export { writePhantomSite, type PhantomSiteOptions } from './volumes/index.js';
export { systemClock, type Clock } from './agent/clock.js';
export { enrol, requireEnrolment } from './agent/enrolment.js';
export { keyInForce } from './agent/key-file.js';
export { SiteProofs } from './agent/identity.js';
export { silentLog } from './agent/log.js';
export { BlobCache } from './agent/transport/blob-cache.js';
export { ControlSocket } from './agent/transport/control-socket.js';
export { chooseEncoding, prepareUpload, type PreparedUpload } from './agent/transport/prepare-upload.js';
export { RequestRefused, RestClient } from './agent/transport/rest-client.js';
export { Route, type RouteSettings } from './agent/transport/route.js';
export { uploadBlob } from './agent/transport/upload.js';
export { Witness } from './agent/witness.js';
export { decide } from './egress/consents.js';
export { nodeHome } from './settings/node-settings.js';
