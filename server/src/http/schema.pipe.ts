import { StandardSchemaValidationPipe } from '@nestjs/common';
import { ApiError } from './api-error.js';

type Issue = {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
};

/** Says which field was wrong and what was expected of it; never repeats what was sent. */
export function sentenceOfIssues(what: string, issues: readonly Issue[]): string {
  const parts = issues.slice(0, 3).map((issue) => {
    const path = (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
    return path ? `${path}: ${issue.message}` : issue.message;
  });
  const more = issues.length > 3 ? ` (and ${issues.length - 3} more)` : '';
  return `${what} was not understood: ${parts.join('; ')}${more}.`.slice(0, 900);
}

export function schemaPipe(): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({
    exceptionFactory: (issues: readonly Issue[]) =>
      new ApiError('invalid-request', sentenceOfIssues('The request', issues)),
  });
}
