import type { LocalVolume } from '@consilium/shared';
import { Button, Checkbox, Group } from '@mantine/core';
import { cmapper, Niivue, NVImage } from '@niivue/niivue';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { download } from '../api/request.js';
import { Icon } from '../frame/icons.js';
import { Panel } from '../frame/panel.js';

type Overlay = 'label' | 'prediction' | 'disagreement';

interface Colour {
  name: string;
  /** Red, green and blue of class 1, and of 2 where there is one. */
  classes: readonly (readonly [number, number, number])[];
  /** What the colours mean. */
  says: string;
}

const OVERLAYS: Record<Overlay, Colour> = {
  label: { name: 'Label', classes: [[46, 160, 67]], says: 'green: the label' },
  prediction: { name: 'Prediction', classes: [[56, 132, 255]], says: 'blue: the prediction' },
  disagreement: {
    name: 'Disagreement',
    classes: [
      [230, 159, 0],
      [204, 51, 102],
    ],
    says: 'orange: only in the label, red: only in the prediction',
  },
};

/** A volume of this site in three planes, with what is known of it laid over. Made for the volume's name: another has another key. */
export default function VolumePanel({ volume, close }: { volume: LocalVolume; close: () => void }): ReactElement {
  const { name, labelled, predicted } = volume;
  const available: Overlay[] = [
    ...(labelled ? (['label'] as const) : []),
    ...(predicted ? (['prediction'] as const) : []),
    ...(labelled && predicted ? (['disagreement'] as const) : []),
  ];
  const [shown, setShown] = useState<readonly Overlay[]>(predicted ? [available.at(-1)!] : available);
  const [status, setStatus] = useState<'loading' | 'ready' | Error>('loading');
  const canvas = useRef<HTMLCanvasElement>(null);
  const viewer = useRef<{ view: Niivue; layers: Map<Overlay, NVImage> }>(null);

  useEffect(() => {
    let left = false;
    const open = async (): Promise<void> => {
      const view = new Niivue({
        backColor: [0, 0, 0, 1],
        show3Dcrosshair: true,
        crosshairColor: [1, 1, 1, 0.7],
        crosshairWidth: 0.3,
        crosshairWidthUnit: 'percent',
        dragAndDropEnabled: false,
        isResizeCanvas: true,
      });
      await view.attachToCanvas(canvas.current!);
      view.setSliceType(view.sliceTypeMultiplanar);
      const load = async (what: string): Promise<NVImage> => {
        const blob = await download(`/volumes/${encodeURIComponent(name)}/${what}`);
        return NVImage.loadFromFile({ file: new File([blob], `${what}.nii.gz`), name: `${what}.nii.gz` });
      };
      const image = await load('image');
      const layers = new Map<Overlay, NVImage>();
      for (const overlay of available) layers.set(overlay, await load(overlay));
      if (left) return;
      view.addVolume(image);
      for (const [overlay, layer] of layers) {
        view.addVolume(layer);
        layer.setColormapLabel(colours(OVERLAYS[overlay].classes));
      }
      viewer.current = { view, layers };
      setStatus('ready');
    };
    open().catch((error: unknown) => {
      if (!left) setStatus(error instanceof Error ? error : new Error(String(error)));
    });
    return () => {
      left = true;
      viewer.current = null;
    };
    // The component is made anew for another volume.
  }, []);

  useEffect(() => {
    if (viewer.current === null) return;
    const { view, layers } = viewer.current;
    for (const [overlay, layer] of layers) {
      view.setOpacity(view.volumes.indexOf(layer), shown.includes(overlay) ? 0.6 : 0);
    }
    view.updateGLVolume();
  }, [shown, status]);

  return (
    <Panel
      title={`Volume ${name}`}
      actions={
        <Button variant="default" leftSection={<Icon name="cross" size={14} />} onClick={close}>
          Close
        </Button>
      }
    >
      <Checkbox.Group
        label="Laid over the image"
        value={[...shown]}
        onChange={(chosen) => {
          setShown(chosen);
        }}
      >
        <Group mt="xs" mb="sm">
          {available.map((overlay) => (
            <Checkbox key={overlay} value={overlay} label={OVERLAYS[overlay].name} />
          ))}
          {available.length === 0 && <span className="dim">There is neither a label nor a prediction of it.</span>}
        </Group>
      </Checkbox.Group>
      {status instanceof Error && (
        <p role="alert" className="tone-bad">
          The volume cannot be shown: {status.message}
        </p>
      )}
      <div className="volume-stage" data-status={status instanceof Error ? 'failed' : status}>
        <canvas ref={canvas} aria-label={`${name} in three planes`} />
        {status === 'loading' && <p role="status">Reading the volume …</p>}
      </div>
      <p className="dim chart-summary">
        {shown.length === 0 ? 'The image alone' : shown.map((overlay) => OVERLAYS[overlay].says).join('; ')}. Drag to
        move through the planes.
      </p>
    </Panel>
  );
}

function colours(classes: Colour['classes']): Parameters<typeof cmapper.makeLabelLut>[0] {
  const all = [[0, 0, 0], ...classes];
  const channel = (which: number): number[] => all.map((colour) => colour[which] ?? 0);
  return {
    R: channel(0),
    G: channel(1),
    B: channel(2),
    A: all.map((_, i) => (i === 0 ? 0 : 255)),
    I: all.map((_, i) => i),
    labels: all.map((_, i) => String(i)),
  };
}
