export * from './container-error.js';
export * from './container.js';
export * from './dtype.js';
export * from './header.js';
export * from './host-tensor.js';
