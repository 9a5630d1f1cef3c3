import type { ConsentDecision } from '@consilium/shared';
import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { SiteEntity } from '../sites/site.entity.js';
import { StudyEntity } from './study.entity.js';

/** A site's last word on a study; those before it are in the log. */
@Entity('consent')
export class ConsentEntity {
  @PrimaryColumn('uuid', { name: 'study_id', primaryKeyConstraintName: 'pk_consent' })
  studyId!: string;

  @PrimaryColumn('uuid', { name: 'site_id', primaryKeyConstraintName: 'pk_consent' })
  siteId!: string;

  @ManyToOne(() => StudyEntity)
  @JoinColumn({ name: 'study_id', foreignKeyConstraintName: 'fk_consent_study' })
  study?: unknown;

  @ManyToOne(() => SiteEntity)
  @JoinColumn({ name: 'site_id', foreignKeyConstraintName: 'fk_consent_site' })
  site?: unknown;

  @Column('text')
  decision!: ConsentDecision;

  /** As the site signed it. */
  @Column('text')
  jws!: string;

  @Column('timestamptz', { name: 'decided_at' })
  decidedAt!: Date;
}
