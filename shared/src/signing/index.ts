export * from './base64.js';
export * from './ed25519.js';
export * from './compact-jws.js';
export * from './dsse.js';
export * from './model-statement.js';
export * from './receipt.js';
export * from './study-statement.js';
