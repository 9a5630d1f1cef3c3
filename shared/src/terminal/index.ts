export { completionCommand, completionScript, type CommandShape } from './completion.js';
export { StatusLine, type Terminal } from './status-line.js';
export { renderTable } from './table.js';
export { roundLine } from './round-line.js';
