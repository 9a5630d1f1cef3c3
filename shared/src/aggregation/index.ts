export * from './aggregate.js';
export * from './aggregation-rule.js';
export * from './rules.js';
export * from './tensor-source.js';
