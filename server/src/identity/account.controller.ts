import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Account, ChangePassword, RecoveryCodes, SecondFactorOffer, SecondFactorProof } from '@consilium/shared';
import { Answers } from '../http/answers.decorator.js';
import { Access } from './access.decorator.js';
import { AccountService } from './account.service.js';
import { FromOperator, type OperatorCaller } from './caller.js';

@ApiTags('identity')
@Controller('account')
export class AccountController {
  constructor(private readonly accounts: AccountService) {}

  @Get()
  @Access('viewer')
  @Answers(200, Account)
  account(@FromOperator() operator: OperatorCaller): Promise<Account> {
    return this.accounts.of(operator);
  }

  @Post('password')
  @Access('viewer')
  @HttpCode(204)
  changePassword(
    @FromOperator() operator: OperatorCaller,
    @Body({ schema: ChangePassword }) body: ChangePassword,
  ): Promise<void> {
    return this.accounts.changePassword(operator, body);
  }

  @Post('second-factor')
  @Access('viewer')
  @Answers(200, SecondFactorOffer)
  offer(@FromOperator() operator: OperatorCaller): Promise<SecondFactorOffer> {
    return this.accounts.offerSecondFactor(operator);
  }

  @Post('second-factor/confirm')
  @Access('viewer')
  @Answers(200, RecoveryCodes)
  confirm(
    @FromOperator() operator: OperatorCaller,
    @Body({ schema: SecondFactorProof }) { code }: SecondFactorProof,
  ): Promise<RecoveryCodes> {
    return this.accounts.confirmSecondFactor(operator, code);
  }

  @Post('second-factor/remove')
  @Access('viewer')
  @HttpCode(204)
  remove(
    @FromOperator() operator: OperatorCaller,
    @Body({ schema: SecondFactorProof }) { code }: SecondFactorProof,
  ): Promise<void> {
    return this.accounts.removeSecondFactor(operator, code);
  }
}
