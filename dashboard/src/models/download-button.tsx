import type { ModelLineage, StudyView } from '@consilium/shared';
import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { download } from '../api/request.js';
import { Icon } from '../frame/icons.js';

/** The container as the server keeps it: safetensors, named by study and version. */
export function DownloadButton({ model, study }: { model: ModelLineage; study: StudyView | undefined }): ReactElement {
  const fetched = useMutation({
    mutationFn: () => download(`/blobs/${model.blob.digest}`),
    onSuccess: (file) => {
      save(file, fileName(study?.manifest.name ?? 'model', model.version));
    },
  });
  return (
    <>
      {fetched.error !== null && (
        <span className="state tone-bad" role="alert">
          {fetched.error.message}
        </span>
      )}
      <Button
        variant="default"
        leftSection={<Icon name="down" size={14} />}
        loading={fetched.isPending}
        onClick={() => {
          fetched.mutate();
        }}
      >
        Download safetensors
      </Button>
    </>
  );
}

/** The token travels in a header, so that the address alone opens nothing: the page fetches, and hands over what it got. */
function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function fileName(study: string, version: number): string {
  const plain = study
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${plain || 'model'}-${version}.safetensors`;
}
