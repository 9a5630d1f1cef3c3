import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

/** What the surroundings of a command decide, parsed once. */
const SettingsSchema = z.object({
  /** Where the log-in is kept. */
  folder: z.string().min(1),
  /** For scripts, in place of a question. */
  password: z.string().min(1).optional(),
});
export type Settings = z.infer<typeof SettingsSchema>;

export function settingsFromProcess(): Settings {
  const { CONSILIUM_CONFIG, XDG_CONFIG_HOME, CONSILIUM_OPERATOR_PASSWORD } = process.env;
  return SettingsSchema.parse({
    folder: CONSILIUM_CONFIG ?? join(XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'consilium'),
    password: CONSILIUM_OPERATOR_PASSWORD,
  });
}
