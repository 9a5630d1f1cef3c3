import type { TrainingMetrics } from '@consilium/shared';

/** What the node is doing: for the status line, and for a parent process that started it with an IPC channel. */
export type NodeState =
  | { state: 'starting' }
  | { state: 'ready'; engine: string; labelled: number; unlabelled: number; validation: number }
  | { state: 'server-away'; sentence: string }
  | { state: 'waiting' }
  | { state: 'fetching'; round: number | null; model: string; done: number; total: number }
  | { state: 'evaluating'; model: string; version: number; done: number; total: number }
  | { state: 'evaluated'; model: string; version: number; dice: number; hd95: number | null; volumes: number }
  | {
      state: 'training';
      round: number;
      done: number;
      total: number;
      metrics: TrainingMetrics | null;
      /** Of the round's time so far. */
      dataWaitShare: number;
    }
  | { state: 'uploading'; round: number; done: number; total: number }
  | { state: 'submitted'; round: number; bytes: number; metrics: TrainingMetrics }
  | { state: 'refused'; round: number; reason: string; sentence: string }
  | { state: 'abandoned'; round: number; sentence: string }
  | { state: 'finished' };

export type Report = (state: NodeState) => void;

/** As it goes over IPC to the parent. */
export type NodeStateMessage = { type: 'state' } & NodeState;
