import { StudyManifest, StudyView } from '@consilium/shared';
import { Button, Group, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactElement, type SubmitEvent, useState } from 'react';
import { studiesQuery } from '../api/queries.js';
import { post } from '../api/request.js';
import { Icon } from '../frame/icons.js';
import { Panel } from '../frame/panel.js';
import { BLANK_DRAFT, type Draft, FIELDS, type Field, manifestInput } from './study-draft.js';

/** The settings that differ from study to study; all others take the protocol's defaults. */
export function NewStudyPanel(): ReactElement {
  const [draft, setDraft] = useState<Draft>(BLANK_DRAFT);
  const [tried, setTried] = useState(false);
  const navigate = useNavigate();
  const client = useQueryClient();
  const parsed = StudyManifest.safeParse(manifestInput(draft));
  const create = useMutation({
    mutationFn: (manifest: StudyManifest) => post('/studies', StudyView, manifest),
    onSuccess: async (study) => {
      void client.invalidateQueries({ queryKey: studiesQuery.queryKey });
      await navigate({ to: '/studies/$studyId', params: { studyId: study.id } });
    },
  });
  const problems = parsed.success ? [] : parsed.error.issues;
  const problemOf = (field: Field): string | null =>
    problems.find((issue) => issue.path.join('.').startsWith(field.path))?.message ?? null;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setTried(true);
    if (parsed.success) create.mutate(parsed.data);
  };
  const set = (key: keyof Draft, value: string): void => {
    setDraft((before) => ({ ...before, [key]: value }));
  };
  return (
    <Panel title="New study">
      <form onSubmit={submit} noValidate>
        <div className="fields">
          {FIELDS.map((field) => (
            <FieldInput
              key={field.key}
              field={field}
              value={draft[field.key]}
              error={tried ? problemOf(field) : null}
              onChange={(value) => {
                set(field.key, value);
              }}
            />
          ))}
        </div>
        <Group mt="md" gap="sm">
          <Button type="submit" loading={create.isPending}>
            Create the study
          </Button>
          <Button variant="default" onClick={() => void navigate({ to: '/studies', search: {} })}>
            Cancel
          </Button>
          {create.error !== null && (
            <span className="state tone-bad" role="alert" style={{ whiteSpace: 'normal' }}>
              <Icon name="warning" size={14} />
              {create.error.message}
            </span>
          )}
        </Group>
      </form>
    </Panel>
  );
}

interface FieldInputProps {
  field: Field;
  value: string;
  error: string | null;
  onChange: (value: string) => void;
}

function FieldInput({ field, value, error, onChange }: FieldInputProps): ReactElement {
  const common = { label: field.label, description: field.hint, error, value, size: 'sm' } as const;
  if (field.choices !== undefined) {
    return (
      <NativeSelect
        {...common}
        data={field.choices}
        onChange={(event) => {
          onChange(event.currentTarget.value);
        }}
      />
    );
  }
  return (
    <TextInput
      {...common}
      inputMode={field.numeric ? 'decimal' : 'text'}
      onChange={(event) => {
        onChange(event.currentTarget.value);
      }}
    />
  );
}
