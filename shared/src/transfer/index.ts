export {
  decodeTransfer,
  encodeTransfer,
  isLossless,
  needsBase,
  type ByteSource,
  type Coding,
} from './transfer-coding.js';
