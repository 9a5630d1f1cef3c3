import { UpdateEvidence } from '@consilium/shared';
import { expect, it } from 'vitest';
import { metrics, notFinite, type Stage } from './stage.js';

/** ms from a site's report to its sight on the screen: half of what polling would need, on a machine that is busy. */
const EVENT_TO_SCREEN = 5000;

/** From a new study through two rounds, one of which refuses an update. */
export function roundsStory(stage: Stage): void {
  it('creates a study and starts it', async () => {
    const { page } = stage;
    await stage.place('Studies').click();
    await page.getByRole('button', { name: 'New study' }).first().click();
    await page.getByRole('button', { name: 'Create the study' }).click();
    expect(await page.getByLabel('Name', { exact: true }).getAttribute('aria-invalid')).toBe('true');
    const fields = {
      Name: 'Left atrium',
      Classes: 'background, atrium',
      Width: '2',
      Patch: '16 16 16',
      Rounds: '2',
      'Local steps': '100',
      Deadline: '0.5',
    };
    for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
    await stage.look('new-study');
    await page.getByRole('button', { name: 'Create the study' }).click();
    await stage.heading('Left atrium').waitFor();
    // Each site is asked as soon as the study is there; a round opens with those who have said yes.
    await stage.row('Consents', 'saint-anna').getByText('asked').waitFor();
    for (const site of stage.sites) await site.assignment();
    await stage.row('Consents', 'zollern').getByText('given').waitFor();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    await page.getByRole('link', { name: 'Round 1' }).first().waitFor();
    await page.getByRole('grid', { name: 'Timeline of round 1' }).waitFor();
    await stage.look('study-begun');
  });

  it('shows progress as it happens, without a reload', async () => {
    const { page, sites } = stage;
    await stage.place('Overview').click();
    await page.getByText('0 of 2 updates').waitFor();
    await page.getByText('Nothing needs you').waitFor();
    await page.evaluate('window.sameDocument = true');
    const [anna] = sites;
    const { round } = await stage.taskOf(anna, 1);
    await anna.report({ roundId: round.id, phase: 'training', done: 0, total: 100, metrics: null });
    await page.getByRole('progressbar', { name: 'saint-anna: training' }).waitFor();
    const reported = Date.now();
    await anna.report({ roundId: round.id, phase: 'training', done: 37, total: 100, metrics: metrics(0.8123) });
    await page.getByText('37 / 100').waitFor();
    expect(Date.now() - reported).toBeLessThan(EVENT_TO_SCREEN);
    await page.getByText('loss 0.812').waitFor();
    await stage.look('overview-running');
  });

  it('says that an update was refused, and why', async () => {
    const { page, sites } = stage;
    const villa = sites[1];
    const answer = await stage.submit(villa, await stage.taskOf(villa, 1), metrics(0.7), notFinite);
    expect(answer).toMatchObject({ accepted: false, refusal: { reason: 'not-finite' } });
    await page.getByText('Needs attention (1)').waitFor();
    await page.getByText('Round 1 refused an update').waitFor();
    await page.getByText("Round 1: villa-rosa's update refused, not-finite").waitFor();
    await stage.look('overview-refused');
  });

  it('runs two rounds to the end, and shows Dice, bytes and digests of both', async () => {
    const { page, sites } = stage;
    const [anna, , zollern] = sites;
    const first = stage.row('Rounds', 'Round 1');
    const second = stage.row('Rounds', 'Round 2');
    // A committed round's Dice comes after it, and is to be seen all the same.
    await stage.playRound(1, [anna, zollern], 0.6, [0.41, 0.47, 0.52], () => first.getByText('committed').waitFor());
    await first.getByText('0.478').waitFor();
    await stage.playRound(2, sites, 0.4, [0.71, 0.68, 0.75], () => second.getByText('committed').waitFor());
    await second.getByText('0.714').waitFor();
    const { result } = await stage.roundOnServer(2);
    expect(await second.locator('code').getAttribute('title')).toBe(result?.digest);
    await page.getByText('Mean Dice rose from 0.478 in round 1 to 0.714 in round 2').waitFor();
    await page.getByText('finished').first().waitFor();
    expect(await page.evaluate('window.sameDocument')).toBe(true);
    await page.locator('.uplot canvas').waitFor();
    await stage.look('overview');
    await page.getByText('Table', { exact: true }).click();
    await stage.row('Dice of the last 20 rounds', '2').getByText('0.710').waitFor();
    await stage.look('overview-table');
  });

  it('shows who contributed to a round, by a link that can be shared', async () => {
    const { page } = stage;
    await page.getByRole('link', { name: 'Round 2', exact: true }).first().click();
    await stage.heading('Round 2').waitFor();
    expect(new URL(page.url()).pathname).toBe(`/rounds/${(await stage.roundOnServer(2)).id}`);
    await stage.row('Contributions', 'zollern').getByText('accepted').waitFor();
    await stage.row('Validation across sites', 'villa-rosa').getByText('0.680').waitFor();
    await page
      .getByText('4 prototypes of 2 classes')
      .or(page.getByText('32 prototypes of 2 classes'))
      .first()
      .waitFor();
    await page.getByText('3 sites accepted').or(page.getByText('3 of 3 sites accepted')).first().waitFor();
    await stage.look('round');
    await page.goBack();
    await page.getByRole('link', { name: 'Round 1', exact: true }).first().click();
    await stage.row('Contributions', 'villa-rosa').getByText('refused').waitFor();
    await page.getByText('Refused because').waitFor();
    await stage.look('round-refused');
  });

  it('shows what each update may reveal, and whom to look at', async () => {
    const { page } = stage;
    const { id } = await stage.roundOnServer(1);
    const evidence = await stage.operator.get(`/rounds/${id}/evidence`, UpdateEvidence.array());
    expect(evidence).toHaveLength(2);
    const own = evidence.find(({ siteId }) => siteId === stage.sites[0].id)!;
    const cells = await stage.row('What updates may reveal', 'saint-anna').getByRole('cell').allInnerTexts();
    expect(cells[0]).toContain(own.risk.norm.toPrecision(3));
    expect(cells[2]).toContain(own.risk.samples.labelled.toFixed(1));
    expect(cells[4]).toContain(own.risk.support!.join(' / '));
    // Another initial model stands for a trained one: it is further away than training goes.
    expect(cells[0]).toContain('look at it');
    expect(cells[4]).toContain('usual');
    await page.getByText('Look at 2 of 2 updates: saint-anna for its change').waitFor();
    await page.getByText('Weights are not anonymous').waitFor();
  });

  it('shows after a round with a refusal exactly what the server has', async () => {
    const round = await stage.roundOnServer(1);
    for (const { site, state, weight, labelled, refusal } of round.contributions) {
      const cells = await stage.row('Contributions', site).first().getByRole('cell').allInnerTexts();
      expect(cells[0]).toBe(state);
      expect(cells[1]).toBe(String(labelled));
      expect(cells[7]).toBe(weight === null ? '–' : weight.toFixed(3));
      if (refusal !== null) await stage.page.getByText(refusal.sentence).first().waitFor();
    }
    await stage.page
      .getByText(`${round.contributions.filter(({ state }) => state === 'accepted').length} of 3`)
      .first()
      .waitFor();
  });
}
