import type { StudyManifest, StudyView } from '@consilium/shared';
import { type ReactElement } from 'react';
import { formatSpan } from '../format/time.js';
import { ShortDigest } from '../frame/copyable.js';
import { Panel } from '../frame/panel.js';

interface SettingGroup {
  title: string;
  rows: [name: string, value: string][];
}

/** Read-only: a changed setting is another study with another digest. */
export function StudySettings({ study }: { study: StudyView }): ReactElement {
  return (
    <Panel
      title="Settings"
      actions={
        <span className="copyable dim">
          digest <ShortDigest digest={study.digest} what="the digest of the settings" />
        </span>
      }
    >
      <SettingGroups manifest={study.manifest} />
    </Panel>
  );
}

export function SettingGroups({ manifest }: { manifest: StudyManifest }): ReactElement {
  return (
    <div className="settings">
      {groups(manifest).map(({ title, rows }) => (
        <section key={title}>
          <h3>{title}</h3>
          <dl>
            {rows.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}

function groups({ classNames, model, spacing, training, rounds, aggregation, initial }: StudyManifest): SettingGroup[] {
  return [
    {
      title: 'Task and model',
      rows: [
        ['Classes', classNames.join(', ')],
        ['Spacing', `${spacing.join(' × ')} mm`],
        ['Patch', `${model.patch.join(' × ')} voxels`],
        ['Backbone', model.backbone],
        ['Width', `${model.width} channels`],
        ['Image channels', String(model.channels)],
        ['Prototypes per class', String(model.prototypes)],
        ['Initial model', 'seed' in initial ? `drawn from seed ${initial.seed}` : initial.digest.slice(0, 12)],
      ],
    },
    {
      title: 'Rounds and aggregation',
      rows: [
        ['Rounds', String(rounds.count)],
        ['Local steps', String(rounds.localSteps)],
        ['Opens with', `${rounds.minimumSites} sites`],
        ['Quorum', `${rounds.quorum} updates`],
        ['Deadline', formatSpan(rounds.deadlineSeconds * 1000)],
        ['Rule', aggregation.rule.name],
        ['Unlabelled volume counts', String(aggregation.unlabelledWeight)],
      ],
    },
    {
      title: 'Optimisation',
      rows: [
        ['Labelled per step', String(training.labelledPerStep)],
        ['Unlabelled per step', String(training.unlabelledPerStep)],
        ['Learning rate', String(training.learningRate)],
        ['Momentum', String(training.momentum)],
        ['Weight decay', String(training.weightDecay)],
        ['Poly power', String(training.polyPower)],
        ['Drop path', String(training.dropPath)],
      ],
    },
    {
      title: 'Semi-supervision',
      rows: [
        ['Teacher decay', String(training.emaDecay)],
        ['Warm-up steps', String(training.warmUpSteps)],
        ['Confidence', `${training.weakConfidence} weak, ${training.strongConfidence} strong`],
        ['Unsupervised weight', String(training.unsupervisedWeight)],
        ['CPS weight', String(training.cpsWeight)],
        ['CPS temperature', String(training.cpsTemperature)],
        ['CPS anchors, negatives', `${training.cpsAnchors}, ${training.cpsNegatives}`],
        ['Prototype share', String(training.cpsPrototypeShare)],
      ],
    },
  ];
}
