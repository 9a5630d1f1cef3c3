import { LoginMethods } from '@consilium/shared';
import { queryOptions } from '@tanstack/react-query';
import { get } from '../api/request.js';

export const loginMethodsQuery = queryOptions({
  queryKey: ['login-methods'],
  queryFn: ({ signal }) => get('/login/methods', LoginMethods, signal),
  refetchInterval: false,
});
