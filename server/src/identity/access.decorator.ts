import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import type { OperatorRole } from '@consilium/shared';

/**
 * Who may use a route: everyone; an operator whose role includes this one; a site; a site that may still wait for approval
 * (`applicant`); or a site or any operator (`any`).
 */
export type Permission = 'public' | OperatorRole | 'site' | 'applicant' | 'any';

export const ACCESS = 'consilium:access';

/** Stands on every route; a route without it is closed to all. */
export const Access = (permission: Permission): MethodDecorator =>
  permission === 'public'
    ? SetMetadata(ACCESS, permission)
    : applyDecorators(SetMetadata(ACCESS, permission), ApiBearerAuth());
