import { Account, OperatorView } from '@consilium/shared';
import { queryOptions } from '@tanstack/react-query';
import { get } from '../api/request.js';

export const accountQuery = queryOptions({
  queryKey: ['account'],
  queryFn: ({ signal }) => get('/account', Account, signal),
});

export const operatorsQuery = queryOptions({
  queryKey: ['operators'],
  queryFn: ({ signal }) => get('/operators', OperatorView.array(), signal),
});
