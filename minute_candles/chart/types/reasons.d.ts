/** What each reason of a day says, made by files.py. */
export const REASONS: Record<string, string>;
