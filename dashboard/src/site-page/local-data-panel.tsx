import { type LocalData, LocalData as LocalDataSchema, type LocalVolume, PredictAnswer } from '@consilium/shared';
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, type ReactElement, Suspense, useState } from 'react';
import { get, post } from '../api/request.js';
import { NONE, plural } from '../format/figures.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Icon } from '../frame/icons.js';
import { Answered, Blank, Loading, Panel } from '../frame/panel.js';
import { type Appearance, State } from '../frame/state.js';
import { localDataQuery } from './site-queries.js';

const VolumePanel = lazy(() => import('./volume-panel.js'));

const COLUMNS: readonly Column[] = [
  { title: 'Volume' },
  { title: 'Use' },
  { title: 'Voxels', figure: true },
  { title: 'Spacing (mm)', figure: true },
  { title: 'Axes' },
  { title: 'Findings' },
  { title: 'Look at it', untitled: true },
];

/** The site's volumes as `consilium-node data check` sees them, and predictions on them. */
export function LocalDataPanel(): ReactElement {
  const data = useQuery(localDataQuery);
  const client = useQueryClient();
  const [shown, show] = useState<string | null>(null);
  const again = useMutation({
    mutationFn: () => get('/data?again', LocalDataSchema),
    onSuccess: (found) => {
      client.setQueryData(localDataQuery.queryKey, found);
    },
  });
  const volume = data.data?.volumes.find(({ name }) => name === shown);
  return (
    <>
      <Panel
        title="Volumes"
        flush
        actions={
          <Button
            variant="default"
            leftSection={<Icon name="refresh" size={14} />}
            loading={again.isPending}
            onClick={() => {
              again.mutate();
            }}
          >
            Check again
          </Button>
        }
      >
        <Answered query={data} queryKey={localDataQuery.queryKey} what="The volumes" lines={5}>
          {(found) => <Volumes data={found} show={show} />}
        </Answered>
      </Panel>
      {volume !== undefined && (
        <Suspense
          fallback={
            <div className="panel">
              <Loading what="The viewer" lines={8} />
            </div>
          }
        >
          <VolumePanel
            key={`${volume.name} ${String(volume.predicted)}`}
            volume={volume}
            close={() => {
              show(null);
            }}
          />
        </Suspense>
      )}
    </>
  );
}

function Volumes({ data, show }: { data: LocalData; show: (name: string) => void }): ReactElement {
  const { problems, volumes, model } = data;
  if (volumes.length === 0) {
    return (
      <Blank title="No volume was found">
        <p>{problems[0] ?? 'Put images into images/ and their labels into labels/ of the data folder.'}</p>
      </Blank>
    );
  }
  const usable = volumes.filter((volume) => volume.problems.length === 0);
  return (
    <>
      <p className="panel-note">
        {plural(usable.length, 'volume')} can be used, {volumes.length - usable.length} left out.{' '}
        {model === null ? 'There is no model yet to make predictions with.' : `Predictions are made with ${model}.`}
      </p>
      <DataTable what="Volumes" columns={COLUMNS}>
        {volumes.map((volume) => (
          <Row key={`${volume.split} ${volume.name}`} volume={volume} canPredict={model !== null} show={show} />
        ))}
      </DataTable>
    </>
  );
}

const LEFT_OUT: Appearance = { icon: 'cross', word: 'left out', tone: 'bad' };
const USED: Appearance = { icon: 'check', word: '', tone: 'good' };

function Row(props: { volume: LocalVolume; canPredict: boolean; show: (name: string) => void }): ReactElement {
  const { volume, canPredict, show } = props;
  const { name, split, labelled, shape, spacing, orientation, problems, notes, predicted } = volume;
  const client = useQueryClient();
  const predict = useMutation({
    // Some minutes on a large volume; the page may be left meanwhile.
    mutationFn: () => post('/predictions', PredictAnswer, { name }, 3_600_000),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: localDataQuery.queryKey });
      show(name);
    },
  });
  const use = split === 'validation' ? 'validation' : labelled ? 'labelled' : 'unlabelled';
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>
        <State is={problems.length > 0 ? LEFT_OUT : { ...USED, word: use }} />
      </td>
      <td className="figure nowrap">{shape === null ? NONE : shape.join(' × ')}</td>
      <td className="figure nowrap">
        {spacing === null ? NONE : spacing.map((side) => String(Number(side.toFixed(2)))).join(' × ')}
      </td>
      <td>{orientation ?? NONE}</td>
      <td>
        {[...problems, ...notes].join('; ') || NONE}
        {predict.error !== null && (
          <span role="alert" className="tone-bad">
            {' '}
            {predict.error.message}
          </span>
        )}
      </td>
      <td className="nowrap">
        <Button
          variant="default"
          onClick={() => {
            show(name);
          }}
          disabled={shape === null}
        >
          View<span className="visually-hidden"> {name}</span>
        </Button>{' '}
        <Button
          variant="default"
          disabled={!canPredict || shape === null || predicted}
          loading={predict.isPending}
          onClick={() => {
            predict.mutate();
          }}
        >
          {predicted ? 'Predicted' : 'Predict'}
          <span className="visually-hidden"> {name}</span>
        </Button>
      </td>
    </tr>
  );
}
