import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { ErrorAnswer } from '@consilium/shared';
import type { Response } from 'express';
import type { Logger } from 'pino';
import { LOG } from '../settings/process-context.js';
import { systemCode } from '../settings/start-refused.js';
import { ApiError, apiErrors, type ApiErrorCode } from './api-error.js';

/** Gives every failure the one shape of an error answer, and keeps what is internal out of it. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(@Inject(LOG) private readonly log: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    const answer = errorAnswer(error);
    if (answer.statusCode >= 500) this.log.error({ err: error }, answer.message);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.status(answer.statusCode).json(answer);
  }
}

/** Postgres: a text or a JSON value with a character that the database's encoding does not have. */
const UNSTORABLE = new Set(['22021', '22P05']);

export function errorAnswer(error: unknown): ErrorAnswer {
  if (error instanceof ApiError) return answerOf(error.code, error.message, error.status);
  if (systemCode(error) === 'ENOSPC') {
    return answerOf(
      'disk-full',
      'The disk of the server is full; nothing was stored, try again once its operator has made room.',
    );
  }
  if (UNSTORABLE.has(systemCode(error) ?? '')) {
    return answerOf('invalid-request', 'The request holds a character that cannot be stored, such as U+0000.');
  }
  const status = statusOf(error);
  if (status === 429)
    return answerOf('too-many-attempts', 'Too many attempts from this address; wait a minute and try again.');
  if (status === 413) return answerOf('too-large', 'The request is larger than the server takes.');
  if (status === 404) return answerOf('not-found', 'There is nothing at this address.');
  if (status >= 400 && status < 500)
    return answerOf('invalid-request', 'The request was not understood: its form is broken.', status);
  return answerOf('internal', 'The server failed to answer; its log says why.');
}

function answerOf(code: ApiErrorCode, message: string, statusCode: number = apiErrors[code]): ErrorAnswer {
  return { statusCode, code, message };
}

/** Nest's own exceptions, and those of express and its body parser, carry the status in different places. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  if (error instanceof URIError) return 400;
  if (error instanceof Error && 'status' in error && typeof error.status === 'number') return error.status;
  return 500;
}
