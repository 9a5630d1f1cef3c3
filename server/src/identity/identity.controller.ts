import { Body, Controller, Post, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ThrottlerGuard } from '@nestjs/throttler';
import {
  Enrolled,
  EnrolmentCode,
  EnrolmentCodeRequest,
  EnrolRequest,
  LoginAnswer,
  LoginRequest,
} from '@consilium/shared';
import type { z } from 'zod';
import { Answers } from '../http/answers.decorator.js';
import { Access } from './access.decorator.js';
import { FromOperator, type OperatorCaller } from './caller.js';
import { EnrolmentService } from './enrolment.service.js';
import { OperatorsService } from './operators.service.js';

@ApiTags('identity')
@Controller()
export class IdentityController {
  constructor(
    private readonly operators: OperatorsService,
    private readonly enrolment: EnrolmentService,
  ) {}

  @Post('login')
  @Access('public')
  @UseGuards(ThrottlerGuard)
  @Answers(200, LoginAnswer)
  login(@Body({ schema: LoginRequest }) body: z.output<typeof LoginRequest>): Promise<LoginAnswer> {
    return this.operators.login(body);
  }

  @Post('enrol')
  @Access('public')
  @UseGuards(ThrottlerGuard)
  @Answers(201, Enrolled)
  enrol(@Body({ schema: EnrolRequest }) body: z.output<typeof EnrolRequest>): Promise<Enrolled> {
    return this.enrolment.enrol(body);
  }

  @Post('enrolment-codes')
  @Access('operator')
  @Answers(201, EnrolmentCode)
  createCode(
    @FromOperator() operator: OperatorCaller,
    @Body({ schema: EnrolmentCodeRequest }) body: z.output<typeof EnrolmentCodeRequest>,
  ): Promise<EnrolmentCode> {
    return this.enrolment.createCode(operator, body);
  }
}
