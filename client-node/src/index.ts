/** What other packages may use of the node: everything else is its own business. */
export { writePhantomSite, type PhantomSiteOptions } from './volumes/index.js';
