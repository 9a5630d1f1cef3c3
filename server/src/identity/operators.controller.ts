import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DrawnPassword, Id, NewOperator, OperatorView, RoleChange } from '@consilium/shared';
import { actorOf } from '../audit/audit-log.js';
import { Answers } from '../http/answers.decorator.js';
import { Access } from './access.decorator.js';
import { FromOperator, type OperatorCaller } from './caller.js';
import { OperatorsService } from './operators.service.js';

/** Who may log in, and what they may do: an owner's to decide, an auditor's to see. */
@ApiTags('identity')
@Controller('operators')
export class OperatorsController {
  constructor(private readonly operators: OperatorsService) {}

  @Get()
  @Access('auditor')
  @Answers(200, OperatorView.array())
  list(): Promise<OperatorView[]> {
    return this.operators.list();
  }

  @Post()
  @Access('owner')
  @Answers(201, DrawnPassword)
  add(
    @FromOperator() owner: OperatorCaller,
    @Body({ schema: NewOperator }) account: NewOperator,
  ): Promise<DrawnPassword> {
    return this.operators.add(account, actorOf(owner));
  }

  @Post(':id/role')
  @Access('owner')
  @Answers(200, OperatorView)
  changeRole(
    @FromOperator() owner: OperatorCaller,
    @Param('id', { schema: Id }) id: string,
    @Body({ schema: RoleChange }) { role }: RoleChange,
  ): Promise<OperatorView> {
    return this.operators.changeRole(id, role, actorOf(owner));
  }

  @Post(':id/reset')
  @Access('owner')
  @Answers(200, DrawnPassword)
  reset(@FromOperator() owner: OperatorCaller, @Param('id', { schema: Id }) id: string): Promise<DrawnPassword> {
    return this.operators.reset({ id }, actorOf(owner));
  }

  @Post(':id/remove')
  @Access('owner')
  @HttpCode(204)
  remove(@FromOperator() owner: OperatorCaller, @Param('id', { schema: Id }) id: string): Promise<void> {
    return this.operators.remove(id, actorOf(owner));
  }
}
