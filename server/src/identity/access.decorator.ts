import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';

/** Who may use a route: everyone, an operator, a site, or either of the two. */
export type Permission = 'public' | 'operator' | 'site' | 'any';

export const ACCESS = 'consilium:access';

/** Stands on every route; a route without it is closed to all. */
export const Access = (permission: Permission): MethodDecorator =>
  permission === 'public'
    ? SetMetadata(ACCESS, permission)
    : applyDecorators(SetMetadata(ACCESS, permission), ApiBearerAuth());
