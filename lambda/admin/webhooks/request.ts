import * as z from 'zod';
import { webhookEventTypes } from '../../webhooks/event.ts';

/** Longest time for which the secret before signs as well, in seconds. */
const MAX_GRACE_SECONDS = 2_592_000;

export const webhookSchema = z.strictObject({
  url: z.string().min(1).describe('Where events are posted to. It begins with `https://`.'),
  events: z
    .array(z.enum(webhookEventTypes))
    .min(1)
    .max(webhookEventTypes.length)
    .default([...webhookEventTypes])
    .describe('Types of events that are sent. If omitted, all.'),
  grace_seconds: z
    .int()
    .min(0)
    .max(MAX_GRACE_SECONDS)
    .default(0)
    .describe('How long the secret before signs as well, in seconds.'),
});
