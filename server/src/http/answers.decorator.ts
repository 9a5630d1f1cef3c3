import { applyDecorators, HttpCode } from '@nestjs/common';
import { ApiResponse, type ApiResponseSchemaHost } from '@nestjs/swagger';
import { z } from 'zod';

/** The status of a good answer and, for the OpenAPI document, its schema. */
export function Answers(status: 200 | 201 | 204, schema?: z.ZodType): MethodDecorator {
  if (!schema) return applyDecorators(HttpCode(status), ApiResponse({ status }));
  const json = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' });
  delete json.$schema;
  return applyDecorators(HttpCode(status), ApiResponse({ status, schema: json as ApiResponseSchemaHost['schema'] }));
}
