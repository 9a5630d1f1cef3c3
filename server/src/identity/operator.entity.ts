import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';

@Entity('operator')
@Unique('uq_operator_name', ['name'])
export class OperatorEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_operator' })
  id!: string;

  @Column('text')
  name!: string;

  /** argon2id, in the PHC string format. */
  @Column('text', { name: 'password_hash' })
  passwordHash!: string;

  /** Tokens issued before this moment are no longer valid. */
  @Column('timestamptz', { name: 'password_changed_at' })
  passwordChangedAt!: Date;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
