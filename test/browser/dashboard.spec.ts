import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditStory } from './audit.story.js';
import { enrolmentStory } from './enrolment.story.js';
import { failureStory } from './failure.story.js';
import { keyboardStory } from './keyboard.story.js';
import { pagesStory } from './pages.story.js';
import { roundsStory } from './rounds.story.js';
import { settingsStory } from './settings.story.js';
import { PATIENCE, Stage } from './stage.js';

/** One browser page on one server process; the stories follow one another, as an operator lives them. */
describe('the dashboard on the real server', { timeout: PATIENCE }, () => {
  const stage = new Stage();
  beforeAll(() => stage.open(), PATIENCE);
  afterAll(() => stage.close());

  enrolmentStory(stage);
  roundsStory(stage);
  pagesStory(stage);
  auditStory(stage);
  settingsStory(stage);
  keyboardStory(stage);
  failureStory(stage);

  it('broke no rule of the content security policy and threw nothing', () => {
    expect(stage.complaints).toEqual([]);
  });
});
