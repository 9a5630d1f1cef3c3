import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { OperatorEntity } from './operator.entity.js';

export type LoginMethod = 'password' | 'password+totp' | 'oidc';

/** What an operator's token stands for: without the row the token is worth nothing. */
@Entity('operator_session')
@Index('ix_operator_session_operator', ['operatorId'])
export class OperatorSessionEntity {
  /** The token's `jti`. */
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_operator_session' })
  id!: string;

  @Column('uuid', { name: 'operator_id' })
  operatorId!: string;

  @ManyToOne(() => OperatorEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'operator_id', foreignKeyConstraintName: 'fk_operator_session_operator' })
  operator!: OperatorEntity;

  @Column('text')
  method!: LoginMethod;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;
}
