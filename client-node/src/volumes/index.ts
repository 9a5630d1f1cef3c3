export * from './volume.js';
export { checkSite, loadCase, openSite } from './site.js';
export type { CheckOptions, DataCheck, OpenSiteOptions, Site, SiteEntry } from './site.js';
export type { Expectations, VolumeReport } from './volume-check.js';
export { readVolume } from './volume-file.js';
