import { KernelOps } from './kernel-ops.js';
import { describeOps } from './ops.contract.js';

describeOps('kernel ops', () => KernelOps.open());
