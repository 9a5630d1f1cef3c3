import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { wholeNumber } from '../database/column-types.js';
import { SiteEntity } from '../sites/site.entity.js';

/** A file of the blob store that is complete and whose content has this digest. */
@Entity('blob')
export class BlobEntity {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'pk_blob' })
  digest!: string;

  @Column('bigint', { transformer: wholeNumber })
  bytes!: number;

  /** Null for what the server made itself. */
  @Column('uuid', { name: 'uploaded_by', nullable: true })
  uploadedBy!: string | null;

  @ManyToOne(() => SiteEntity)
  @JoinColumn({ name: 'uploaded_by', foreignKeyConstraintName: 'fk_blob_site' })
  site?: unknown;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
